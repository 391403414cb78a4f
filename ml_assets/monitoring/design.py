"""How many rows of a column count as one, on both sides, by what is measured of it."""

from __future__ import annotations

from dataclasses import dataclass

Effects = tuple[float, float]
"""Design effects of reference and batch."""
INDEPENDENT: Effects = (1.0, 1.0)


@dataclass(frozen=True)
class Design:
    """Design effects of one column.

    Parameters
    ----------
    location, scale : (float, float)
        Of the mean of the scores of a number, and of their squares; of a category `location` is the mean over its
        levels.
    nulls : (float, float)
        Of the share of rows without a value.
    uneven : float
        Squared coefficient of variation of the effects of a category's levels.
    """

    location: Effects = INDEPENDENT
    scale: Effects = INDEPENDENT
    nulls: Effects = INDEPENDENT
    uneven: float = 0.0

    @property
    def both(self) -> Effects:
        """The larger of location and scale, on each side."""
        return max(self.location[0], self.scale[0]), max(self.location[1], self.scale[1])


PLAIN = Design()
"""Rows that are independent."""
