"""The tasks by name, and the names of their metrics: what a recipe may ask for.

The formulas are in `ml_assets.evaluation.metrics`; a test there keeps the names equal.
"""

from __future__ import annotations

from typing import Final, Literal

TaskType = Literal["classification", "regression", "clustering", "recommendation", "timeseries", "causal"]
"""Kind of problem; those without a row in `TASK_METRICS` are not yet supported."""

METRIC_DIRECTIONS: Final[dict[str, Literal["maximize", "minimize"]]] = {
    "accuracy": "maximize",
    "precision": "maximize",
    "recall": "maximize",
    "f1": "maximize",
    "roc_auc": "maximize",
    "pr_auc": "maximize",
    "log_loss": "minimize",
    "mse": "minimize",
    "rmse": "minimize",
    "mae": "minimize",
    "r2": "maximize",
    "mape": "minimize",
}

TASK_METRICS: Final[dict[str, tuple[str, ...]]] = {
    "classification": ("accuracy", "precision", "recall", "f1", "roc_auc", "pr_auc", "log_loss"),
    "regression": ("mse", "rmse", "mae", "r2", "mape"),
}

DEFAULT_METRICS: Final[dict[str, str | None]] = {"classification": None, "regression": "rmse"}
"""Metric where the recipe names none. None: roc_auc for two classes, f1 for more, known once the data is."""

METRIC_RANGES: Final[dict[str, tuple[float, float]]] = {
    **dict.fromkeys(("accuracy", "precision", "recall", "f1", "roc_auc", "pr_auc"), (0.0, 1.0)),
    **dict.fromkeys(("log_loss", "mse", "rmse", "mae", "mape"), (0.0, float("inf"))),
    "r2": (float("-inf"), 1.0),
}
"""Least and greatest possible value."""
