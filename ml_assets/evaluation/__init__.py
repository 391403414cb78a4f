"""Metrics, evaluation and its pictures."""
