"""Queries as a source: a template becomes a statement with bound parameters, a statement becomes rows."""
