"""Why history cannot be tried."""

from ml_assets.failures import MendableError, WrongUsageError


class TooShortError(WrongUsageError, ValueError):
    """There is too little history to try policies on."""


class NotKeptError(MendableError, LookupError):
    """A fit is wanted that no policy has made, where none is to be made."""
