"""The replay of a model on its history: stream, fits, policies, succession, comparison."""
