"""Very wide and very long data: `ml-assets train` beside a bare script that does the same fits."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.processes import ratios, timed

HERE = Path(__file__).parent
SHAPES = {"wide": (120, 2_000, 0, "csv"), "long": (200_000, 45, 5, "parquet")}
"""Rows, numbers, categories, and the kind of file."""
PAIRS = {"wide": 3, "long": 1}
GOAL = 3.0

RECIPE = """\
name: {name}
model:
  class_path: xgboost.XGBClassifier
  hyperparameters: {{n_estimators: 100, max_depth: 4, learning_rate: {{type: float, low: 0.05, high: 0.3}}}}
  loader: {{source_uri: {file}}}
  data_interface: {{task_type: classification, target_col: target}}
hyperparameter_tuning: {{n_trials: 3, metric: roc_auc, pruning: {{enabled: false}}}}
training: {{folds: 5}}
"""


def measure() -> tuple[str, dict[str, Any]]:
    """Time both on each shape, in turn, each in an empty home; medians where a pair takes a minute only."""
    results: dict[str, Any] = {}
    lines = []
    for name, (rows, numbers, categories, kind) in SHAPES.items():
        folder = Path(tempfile.mkdtemp(prefix="ml_assets_bench_"))
        file = _write(folder / f"{name}.{kind}", rows, numbers, categories)
        recipe = folder / f"{name}.yaml"
        recipe.write_text(RECIPE.format(name=name, file=file.name))
        environment = os.environ | {
            "ML_ASSETS_HOME": str(folder / "home"),
            "OMP_NUM_THREADS": "1",
            "DO_NOT_TRACK": "true",
        }
        program = str(Path(sys.executable).parent / "ml-assets")
        every_bare, every_ours = [], []
        for _ in range(PAIRS[name]):
            every_bare.append(timed([sys.executable, str(HERE / "bare_fits.py"), str(file)], environment))
            every_ours.append(timed([program, "train", "--recipe-file", str(recipe)], environment))
            shutil.rmtree(folder / "home")
        shutil.rmtree(folder)
        ratio = ratios(every_ours, every_bare)
        bare, ours = (
            {key: median(run[key] for run in runs) for key in ratio} for runs in (every_bare, every_ours)
        )
        results[name] = {"ratio": ratio, "ml_assets": ours, "bare_fits": bare}
        lines.append(
            f"{numbers + categories:,} columns x {rows:,} rows: ml-assets train {ours['wall']:.0f} s, bare fits "
            f"{bare['wall']:.0f} s; ratio {ratio['wall']:.2f} wall, {ratio['cpu']:.2f} CPU, "
            f"{ratio['memory']:.2f} memory (goal {GOAL:g})"
        )
    return "\n".join(lines), results


def _write(path: Path, rows: int, numbers: int, categories: int) -> Path:
    """Write noise in which four columns matter."""
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(0)
    X = random.normal(size=(rows, numbers))
    frame = pd.DataFrame(X, columns=[f"c{k}" for k in range(numbers)])
    for k in range(categories):
        frame[f"k{k}"] = random.choice(list("abcdefgh"), rows)
    signal = X[:, 0] + X[:, 1] + X[:, 2] * X[:, 3] + (frame["k0"] == "a" if categories else 0)
    frame["target"] = (signal + random.normal(0, 0.5, rows) > 0).astype(int)
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, index=False)
    return path
