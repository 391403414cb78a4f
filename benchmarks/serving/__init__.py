"""Predictions over HTTP, beside what other servers make of the same model: `python -m benchmarks.serving`."""
