"""What a task is: one row for each thing that depends on the task, and the predictions it is judged by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ml_assets.recipe.own import Declared
from ml_assets.recipe.tasks import KNOWN_METRICS
from ml_assets.records import Direction

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

PREDICTION = "prediction"
PROBABILITY = "probability_"
NAIVE = "naive"
"""Column of predictions: the naive forecast of a time series."""
DISTANCE = "distance"
"""Column of predictions: how far a row is from the centre of its cluster."""
SCORES = "scores"
"""Column of predictions: the scores of the items that are recommended, as a JSON list."""
KNOWN = "known"
"""Column of predictions: whether the model had learned the item of a row of its user, and so recommends others."""

NOT_FOR_THIS_TASK: Final = None
"""What a row of `Task` says that has no meaning for the task."""


@dataclass(frozen=True)
class Labels:
    """Labelled predictions of a classifier, as codes of `classes`.

    `positive` is the code of the positive class of two, None for a model of more: it belongs to the predictions,
    so that no score depends on the classes that happen to be in these rows.
    """

    classes: tuple[str, ...]
    positive: int | None
    truth: NDArray[np.intp]
    predicted: NDArray[np.intp]
    probability: Floats | None


@dataclass(frozen=True)
class Numbers:
    """Labelled predictions of a regressor; `naive` are those of the naive forecast of a time series."""

    truth: Floats
    predicted: Floats
    naive: Floats | None = None


@dataclass(frozen=True)
class Effects:
    """Labelled predictions of an effect: outcome of each row, predicted effect, and whether it was treated."""

    truth: Floats
    predicted: Floats
    treated: NDArray[np.bool_]

    @property
    def cells(self) -> dict[str, NDArray[np.bool_]]:
        """Rows of each arm, of an outcome of 0 and 1 those of each outcome in it, by name."""
        arms = {"treated": self.treated, "control": ~self.treated}
        if not np.isin(self.truth, (0.0, 1.0)).all():
            return arms
        return {
            f"{arm}, {value:g}": rows & (self.truth == value)
            for arm, rows in arms.items()
            for value in (0.0, 1.0)
        }


@dataclass(frozen=True)
class Points:
    """Rows of a clustering in the space that they are measured in (`space`), and the code of each one's cluster."""

    classes: tuple[str, ...]
    truth: Floats
    predicted: NDArray[np.intp]
    _kept: dict[Callable[[Points], Floats], Floats] = field(default_factory=dict, repr=False, compare=False)

    def kept(self, of: Callable[[Points], Floats]) -> Floats:
        """What a function says of these rows, which is calculated once."""
        if of not in self._kept:
            self._kept[of] = of(self)
        return self._kept[of]


@dataclass(frozen=True)
class Rankings:
    """Interactions of users, and what was recommended to them.

    Parameters
    ----------
    truth : array of shape (n_rows,)
        What the item is worth to the user, 0 or less for one that was not liked.
    place : array of int of shape (n_rows,)
        Place of the item among those recommended, from 1; 0 where it is not.
    user, occasion, items : array of int of shape (n_rows,)
        Numbers from 0; the occasion is a user in a batch.
    counts : array of bool of shape (n_rows,)
        Rows whose item is new to the user: the two had not met before, as far as the rows and the model tell.
    top_k : int
        How many items are recommended.
    """

    truth: Floats
    place: NDArray[np.intp]
    user: NDArray[np.intp]
    occasion: NDArray[np.intp]
    items: NDArray[np.intp]
    counts: NDArray[np.bool_]
    top_k: int
    _kept: dict[Callable[[Rankings], Floats], Floats] = field(default_factory=dict, repr=False, compare=False)

    @property
    def occasions(self) -> int:
        """How many there are."""
        return int(self.occasion.max(initial=-1)) + 1

    def kept(self, of: Callable[[Rankings], Floats]) -> Floats:
        """What a function says of these rows, which is calculated once."""
        if of not in self._kept:
            self._kept[of] = of(self)
        return self._kept[of]


@dataclass(frozen=True)
class Metric:
    """How a metric is calculated; which way is better and its range stand in `recipe.tasks`.

    Parameters
    ----------
    function : callable
        From the labelled predictions and `counts`, how often each row counts in each resample, to one figure per
        resample.
    influence : callable or None
        From the labelled predictions to values whose mean moves as the metric does when rows are drawn anew; None
        where there is no formula.
    per_row : callable or None
        From the labelled predictions to what each row adds to a metric that is a mean over rows: see `mean`.
    share : bool
        Whether each row counts 0 or 1: the interval is then Wilson's.
    undefined : str
        Rows that leave it undefined, in words: "the hold-out has …"; empty where any row has it.
    by_class : bool
        Whether it speaks of the rows of a class: how sure it is then follows from the rarer class.
    from_squared : callable or None
        From the mean squared error and the variance of the labels to a metric of numbers that follows from these two.
    of : Declared or None
        Task and direction of a person's own metric; those of others stand in `recipe.tasks`.
    weighted : bool
        Whether rows may count in parts.
    """

    name: str
    needs: Literal["prediction", "probability"]
    function: Callable[[Any, Floats], Floats]
    influence: Callable[[Any], Floats | None] | None = None
    per_row: Callable[[Any], Floats] | None = None
    share: bool = False
    undefined: str = ""
    by_class: bool = False
    from_squared: Callable[[float, float], float] | None = None
    of: Declared | None = None
    weighted: bool = True

    @property
    def task(self) -> str:
        """A task that it judges: the first of several, which read their predictions alike."""
        return self.of.task if self.of is not None else KNOWN_METRICS[self.name].tasks[0]

    @property
    def direction(self) -> Direction:
        """Which way is better."""
        return self.of.direction if self.of is not None else KNOWN_METRICS[self.name].direction


