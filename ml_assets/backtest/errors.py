"""Why history cannot be tried."""

from ml_assets.failures import WrongUsageError


class TooShortError(WrongUsageError, ValueError):
    """There is too little history to try policies on."""
