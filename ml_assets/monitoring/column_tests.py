"""Tests of one column, each valid for rows that can be exchanged between reference and batch.

Each gives a p-value before correction and the effects it speaks of, an effect with the floor below which it
is of no importance however certain. The weights in `NUMBER_TESTS`, `LEVEL_TESTS` and `MISSINGNESS` share a column's
part of the false alarms among its tests: the test of location gets most, since a moved column is what happens most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml_assets.monitoring.design import INDEPENDENT, Effects
from ml_assets.monitoring.samples import LevelPair, NumberPair, Pair, null_change

FLOORS = {
    "Wasserstein": 0.1,  # standard deviations of the reference
    "KS distance": 0.05,
    "total variation": 0.05,
    "null rate change": 0.02,
    "out of range": 0.005,  # share of rows beyond the reference's smallest or largest value
    "unseen levels": 0.005,
}
NO_SKEWNESS = 1e-3  # below this a sum is taken as normal


@dataclass(frozen=True)
class Outcome:
    """One test of one column: p-value before correction, effects that it proves, its share of the false alarms."""

    test: str
    p_value: float
    proves: tuple[str, ...]
    weight: float


@dataclass(frozen=True)
class ColumnTest:
    """A test: from both sides of a column to a p-value, the effects it proves, its share of the false alarms."""

    p_value: Callable[[Any], float]
    proves: tuple[str, ...]
    weight: float


def effects(pair: Pair) -> dict[str, float]:
    """Every effect of a column, by name."""
    if isinstance(pair, NumberPair):
        return {
            "Wasserstein": pair.wasserstein,
            "KS distance": pair.ks_distance,
            "out of range": _outside(pair)[2],
            "null rate change": null_change(pair),
        }
    return {
        "total variation": pair.total_variation,
        "unseen levels": pair.unseen,
        "null rate change": null_change(pair),
    }


def outcomes(pair: Pair) -> list[Outcome]:
    """Run the tests that can tell anything: without any null missingness cannot (Tarone 1990)."""
    tests: Mapping[str, ColumnTest] = {}
    if pair.enough:
        tests = NUMBER_TESTS if isinstance(pair, NumberPair) else LEVEL_TESTS
    if pair.reference.nulls + pair.current.nulls or not tests:
        tests = {**tests, **MISSINGNESS}
    return [Outcome(name, test.p_value(pair), test.proves, test.weight) for name, test in tests.items()]


def _missingness(pair: Pair) -> float:
    """Fisher's exact test of the two null rates, two-sided by doubling; of as many rows as count."""
    from scipy.stats import hypergeom

    counts = [
        (round(side.nulls / effect), round(side.rows / effect))
        for side, effect in zip((pair.reference, pair.current), pair.design.nulls, strict=True)
    ]
    (ours, n), (theirs, m) = counts
    urn = n + m, ours + theirs, m
    return 2 * float(min(hypergeom.cdf(theirs, *urn), hypergeom.sf(theirs - 1, *urn)))


def _kolmogorov_smirnov(pair: NumberPair) -> float:
    """Kolmogorov–Smirnov, asymptotic with the effective sample size; conservative with ties."""
    from scipy.special import kolmogorov

    n, m = pair.effective
    return float(kolmogorov(pair.ks_distance * np.sqrt(n * m / (n + m))))


def _scores_test(pair: NumberPair, design: Effects = INDEPENDENT, *, squared: bool) -> float:
    """Two-sided p-value of a rank test with normal scores (Hájek & Šidák, Theory of Rank Tests, III.1).

    Scores are re-centred, and variance and skewness are those of a sum of the scores at hand drawn without
    replacement, so ties raise no false alarm, nor do small batches, whose squared scores are far from normal.
    Where rows belong together the variance is that of as many rows as count, which is only estimated: Student's t.
    """
    scores, ours, theirs = pair.scores
    n, m = float(ours.sum()), float(theirs.sum())
    pooled, total = ours + theirs, n + m
    scores = scores**2 if squared else scores
    scores = scores - scores @ pooled / total
    power = scores * scores
    variance = n * m / (total * (total - 1)) * float(power @ pooled)
    if variance < 1e-12:
        return 1.0
    third = m * n * (n - m) / (total * (total - 1) * (total - 2)) * float((power * scores) @ pooled)
    z, skewness = float(scores @ theirs) / np.sqrt(variance), third / variance**1.5
    if design == INDEPENDENT:
        return two_sided(z, skewness)
    from scipy.special import stdtr

    inflation, freedom = inflated(design, n, m)
    z /= np.sqrt(inflation)
    return max(two_sided(z, skewness), 2 * float(stdtr(freedom, -abs(z))))


def inflated(design: Effects, n: float, m: float) -> tuple[float, float]:
    """Variance of a difference of two means over that of independent rows, and its degrees of freedom (Welch).

    Parameters
    ----------
    design : (float, float)
        Design effects of reference and batch.
    n, m : float
        Their rows.

    >>> inflated((1.0, 1.0), 100, 100)
    (1.0, 198.0)
    >>> inflated((1.0, 10.0), 1_000_000, 1_000)[0] > 9.9
    True
    """
    parts = np.array(design) / (n, m)
    freedom = parts.sum() ** 2 / (parts**2 / np.maximum(np.array((n, m)) / design - 1, 1)).sum()
    return float(parts.sum() / (1 / n + 1 / m)), float(freedom)


