"""What engines of a search find in the same trials: `python -m benchmarks.quality.engines`.

`[--tables NAME …] [--trials 30] [--seeds 3]`; wants the extras `flaml` and `hyperopt`. XGBoost is searched by its class
path; a seed draws the folds, which are the same for each engine.
"""

from __future__ import annotations

import argparse
import os
import warnings
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.quality.tables import FILES, KNOWN, table
from ml_assets.recipe.schema import Recipe
from ml_assets.training.fit import fit

ENGINES = {
    "optuna": {},
    "flaml": {"engine": "flaml"},
    "hyperopt": {"engine": "hyperopt"},
    "at random": {"sampler": "random"},
}
SPACES: dict[str, Any] = {
    "n_estimators": {"type": "int", "low": 20, "high": 200, "log": True},
    "learning_rate": {"type": "float", "low": 0.01, "high": 0.5, "log": True},
    "max_depth": {"type": "int", "low": 2, "high": 8},
    "min_child_weight": {"type": "float", "low": 0.1, "high": 20.0, "log": True},
    "subsample": {"type": "float", "low": 0.5, "high": 1.0},
    "colsample_bytree": {"type": "float", "low": 0.3, "high": 1.0},
    "reg_lambda": {"type": "float", "low": 0.01, "high": 100.0, "log": True},
}


def main() -> None:
    """Print the best score of the folds by table and engine, for each seed, and its mean."""
    parser = argparse.ArgumentParser(description="What engines of a search find in the same trials.")
    known = [*KNOWN, *FILES]
    parser.add_argument("--tables", nargs="+", default=["diabetes", "german_credit", "digits"], choices=known)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    print("| table | engine | metric | best of each seed | mean | given up | CPU seconds |")
    print("|---|---|---|---|---|---|---|")
    for name in asked.tables:
        for engine in ENGINES:
            cpu = sum(os.times()[:4])
            found = [best(*table(name), engine, asked.trials, seed) for seed in range(asked.seeds)]
            scores = [each.best_score for each in found]
            print(
                f"| {name} | {engine} | {found[0].metric} | {', '.join(f'{score:.5g}' for score in scores)} | "
                f"{np.mean(scores):.5g} | {sum(each.pruned_trials for each in found)} | "
                f"{sum(os.times()[:4]) - cpu:.0f} |",
                flush=True,
            )


def best(frame: pd.DataFrame, target: str, task: str, engine: str, trials: int, seed: int) -> Any:
    """Search one table with one engine."""
    recipe = Recipe.model_validate(
        {
            "name": "engines",
            "model": {
                "class_path": f"xgboost.XGB{'Regressor' if task == 'regression' else 'Classifier'}",
                "hyperparameters": SPACES,
                "loader": {"source_uri": "rows.csv"},
                "data_interface": {"task_type": task, "target_col": target},
            },
            "hyperparameter_tuning": {"n_trials": trials} | ENGINES[engine],
            "evaluation": {"validation": {"random_state": seed}},
            "training": {"folds": 3},
        }
    )
    rows = frame.assign(row_id__=np.arange(len(frame), dtype=np.uint64))
    return fit(rows, recipe)[1].tuning


if __name__ == "__main__":
    main()
