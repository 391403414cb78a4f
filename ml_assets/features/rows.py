"""Training rows that a model does not learn, as its recipe says; rows to predict are never left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from ml_assets.features.outliers import Outliers
from ml_assets.features.values import as_numbers
from ml_assets.recipe.schema.preparing import OutlierMethod

INCOMPLETE = "without a value in a column of missing_strategy drop"
OUTLYING = "outliers"


@dataclass(frozen=True)
class LearnedRows:
    """Which training rows are learned.

    Parameters
    ----------
    complete : tuple of str
        Columns whose missing value leaves a row out.
    usual : tuple of (method, columns)
        Columns whose outliers leave a row out, by how they are found.
    random_state : int
    """

    complete: tuple[str, ...] = ()
    usual: tuple[tuple[OutlierMethod, tuple[str, ...]], ...] = ()
    random_state: int = 0

    def of(self, X: pd.DataFrame, y: Any) -> tuple[NDArray[np.bool_], dict[str, int]]:
        """Tell the rows to learn, and how many are left out for which reason.

        Outliers are found among the rows that miss nothing.

        Raises
        ------
        ValueError
            If no row is left, or all that are left are of one class.
        """
        wanted = X[list(self.complete)]
        numbers = as_numbers(wanted.select_dtypes("number"))  # what is infinite is missing to the model
        learned = (wanted.notna().all(axis=1) & numbers.notna().all(axis=1)).to_numpy()
        left_out = {INCOMPLETE: int((~learned).sum())}
        rest = X[learned]
        outlying = np.zeros(len(rest), dtype=bool)
        for method, columns in self.usual if len(rest) else ():
            numbers = as_numbers(rest[list(columns)])
            outlying |= Outliers(method, random_state=self.random_state).fit(numbers).outlying(numbers)
        learned[learned] = ~outlying
        left_out[OUTLYING] = int(outlying.sum())
        left_out = {reason: rows for reason, rows in left_out.items() if rows}
        labels = np.asarray(y).reshape(len(X), -1)
        if not learned.any() or any(_lost_classes(labels[:, k], learned) for k in range(labels.shape[1])):
            kept = "no row is" if not learned.any() else "rows of one class only are"
            told = ", ".join(f"{rows:,} {reason}" for reason, rows in left_out.items())
            raise ValueError(
                f"{kept} left of {len(X):,} training rows ({told}). Use another missing_strategy, or an "
                "outlier_treatment that leaves rows in (clip, flag)"
            )
        return learned, left_out


def _lost_classes(labels: NDArray[Any], learned: NDArray[np.bool_]) -> bool:
    """Whether of several classes only one is left."""
    if labels.dtype.kind in "fc":
        return False
    return len(np.unique(labels[learned])) < 2 <= len(np.unique(labels))


class ChoosyPipeline(Pipeline):  # type: ignore[misc]  # scikit-learn has no types
    """A Pipeline that leaves training rows out before it learns anything, and predicts every row.

    Parameters
    ----------
    steps : list of (str, estimator)
    rows : LearnedRows, optional
        None where the Pipeline is a part of another, whose rows are chosen already.

    Attributes
    ----------
    left_out_ : dict of str to int
        Rows that were not learned, by the reason.
    """

    def __init__(
        self,
        steps: list[tuple[str, Any]],
        *,
        rows: LearnedRows | None = None,
        transform_input: Any = None,
        memory: Any = None,
        verbose: bool = False,
    ) -> None:
        self.rows = rows
        super().__init__(steps, transform_input=transform_input, memory=memory, verbose=verbose)

    def fit(self, X: pd.DataFrame, y: Any = None, **params: Any) -> ChoosyPipeline:
        """Choose the rows and fit the steps on them."""
        if self.rows is None:
            super().fit(X, y, **params)
            return self
        learned, self.left_out_ = self.rows.of(X, y)
        super().fit(X[learned], y[learned], **params)
        return self
