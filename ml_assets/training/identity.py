"""The identity of a search: what it depends on, so that the same one goes on where it stopped."""

from __future__ import annotations

import hashlib
import json

import pandas as pd

from ml_assets.features.columns import Roles
from ml_assets.names import BATCH
from ml_assets.recipe.schema import Recipe
from ml_assets.recipe.space import as_written


def study_name(rows: pd.DataFrame, found: Roles, recipe: Recipe) -> str:
    """Return the identity of a search: the settings that it depends on, and the rows."""
    # Nothing is searched by it, and a search of earlier goes on.
    unset = {"calibration"} | {
        name for name in ("threshold", "ensemble") if getattr(recipe.model, name) is None
    }
    tuning = recipe.hyperparameter_tuning
    unset |= {"engine"} if tuning.engine == "optuna" else set()
    unset |= {"warm_start"} if tuning.warm_start else set()
    unset |= {"max_prediction_ms"} if tuning.max_prediction_ms is None else set()
    validation = recipe.evaluation.validation
    one_part = {"validation_size"} if validation.validation_size is None else set()
    settings = {
        "model": recipe.model.model_dump(mode="json", exclude={"hyperparameters", "loader", *unset}),
        "hyperparameters": as_written(recipe.model.hyperparameters),
        "tuning": tuning.model_dump(mode="json", exclude=unset),
        "validation": validation.model_dump(mode="json", exclude=one_part),
        "folds": recipe.training.folds,
        "features": found.features,
    }
    if recipe.promotion.max_latency_ms is not None:
        settings["latency"] = recipe.promotion.max_latency_ms
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    columns = [*found.features, *recipe.targets, *([BATCH] if BATCH in rows.columns else [])]
    digest.update(pd.util.hash_pandas_object(rows[columns], index=False).to_numpy().tobytes())
    return f"{recipe.name}-{digest.hexdigest()[:20]}"
