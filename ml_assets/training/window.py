"""`training.window: auto`: how far back to learn from, decided by the newest labelled batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from ml_assets.records import Positive
from ml_assets.tasks.metrics import metric_named, score

JUDGES = 2
"""Newest batches that judge, each by models that end just before it."""
TOLERANCE = 0.005
"""Share of the best score by which a longer window may be worse and is still taken."""

Answers = Callable[[Sequence[str], str], "tuple[Any, pd.DataFrame] | None"]
Scorer = Callable[[Sequence[str], str], float]
"""Score, higher is better, of a model trained on some batches on a later one; NaN where there is none."""


def scorer_by(metric: str, positive: Positive, answers: Answers) -> Scorer:
    """Score models by a metric, turned so that higher is better.

    Parameters
    ----------
    metric : str
        A name in `METRICS`.
    positive : str or None
        Positive class of two.
    answers : callable
        Fits on the first argument's batches; labels of the second, and what the fit predicts there. None where
        no model can be fitted, e.g. to rows of one class.
    """
    sign = 1 if metric_named(metric).direction == "maximize" else -1

    def scorer(batches: Sequence[str], judge: str) -> float:
        answered = answers(batches, judge)
        return math.nan if answered is None else sign * score(metric, *answered, positive)

    return scorer


def choose_window(batches: Sequence[str], scorer: Scorer) -> int:
    """Choose how many of the newest labelled batches to train on: all of them, or 2, 3, 5, 9, 17 and so on.

    Each length is tried on the newest batches, one after the other: a model of the batches before predicts
    the batch. So after an abrupt change the short window wins as soon as two batches of the new time are
    labelled, and in quiet times the long one. The batch that judged is then learned from, too.

    Parameters
    ----------
    batches : sequence of str
        Labelled batches, oldest first.
    scorer : callable
        Fits on the first argument's batches and scores the second.

    Returns
    -------
    int
        Number of newest batches; all where nothing can be judged.

    >>> truth = {"a": 0, "b": 0, "c": 0, "d": 1, "e": 1}
    >>> def same(trained, judge):  # share of training batches that are like the judge
    ...     return sum(truth[each] == truth[judge] for each in trained) / len(trained)
    >>> choose_window("abcde", same), choose_window("abc", same)
    (2, 3)
    """
    longest = len(batches) - 1
    if longest < 1:
        return len(batches)
    lengths = [longest, *(1 << n for n in reversed(range(longest.bit_length())) if 1 << n < longest)]
    sums = dict.fromkeys(lengths, 0.0)
    for place in range(max(1, len(batches) - JUDGES), len(batches)):
        scores = {
            length: scorer(batches[max(0, place - length) : place], batches[place]) for length in lengths
        }
        if all(map(math.isfinite, scores.values())):
            sums = {length: sums[length] + scores[length] for length in lengths}
    best = max(sums.values())
    return 1 + next(length for length in lengths if sums[length] >= best - TOLERANCE * abs(best))
