"""How often sensors look: one daemon serves all models, so the more there are the calmer is each."""

from __future__ import annotations

import math

SECONDS_EACH = 1.5
"""Seconds between two looks that a model adds, so that the daemon's work does not grow with their number."""


def seconds_between(asked: int, models: int) -> int:
    """Seconds between two looks of one sensor.

    Parameters
    ----------
    asked : int
        What the operator's setting asks for; it holds while there are few models.
    models : int
        Models of the code location.

    >>> seconds_between(30, 1), seconds_between(15, 8), seconds_between(15, 40), seconds_between(30, 40)
    (30, 15, 60, 60)
    """
    return max(1, asked, math.ceil(SECONDS_EACH * models))