def two_sided(z: float, skewness: float) -> float:
    """Two-sided p-value, by doubling the smaller tail, of a standardised sum with some skewness.

    The tails of a gamma distribution of this skewness (Pearson's type III); normal without any.

    >>> round(two_sided(-1.959964, 0.0), 4), round(two_sided(3.0, 1.0), 4), round(two_sided(-3.0, -1.0), 4)
    (0.05, 0.0207, 0.0207)
    """
    from scipy.special import gammainc, gammaincc, ndtr

    if abs(skewness) < NO_SKEWNESS:
        return 2 * float(ndtr(-abs(z)))
    z = z if skewness > 0 else -z
    shape = 4 / skewness**2
    at = max(shape + z * np.sqrt(shape), 0.0)
    return min(1.0, 2 * float(min(gammainc(shape, at), gammaincc(shape, at))))


def _location(pair: NumberPair) -> float:
    """Van der Waerden's test."""
    return _scores_test(pair, pair.design.location, squared=False)


def _scale(pair: NumberPair) -> float:
    """Klotz's test."""
    return _scores_test(pair, pair.design.scale, squared=True)


def _all_from_one_side(rows: int, reference_size: float, current_size: float) -> float:
    """Probability that `rows` given rows of the pooled sample all lie in the batch.

    >>> round(_all_from_one_side(2, 1, 2), 3)  # 2/3 * 1/2
    0.333
    """
    taken = np.arange(rows)
    logs = np.log(current_size - taken) - np.log(reference_size + current_size - taken)
    return float(np.exp(logs.sum()))


def _outside(pair: NumberPair) -> tuple[int, int, float]:
    """Rows of the batch below and above the reference's range, and their share."""
    ours, theirs = pair.reference.values, pair.current.values
    if not len(ours) or not len(theirs):
        return 0, 0, 0.0
    below = int(np.searchsorted(theirs, ours[0], side="left"))
    above = len(theirs) - int(np.searchsorted(theirs, ours[-1], side="right"))
    return below, above, (below + above) / len(theirs)


def _out_of_range(pair: NumberPair) -> float:
    """Values beyond the reference's smallest or largest: the exact permutation probability of each tail."""
    n, m = pair.effective
    below, above = (int(rows / max(pair.design.both[1], 1.0)) for rows in _outside(pair)[:2])
    return 2 * min(_all_from_one_side(below, n, m), _all_from_one_side(above, n, m))


def _homogeneity(pair: LevelPair) -> float:
    """Chi-squared test that both sides have one distribution; rare levels of the pooled sample are merged.

    Where rows belong together, of as many rows as count (Rao & Scott 1984, with Satterthwaite's degrees of freedom).
    """
    from scipy.special import chdtrc, fdtrc

    table = pair.table
    sizes = table.sum(axis=1, keepdims=True)
    inflation, freedom = inflated(pair.design.location, *sizes[:, 0])
    pooled = table.sum(axis=0)
    rare = pooled * (sizes.min() / sizes.sum()) < 5 * inflation
    if rare.any():
        table = np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)])
        pooled = table.sum(axis=0)
    if table.shape[1] < 2:
        return 1.0
    expected = sizes * pooled / sizes.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    if pair.design.location == INDEPENDENT:
        return float(chdtrc(table.shape[1] - 1, statistic))
    spread = 1 + pair.design.uneven
    levels = (table.shape[1] - 1) / spread
    return float(fdtrc(levels, levels * freedom, statistic / (inflation * spread) / levels))


def _unseen(pair: LevelPair) -> float:
    """Levels the reference never had: exact probability of the commonest one, times the number of levels."""
    table = pair.table
    effects = pair.design.location
    largest = int(table[1][table[0] == 0].max(initial=0) / effects[1])
    sizes = pair.reference.present / effects[0], pair.current.present / effects[1]
    return _all_from_one_side(largest, *sizes) * int(table.shape[1])


MOVED = ("Wasserstein", "KS distance")
NUMBER_TESTS = {
    "location": ColumnTest(_location, MOVED, 6.0),
    "scale": ColumnTest(_scale, MOVED, 2.0),
    "KS": ColumnTest(_kolmogorov_smirnov, MOVED, 1.0),
    "range": ColumnTest(_out_of_range, ("out of range",), 0.5),
}
LEVEL_TESTS = {
    "chi2": ColumnTest(_homogeneity, ("total variation",), 4.0),
    "unseen": ColumnTest(_unseen, ("unseen levels",), 1.0),
}
MISSINGNESS = {"missingness": ColumnTest(_missingness, ("null rate change",), 1.5)}
"""A new test is one row here; its weight is part of the row, and its effects have floors in `FLOORS`."""
