"""What is wrong with the operator's settings."""

from ml_assets.failures import WrongUsageError


class SettingsError(WrongUsageError, ValueError):
    """An environment variable that cannot be used; the message names it."""
