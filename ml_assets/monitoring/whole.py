"""A batch as a whole: rows that are there twice, an earlier batch once more, half a file.

Each is measured by what batches did before: in a table of few categories equal rows are no news, a shop may sell
nothing on Sundays, and a customer may be the same as last month.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_complex_dtype, is_numeric_dtype

from ml_assets.monitoring.past import Past
from ml_assets.monitoring.samples import STRANGE
from ml_assets.recipe.periods import PERIODS, Period
from ml_assets.sources.calendar import next_batch, period_of

TWICE = 0.15
"""Rise of the share of repeated rows that is a fault; also this share of the rows that were none before."""
AGAIN, AGAIN_RISEN = 0.5, 0.3
"""Share of an earlier batch's rows that are there again; the least that it must be above the usual share."""
HALF = 0.57
"""Share of the usual number of rows; less is a fault: half a file, give or take what batches differ by."""
FURTHER = 1.25
"""A drop must be so many times as large as the largest of earlier batches (in logarithms)."""
RECENT, FEWEST = 3, 5
"""Batches before that say how many rows are usual; batches without which nothing is."""


def whole_faults(
    batch: str,
    current: pd.DataFrame,
    names: Sequence[str],
    past: Past,
    trailing: Mapping[str, pd.DataFrame],
) -> Iterator[str]:
    """What is wrong with the rows of a batch together, each in a sentence.

    Parameters
    ----------
    batch : str
        Its label.
    current : DataFrame of shape (n_rows, n_columns)
        Its rows.
    names : sequence of str
        Columns by which two rows are equal: features that do not tell the time of the batch.
    past : Past
        The training rows, by batch.
    trailing : mapping of str to DataFrame
        The last few batches before this one.
    """
    names = [name for name in names if name in current.columns]
    numeric = [name for name in names if is_numeric_dtype(current[name].dtype)]
    others = {label: frame for label, frame in trailing.items() if label != batch}
    if not names:
        return
    quick = _hashes(current, numeric or names)  # rows that differ in a number are different
    if _repeated(quick) >= TWICE:
        yield from _twice(current, names, past, others)
    known = _by_batch(past, numeric or names) | {
        label: _hashes(frame, numeric or names) for label, frame in others.items()
    }
    known.pop(batch, None)
    if max(_shares(known, quick), default=0.0) >= AGAIN:
        yield from _again(batch, _hashes(current, names), names, past, others)


def _twice(
    current: pd.DataFrame, names: Sequence[str], past: Past, trailing: Mapping[str, pd.DataFrame]
) -> Iterator[str]:
    share = _repeated(_hashes(current, names))
    newest = [_repeated(_hashes(frame, names)) for frame in trailing.values()]
    usual = max([*map(_repeated, _by_batch(past, names).values()), median(newest) if newest else 0.0])
    if share - usual >= max(TWICE, TWICE * (1 - usual)):
        yield (
            f"{round(share * len(current)):,} of {len(current):,} rows are there before in the same batch "
            f"({share:.0%}, {usual:.0%} at most is usual): was it sent or joined twice?"
        )


def _again(
    batch: str, now: Any, names: Sequence[str], past: Past, trailing: Mapping[str, pd.DataFrame]
) -> Iterator[str]:
    learned = {label: rows for label, rows in _by_batch(past, names).items() if label != batch}
    newest = {label: _hashes(frame, names) for label, frame in trailing.items()}
    known = learned | newest
    share, label = max(zip(_shares(known, now), known, strict=True))
    pairs = [_successive(learned), _successive(newest)]
    usual = max(max(pairs[0], default=0.0), median(pairs[1]) if pairs[1] else 0.0)
    if share >= AGAIN and share - usual >= AGAIN_RISEN:
        yield (
            f"{share:.0%} of the rows of {label or 'the training rows'} are there again, in all columns but those "
            f"that tell the time ({usual:.0%} at most is usual): was an old file sent again?"
        )


def _successive(batches: Mapping[str, Any]) -> list[float]:
    """Share of each batch's rows that are there in the next one."""
    rows = [batches[label] for label in sorted(batches)]
    return [_there(first, second) for first, second in pairwise(rows)]


def _by_batch(past: Past, names: Sequence[str]) -> dict[str, Any]:
    if not past.batches or any(name not in past.rows.columns for name in names):
        return {}
    hashes = past.once(("hashes", *names), lambda: _hashes(past.rows, names))
    return {label: hashes[places] for label, places in past.places.items()}


