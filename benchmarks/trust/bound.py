"""What no test can beat: how often a worse model passes where a better one passes often enough (Neyman & Pearson 1933).

All that two classifiers' answers say of who is better is on how many rows either alone is right. Between two given
truths the likelihood ratio of these two counts is the best test there is, whatever else a gate might look at.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.trust.table import Row

CHAMPION, BETTER, WORSE = 0.80, 0.82, 0.79
POWER = 0.80
"""Share of the better challengers that are to pass."""
ROWS = (1_000, 1_200, 5_000)
FURTHEST = 8
"""Standard deviations beyond which counts are left out."""


def alone(champion: float, challenger: float, agreement: float) -> tuple[float, float]:
    """Probability of a row on which the challenger alone is right, and of one on which the champion alone is.

    >>> plus, minus = alone(0.80, 0.82, agreement=0.7)
    >>> round(plus, 4), round(minus, 4), round(plus - minus, 4)
    (0.0632, 0.0432, 0.02)
    """
    gained = agreement * max(0.0, challenger - champion) + (1 - agreement) * challenger * (1 - champion)
    lost = agreement * max(0.0, champion - challenger) + (1 - agreement) * champion * (1 - challenger)
    return gained, lost


def least_harm(rows: int, agreement: float, power: float = POWER) -> float:
    """How often the best test promotes the worse challenger where it promotes the better one with that power.

    >>> round(least_harm(1000, agreement=0.7), 4), round(least_harm(1200, agreement=0.7), 4)
    (0.0184, 0.0089)
    """
    from scipy.special import gammaln

    better, worse = (alone(CHAMPION, each, agreement) for each in (BETTER, WORSE))
    most = max(*better, *worse)
    counts = np.arange(int(rows * most + FURTHEST * np.sqrt(rows * most)) + 1)
    plus, minus = (side.ravel() for side in np.meshgrid(counts, counts, indexing="ij"))
    rest = rows - plus - minus
    plus, minus, rest = (side[rest >= 0] for side in (plus, minus, rest))
    ways = gammaln(rows + 1) - gammaln(plus + 1) - gammaln(minus + 1) - gammaln(rest + 1)
    likely, harm = (
        ways + plus * np.log(gained) + minus * np.log(lost) + rest * np.log(1 - gained - lost)
        for gained, lost in (better, worse)
    )
    order = np.argsort(harm - likely, kind="stable")
    reached = int(np.searchsorted(np.cumsum(np.exp(likely[order])), power))
    return float(np.exp(harm[order][: reached + 1]).sum())


def lines(agreement: float) -> Iterator[Row]:
    """One line for each number of rows; no goal, since nothing of ours is measured."""
    for rows in ROWS:
        share = least_harm(rows, agreement)
        yield Row(
            f"the best that any test can do: 1 point worse, {rows:,} rows, where {POWER:.0%} of 2 points better pass",
            "–",
            f"{100 * share:.2f} %",
            None,
            1,
        )
