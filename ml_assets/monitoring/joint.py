"""Whether columns go together otherwise than before, though each alone may look the same.

A domain classifier on the products of pairs of columns: one half of the rows chooses and weighs the products
whose mean differs between reference and batch (diagonal linear discriminant), the other half judges how well
they tell the two apart (Welch's t, so no permutations), then the halves change places. Each column is turned
into normal scores on its own side, ties sharing a rank, so that moved or widened columns, which the tests of
columns see, do not count here. A rank test would not do: on both sides an indicator's two values differ a
little, and ranks see only that they differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.features.groups import by_group
from ml_assets.monitoring.past import Once, afresh
from ml_assets.monitoring.samples import STRANGE, content_order, normal_scores
from ml_assets.records import JointDrift

ROWS = 2_500  # of each side
MOST_FEATURES = 150
LEVELS = 4  # commonest levels of a category that are looked at
RAREST = 0.05  # share of the pooled rows that a level needs
CHOSEN = 3.0  # standard errors from which a product is chosen
MOST_CHOSEN = 50
WORTH_NAMING = 0.05  # p-value from which the pairs that may carry a change are looked for
CANDIDATES = 20  # pairs of features with the largest contrast that may be named
CERTAIN = 0.01  # error of all names together
FEWEST_BLOCKS = 8  # of rows that belong together: fewer tell nothing of the spread between them
TINY = 1e-12
FLOOR = 0.05  # how much the area under the curve must exceed one half


@dataclass(frozen=True)
class Encoded:
    """Both sides as standardised features; `column` names the column of each feature."""

    reference: Any
    current: Any
    column: tuple[str, ...]


def joint_change(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    numeric: Sequence[str],
    categorical: Sequence[str],
    random_state: int,
    blocks: tuple[Any | None, Any | None] = (None, None),
    once: Once = afresh,
) -> JointDrift | None:
    """Test whether pairs of columns go together as before; None with fewer than two columns.

    Parameters
    ----------
    reference, current : DataFrame of shape (n_rows, n_columns)
    numeric, categorical : sequence of str
        Columns to look at.
    random_state : int
        Seed of the samples.
    blocks : (array of int of shape (n_rows,) or None, the same)
        Rows of either side that belong together: they stay in one half, and count together.
    once : Once
        Keeps what is measured of the reference alone.

    Returns
    -------
    JointDrift or None
        `p_value` for the two halves together (twice the smaller); `pairs` that certainly changed, most first.
        None, too, where the rows of a side are of fewer than 8 blocks.
    """
    names = [*sorted(numeric), *sorted(categorical)]
    if len(names) < 2:
        return None
    key = (random_state, *names)
    orders = (
        once(("order", *key), lambda: content_order(reference, names, random_state)[:ROWS]),
        content_order(current, names, random_state)[:ROWS],
    )
    groups: list[Any] = [
        None if block is None else block[rows] for block, rows in zip(blocks, orders, strict=True)
    ]
    if any(group is not None and len(np.unique(group)) < FEWEST_BLOCKS for group in groups):
        return None
    encoded = encode(
        (reference, current),
        orders,
        sorted(numeric),
        sorted(categorical),
        [
            once(("scores", name, *key), partial(_scores, reference[name], orders[0]))
            for name in sorted(numeric)
        ],
    )
    if len(set(encoded.column)) < 2:
        return None
    apart = np.array(encoded.column)[:, None] != np.array(encoded.column)[None, :]
    allowed = np.triu(apart, 1)
    both = (encoded.reference, encoded.current)
    halves = [
        [(side[rows], block) for side, (rows, block) in zip(both, half, strict=True)]
        for half in zip(
            *(_halved(side, block) for side, block in zip(both, groups, strict=True)), strict=True
        )
    ]
    judged = []
    for chooser, judge in ((halves[0], halves[1]), (halves[1], halves[0])):
        weights = _weights(_contrast(*(side for side, _ in chooser)), allowed)
        judged.append(
            _judge(*((np.einsum("ij,ij->i", side @ weights, side), block) for side, block in judge))
        )
    p_value = min(1.0, 2 * min(p for _, p in judged))
    return JointDrift(
        auc=float(np.mean([auc for auc, _ in judged])),
        p_value=p_value,
        pairs=_pairs(encoded, allowed, groups) if p_value < WORTH_NAMING else (),
    )


def _halved(side: Any, block: Any) -> list[tuple[Any, Any]]:
    """Rows of either half, with their blocks; those of one block are in one half."""
    if block is None:
        return [(slice(k, None, 2), None) for k in (0, 1)]
    number = np.unique(block, return_inverse=True)[1]
    return [(number % 2 == k, number[number % 2 == k]) for k in (0, 1)]


def encode(
    sides: tuple[pd.DataFrame, pd.DataFrame],
    orders: tuple[Any, Any],
    numeric: Sequence[str],
    categorical: Sequence[str],
    ours: Sequence[Any],
) -> Encoded:
    """Normal scores and indicators of common levels, each with mean 0 and variance 1 on each side.

    Of reference and batch the rows at the places in `orders` are taken; `ours` are the reference's scores.
    """
    rows = len(orders[0])
    both: list[tuple[Any, Any]] = []
    column: list[str] = []
    for name, known in zip(numeric, ours, strict=True):
        both.append((known, _scores(sides[1][name], orders[1])))
        column.append(name)
    for name in categorical:
        parts = [side[name].iloc[order] for side, order in zip(sides, orders, strict=True)]
        codes, levels = _codes(pd.concat(parts, ignore_index=True))
        shares = np.bincount(codes, minlength=len(levels)) / len(codes)
        order = sorted(range(len(levels)), key=lambda k: (-shares[k], str(levels[k])))
        common = [k for k in order[:LEVELS] if RAREST <= shares[k] <= 1 - RAREST]
        for k in common[: 1 if len(levels) == 2 else None]:
            is_level = (codes == k).astype(float)
            both.append((is_level[:rows], is_level[rows:]))
            column.append(name)
    if not column:
        return Encoded(np.empty((rows, 0)), np.empty((len(orders[1]), 0)), ())
    reference, current = (_standard([each[k] for each in both[:MOST_FEATURES]]) for k in (0, 1))
    return Encoded(reference, current, tuple(column[:MOST_FEATURES]))


def _scores(column: pd.Series, rows: Any) -> Any:
    """Normal scores of the mid-ranks of some rows; 0 where there is no number."""
    if column.dtype == np.float64:
        values = column.to_numpy()[rows]
    else:
        values = pd.to_numeric(column.iloc[rows], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    there = np.isfinite(values)
    if there.all() and len(values):
        scores = normal_scores(values)
        return scores - scores.mean()
    scores = np.zeros(len(values))
    if there.any():
        scores[there] = normal_scores(values[there])
        scores[there] -= scores[there].mean()
    return scores


def _codes(column: pd.Series) -> tuple[Any, Any]:
    """Codes of the levels, a missing value being one."""
    values = column.astype(object)
    try:
        return pd.factorize(values, use_na_sentinel=False)
    except STRANGE:
        return pd.factorize(values.map(str), use_na_sentinel=False)


def _standard(features: Sequence[Any]) -> Any:
    """Mean 0 and variance 1; a constant becomes 0."""
    matrix = np.column_stack(features)
    matrix = matrix - matrix.mean(axis=0)
    spread = matrix.std(axis=0)
    return matrix / np.where(spread > 1e-9, spread, np.inf)


def _contrast(reference: Any, current: Any) -> tuple[Any, Any]:
    """Difference of the mean products in standard errors and in standard deviations, of shape (k, k)."""
    n, m = len(reference), len(current)
    ours, theirs = reference.T @ reference / n, current.T @ current / m
    squares = ((reference**2).T @ reference**2 + (current**2).T @ current**2) / (n + m)
    spread = np.sqrt(np.maximum(squares - ((n * ours + m * theirs) / (n + m)) ** 2, 1e-6))
    difference = (theirs - ours) / spread
    return difference / np.sqrt(1 / n + 1 / m), difference / spread


def _weights(contrast: tuple[Any, Any], allowed: Any) -> Any:
    certain, weight = contrast
    strength = np.where(allowed, np.abs(certain), 0.0)
    ranked = np.sort(strength, axis=None)
    limit = min(ranked[-1], max(CHOSEN, ranked[-MOST_CHOSEN] if len(ranked) >= MOST_CHOSEN else 0.0))
    return np.where(allowed & (strength >= limit), weight, 0.0)


def _judge(reference: tuple[Any, Any], current: tuple[Any, Any]) -> tuple[float, float]:
    """Area under the curve (as of two normal distributions) and Welch's one-sided p-value; values and their blocks."""
    from scipy.special import ndtr, stdtr

    variances = np.array([values.var(ddof=1) for values, _ in (reference, current)])
    parts, freedoms = np.array([_error(*side) for side in (reference, current)]).T
    if parts.sum() < 1e-12:
        return 0.5, 1.0
    difference = float(current[0].mean() - reference[0].mean())
    freedom = parts.sum() ** 2 / (parts**2 / freedoms).sum()
    p_value = float(stdtr(freedom, -difference / np.sqrt(parts.sum())))
    return float(ndtr(difference / np.sqrt(variances.sum()))), p_value


