"""Small recipes and frames for the tests of features, training and evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.names import POINT
from ml_assets.recipe.schema import Recipe
from ml_assets.recipe.tasks import RECOMMENDS, UNTARGETED
from ml_assets.tasks.all import TASKS
from ml_assets.tasks.space import written
from ml_assets_tests.support.shop import interactions, points

SHARED = Path(__file__).parents[3] / "shared" / "data"


def recipe_of(
    task: str = "classification",
    class_path: str | None = None,
    hyperparameters: dict[str, Any] | None = None,
    target: str = "target",
    preprocessor: dict[str, Any] | None = None,
    interface: dict[str, Any] | None = None,
    **sections: Any,
) -> Recipe:
    named = {"user_col": "user", "item_col": "item"} if task in RECOMMENDS else {"target_col": target}
    named = {} if task in set(UNTARGETED) - set(RECOMMENDS) else named
    model: dict[str, Any] = {
        "loader": {"source_uri": "rows.csv"},
        "data_interface": {"task_type": task, **named, **(interface or {})},
    }
    if class_path:
        model |= {"class_path": class_path, "hyperparameters": hyperparameters or {}}
    if preprocessor:
        model["preprocessor"] = {"name": "custom_preprocessor", "params": preprocessor}
    return Recipe.model_validate({"name": "example", "model": model, **sections})


def mixed_rows(n: int = 200, seed: int = 0, task: str = "classification") -> pd.DataFrame:
    """Numbers, categories, missing values, and a target that depends on them, if the task has one."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "income": rng.lognormal(3, 0.5, n),
            "age": rng.normal(40, 10, n),
            "region": rng.choice(["north", "south", "east"], n),
            "plan": rng.choice(["a", "b"], n),
        }
    )
    signal = 0.15 * (frame["age"] - 40) + (frame["region"] == "north") * 2 + rng.normal(0, 1, n)
    frame.loc[rng.random(n) < 0.1, "age"] = np.nan
    frame.loc[rng.random(n) < 0.1, "plan"] = None
    frame["target"] = np.where(signal > 0.7, "yes", "no") if TASKS[task].classes else signal
    if task in UNTARGETED:
        frame = frame.drop(columns="target")
        frame[POINT] = [written(row) for row in frame.to_dict("records")]
    if task in RECOMMENDS:
        frame = interactions(n, 20, 20, seed=seed)
        frame[POINT] = points(frame)
    frame["row_id__"] = rng.permutation(n).astype(np.uint64)
    return frame


def weekly_rows(n: int = 240, seed: int = 0) -> pd.DataFrame:
    """Mixed rows with a time and a batch."""
    frame = mixed_rows(n, seed)
    frame["at"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n) // 2, unit="D")
    frame["batch__"] = frame["at"].dt.to_period("W").dt.start_time.dt.strftime("%Y-%m-%d")
    return frame.sample(frac=1, random_state=seed).reset_index(drop=True)