def _hashes(frame: pd.DataFrame, names: Sequence[str]) -> Any:
    """One number for the values of each row, of shape (n_rows,); a column that is absent has none.

    The sum of a hash of each cell, which its column and its value make (as Zobrist 1970): equal rows have equal sums.
    """
    there = frame.loc[:, ~frame.columns.duplicated()]
    cells = np.empty((len(names), len(frame)), dtype=np.uint64)
    for place, name in enumerate(names):
        cells[place] = _cells(there[name]) if name in there.columns else NOTHING
    cells += np.arange(1, len(names) + 1, dtype=np.uint64)[:, None] * STEP
    return _mixed(cells).sum(axis=0, dtype=np.uint64)


STEP = np.uint64(0x9E3779B97F4A7C15)
NOTHING = np.array([np.nan]).view(np.uint64)[0]


def _cells(column: pd.Series) -> Any:
    """A number for each value of a column, the same for 1 and 1.0, and for 0.0 and -0.0."""
    if is_numeric_dtype(column.dtype) and not is_complex_dtype(column.dtype):
        return (column.to_numpy(dtype=float, na_value=np.nan) + 0.0).view(np.uint64)
    try:
        return pd.util.hash_pandas_object(column, index=False).to_numpy()
    except STRANGE:
        return pd.util.hash_pandas_object(column.astype(str), index=False).to_numpy()


def _mixed(cells: Any) -> Any:
    """Mix the bits of each number, in place (SplitMix64: Steele, Lea & Flood 2014)."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        cells ^= cells >> np.uint64(shift)
        cells *= np.uint64(factor)
    cells ^= cells >> np.uint64(31)
    return cells


def _repeated(hashes: Any) -> float:
    return 1 - len(np.unique(hashes)) / len(hashes) if len(hashes) else 0.0


def _shares(batches: Mapping[str, Any], now: Any) -> list[float]:
    """Share of each batch's rows that are there now."""
    if not batches:
        return []
    there = np.isin(np.concatenate(list(batches.values())), now)
    ends = np.cumsum([len(rows) for rows in batches.values()])[:-1]
    return [float(part.mean()) if len(part) else 0.0 for part in np.split(there, ends)]


def _there(earlier: Any, now: Any) -> float:
    return float(np.isin(earlier, now).mean()) if len(earlier) else 0.0


def too_few(batch: str, rows: int, volumes: Mapping[str, int]) -> str:
    """Say that a batch has half of the rows it should have, or fewer; empty where it has enough.

    Expected is the median of the last three batches, what the last had, or what the batch of the same season had,
    whichever is least. A drop counts where it is larger than every earlier one.

    Parameters
    ----------
    batch, rows
        Its label, and how many rows it has.
    volumes : mapping of str to int
        Rows of the batches before it, but for those with a fault.

    >>> good = dict(zip([f"2024-{m:02d}-01" for m in range(1, 10)], [100, 98, 103, 99, 101, 97, 102, 100, 99]))
    >>> too_few("2024-10-01", 51, good).partition(":")[0], too_few("2024-10-01", 65, good)
    ('there are 51 rows, where 99 are usual', '')
    """
    labels = sorted(label for label in volumes if label < batch)
    period = period_of([*labels, batch]) if labels else None
    if period is None or len(labels) < FEWEST:
        return ""
    known = {label: volumes[label] for label in labels} | {batch: rows}
    expected = {
        label: _expected(label, [known[each] for each in labels if each < label], known, period)
        for label in [*labels[RECENT:], batch]
    }
    drops = {label: math.log(max(known[label], 0.5) / max(usual, 0.5)) for label, usual in expected.items()}
    now = drops.pop(batch)
    if PERIODS[period].holidays:  # only fewer rows than ever count
        fewest = min(known[label] for label in labels)
        few = len(labels) >= 2 * max(PERIODS[period].seasons) and rows < HALF * fewest
    else:
        few = now < min(math.log(HALF), FURTHER * min(drops.values()))
    if not few:
        return ""
    usual = f"{expected[batch]:,.0f} are usual"
    return f"there are {rows:,} rows, where {usual}: is the file cut off, or a part of it missing?"


def _expected(label: str, before: Sequence[int], known: Mapping[str, int], period: Period) -> float:
    recent = float(min(median(before[-RECENT:]), before[-1]))
    seasons = [next_batch(label, period, -ago) for ago in PERIODS[period].seasons]
    return min([recent, *(float(known[season]) for season in seasons if season in known)])
