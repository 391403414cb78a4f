"""Answering requests with the champion, over HTTP; nothing here yet. What it may reach is held by lint."""
