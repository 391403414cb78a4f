"""What a step raises when it cannot do its work: one type, whoever called it."""

from ml_assets.failures import MendableError


class StepError(MendableError, RuntimeError):
    """A step that a person can help: the message names the model, what was found and what to do next."""
