"""Whether the automatic decisions can be trusted: simulations whose truth is known, printed beside the goals."""
