"""When a model is due by what its kind loses with age, and the first comparisons that tell.

A model that loses `b` for each batch has lost `b a² / 2` in all when it is `a` batches old: a challenger is due when
that exceeds what a training is worth, as stock is ordered anew when keeping it costs as much as an order (Harris 1913).
Where no loss is believed, each wait is four times the one before: trainings that gain nothing grow rare. Until a loss
is sure no wait is shorter than the one before, but after a training that surely gained: half as long.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.promotion.ageing import SURE, Ageing, usable
from ml_assets.records import Comparison
from ml_assets.shown import figure

if TYPE_CHECKING:
    from ml_assets.promotion.paired import Paired

WORTH = 0.0025  # what a training is worth: share of the score, times batches
LEAST, MOST = 2, 32  # ages in batches
FASTER = 4  # times that a wait is as long as the one before where no loss is believed; 2 at most where one is
FITS = 8  # refits on history at a training, at most
AGES = (1, 2, 4)  # batches between two refits that are compared

Judge = Callable[[Sequence[str], Sequence[str], str], "Paired | None"]
"""What a model of one stretch of batches scores on a batch beside a model of another; None: it cannot be told."""


@dataclass(frozen=True)
class Due:
    """The age at which a challenger is due, counted from the newest training, and what it follows from, in words."""

    age: int
    words: str


def due(
    ageing: Ageing | None, metric: str, trainings: Sequence[int], lately: Comparison | None = None
) -> Due:
    """Say at which age a challenger is due.

    Parameters
    ----------
    ageing : Ageing or None
        What is known of the loss.
    metric : str
        Its name.
    trainings : sequence of int
        Positions of the batches at which a model was trained so far, oldest first.
    lately : Comparison, optional
        What the newest training told: a loss that grows with age is seen there first.

    >>> due(None, "rmse", [3]).age, due(None, "rmse", [3, 5]).age, due(None, "rmse", [3, 5, 9]).age
    (2, 8, 16)
    >>> due(Ageing(loss=0.0002, error=0.00005, spread=0.0, score=0.8, count=9), "roc_auc", [0, 64]).age
    5
    """
    waited = trainings[-1] - trainings[-2] if len(trainings) > 1 else LEAST / FASTER
    longest = min(max(LEAST, math.ceil(2 * waited)), MOST)
    lost = ageing.believed if ageing is not None else 0.0
    if ageing is None or lost <= 0:
        known = "nothing is known yet of how fast this model ages"
        if ageing is not None:
            known = f"a model of this kind is not seen to age ({_evidence(ageing)})"
        if lately is not None and lately.gain > SURE * lately.error:
            gained = f"{known}, but the newest training surely gained: half of the wait before"
            return Due(min(max(LEAST, math.ceil(waited / 2)), MOST), gained)
        silent = min(max(LEAST, math.ceil(FASTER * waited)), MOST)
        return Due(silent, f"{known}: each wait is {FASTER} times the one before")
    age = math.sqrt(2 * WORTH * ageing.score / lost)
    sure = "" if ageing.sure else "perhaps "
    words = (
        f"a model of this kind {sure}loses {figure(4 * lost, 2)} {metric} in 4 batches ({_evidence(ageing)})"
    )
    shortest = LEAST if ageing.sure else min(max(LEAST, math.ceil(waited)), MOST)
    return Due(min(max(shortest, math.ceil(age)), longest), words)


def _evidence(ageing: Ageing) -> str:
    comparisons = "1 comparison" if ageing.count == 1 else f"{ageing.count} comparisons"
    return f"{ageing.loss:+.2g} ± {figure(ageing.error, 2)} a batch, {comparisons}"


@dataclass(frozen=True)
class Point:
    """A point of the ageing curve: what models so many batches newer gained, over all comparisons of about that age."""

    age: float
    gain: float
    error: float
    count: int


def curve(comparisons: Sequence[Comparison], metric: str) -> list[Point]:
    """Sum up the gain of newer models by their age: about 1, 2, 4, 8 … batches, means weighted by certainty.

    >>> told = {"metric": "rmse", "error": 1.0, "score": 9.0, "index": 5}
    >>> found = curve([Comparison(age=a, gain=g, **told) for a, g in ((1, 1.0), (1, 3.0), (4, 5.0))], "rmse")
    >>> [(point.age, point.gain, point.count) for point in found]
    [(1.0, 2.0, 2), (4.0, 5.0, 1)]
    """
    by_age: dict[int, list[Comparison]] = {}
    for each in usable(comparisons, metric):
        by_age.setdefault(max(0, round(math.log2(each.age))), []).append(each)
    points = []
    for _, group in sorted(by_age.items()):
        weights = [1 / each.error**2 for each in group]
        whole = sum(weights)
        points.append(
            Point(
                age=sum(w * each.age for w, each in zip(weights, group, strict=True)) / whole,
                gain=sum(w * each.gain for w, each in zip(weights, group, strict=True)) / whole,
                error=math.sqrt(1 / whole),
                count=len(group),
            )
        )
    return points


def newest_judge(told: Sequence[Comparison]) -> int | None:
    """Position of the newest batch that judged refits; None before any did."""
    return max((each.index for each in told), default=None)


def refit_comparisons(
    batches: Sequence[str],
    window: int | str,
    index: Callable[[str], int],
    metric: str,
    judge: Judge,
    since: int | None = None,
) -> tuple[Comparison, ...]:
    """Refit on history as a model is trained, to see what newer models would have gained over older ones.

    Up to eight refits end at the newest batches but the last; each batch after them judges those that end 1, 2 or 4
    batches before the one that ends just before it. All learn equally many batches: more rows are not less age.
    What one batch says of several pairs counts once, since these share models and rows. (Where nothing ages, the loss
    over its error had a standard deviation of 1.7 over made streams when each counted by itself.)

    Parameters
    ----------
    batches : sequence of str
        Labelled batches, oldest first.
    window : int or str
        `training.window`.
    index : callable
        Position of a batch on the calendar.
    metric : str
        What is compared.
    judge : callable
        Compares the models of two stretches of batches on a batch after them.
    since : int, optional
        Position of the newest batch that judged refits at an earlier training: only those after it judge now.
    """
    found: list[Comparison] = []
    oldest = max(1, len(batches) - FITS)
    length = oldest if isinstance(window, str) else min(window, oldest)
    for place in range(oldest + 1, len(batches)):
        if since is not None and index(batches[place]) <= since:
            continue
        ages = [age for age in AGES if place - age >= oldest]
        for age in ages:
            older, newer = (batches[max(0, end - length) : end] for end in (place - age, place))
            result = judge(older, newer, batches[place])
            if result is not None and not result.few:
                found.append(
                    Comparison(
                        index=index(batches[place]),
                        age=age,
                        metric=metric,
                        gain=result.gain,
                        error=result.error * math.sqrt(len(ages)),
                        score=result.first,
                    )
                )
    return tuple(found)
