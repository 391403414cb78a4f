"""How well all other columns together tell a target: an honest answer that is easy is mostly told more than once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_assets.quality.single import numbers

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.quality.alone import Classes, Codes, Floats, Mask, Numbers

ROWS = 4_000
TREES = 40
MOST_FEATURES = 500
MOST_OF_IT = 0.8
MOST_SHUFFLED = 40
MOST_NAMED = 5


def told_by(
    known: pd.DataFrame, names: Sequence[str], target: Classes | Numbers, half: Mask
) -> tuple[float, float]:
    """Learn one half of the rows by a small forest and tell the other half; or by the order of one column, if better.

    Parameters
    ----------
    known : DataFrame of shape (n_rows, n_columns)
    names : sequence of str
        Columns that are learned from.
    target : Classes or Numbers
        Of these rows.
    half : array of shape (n_rows,)
        Rows that are learned.

    Returns
    -------
    tuple of float
        `target.measure`, and the share of rows told right, each class counting the same; of numbers, the former twice.
    """
    if not names:
        return 0.0, 0.0
    asked = _asked(known, names, target, half)
    figures = (values for name in names if (values := numbers(known[name])) is not None)
    return max(asked.score, *(target.ordered(values) for values in figures), 0.0), asked.right


def leaned_on(known: pd.DataFrame, names: Sequence[str], target: Classes | Numbers, half: Mask) -> list[str]:
    """Columns without which a small forest tells least, the first of them: `MOST_NAMED` at most.

    They have `MOST_OF_IT` of what is lost when each column alone is shuffled (permutation importance; Breiman 2001).

    Parameters
    ----------
    known, names, target, half
        As for `told_by`.
    """
    asked = _asked(known, names, target, half)
    chance, lost = np.random.default_rng(0), np.zeros(len(asked.names))
    for k in np.argsort(-asked.model.feature_importances_, kind="stable")[:MOST_SHUFFLED]:
        shuffled = asked.values.copy()
        shuffled[:, k] = chance.permutation(shuffled[:, k])
        lost[k] = max(asked.right - target.judged(asked.model, shuffled, asked.rows)[1], 0.0)
    order = np.argsort(-lost, kind="stable")
    enough = int(np.searchsorted(np.cumsum(lost[order]), MOST_OF_IT * lost.sum())) + 1
    return [asked.names[k] for k in order[: min(enough, MOST_NAMED)]]


@dataclass(frozen=True)
class _Asked:
    """A forest, the rows that it was asked about, and how well it told them."""

    names: list[str]
    model: Any
    values: Floats
    rows: Codes
    score: float
    right: float


def _asked(known: pd.DataFrame, names: Sequence[str], target: Classes | Numbers, half: Mask) -> _Asked:
    names = list(names)[:MOST_FEATURES]
    at = target.mixed(np.random.default_rng(0).permutation(len(known)))
    fitted, judged = at[half[at]][: ROWS // 2], at[~half[at]][: ROWS // 2]
    rows = known.take(np.r_[fitted, judged])
    codes = np.column_stack([_coded(rows[name]) for name in names])
    model = target.forest(TREES).fit(codes[: len(fitted)], target.values[fitted])
    values = codes[len(fitted) :]
    return _Asked(names, model, values, judged, *target.judged(model, values, judged))


def _coded(column: pd.Series[Any]) -> Floats:
    """Numbers as they are, without the infinite; others by the order of their texts."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column.dtype):
        values = column.to_numpy(dtype="float64", na_value=np.nan)
        return np.where(np.abs(values) < np.finfo("float32").max, values, np.nan)
    codes = pd.factorize(column.map(str, na_action="ignore"), sort=True)[0].astype(float)
    return np.where(codes < 0, np.nan, codes)
