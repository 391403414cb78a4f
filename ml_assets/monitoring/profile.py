"""What monitoring must know about a model beside the rows it was trained on; measured once, at training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.evaluation.importance import permutation_importance
from ml_assets.features.columns import Roles, watched
from ml_assets.monitoring import target
from ml_assets.monitoring.dependence import Dependence, design_effect, related
from ml_assets.monitoring.drift import drift_report
from ml_assets.monitoring.movement import stretches
from ml_assets.monitoring.reference import InMemory, Reference
from ml_assets.monitoring.samples import normal_scores
from ml_assets.monitoring.sequential import row_losses
from ml_assets.monitoring.verdict import JOINT, outputs
from ml_assets.names import BATCH
from ml_assets.recipe.schema import Monitoring, Recipe
from ml_assets.records import Positive, Profile
from ml_assets.tasks.all import TASKS
from ml_assets.tasks.several import has_labels

USUAL_BATCHES = 24
REFERENCE_ROWS = 10_000
PREDICTIONS = 2_000


def profile(
    model: Any,
    metric: str,
    positive: Positive,
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
    some = np.random.default_rng(recipe.random_state).permutation(len(test))[:PREDICTIONS]
    shown = predicted.iloc[some]
    targets = recipe.targets if recipe.batches and recipe.has_target else ()
    labels = {name: target.usual_effects(whole, name, recipe.task) for name in targets}
    return Profile(
        metric=metric,
        importance=permutation_importance(
            model, test, test[recipe.target], metric, positive, recipe.random_state, whole, progress
        ),
        usual=usual_effects(whole, recipe) | {name: effects for name, effects in labels.items() if effects},
        predictions={name: tuple(_rounded(shown[name])) for name in outputs(predicted)},
        design=_design(shown, test.iloc[some], recipe),
    )


def losses_design(recipe: Recipe, rows: pd.DataFrame, predictions: pd.DataFrame) -> float:
    """How many rows of a hold-out count as one in the mean loss: more than 1 where some belong together.

    Parameters
    ----------
    recipe : Recipe
        Names entities and time.
    rows : DataFrame of shape (n_rows, n_columns)
    predictions : DataFrame of shape (n_rows, n_outputs)
        In the order of the rows.
    """
    labelled = has_labels(rows[recipe.target])
    # An interval by users knows already that rows of one count together.
    if TASKS[recipe.task].blocked_by == "user" or not labelled.any():
        return 1.0
    time = recipe.batches.column if recipe.batches is not None else None
    losses = row_losses(rows[recipe.target][labelled], predictions[labelled], recipe.task)
    finite = np.isfinite(losses)
    return design_effect(losses[finite], related(rows[labelled][finite], recipe.entities, time))


def usual_effects(frame: pd.DataFrame, recipe: Recipe) -> dict[str, dict[str, tuple[float, ...]]]:
    """Effects between the training batches of a recipe; empty for a static table."""
    if recipe.batches is None or BATCH not in frame.columns:
        return {}
    batches = {str(label): rows for label, rows in frame.groupby(BATCH)}
    return effects_between(
        batches,
        watched(frame, recipe),
        recipe.monitoring,
        recipe.random_state,
        entities=recipe.entities,
        time=recipe.batches.column,
    )


def effects_between(
    batches: Mapping[str, pd.DataFrame],
    columns: Roles,
    monitoring: Monitoring,
    random_state: int,
    **together: Any,
) -> dict[str, dict[str, tuple[float, ...]]]:
    """Effects of up to 24 stretches of batches, each against all the others: what is usual between batches.

    A stretch is a batch, or as many as will be judged together since each has few rows. `together` are the columns
    of entities and time, as in `Reference`.
    """
    parts = stretches({label: len(rows) for label, rows in batches.items()}, monitoring.min_rows)
    if len(parts) < 2:
        return {}
    at = np.unique(np.linspace(0, len(parts) - 1, USUAL_BATCHES).astype(int))
    found: dict[str, dict[str, list[float]]] = {}
    for part in (parts[place] for place in at):
        others = pd.concat([rows for label, rows in batches.items() if label not in part], ignore_index=True)
        others = others.sample(min(REFERENCE_ROWS, len(others)), random_state=random_state)
        current = pd.concat([batches[label] for label in part], ignore_index=True)
        fewest = min(monitoring.min_rows, len(current))
        known = Reference.of_rows(InMemory(others, columns), fewest, **together)
        report = drift_report(part[-1], current, known)
        for column in report.columns:
            for effect, value in column.effects.items():
                found.setdefault(column.column, {}).setdefault(effect, []).append(abs(value))
        if report.joint is not None:
            found.setdefault(JOINT, {}).setdefault("excess", []).append(report.joint.auc - 0.5)
    return {
        column: {effect: tuple(round(v, 5) for v in values) for effect, values in effects.items()}
        for column, effects in found.items()
    }


def _design(shown: pd.DataFrame, rows: pd.DataFrame, recipe: Recipe) -> dict[str, tuple[float, float]]:
    """How many rows of the hold-out count as one, by output; none where rows are independent."""
    if recipe.batches is None:
        return {}
    known = related(rows, recipe.entities, recipe.batches.column)
    if known is None:
        return {}
    order, found = Dependence.of(known), {}
    for name in outputs(shown):
        values = shown[name]
        if pd.api.types.is_numeric_dtype(values.dtype):
            scores = normal_scores(values.to_numpy(dtype=float))
            found[name] = (order.effect(scores), order.effect(scores**2))
        else:
            effect = max(order.effect((values == level).to_numpy(dtype=float)) for level in values.unique())
            found[name] = (effect, effect)
    return found


def _rounded(values: pd.Series[Any]) -> list[Any]:
    return [float(f"{v:.6g}") if isinstance(v, float) else str(v) for v in values.tolist()]