def mean(
    name: str,
    needs: Literal["prediction", "probability"],
    per_row: Callable[[Any], Floats],
    *,
    share: bool = False,
    undefined: str = "",
) -> Metric:
    """A metric that is a mean over rows: score, interval, influence and estimate follow from one function of a row.

    >>> off = mean("mae", "prediction", lambda rows: np.abs(rows.truth - rows.predicted))
    >>> off.function(Numbers(np.array([1.0, 2.0]), np.array([1.0, 4.0])), np.array([[1.0, 1.0], [0.0, 2.0]])).tolist()
    [1.0, 2.0]
    """

    def function(rows: Any, counts: Floats) -> Floats:
        return np.asarray(counts @ per_row(rows) / counts.sum(axis=1))

    return Metric(name, needs, function, influence=per_row, per_row=per_row, share=share, undefined=undefined)


def nothing(y: Any) -> NDArray[Any]:
    """What a baseline is given that looks at no feature, of shape (n_rows, 1)."""
    return np.zeros((len(y), 1))


@dataclass(frozen=True)
class Task:
    """All that depends on the task. No row has a default: a new task answers each, or says `NOT_FOR_THIS_TASK`.

    Parameters
    ----------
    metrics : tuple of Metric
        In the order in which they are shown.
    default_metric : callable
        From the number of classes, None where unknown, to a metric's name.
    classes : bool
        Whether a target is one of some classes: text, of one spelling.
    joint : bool
        Whether all columns of y have one prediction together, not each its own.
    by_batch : bool
        Whether a row is judged beside the others of its batch: the score of several batches is then the mean of theirs,
        by their rows, and not that of all rows as if they had come, and been answered, at once.
    lacks : callable
        From y to what rows lack to be learned from, in words; None where they lack nothing.
    strata : callable or None
        From y to the stratum of each row: hold-out and folds have the same share of each.
    positive : callable or None
        From labels and the recipe's wish to the class that precision and recall speak of.
    class_names : callable or None
        From labels and the positive class to all classes, the positive one last.
    values : callable
        From labels to what an estimator is fitted on.
    labelled : callable
        From labels, predictions and positive class to arrays; unlabelled rows are left out.
    baseline : callable
        An estimator that looks at no feature, fitted on `values`.
    baseline_sees : callable
        From y to what the baseline is given for each row: nothing, but of a recommendation the users.
    baseline_is : str
        How the baseline comes by its score, in words after a figure.
    loss_kind : callable
        From predictions to the name of the loss of a row.
    row_losses : callable
        From labelled predictions to the loss of each row.
    encoded_target : {"auto", "continuous"} or None
        What scikit-learn's target encoder is told.
    target_check : {"classes", "numbers", "effects"} or None
        Check in `quality.contract` of the labels of a batch.
    target_pair : {"levels", "numbers"} or None
        How `monitoring.target` compares labels.
    estimated_by : {"probabilities", "losses"} or None
        How `monitoring.estimated` estimates a metric without labels.
    blocked_by : {"entity", "time", "user"}
        What rows share that count together in a paired test; rows of one user are also drawn together for intervals.
    picture : {"confusion_matrix", "residuals", "forecast", "qini", "clusters", "places"}
        Picture of `evaluation.pictures` of an evaluation.
    """

    name: str
    metrics: tuple[Metric, ...]
    default_metric: Callable[[int | None], str]
    classes: bool
    joint: bool
    by_batch: bool
    lacks: Callable[[Any], str | None]
    strata: Callable[[Any], pd.Series[Any]] | None
    positive: Callable[[pd.Series[Any], str | int | bool | None], str | None] | None
    class_names: Callable[[pd.Series[Any], str | None], tuple[str, ...]] | None
    values: Callable[[Any], NDArray[Any]]
    labelled: Callable[[Any, pd.DataFrame, str | None], Labels | Numbers | Effects | Points | Rankings]
    baseline: Callable[[], Any]
    baseline_sees: Callable[[Any], NDArray[Any]]
    baseline_is: str
    loss_kind: Callable[[pd.DataFrame], str]
    row_losses: Callable[[Any], Floats]
    encoded_target: Literal["auto", "continuous"] | None
    target_check: Literal["classes", "numbers", "effects"] | None
    target_pair: Literal["levels", "numbers"] | None
    estimated_by: Literal["probabilities", "losses"] | None
    blocked_by: Literal["entity", "time", "user"]
    picture: Literal["confusion_matrix", "residuals", "forecast", "qini", "clusters", "places"]
