"""Feature functions as a person writes them."""

from __future__ import annotations

import numpy as np
import pandas as pd


def magnitude(rows: pd.DataFrame) -> pd.Series:
    """Logarithm of the sum of the absolute numbers of a row."""
    return np.log1p(rows.select_dtypes("number").abs().sum(axis=1))


def per_year(rows: pd.DataFrame) -> pd.Series:
    """What was spent for each year of age; it reads two columns by their names."""
    return rows["spent"] / rows["age"]
