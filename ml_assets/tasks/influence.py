"""How surely a score is known, or the difference of two: from what each row does to it.

Rows of the rarer class carry most of what is uncertain in a metric that speaks of one, so the spread is taken
class by class, and its degrees of freedom follow from the classes as they do in Welch's test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_assets.tasks.base import Effects, Floats, Labels, Metric
from ml_assets.tasks.metrics import evaluate_counts
from ml_assets.tasks.several import Labelled, Several, parts_of

FEWEST = 10
"""Rows of the rarest class below which a metric that speaks of classes compares nothing."""
NEGLIGIBLE = 0.05
"""Share of the rows: of many classes one that holds less cannot move the mean over all by more."""
PARTS = 400
"""Parts of the rows that are left out in turn, all classes together."""
FEWEST_PARTS = 50
"""The same of one class."""
STEP = 1e-3
"""Part by which a class counts more, or less, to see what its share does."""
CELLS_AT_ONCE = 2_000_000
"""Rows times parts held in memory at once (16 MB an array)."""

Codes = NDArray[np.intp]


@dataclass(frozen=True)
class Spread:
    """A standard error, and the degrees of freedom of Student's t that it is known with."""

    error: float
    freedom: float


def spread(
    metric: Metric, sides: Sequence[Any], groups: Codes, tells: NDArray[np.bool_], random_state: int = 0
) -> Spread | None:
    """Standard error of a score, or of the second score minus the first, when whole groups are drawn.

    From the influence of each row where the metric has a formula, else from a jackknife within the classes and from
    what their shares do. Of several targets, whose mean it is, from the mean of the influences.

    Parameters
    ----------
    metric : Metric
    sides : one or two of Labels, Numbers or Several
        Labelled predictions of the same rows in the same order.
    groups : array of int of shape (n_rows,)
        Rows of one group count together; numbered from 0.
    tells : array of bool of shape (n_rows,)
        Rows that say something about the spread: of two models those that they answer differently.
    random_state : int
        Seed of the parts of the jackknife.

    Returns
    -------
    Spread or None
        None where the metric is undefined without some of the rows.
    """
    classes = classes_of(sides[0])
    found = [influence(metric, side) for side in sides]
    known = [values for values in found if values is not None]
    if len(known) == len(sides):
        values = known[-1] - known[0] if len(known) == 2 else known[0]
        return spread_of(values, groups, classes, tells, metric.by_class)
    if not metric.weighted:  # rows that are left cannot count more for those of their class that are not
        classes = np.zeros_like(classes)
    most = max(len(np.unique(_left_out_by(metric, part))) for part in parts_of(sides[0]))
    parts = merged(groups, classes, most, random_state)
    within, between = [], []
    for part in zip(*map(parts_of, sides), strict=True):
        left_out_by = _left_out_by(metric, part[0])
        moved = jackknife(metric, part, parts, left_out_by)
        if moved is None:
            return None
        within.append(moved)
        between.append(by_shares(metric, part, left_out_by))
    moves, shares = np.mean(within, axis=0), np.mean(between, axis=0)
    if distinct(groups) < len(groups) or parts is groups:
        return spread_of(moves + shares, parts, classes, tells, metric.by_class)
    # Parts that were dealt out class by class have the same shares of them: what these do is summed row by row.
    dealt = spread_of(moves, parts, classes, tells, metric.by_class)
    return Spread(float(np.hypot(dealt.error, np.linalg.norm(shares) / len(shares))), dealt.freedom)


