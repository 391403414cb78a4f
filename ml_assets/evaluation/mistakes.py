"""Where a model was wrong: classes taken for one another, errors by prediction, the newest rows, the worst rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from ml_assets.evaluation.curves import MOST_TARGETS, groups, plain
from ml_assets.evaluation.parts import Rows
from ml_assets.evaluation.pictures import MOST_CLASSES
from ml_assets.names import BATCH, ROW_ID, STATIC
from ml_assets.records.mistakes import Confusion, Recent, Residuals, WrongRow, WrongRows
from ml_assets.tasks.base import (
    NAIVE,
    PREDICTION,
    PROBABILITY,
    Effects,
    Floats,
    Labels,
    Numbers,
    Points,
    Rankings,
)
from ml_assets.tasks.several import Labelled, Several, answers

MOST_ROWS = 10
"""Rows that are told."""
MOST_COLUMNS = 6
"""Features that are told of each."""
SHARED = 10
"""Rows that have a value of a category at least, where it is told."""
LONGEST = 40
"""Characters of a value; what is longer is a text."""
NEWEST = 120
"""Rows of a time series that are told."""


def confusions(rows: Labelled) -> tuple[Confusion, ...]:
    """Count true against predicted classes, of several targets for the first few."""
    return tuple(_confusion(name, part) for name, part in _named(rows) if isinstance(part, Labels))


def _confusion(target: str, rows: Labels) -> Confusion:
    k = len(rows.classes)
    counts = np.bincount(rows.truth * k + rows.predicted, minlength=k * k).reshape(k, k)
    names = [str(label) for label in rows.classes]
    if k > MOST_CLASSES:
        kept = np.sort(np.argsort(-counts.sum(axis=1), kind="stable")[: MOST_CLASSES - 1])
        place = np.full(k, len(kept))
        place[kept] = np.arange(len(kept))
        fewer = np.zeros((len(kept) + 1, len(kept) + 1), dtype=int)
        np.add.at(fewer, (place[:, None], place[None, :]), counts)
        names, counts = [*(names[j] for j in kept), "other"], fewer
    return Confusion(
        target=target, classes=tuple(names), counts=tuple(tuple(int(n) for n in line) for line in counts)
    )


def residuals(rows: Labelled) -> tuple[Residuals, ...]:
    """Spread of the errors by what was predicted, of several targets for the first few."""
    named = [(name, part) for name, part in _named(rows) if isinstance(part, Numbers)]
    finite = [(name, part, np.isfinite(part.predicted)) for name, part in named]
    return tuple(
        _residuals(name, part.truth[there], part.predicted[there])
        for name, part, there in finite
        if there.any()
    )


def _residuals(target: str, truth: Floats, predicted: Floats) -> Residuals:
    errors = truth - predicted
    parts = groups(predicted)
    ends = np.array([np.quantile(errors[part], (0.05, 0.5, 0.95)) for part in parts])
    return Residuals(
        target=target,
        predicted=plain(np.array([predicted[part].mean() for part in parts])),
        low=plain(ends[:, 0]),
        middle=plain(ends[:, 1]),
        high=plain(ends[:, 2]),
        rows=tuple(len(part) for part in parts),
    )


def recent(y: Any, predictions: pd.DataFrame) -> Recent | None:
    """Tell the newest rows of a time series; None of anything else."""
    if NAIVE not in predictions:
        return None
    there = np.flatnonzero(y.notna().to_numpy())[-NEWEST:]
    came = pd.to_numeric(y).to_numpy(np.float64)[there]
    naive = predictions[NAIVE].to_numpy(np.float64)[there]
    return Recent(
        came=plain(came),
        predicted=plain(predictions[PREDICTION].to_numpy(np.float64)[there]),
        naive=tuple(None if np.isnan(value) else plain(np.array([value]))[0] for value in naive),
    )


def _named(rows: Labelled) -> list[tuple[str, Labels | Numbers | Effects | Points | Rankings]]:
    if isinstance(rows, Several):
        return list(zip(rows.names, rows.parts, strict=True))[:MOST_TARGETS]
    return [("", rows)]


def wrong_rows(
    rows: Rows, features: Sequence[str], leans: Sequence[str], learned: pd.DataFrame
) -> WrongRows | None:
    """Tell the rows of the largest loss; None where a row has several targets, or none is labelled.

    Parameters
    ----------
    rows : Rows
        Labelled rows of the hold-out.
    features : sequence of str
        All that the model has learned.
    leans : sequence of str
        Those that it leans on, the first one most; the first few are told.
    learned : DataFrame of shape (n_training_rows, n_columns)
        Says which values of a category many rows share.
    """
    if rows.y.ndim > 1 or not len(rows.losses):
        return None
    worst = np.argsort(-rows.losses, kind="stable")[:MOST_ROWS]
    names = [name for name in leans if name in features][:MOST_COLUMNS]
    shared = {name: _shared(learned[name]) for name in names}
    told, rare = [], 0
    given = answers(rows.predictions)[""]
    for place in worst:
        row = rows.frame.iloc[place]
        values = {name: _value(row[name], shared[name]) for name in names}
        rare += sum(value is ... for value in values.values())
        share = given.get(f"{PROBABILITY}{rows.y.iloc[place]}")
        told.append(
            WrongRow(
                batch=str(row.get(BATCH, STATIC)),
                row=str(row[ROW_ID]) if ROW_ID in row else "",
                truth=_answer(rows.y.iloc[place]),
                predicted=_answer(given[PREDICTION].iloc[place]),
                share=None if share is None else float(share.iloc[place]),
                loss=float(rows.losses[place]),
                values={name: None if value is ... else value for name, value in values.items()},
            )
        )
    return WrongRows(rows=tuple(told), features=len(features), rare=rare)


def _shared(values: pd.Series[Any]) -> frozenset[str] | None:
    """Values that many rows have; None of numbers, which are all told."""
    if is_numeric_dtype(values.dtype) and not is_bool_dtype(values.dtype):
        return None
    counts = Counter(str(value) for value in values.dropna())
    return frozenset(value for value, count in counts.items() if count >= SHARED and len(value) <= LONGEST)


def _value(value: Any, shared: frozenset[str] | None) -> Any:
    """A value as it is told: `...` where it is too rare, None where it is missing."""
    if pd.isna(value):
        return None
    if shared is None:
        return float(f"{value:.4g}")  # as much as is shown: a number that is somebody's is not told whole
    return str(value) if str(value) in shared else ...


def _answer(value: Any) -> str | float:
    return float(value) if isinstance(value, int | float | np.number) else str(value)
