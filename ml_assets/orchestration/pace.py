"""How often sensors look: one daemon serves all models, so the more there are the calmer is each."""

from __future__ import annotations

import math

SECONDS_EACH = 2.0
"""Seconds between two looks at a source that a model adds: the daemon's work does not grow with their number."""

DECISION = 2.0
"""So many times longer a decision may wait than a file: it can change only when a batch was taken in."""


def seconds_between(asked: int, models: int, calmer: float = 1.0) -> int:
    """Seconds between two looks of one sensor.

    Parameters
    ----------
    asked : int
        What the operator's setting asks for; it holds while there are few models.
    models : int
        Models of the code location.
    calmer : float
        So many times longer it may be where there are many models.

    >>> seconds_between(30, 1), seconds_between(15, 8), seconds_between(15, 40), seconds_between(30, 40, DECISION)
    (30, 16, 80, 160)
    """
    return max(1, asked, math.ceil(SECONDS_EACH * calmer * models))
