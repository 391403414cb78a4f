"""Tests that may be looked at after every row: their error holds for all looks together.

The difference of two arms is held against Robbins' normal mixture (Robbins 1970, Statistical methods related to the
law of the iterated logarithm; Howard et al. 2021, Time-uniform, nonparametric, nonasymptotic confidence sequences),
with the variance as it is estimated (Waudby-Smith et al. 2021, Time-uniform central limit theory): far wider than a
fixed interval while there are few rows, where the normal approximation is poor. Shares of arms are held against a
Dirichlet mixture (Lindon & Malek 2022, Anytime-valid inference for multinomial count data).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from ml_assets.tasks.base import Floats

CONCENTRATION: Final = 100.0
"""Weight of the shares that are expected in the mixture over shares: as so many rows."""


def spread_of_mixture(alpha: float) -> float:
    """Variance of the mixture's prior, as information, that is best at the planned end (Howard et al. 2021, 3.5).

    >>> round(1 / spread_of_mixture(0.05), 2)
    7.94
    """
    wide = -2 * math.log(alpha)
    return 1 / (wide + math.log(1 + wide))


def bound(information: Any, alpha: float) -> Floats:
    """Standard errors that an estimate stays within at all looks together, with probability 1 - `alpha`.

    Parameters
    ----------
    information : array-like
        What is known by now as a part of what is planned: rows over planned rows.
    alpha : float

    >>> bound([0.02, 1.0], 0.05).round(2).tolist()
    [6.69, 3.04]
    """
    here, prior = np.asarray(information, dtype=np.float64), spread_of_mixture(alpha)
    return np.asarray(np.sqrt((1 + prior / here) * np.log((here + prior) / (prior * alpha**2))))


def p_value(z: Any, information: Any, alpha: float) -> Floats:
    """Always-valid p-value of "no difference": below `alpha` exactly where `z` leaves `bound`.

    The inverse of the mixture's likelihood ratio: under the hypothesis it is ever below a by a probability of a at most
    (Ville's inequality).

    Parameters
    ----------
    z : array-like
        Estimate over standard error.
    information : array-like
        As in `bound`.
    alpha : float
        Level that the mixture is tuned for.
    """
    here, prior = np.asarray(information, dtype=np.float64), spread_of_mixture(alpha)
    exponent = np.square(z) * here / (2 * (here + prior))
    return np.asarray(np.minimum(1.0, np.exp(0.5 * np.log((here + prior) / prior) - exponent)))


def ratio_p(counts: Sequence[Sequence[int]], shares: Sequence[Sequence[float]]) -> float:
    """Always-valid p-value of "the arms have the shares that they were to have".

    Parameters
    ----------
    counts : sequence of n_steps sequences of n_arms
        Keys that were first seen in each step of the schedule, by arm.
    shares : sequence of n_steps sequences of n_arms
        What they were to be.

    >>> ratio_p([[5_000, 5_050]], [[0.5, 0.5]]), ratio_p([[5_000, 5_600]], [[0.5, 0.5]]) < 1e-6
    (1.0, True)
    """
    evidence = 0.0
    for seen, wanted in zip(counts, shares, strict=True):
        if any(n and not share for n, share in zip(seen, wanted, strict=True)):
            return 0.0
        there = [(n, share) for n, share in zip(seen, wanted, strict=True) if share]
        total = sum(n for n, _ in there)
        evidence += math.lgamma(CONCENTRATION) - math.lgamma(CONCENTRATION + total)
        for n, share in there:
            prior = CONCENTRATION * share
            evidence += math.lgamma(prior + n) - math.lgamma(prior) - n * math.log(share)
    return math.exp(min(0.0, -evidence))
