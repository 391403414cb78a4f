"""Erasing one entity: its rows out of all that is kept, and what had learned them."""
