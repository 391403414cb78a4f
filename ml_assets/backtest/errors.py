"""Why history cannot be tried."""


class TooShortError(ValueError):
    """There is too little history to try policies on."""
