"""What cannot be told as data."""

from __future__ import annotations

from ml_assets.failures import MendableError


class NotCompiledError(MendableError):
    """A pipeline, or a part of one, that is served as it is; the message says which part."""
