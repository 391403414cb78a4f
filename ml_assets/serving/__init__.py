"""Answering with a model: rows as they come in, answers out; not over HTTP yet. What it may reach is held by lint."""
