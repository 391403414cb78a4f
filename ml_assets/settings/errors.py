"""What is wrong with the operator's settings."""


class SettingsError(ValueError):
    """An environment variable that cannot be used; the message names it."""