def spread_of(
    values: Floats, groups: Codes, classes: Codes, tells: NDArray[np.bool_], by_class: bool = False
) -> Spread:
    """Standard error of the mean of `values` when whole groups are drawn (Cochran 1977, ch. 9).

    Each class contributes its part of the variance, known with one degree of freedom less than it has groups that
    tell; of the whole they are Satterthwaite's (1946).

    Parameters
    ----------
    values : array of shape (n_rows,)
        Influence of each row.
    groups, classes : array of int of shape (n_rows,)
    tells : array of bool of shape (n_rows,)
    by_class : bool
        Whether the rows of each class are drawn by themselves, as the area under the curve has it (DeLong et al. 1988):
        a class of m groups then loses one of m.

    >>> four, one = np.array([0.0, 2.0, 0.0, 2.0]), np.zeros(4, np.intp)
    >>> found = spread_of(four, np.arange(4), one, np.ones(4, bool))
    >>> round(found.error, 3), found.freedom
    (0.577, 3.0)
    """
    away = values - values.mean()
    n_groups, variances, freedoms = int(groups.max()) + 1, [], []
    sums = np.zeros(n_groups)
    for code in np.unique(classes):
        mine = classes == code
        there = distinct(groups[mine])
        part = np.bincount(groups[mine], weights=away[mine], minlength=n_groups)
        if by_class and there > 1:
            part = part * np.sqrt(there / (there - 1))
        sums += part
        variances.append(float(np.square(part).sum()))
        freedoms.append(max(distinct(groups[mine & tells]) - 1, 1))
    present = distinct(groups)
    lost = 1.0 if by_class else present / max(present - 1, 1)
    shares = np.asarray(variances)
    ratio = np.square(shares.sum()) / max(np.square(shares) @ (1 / np.asarray(freedoms)), 1e-300)
    return Spread(
        error=float(np.sqrt(np.square(sums).sum() * lost) / len(values)),
        freedom=max(float(ratio), 1.0),
    )


def distinct(groups: Codes) -> int:
    """Count the groups that are there; they are numbered from 0.

    >>> distinct(np.array([0, 3, 3]))
    2
    """
    return int(np.count_nonzero(np.bincount(groups)))


def _left_out_by(metric: Metric, rows: Labelled) -> Codes:
    """Classes that rows are left out by, so that they keep their shares."""
    return classes_of(rows) if metric.weighted else np.zeros(len(rows.truth), dtype=np.intp)


def influence(metric: Metric, rows: Labelled) -> Floats | None:
    """Values whose mean moves as the metric does when rows are drawn anew; None where there is no formula."""
    if metric.influence is None:
        return None
    return rows.mean(metric.influence) if isinstance(rows, Several) else metric.influence(rows)


def classes_of(rows: Labelled) -> Codes:
    """Class of each row, of an effect its arm; numbers are of one.

    Of several targets each combination is one, but for rare ones.
    """
    if isinstance(rows, Several):
        codes = np.stack([classes_of(part) for part in rows.parts], axis=1)
        _, found, counts = np.unique(codes, axis=0, return_inverse=True, return_counts=True)
        found = found.ravel()
        return _renumbered(np.where(counts[found] < FEWEST, len(counts), found))
    if isinstance(rows, Effects):
        return rows.treated.astype(np.intp)
    return rows.truth if isinstance(rows, Labels) else np.zeros(len(rows.truth), dtype=np.intp)


def _renumbered(codes: Codes) -> Codes:
    return np.unique(codes, return_inverse=True)[1].astype(np.intp)


