"""The tasks by name, and the names of their metrics: what a recipe may ask for.

The formulas are in `ml_assets.tasks`; a test there keeps the names equal.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

TaskType = Literal["classification", "regression", "clustering", "recommendation", "timeseries", "causal"]
"""Kind of problem; those without a row in `TASK_METRICS` are not yet supported."""


class KnownMetric(NamedTuple):
    """What a recipe must know of a metric: its tasks, which way is better, least and greatest possible value."""

    tasks: tuple[TaskType, ...]
    direction: Literal["maximize", "minimize"]
    least: float
    greatest: float


_ENDLESS: Final = float("inf")
NUMBERS: Final[tuple[TaskType, ...]] = ("regression", "timeseries")
"""Tasks that predict a number."""
EFFECTS: Final[tuple[TaskType, ...]] = ("causal",)
"""Tasks that predict what a treatment changes: y is the outcome and the treatment together."""
FORECASTS: Final[tuple[TaskType, ...]] = ("timeseries",)
"""Tasks that predict a row from what was known a horizon before it, its own target among it."""

UNTARGETED: Final[tuple[TaskType, ...]] = ("clustering",)
"""Tasks without a target column: a row is judged by itself, beside others."""

KNOWN_METRICS: Final[dict[str, KnownMetric]] = {
    "accuracy": KnownMetric(("classification",), "maximize", 0.0, 1.0),
    "precision": KnownMetric(("classification",), "maximize", 0.0, 1.0),
    "recall": KnownMetric(("classification",), "maximize", 0.0, 1.0),
    "f1": KnownMetric(("classification",), "maximize", 0.0, 1.0),
    "roc_auc": KnownMetric(("classification",), "maximize", 0.0, 1.0),
    "pr_auc": KnownMetric(("classification",), "maximize", 0.0, 1.0),
    "log_loss": KnownMetric(("classification",), "minimize", 0.0, _ENDLESS),
    "mse": KnownMetric(NUMBERS, "minimize", 0.0, _ENDLESS),
    "rmse": KnownMetric(NUMBERS, "minimize", 0.0, _ENDLESS),
    "mae": KnownMetric(NUMBERS, "minimize", 0.0, _ENDLESS),
    "r2": KnownMetric(NUMBERS, "maximize", -_ENDLESS, 1.0),
    "mape": KnownMetric(NUMBERS, "minimize", 0.0, _ENDLESS),
    "smape": KnownMetric(NUMBERS, "minimize", 0.0, 2.0),
    "mase": KnownMetric(("timeseries",), "minimize", 0.0, _ENDLESS),
    "qini": KnownMetric(EFFECTS, "maximize", -_ENDLESS, _ENDLESS),
    "auuc": KnownMetric(EFFECTS, "maximize", -_ENDLESS, _ENDLESS),
    "silhouette": KnownMetric(("clustering",), "maximize", -1.0, 1.0),
    "calinski_harabasz": KnownMetric(("clustering",), "maximize", 0.0, _ENDLESS),
    "davies_bouldin": KnownMetric(("clustering",), "minimize", 0.0, _ENDLESS),
}

METRIC_DIRECTIONS: Final = {name: known.direction for name, known in KNOWN_METRICS.items()}

TASK_METRICS: Final[dict[str, tuple[str, ...]]] = {
    task: tuple(name for name, known in KNOWN_METRICS.items() if task in known.tasks)
    for task in dict.fromkeys(task for known in KNOWN_METRICS.values() for task in known.tasks)
}

DEFAULT_METRICS: Final[dict[str, str | None]] = {
    "classification": None,
    "regression": "rmse",
    "timeseries": "mae",
    "causal": "qini",
    "clustering": "silhouette",
}
"""Metric where the recipe names none. None: roc_auc for two classes, f1 for more, known once the data is."""

ESTIMATOR_KINDS: Final[dict[str, Literal["Classifier", "Regressor", "Clusterer"]]] = {
    "classification": "Classifier",
    "regression": "Regressor",
    "timeseries": "Regressor",
    "causal": "Regressor",
    "clustering": "Clusterer",
}
"""Kind of scikit-learn estimator of a task, and how names of classifiers and regressors end."""
