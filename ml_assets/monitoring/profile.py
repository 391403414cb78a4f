"""What monitoring must know about a model beside the rows it was trained on; measured once, at training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.evaluation.importance import permutation_importance
from ml_assets.features.columns import Roles, roles
from ml_assets.monitoring import target
from ml_assets.monitoring.drift import drift_report
from ml_assets.monitoring.reference import InMemory, Reference
from ml_assets.monitoring.verdict import JOINT, outputs
from ml_assets.names import BATCH
from ml_assets.recipe.schema import Monitoring, Recipe
from ml_assets.records import Profile

USUAL_BATCHES = 24
REFERENCE_ROWS = 10_000
PREDICTIONS = 2_000


def profile(
    model: Any,
    metric: str,
    positive: str | None,
    train: pd.DataFrame,
    test: pd.DataFrame,
    predicted: pd.DataFrame,
    recipe: Recipe,
    progress: Callable[[int, int], None] | None = None,
) -> Profile:
    """Measure importance, usual effects between batches, and predictions on rows the model has not learned.

    Parameters
    ----------
    model : Pipeline
        Fitted on `train` alone.
    metric : str
        What is lost by permuting a column.
    positive : str or None
        Positive class of two.
    train, test : DataFrame of shape (n_rows, n_columns)
        Training set and hold-out, with `batch__` where there are batches.
    predicted : DataFrame of shape (n_test_rows, n_outputs)
        The model's predictions for the hold-out.
    recipe : Recipe
        The recipe.
    progress : callable, optional
        Called now and then with: columns whose importance is measured, columns.
    """
    whole = pd.concat([train, test], ignore_index=True)
    shown = predicted.iloc[np.random.default_rng(recipe.random_state).permutation(len(test))[:PREDICTIONS]]
    labels = target.usual_effects(whole, recipe.target, recipe.task) if recipe.batches else {}
    return Profile(
        metric=metric,
        importance=permutation_importance(
            model, test, test[recipe.target], metric, positive, recipe.random_state, whole, progress
        ),
        usual=usual_effects(whole, recipe) | ({recipe.target: labels} if labels else {}),
        predictions={name: tuple(_rounded(shown[name])) for name in outputs(predicted)},
    )


def usual_effects(frame: pd.DataFrame, recipe: Recipe) -> dict[str, dict[str, tuple[float, ...]]]:
    """Effects between the training batches of a recipe; empty for a static table."""
    if recipe.batches is None or BATCH not in frame.columns:
        return {}
    columns = roles(frame, recipe)
    batches = {str(label): rows for label, rows in frame.groupby(BATCH)}
    return effects_between(
        batches, columns.numeric, columns.categorical, recipe.monitoring, recipe.random_state
    )


def effects_between(
    batches: Mapping[str, pd.DataFrame],
    numeric: Sequence[str],
    categorical: Sequence[str],
    monitoring: Monitoring,
    random_state: int,
) -> dict[str, dict[str, tuple[float, ...]]]:
    """Effects of up to 24 batches, each against all the others: what is usual between batches."""
    labels = sorted(batches)
    if len(labels) < 2:
        return {}
    at = np.unique(np.linspace(0, len(labels) - 1, USUAL_BATCHES).astype(int))
    roles_ = Roles(tuple(numeric), tuple(categorical))
    found: dict[str, dict[str, list[float]]] = {}
    for label in (labels[place] for place in at):
        others = pd.concat([rows for other, rows in batches.items() if other != label], ignore_index=True)
        others = others.sample(min(REFERENCE_ROWS, len(others)), random_state=random_state)
        report = drift_report(
            label, batches[label], Reference.of_rows(InMemory(others, roles_), monitoring.min_rows)
        )
        for column in report.columns:
            for effect, value in column.effects.items():
                found.setdefault(column.column, {}).setdefault(effect, []).append(abs(value))
        if report.joint is not None:
            found.setdefault(JOINT, {}).setdefault("excess", []).append(report.joint.auc - 0.5)
    return {
        column: {effect: tuple(round(v, 5) for v in values) for effect, values in effects.items()}
        for column, effects in found.items()
    }


def _rounded(values: pd.Series[Any]) -> list[Any]:
    return [float(f"{v:.6g}") if isinstance(v, float) else str(v) for v in values.tolist()]
