"""Columns as float64, or as text."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

MISSING = "missing"
"""The category of a missing value."""
LARGEST = 1e38
"""Numbers beyond this are infinite to libraries that reckon in single precision."""


def as_numbers(frame: pd.DataFrame, *, spent: bool = False) -> pd.DataFrame:
    """Turn columns into float64; missing and infinite values, and those beyond 1e38, into NaN.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
    spent : bool
        Whether nobody needs the frame any more, so that its values may be used instead of a copy.

    Raises
    ------
    ValueError
        If a column holds text that is no number.
    """
    if all(isinstance(dtype, np.dtype) and dtype.kind in "fiu" for dtype in frame.dtypes):
        # By columns, as below: the order of additions, and with it the last digit of a mean, stays the same. One copy.
        whole = frame.to_numpy(np.float64)
        if not (spent and whole.flags.f_contiguous and whole.flags.writeable):
            whole = np.array(whole, order="F")
        for numbers in whole.T:
            numbers[~(np.abs(numbers) <= LARGEST)] = np.nan
        return pd.DataFrame(whole, index=frame.index, columns=frame.columns, copy=False)
    columns = {}
    for column in frame.columns:
        try:
            values = pd.to_numeric(frame[column]).to_numpy(np.float64, na_value=np.nan)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{column}: is a numeric feature of the model, but {error}.") from error
        columns[column] = np.where(np.abs(values) <= LARGEST, values, np.nan)
    return pd.DataFrame(columns, index=frame.index)


def as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn columns into text: 1.0 as "1", -0.0 as "0", missing values as "missing".

    >>> as_text(pd.DataFrame({"a": [1.0, -0.0, None], "b": ["x", "y", None]})).values.tolist()
    [['1', 'x'], ['0', 'y'], ['missing', 'missing']]
    """
    columns = {}
    for column in frame.columns:
        values = frame[column]
        if is_numeric_dtype(values.dtype) and not is_bool_dtype(values.dtype):
            text = (values + 0.0).map("{:.15g}".format)  # -0.0 is 0
        else:
            text = values.astype(object).where(values.notna(), MISSING).map(str)
        columns[column] = text.astype(object).where(values.notna(), MISSING).to_numpy(dtype=object)
    return pd.DataFrame(columns, index=frame.index, dtype=object)
