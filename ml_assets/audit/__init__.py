"""A folder that proves what was decided of a model: written whole, and verified without ml_assets."""
