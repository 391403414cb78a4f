"""A fitted pipeline as plain data: what a server needs to answer, and nothing that runs when it is read."""
