"""How fast a model ages: what newer models gained over older ones of the same recipe, on rows that neither learned.

Each comparison says what so many batches of age cost. Together they tell the loss for each batch of age, by weighted
least squares through the origin; old ones count less. Gains vary from batch to batch by more than their rows
explain (weather, holidays, one bad week): that variance, which grows with age, is estimated by moments and added to
the rows' own, as in a random-effects meta-analysis (DerSimonian & Laird 1986).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ml_assets.records import Comparison

HALF_LIFE = 150  # batches after which a comparison counts half
NEWEST = 120  # comparisons that count
CALM = 1.0  # comparisons, beside the real ones, whose gain varies by no more than its rows explain
ROUNDS = 3  # of estimating loss and spread in turn
SURE = 1.645  # standard errors at which a loss is sure: one-sided 5 %
DOUBT = 1.0  # standard errors of a loss that is taken for none


@dataclass(frozen=True)
class Ageing:
    """The loss of quality for each batch of age, in the metric's unit; positive is a loss.

    Parameters
    ----------
    loss : float
        Its estimate.
    error : float
        Its standard error, with the spread between comparisons in it.
    spread : float
        Standard deviation of the gain over a model one batch older, beside what rows explain; grows with age.
    score : float
        Size of the older models' score.
    count : int
        Comparisons that it is drawn from.
    """

    loss: float
    error: float
    spread: float
    score: float
    count: int

    @property
    def sure(self) -> bool:
        """Whether newer models together have surely gained."""
        return self.loss > SURE * self.error

    @property
    def believed(self) -> float:
        """The loss, shrunk towards none the less sure it is (James & Stein's positive part): never below 0.

        >>> Ageing(loss=0.02, error=0.01, spread=0.0, score=0.8, count=9).believed
        0.015
        """
        if self.loss <= 0:
            return 0.0
        return round(self.loss * max(0.0, 1 - (DOUBT * self.error / self.loss) ** 2), 12)


def usable(comparisons: Sequence[Comparison], metric: str) -> list[Comparison]:
    """Leave the newest comparisons by this metric that say something, oldest first."""
    telling = [
        each for each in comparisons if each.metric == metric and 0 < each.error < math.inf and each.age > 0
    ]
    return sorted(telling, key=lambda each: each.index)[-NEWEST:]


def ageing_of(comparisons: Sequence[Comparison], index: int, metric: str) -> Ageing | None:
    """Estimate the loss for each batch of age, as it is known at a batch; None where nothing is.

    Parameters
    ----------
    comparisons : sequence of Comparison
        All that were made.
    index : int
        Position of the batch on the calendar.
    metric : str
        Those by another metric do not count.

    >>> half = {"metric": "accuracy", "error": 0.01, "score": 0.8, "index": 5}
    >>> found = ageing_of([Comparison(age=a, gain=0.01 * a, **half) for a in (1, 2, 4)], 5, "accuracy")
    >>> round(found.loss, 4), found.spread, found.sure
    (0.01, 0.0, True)
    """
    known = usable(comparisons, metric)
    if not known:
        return None
    recent = [0.5 ** (max(index - each.index, 0) / HALF_LIFE) for each in known]
    variance = loss = squares = 0.0
    for _ in range(ROUNDS):
        weights = [r / (e.error**2 + variance * e.age) for r, e in zip(recent, known, strict=True)]
        squares = sum(w * e.age**2 for w, e in zip(weights, known, strict=True))
        loss = sum(w * e.age * e.gain for w, e in zip(weights, known, strict=True)) / squares
        surplus = [((e.gain - loss * e.age) ** 2 - e.error**2) / e.age for e in known]
        whole = sum(recent) + CALM
        variance = max(0.0, sum(r * s for r, s in zip(recent, surplus, strict=True)) / whole)
    return Ageing(loss, 1 / math.sqrt(squares), math.sqrt(variance), abs(known[-1].score), len(known))


def learned_part(new: int, judging: int) -> float:
    """Part of the rows new to the champion that a challenger has learned when the newest of them judge it.

    >>> learned_part(new=1000, judging=500), learned_part(new=100, judging=200)
    (0.5, 0.0)
    """
    return max(0.0, 1 - judging / new) if new else 0.0
