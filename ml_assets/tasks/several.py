"""Several targets of a row: each is scored by itself, and what counts is the mean over them.

As scikit-learn's `multioutput="uniform_average"`: a metric is the mean of the metric of each target, the loss of a
row the mean of its losses. A row counts once all of its targets are known. Predictions have the columns of one
target, `prediction` and perhaps `probability_<class>`, for each of them in turn, with its name in theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml_assets.tasks.base import PREDICTION, PROBABILITY, Effects, Labels, Numbers, Points, Rankings, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from ml_assets.records import Positive
    from ml_assets.tasks.base import Floats


@dataclass(frozen=True)
class Several:
    """Labelled predictions of several targets of the same rows, in the order of `names`."""

    names: tuple[str, ...]
    parts: tuple[Labels | Numbers | Effects | Points | Rankings, ...]

    @property
    def truth(self) -> NDArray[Any]:
        """True values of all targets, of shape (n_rows, n_targets)."""
        return np.column_stack([part.truth for part in self.parts])

    def mean(self, of_part: Callable[[Any], Floats | None]) -> Floats | None:
        """Mean over the targets of what a function says of each; None where it says nothing of one."""
        found = [of_part(part) for part in self.parts]
        known = [values for values in found if values is not None]
        return np.asarray(np.mean(known, axis=0)) if len(known) == len(found) else None


Labelled = Labels | Numbers | Effects | Points | Rankings | Several
"""Labelled predictions, of one target or of several."""


def parts_of(rows: Labelled) -> tuple[Labels | Numbers | Effects | Points | Rankings, ...]:
    """Labelled predictions of each target."""
    return rows.parts if isinstance(rows, Several) else (rows,)


def has_labels(y: Any) -> NDArray[np.bool_]:
    """Rows whose targets are all known.

    Parameters
    ----------
    y : Series of shape (n_rows,) or DataFrame of shape (n_rows, n_targets)

    Returns
    -------
    array of bool of shape (n_rows,)

    >>> import pandas as pd
    >>> has_labels(pd.DataFrame({"a": [1.0, None, 3.0], "b": [None, 2.0, 3.0]})).tolist()
    [False, False, True]
    """
    there = y.notna().to_numpy()
    return np.asarray(there if there.ndim == 1 else there.all(axis=1), dtype=bool)


def target_names(y: Any, task: Task | None = None) -> tuple[str, ...]:
    """Names of several targets; empty where y is of one, or has one prediction together."""
    joint = task is not None and task.joint
    return tuple(map(str, y.columns)) if y.ndim == 2 and not joint else ()


def answers(predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Take predictions apart: those of each target under the names that one target has.

    >>> import pandas as pd
    >>> both = {"prediction_a": [1], "prediction_b": ["x"], "probability_b_x": [0.7]}
    >>> {name: list(part) for name, part in answers(pd.DataFrame(both)).items()}
    {'a': ['prediction'], 'b': ['prediction', 'probability_x']}
    """
    found: dict[str, dict[str, str]] = {}
    target = ""
    for column in map(str, predictions.columns):
        if column.startswith(f"{PREDICTION}_"):
            target = column.removeprefix(f"{PREDICTION}_")
            found[target] = {column: PREDICTION}
        elif column.startswith(PROBABILITY) and target:
            found[target][column] = PROBABILITY + column.removeprefix(f"{PROBABILITY}{target}_")
    if not found:
        return {"": predictions}
    return {name: predictions[list(columns)].rename(columns=columns) for name, columns in found.items()}


def column_of(column: str, target: str) -> str:
    """Name that a column of the predictions of one target has among those of several.

    >>> column_of("prediction", "a"), column_of("probability_yes", "a")
    ('prediction_a', 'probability_a_yes')
    """
    kind, _, label = column.partition("_")
    return f"{kind}_{target}_{label}" if label else f"{kind}_{target}"


def answer_columns(predictions: pd.DataFrame) -> list[str]:
    """Columns with what is predicted, not how surely."""
    names = map(str, predictions.columns)
    return [name for name in names if name == PREDICTION or name.startswith(f"{PREDICTION}_")]


def of_each(y: Any, predictions: pd.DataFrame) -> Iterator[tuple[str, pd.Series[Any], pd.DataFrame]]:
    """Name, labels and predictions of each target; the name is empty where there is one."""
    parts = answers(predictions)
    for name in target_names(y):
        yield name, y[name], parts[name]
    if y.ndim == 1:
        yield "", y, predictions


def each_positive(positive: Positive, count: int) -> Sequence[str | None]:
    """Positive class of each of some targets."""
    return positive if isinstance(positive, tuple) else [positive] * count


def positives(task: Task, y: Any, wanted: str | int | bool | None) -> Positive:
    """Class that precision and recall speak of, of several targets one for each.

    Raises
    ------
    ValueError
        If the wanted class is not among the labels.
    """
    if task.positive is None:
        return None
    if y.ndim == 1:
        return task.positive(y, wanted)
    return tuple(task.positive(y[name], wanted) for name in y.columns)


def classes_by_target(task: Task, y: Any, positive: Positive) -> dict[str, tuple[str, ...]]:
    """Classes of each of several targets, the positive one last; empty for one target, and where there are none."""
    if task.class_names is None or y.ndim == 1:
        return {}
    chosen = each_positive(positive, y.shape[1])
    return {str(name): task.class_names(y[name], one) for name, one in zip(y.columns, chosen, strict=True)}


def classes_of_one(task: Task, y: Any, positive: Positive) -> tuple[str, ...] | None:
    """Classes of the one target, the positive one last; None where there are none, and for several targets."""
    if task.class_names is None or y.ndim == 2:
        return None
    return task.class_names(y, each_positive(positive, 1)[0])


def most_classes(y: Any) -> int:
    """Different values of y, of several targets the most that one has."""
    return int(y.nunique() if y.ndim == 1 else y.nunique().max())


def one_class(y: Any) -> str | None:
    """Name a target all of whose rows are of one class, with the class; None where each has two."""
    for name in target_names(y) or (None,):
        column = y if name is None else y[name]
        if column.nunique() < 2:
            return f"{column.name}: all {len(column)} rows are of one class, {column.iloc[0]!r}."
    return None
