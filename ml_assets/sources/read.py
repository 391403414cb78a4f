"""Rows of a recipe's source as one DataFrame: all of them, or those of some batches."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ml_assets.recipe.faults import did_you_mean
from ml_assets.sources import tables
from ml_assets.sources.batches import batch_of, batch_start, limits, next_batch
from ml_assets.sources.files import SourceError, expand, find_files

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Batches

__all__ = ["KNOWN", "SourceError", "expand", "read_source"]

KNOWN = {
    "iris": "load_iris",
    "diabetes": "load_diabetes",
    "breast_cancer": "load_breast_cancer",
    "wine": "load_wine",
    "digits": "load_digits",
}
"""Data sets of `sklearn://NAME`: those that come with scikit-learn. Their target column is `target`."""


def read_source(
    source_uri: str,
    base: Path,
    *,
    batches: Batches | None = None,
    window: tuple[str | None, str | None] | None = None,
) -> pd.DataFrame:
    """Read CSV or Parquet files (path, glob, folder, `file://…`) or `sklearn://NAME`.

    Parameters
    ----------
    source_uri : str
        Without variables: see `expand`.
    base : Path
        Folder that relative paths start from; where nothing is there, the current directory.
    batches : Batches, optional
        Which column holds the time. It is read as a time, in UTC.
    window : (str or None, str or None), optional
        Labels of the first batch wanted and of the first one no longer wanted; None is open. Default: the
        recipe's `start` and `end`.

    Returns
    -------
    DataFrame of shape (n_rows, n_columns)
        Int64, float64, boolean, object (text, None where missing) and datetime64[us] columns. A type depends
        on no single batch.

    Raises
    ------
    SourceError
        A file is missing, broken or unlike the others, a time cannot be read, or the window has no row.
    """
    if window is not None and batches is None:
        raise ValueError("a window needs `batches`: the column that holds the time")
    if source_uri.startswith("sklearn://"):
        return _known(source_uri, batches)
    paths = find_files(source_uri, base)
    if batches is None:
        return _frame(tables.join([tables.read_piece(path) for path in paths]))
    start, end = limits(batches)
    if window is not None:
        start = batch_start(window[0], batches.period) if window[0] else start
        end = batch_start(window[1], batches.period) if window[1] else end
    table = tables.join([tables.read_piece(path, batches.column, (start, end)) for path in paths])
    if not table.num_rows:
        wanted = _wanted(window or (None, None), batches)
        raise SourceError(
            f"source_uri '{source_uri}': no rows for {wanted}; {_covered(paths, batches, start)}"
        )
    return _frame(table)


def _frame(table: Any) -> pd.DataFrame:
    frame: pd.DataFrame = tables.to_pandas(table)
    return frame


def _known(source_uri: str, batches: Batches | None) -> pd.DataFrame:
    import pyarrow as pa
    from sklearn import datasets

    name = source_uri.removeprefix("sklearn://")
    if batches is not None:
        raise SourceError(f"source_uri '{source_uri}' has no time column: remove the section `batches`")
    if name not in KNOWN:
        more = " (california_housing needs a download, which is not yet done)" if "california" in name else ""
        hint = did_you_mean(name, list(KNOWN))
        raise SourceError(
            f"source_uri '{source_uri}' is not known{more}; known are {', '.join(KNOWN)}.{hint}"
        )
    return _frame(
        pa.Table.from_pandas(getattr(datasets, KNOWN[name])(as_frame=True).frame, preserve_index=False)
    )


def _wanted(window: tuple[str | None, str | None], batches: Batches) -> str:
    first, after = window
    if first and after and next_batch(first, batches.period) == after:
        return f"batch {first}"
    first, after = first or batches.start or "the oldest", after or batches.end or "the newest"
    return f"the batches from {first} until {after}"


def _covered(paths: list[Path], batches: Batches, start: datetime | None) -> str:
    found = tables.extent(paths, batches.column)
    if found is None:
        return "there are no rows at all yet"
    first, last = (batch_of(moment, batches.period) for moment in found)
    gap = start is not None and found[0] < start < found[1]
    advice = ". Send the missing rows, begin after them (batches.start), or take a longer batches.period"
    return f"data covers {first} to {last}{advice if gap else ''}"
