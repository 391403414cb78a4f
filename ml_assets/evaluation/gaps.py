"""How far apart the groups of a protected column are: the figures of each group, and the gaps between them.

The figures of two classes, and the gaps by their names (Fairlearn, `fairlearn.metrics`):

* `demographic_parity_difference`: largest less smallest selection rate, the share of a group that is predicted to be of
  the positive class (Agarwal et al. 2018, A reductions approach to fair classification, definition 1).
* `equal_opportunity_difference`: the same of the true positive rate, among the rows that are of the positive class
  (Hardt, Price and Srebro 2016, Equality of opportunity in supervised learning, definition 2.2).
* `false_positive_rate_difference`: the same of the false positive rate, among the others.
* `equalized_odds_difference`: the larger of these two (Hardt et al., definition 2.1).
* `mean_error_difference`: the same of the mean of prediction less truth, of numbers.
* `metric_difference`: the same of the metric that decides.

The largest of many differences is above zero by chance alone, so what a gap is told with is simultaneous over all pairs
of groups (Bonferroni). Shares are compared with a success and a failure more in each group (Agresti and Caffo 2000,
The American Statistician 54): without, a group all of whose few rows are alike would be known for sure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from ml_assets.names import Z_95
from ml_assets.quality.groups import MOST_GROUPS
from ml_assets.recipe.gaps import METRIC_GAP
from ml_assets.records import Gap, GroupFigure, Positive, ProtectedGroups
from ml_assets.tasks.all import TASKS
from ml_assets.tasks.base import Floats, Labels, Numbers
from ml_assets.tasks.influence import FEWEST, rarest
from ml_assets.tasks.intervals import in_range, intervals, widened, wilson
from ml_assets.tasks.metrics import labelled, metric_named
from ml_assets.tasks.several import Labelled, has_labels, parts_of

if TYPE_CHECKING:
    import pandas as pd

Mask = NDArray[np.bool_]
Design = Callable[[Floats, Mask], float]
"""From a value of each labelled row and the rows that are looked at to how many of these count as one."""

SELECTION, TRUE_POSITIVE, FALSE_POSITIVE, MEAN_ERROR = (
    "selection_rate", "true_positive_rate", "false_positive_rate", "mean_error",
)  # fmt: skip
SHARES: Final = (SELECTION, TRUE_POSITIVE, FALSE_POSITIVE)
LEVEL: Final = 0.05


def figures_of(measure: str, metric: str) -> tuple[str, ...]:
    """Figures whose differences a measure is the largest of.

    >>> figures_of("equalized_odds_difference", "f1"), figures_of("metric_difference", "f1")
    (('true_positive_rate', 'false_positive_rate'), ('f1',))
    """
    return {
        "demographic_parity_difference": (SELECTION,),
        "equal_opportunity_difference": (TRUE_POSITIVE,),
        "false_positive_rate_difference": (FALSE_POSITIVE,),
        "equalized_odds_difference": (TRUE_POSITIVE, FALSE_POSITIVE),
        "mean_error_difference": (MEAN_ERROR,),
        METRIC_GAP: (metric,),
    }[measure]


def independent(values: Floats, rows: Mask) -> float:
    """The design effect of rows that have nothing to do with one another."""
    return 1.0


@dataclass(frozen=True)
class Judge:
    """What groups are judged by.

    Parameters
    ----------
    task, metric : str
    positive : str, tuple of str or None
    min_rows : int
        Fewest rows of a group of which a figure is judged.
    limits : mapping of str to float
        Largest gap by measure.
    measures : tuple of str
        Gaps that are told.
    random_state : int
    design : callable
        How many rows count as one.
    """

    task: str
    metric: str
    positive: Positive
    min_rows: int
    measures: tuple[str, ...]
    limits: Mapping[str, float] = field(default_factory=dict)
    random_state: int = 0
    design: Design = independent


def judged_groups(
    column: str,
    edges: tuple[float, ...],
    groups: Mapping[str, Mask],
    answered: tuple[Any, pd.DataFrame],
    judge: Judge,
) -> ProtectedGroups:
    """Take the figures of each group and the gaps between them.

    Parameters
    ----------
    column : str
    edges : tuple of float
    groups : mapping of str to array of bool of shape (n_rows,)
        From `groups.groups_of`.
    answered : tuple of Series of shape (n_rows,) and DataFrame of shape (n_rows, n_outputs)
        True values and predictions; rows without a label are left out.
    judge : Judge
    """
    y, predictions = answered
    there = has_labels(y)
    y, predictions = y[there], predictions[there]
    masks = {name: np.asarray(rows)[there] for name, rows in groups.items()}
    masks = {name: rows for name, rows in masks.items() if rows.any()}
    if not masks:
        return ProtectedGroups(column=column, edges=edges)
    whole = labelled(y, predictions, judge.task, judge.positive)
    found = {
        name: tuple(_share_or_mean(name, group, values, among & rows, judge) for group, rows in masks.items()
                    if (among & rows).any())
        for name, (values, among) in per_row(whole).items()
    }  # fmt: skip
    if METRIC_GAP in judge.measures:
        found[judge.metric] = tuple(_scores(masks, whole, (y, predictions), judge))
    sizes = {name: int(rows.sum()) for name, rows in masks.items()}
    small = {each.group for each in _all(found) if not _enough(each, judge.min_rows)}
    return ProtectedGroups(
        column=column,
        edges=edges,
        rows=sizes,
        figures=found,
        gaps=tuple(gap for name in judge.measures if (gap := _gap(name, found, judge)) is not None),
        small=tuple(name for name in sizes if name in small),
    )


def per_row(rows: Labelled) -> dict[str, tuple[Floats, Mask]]:
    """Figures that are means over rows: the value of each row, and the rows that have one.

    Of two classes and of numbers; empty for others.
    """
    if isinstance(rows, Labels) and rows.positive is not None:
        selected = (rows.predicted == rows.positive).astype(np.float64)
        positive = rows.truth == rows.positive
        everyone = np.ones(len(selected), dtype=bool)
        return {
            SELECTION: (selected, everyone),
            TRUE_POSITIVE: (selected, positive),
            FALSE_POSITIVE: (selected, ~positive),
        }
    if isinstance(rows, Numbers):
        errors = rows.predicted - rows.truth
        return {MEAN_ERROR: (errors, np.isfinite(errors))}
    return {}


def _share_or_mean(name: str, group: str, values: Floats, rows: Mask, judge: Judge) -> GroupFigure:
    own = values[rows]
    count = len(own)
    counted, value = count / max(1.0, judge.design(values, rows)), float(own.mean())
    if name in SHARES:
        low, high = wilson(value, max(counted, 1.0))
        error: float | None = share_error(value, counted)
    else:
        error = float(own.std(ddof=1) / math.sqrt(counted)) if count > 1 else None
        low, high = (value - Z_95 * (error or 0.0), value + Z_95 * (error or 0.0))
    return GroupFigure(
        group=group,
        rows=count,
        counted=round(counted, 2),
        value=value,
        low=min(low, value),
        high=max(high, value),
        error=error,
    )


def _scores(
    masks: Mapping[str, Mask], whole: Labelled, answered: tuple[Any, pd.DataFrame], judge: Judge
) -> Iterator[GroupFigure]:
    """The metric of each group where it is defined, with its bootstrap interval, widened where rows belong together."""
    losses = np.mean([TASKS[judge.task].row_losses(part) for part in parts_of(whole)], axis=0)
    for group, rows in masks.items():
        part = labelled(answered[0][rows], answered[1][rows], judge.task, judge.positive)
        score = intervals(part, [judge.metric], judge.random_state).get(judge.metric)
        if score is None:
            continue
        design = max(1.0, judge.design(losses, rows))
        score = widened(score, design)
        shown = in_range(score, judge.metric)
        few = rarest(part) if metric_named(judge.metric).by_class else None
        known = few is None or few[1] >= FEWEST
        count = int(rows.sum())
        yield GroupFigure(
            group=group,
            rows=count,
            counted=round(count / design, 2),
            value=score.value,
            low=shown.low,
            high=shown.high,
            error=(score.high - score.low) / (2 * Z_95) if known else None,
        )


def share_error(value: float, counted: float) -> float:
    """Standard error of a share of so many rows, with a success and a failure more (Agresti and Caffo 2000).

    >>> round(share_error(0.0, 14), 4), round(share_error(0.5, 98), 4)
    (0.0605, 0.05)
    """
    share = moved(value, counted)
    return math.sqrt(share * (1 - share) / (counted + 2))


def moved(value: float, counted: float) -> float:
    """A share with a success and a failure more.

    >>> moved(0.0, 14)
    0.0625
    """
    return (value * counted + 1) / (counted + 2)


def _enough(each: GroupFigure, min_rows: int) -> bool:
    return each.rows >= min_rows and each.error is not None


def _all(found: Mapping[str, Sequence[GroupFigure]]) -> Iterator[GroupFigure]:
    for figures in found.values():
        yield from figures


def comparable(figures: Sequence[GroupFigure], min_rows: int) -> list[GroupFigure]:
    """Figures of the groups that have rows enough, of many groups the largest, in their order."""
    enough = [each for each in figures if _enough(each, min_rows)]
    largest = sorted(enough, key=lambda each: -each.rows)[:MOST_GROUPS]
    return [each for each in enough if each in largest]


def difference(name: str, more: GroupFigure, less: GroupFigure) -> tuple[float, float]:
    """How much larger a figure is in one group than in another, and the standard error of that."""
    first, second = (
        moved(each.value, each.counted) if name in SHARES else each.value for each in (more, less)
    )
    assert more.error is not None and less.error is not None
    return first - second, math.hypot(more.error, less.error)


def _gap(measure: str, found: Mapping[str, Sequence[GroupFigure]], judge: Judge) -> Gap | None:
    """Give the largest difference of a measure; None where fewer than two groups can be compared."""
    from scipy.stats import norm

    named = {
        name: comparable(found[name], judge.min_rows)
        for name in figures_of(measure, judge.metric)
        if name in found
    }
    named = {name: figures for name, figures in named.items() if len(figures) > 1}
    if len(named) < len(figures_of(measure, judge.metric)):
        return None
    pairs = [(name, *pair) for name, figures in named.items() for pair in permutations(figures, 2)]
    name, most, least = max(pairs, key=lambda pair: pair[1].value - pair[2].value)
    value, limit = most.value - least.value, judge.limits.get(measure)
    half = float(norm.isf(LEVEL / len(pairs)))  # two sides of half as many pairs
    ends = [
        (away - half * error, away + half * error) for away, error in (difference(*pair) for pair in pairs)
    ]
    smallest = min(surely_above(*difference(*pair), limit or 0.0) for pair in pairs)
    return Gap(
        measure=measure,
        figure=name,
        value=value,
        low=min(max(0.0, *(low for low, _ in ends)), value),
        high=max(*(high for _, high in ends), value),
        most=most.group,
        least=least.group,
        ratio=_ratio(most.value, least.value) if name in SHARES else None,
        limit=limit,
        p=min(1.0, smallest * len(pairs)),
    )


def surely_above(away: float, error: float, limit: float) -> float:
    """Probability of so large a difference if it were the limit (one side, normal)."""
    from scipy.special import ndtr

    if error <= 0:
        return float(away <= limit)
    return float(ndtr((limit - away) / error))


def _ratio(most: float, least: float) -> float | None:
    return least / most if most > 0 else None
