"""Parts of the rows that a better average must not pay for."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_assets.features.values import LARGEST
from ml_assets.quality.groups import FEW_VALUES
from ml_assets.shown import told_apart

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


def segments(
    frame: pd.DataFrame, columns: Iterable[str], features: Iterable[str]
) -> dict[str, NDArray[np.bool_]]:
    """Cut the rows by the values of some columns, and by what is missing.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        The rows.
    columns : iterable of str
        Each value of these is a segment; numbers with many values are cut into quarters.
    features : iterable of str
        The rows where one of these is missing are a segment. An infinite number is missing, as to a model.

    Returns
    -------
    dict of str to array of shape (n_rows,)
        Its rows by the segment's name; two names of the same rows are one segment.

    Raises
    ------
    KeyError
        If a named column is not in the frame.
    """
    found: dict[str, NDArray[np.bool_]] = {}
    for column in columns:
        if column not in frame.columns:
            raise KeyError(f"evaluation.segments: {column!r} is not a column of the rows")
        found |= _values(_as_learned(frame[column]), column)
    for feature in features:
        if feature in frame.columns:
            found[f"{feature} missing"] = _as_learned(frame[feature]).isna().to_numpy()
    by_rows: dict[bytes, list[str]] = {}
    for name, rows in found.items():
        if 0 < rows.sum() < len(rows):
            by_rows.setdefault(rows.tobytes(), []).append(name)
    return {_joined(names): found[names[0]] for names in by_rows.values()}


def _as_learned(values: pd.Series[Any]) -> pd.Series[Any]:
    """Values as a model is given them: a column that a function made may hold infinite numbers."""
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(values.dtype):
        return values
    beyond = np.abs(values.to_numpy(np.float64, na_value=np.nan)) > LARGEST
    return values.mask(beyond) if beyond.any() else values


def _values(values: pd.Series[Any], name: str) -> dict[str, NDArray[np.bool_]]:
    import pandas as pd

    if pd.api.types.is_numeric_dtype(values) and values.nunique() > FEW_VALUES:
        edges = np.unique(np.nanquantile(values.to_numpy(np.float64), (0, 0.25, 0.5, 0.75, 1)))
        parts = pd.cut(values, list(edges), include_lowest=True, duplicates="drop")
        labels = parts.cat.rename_categories(
            [f"{name} {low} to {high}" for low, high in pairwise(told_apart(edges.tolist()))]
        )
    else:
        labels = values.astype("string").map(lambda value: f"{name}={value}", na_action="ignore")
    masks = {str(label): (labels == label).fillna(False).to_numpy(bool) for label in labels.dropna().unique()}
    return masks | {f"{name} missing": values.isna().to_numpy()}


def _joined(names: list[str]) -> str:
    shown = " and ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def holm(p_values: list[float]) -> list[float]:
    """Correct p-values for their number (Holm 1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected = [1.0] * len(p_values)
    highest = 0.0
    for rank, position in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, p_values[position] * (len(p_values) - rank)))
        corrected[position] = round(highest, 15)
    return corrected