def merged(groups: Codes, classes: Codes, n_classes: int, random_state: int) -> Codes:
    """Put groups together where there are more than can be left out one by one, by chance.

    Independent rows are dealt out class by class, so that no two of a rare class come together; `n_classes` are those
    that are left out by themselves, of several targets the most that one has.
    """
    parts = max(PARTS // n_classes, FEWEST_PARTS)
    n_groups = int(groups.max()) + 1
    if n_groups <= parts:
        return groups
    generator = np.random.default_rng(random_state)
    if n_groups < len(groups):
        return np.asarray((generator.permutation(n_groups) % parts)[groups])
    found = np.empty(len(groups), dtype=np.intp)
    for code in np.unique(classes):
        mine = np.flatnonzero(classes == code)
        found[generator.permutation(mine)] = np.arange(len(mine)) % parts
    return found


def jackknife(metric: Metric, sides: Sequence[Any], groups: Codes, classes: Codes) -> Floats | None:
    """Influence of each row: how the score moves without the rows of its group and class (Miller 1974).

    The other rows of the class then count for those that are left out, so that the classes keep their shares. None
    where the score is undefined without some rows.

    Returns
    -------
    array of shape (n_rows,) or None
        Mean zero in each class; of two sides of the second minus the first.
    """
    n = len(groups)
    cells, cell_of = np.unique(classes * (int(groups.max()) + 1) + groups, return_inverse=True)
    size = np.bincount(cell_of)
    cell_class = cells // (int(groups.max()) + 1)
    of_class = np.bincount(classes, minlength=int(classes.max()) + 1)
    there = of_class[cell_class].astype(np.float64)
    left = there - size
    at_once = max(1, CELLS_AT_ONCE // n)
    without = np.full(len(cells), np.nan)
    for first in range(0, len(cells), at_once):
        part = np.arange(first, min(first + at_once, len(cells)))
        same = cell_class[part][:, None] == classes
        scale = np.divide(there[part], left[part], out=np.zeros(len(part)), where=left[part] > 0)
        counts = np.where(same, scale[:, None], 1.0)
        counts[part[:, None] == cell_of] = 0.0
        scores = [evaluate_counts(metric, side, counts) for side in sides]
        without[part] = scores[-1] - scores[0] if len(scores) == 2 else scores[0]
    alone = left == 0  # the one part of its class: how its score spreads nobody knows
    if not np.isfinite(without[~alone]).all():
        return None
    once = [float(evaluate_counts(metric, side, np.ones((1, n)))[0]) for side in sides]
    score = once[-1] - once[0] if len(once) == 2 else once[0]
    moved = np.where(alone, 0.0, (score - without) * left / there)
    per_row = (moved / size * n)[cell_of]
    means = np.bincount(classes, weights=per_row) / np.maximum(of_class, 1)
    return np.asarray(per_row - means[classes])


def by_shares(metric: Metric, sides: Sequence[Any], classes: Codes) -> Floats:
    """Influence of each row by being of its class: how the score moves with the share of that class.

    Other rows of the same kind have other shares of the classes: precision, say, falls where fewer are positive,
    however the rows of each class are answered.

    Returns
    -------
    array of shape (n_rows,)
        The same for all rows of a class, mean zero; of two sides of the second minus the first.
    """
    n, found = len(classes), np.zeros(len(classes))
    codes = np.unique(classes)
    for code in codes if len(codes) > 1 else ():
        mine = classes == code
        counts = 1.0 + np.array([[STEP], [-STEP]]) * mine
        scores = [evaluate_counts(metric, side, counts) for side in sides]
        more, less = scores[-1] - scores[0] if len(scores) == 2 else scores[0]
        found[mine] = (more - less) / (2 * STEP) * n / mine.sum()
    return found


def rarest(rows: Labelled) -> tuple[str, int] | None:
    """Return the rarest class that a score leans on, and its rows; of several targets the rarest of all.

    None for numbers.

    >>> code = np.array([0] * 60 + [1] * 30 + [2] * 3)
    >>> rarest(Labels(("a", "b", "c"), None, code, code, None))
    ('b', 30)
    """
    names = rows.names if isinstance(rows, Several) else ("",)
    found = [
        (f"{name}={label}" if name else label, count)
        for name, part in zip(names, parts_of(rows), strict=True)
        if isinstance(part, Labels | Effects)
        for label, count in [_rarest(part)]
    ]
    return min(found, key=_second, default=None)


def _rarest(rows: Labels | Effects) -> tuple[str, int]:
    """Return the rarest class that a score leans on, and its rows; of an effect the rarest outcome of an arm.

    Of two classes the rarer one. Of more the rarest of those that have 5 % of the rows, the others can hardly move the
    score, or all but the commonest together, if these are fewer.
    """
    if isinstance(rows, Effects):
        return min(((name, int(there.sum())) for name, there in rows.cells.items()), key=_second)
    counts = np.bincount(rows.truth, minlength=len(rows.classes))
    if rows.positive is not None:
        if len(rows.classes) < 2:
            return "any other", 0
        return min(((rows.classes[k], int(counts[k])) for k in (0, 1)), key=_second)
    common = int(counts.argmax())
    sides = [(rows.classes[k], int(n)) for k, n in enumerate(counts) if n >= NEGLIGIBLE * counts.sum()]
    return min(
        [*sides, (f"other than {rows.classes[common]}", int(counts.sum() - counts[common]))], key=_second
    )


def _second(pair: tuple[str, int]) -> int:
    return pair[1]
