"""How the columns of a batch are spread, beside what the champion has learned, as its pictures show it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from ml_assets.records import ColumnShape, ColumnShapes, DriftReport
from ml_assets.shown import figure, shown

COLUMNS: Final = 12
"""Columns that are told, those that drifted most first."""
BINS: Final = 16
LEVELS: Final = 8
SHARE: Final = 0.01
"""Share of the rows of either side that a value has at least, where it is named: a rarer one may be somebody's."""
LONGEST: Final = 40
"""Characters of a value that is named."""


def shapes(report: DriftReport, learned: pd.DataFrame, current: pd.DataFrame) -> ColumnShapes | None:
    """Tell the columns that drifted most; None where nobody is in charge.

    Parameters
    ----------
    report : DriftReport
        On the batch.
    learned : DataFrame of shape (n_reference_rows, n_columns)
        Rows that the champion learned.
    current : DataFrame of shape (n_rows, n_columns)
        Rows of the batch.
    """
    if report.champion_version is None:
        return None
    order = sorted(report.columns, key=lambda c: (not c.drifted, -(c.importance or 0.0), -c.effect))
    there = {*learned.columns} & {*current.columns}
    names = [each.column for each in order if each.column in there][:COLUMNS]
    return ColumnShapes(
        batch=report.batch,
        champion_version=report.champion_version,
        columns=tuple(shape(name, learned[name], current[name]) for name in names),
    )


def shape(name: str, learned: pd.Series[Any], now: pd.Series[Any]) -> ColumnShape:
    """Tell one column: numbers in stretches of one length, anything else by its commonest values."""
    numbers = all(is_numeric_dtype(each.dtype) and not is_bool_dtype(each.dtype) for each in (learned, now))
    sides = [each.to_numpy(np.float64, na_value=np.nan) if numbers else each for each in (learned, now)]
    if numbers and any(np.isfinite(side).any() for side in sides):
        places, shares = _stretches(sides)
    else:
        places, shares = _values(learned, now)
    empty = [float(pd.isna(side).mean()) if len(side) else 0.0 for side in sides]
    if any(empty):
        places, shares = [*places, "missing"], [[*part, gap] for part, gap in zip(shares, empty, strict=True)]
    before, after = ([round(share, 6) for share in part] for part in shares)
    return ColumnShape(column=name, places=tuple(places), learned=tuple(before), now=tuple(after))


def _stretches(sides: list[Any]) -> tuple[list[str], list[list[float]]]:
    both = np.concatenate(sides)
    # Two far values must not squeeze all others into one bar: they are in the outermost.
    low, high = np.quantile(both[np.isfinite(both)], (0.005, 0.995))
    if not high > low:
        high = low + 1.0
    edges = np.linspace(low, high, BINS + 1)
    shares = [
        [
            float(n) / max(len(side), 1)
            for n in np.histogram(np.clip(side[~np.isnan(side)], low, high), edges)[0]
        ]
        for side in sides
    ]
    ends = [figure(float(edge), 3) for edge in edges]
    return [f"{ends[k]} to {ends[k + 1]}" for k in range(BINS)], shares


def _values(learned: pd.Series[Any], now: pd.Series[Any]) -> tuple[list[str], list[list[float]]]:
    counts = pd.DataFrame(
        {
            side: values.dropna().astype(str).value_counts() / max(len(values), 1)
            for side, values in (("learned", learned), ("now", now))
        }
    ).fillna(0.0)
    counts = counts.loc[counts.sum(axis=1).sort_values(ascending=False, kind="stable").index]
    common = (counts.max(axis=1) >= SHARE) & (counts.index.str.len() <= LONGEST)
    named = counts[common.to_numpy()].head(LEVELS)
    rest = counts.drop(index=named.index)
    places = [shown(str(name), LONGEST) for name in named.index]
    shares = [[float(value) for value in named[side]] for side in ("learned", "now")]
    if len(rest):
        places.append(f"{len(rest):,} others")
        shares = [
            [*part, float(rest[side].sum())] for part, side in zip(shares, ("learned", "now"), strict=True)
        ]
    return places, shares
