"""Whether the world still is as the champion learned it."""
