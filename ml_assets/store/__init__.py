"""Where content lies: frames and records by model, asset and batch."""