def _error(values: Any, block: Any) -> tuple[float, float]:
    """Squared standard error of a mean and its degrees of freedom; whole blocks count together."""
    plain = float(values.var(ddof=1)) / len(values)
    if block is None:
        return plain, len(values) - 1.0
    codes = np.unique(block, return_inverse=True)[1]
    return plain * max(1.0, by_group(values - values.mean(), codes)), float(max(codes.max(), 1))


def _pairs(encoded: Encoded, allowed: Any, groups: Sequence[Any]) -> tuple[tuple[str, str], ...]:
    """Up to three pairs of columns that certainly go together otherwise: at 1 % for all pairs (Bonferroni)."""
    from scipy.special import stdtr

    both = (encoded.reference, encoded.current)
    strength = np.where(allowed, np.abs(_contrast(*both)[0]), 0.0)
    found: dict[tuple[str, str], None] = {}
    for place in np.argsort(-strength, axis=None, kind="stable")[:CANDIDATES]:
        i, j = np.unravel_index(place, strength.shape)
        if not allowed[i, j]:
            break
        products = [side[:, i] * side[:, j] for side in both]
        errors = np.array([_error(*side) for side in zip(products, groups, strict=True)])
        whole = float(errors[:, 0].sum())
        if whole < TINY:
            continue
        freedom = whole**2 / float((errors[:, 0] ** 2 / errors[:, 1]).sum())
        away = abs(float(products[1].mean() - products[0].mean())) / np.sqrt(whole)
        if 2 * float(stdtr(freedom, -away)) * allowed.sum() < CERTAIN:
            found[(encoded.column[i], encoded.column[j])] = None
    return tuple(found)[:3]
