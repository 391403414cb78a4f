"""Whether data can be used at all."""
