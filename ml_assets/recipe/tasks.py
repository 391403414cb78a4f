"""The tasks by name, and the names of their metrics: what a recipe may ask for.

The formulas are in `ml_assets.tasks`; a test there keeps the names equal.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

TaskType = Literal["classification", "regression", "clustering", "recommendation", "timeseries", "causal"]
"""Kind of problem."""


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

UNTARGETED: Final[tuple[TaskType, ...]] = ("clustering", "recommendation")
"""Tasks without labels: a row is judged by itself, beside others."""
RECOMMENDS: Final[tuple[TaskType, ...]] = ("recommendation",)
"""Tasks whose rows are a user and an item, and whose answer to a user are some items."""
TOP_K: Final = 10
"""Items that are recommended where the recipe does not say how many."""

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
    "ndcg": KnownMetric(RECOMMENDS, "maximize", 0.0, 1.0),
    "map": KnownMetric(RECOMMENDS, "maximize", 0.0, 1.0),
    "recall_at_k": KnownMetric(RECOMMENDS, "maximize", 0.0, 1.0),
    "hit_rate": KnownMetric(RECOMMENDS, "maximize", 0.0, 1.0),
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
    "recommendation": "ndcg",
}
"""Metric where the recipe names none. None: roc_auc for two classes, f1 for more, known once the data is."""

ESTIMATOR_KINDS: Final[dict[str, Literal["Classifier", "Regressor", "Clusterer", "Recommender"]]] = {
    "classification": "Classifier",
    "regression": "Regressor",
    "timeseries": "Regressor",
    "causal": "Regressor",
    "clustering": "Clusterer",
    "recommendation": "Recommender",
}
"""Kind of scikit-learn estimator of a task, and how names of classifiers and regressors end."""
