"""Whether the automatic decisions can be trusted: simulations whose truth is known, beside the goals."""
