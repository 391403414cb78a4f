"""A version carried away: a folder that runs without us, or its model in another format."""
