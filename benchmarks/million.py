"""A million rows: a fit through the pipeline beside the bare library on the same frame, and a report of 100,000 rows.

Run as `python -m benchmarks.million ours|bare|report FILE` it does one of them, in a process of its own.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.processes import ratios, timed

ROWS, COLUMNS = 1_000_000, 30
REPORT_ROWS = 100_000
REPORT_SECONDS = 20.0
PARAMETERS = {"n_estimators": 100, "max_depth": 6, "learning_rate": 0.1}
RUNS = 2


def measure() -> tuple[str, dict[str, Any]]:
    """Time a fit of ours and a bare one in turn, whole processes, and the report of a hold-out."""
    with tempfile.TemporaryDirectory(prefix="ml_assets_bench_") as folder:
        path = Path(folder) / "rows.parquet"
        made(ROWS).to_parquet(path)
        environment = os.environ | {"OMP_NUM_THREADS": "1", "DO_NOT_TRACK": "true"}
        runs: dict[str, list[dict[str, float]]] = {"ours": [], "bare": []}
        for _ in range(RUNS):
            for name, each in runs.items():
                each.append(timed([sys.executable, "-m", "benchmarks.million", name, str(path)], environment))
        ratio = ratios(runs["ours"], runs["bare"])
        small = Path(folder) / "report.parquet"
        made(REPORT_ROWS + REPORT_ROWS // 10).to_parquet(small)
        told = timed([sys.executable, "-m", "benchmarks.million", "report", str(small)], environment)
    first = {
        name: {key: round(min(run[key] for run in each), 1) for key in each[0]} for name, each in runs.items()
    }
    told_of = {
        name: f"{name} {each['cpu']:.0f} CPU s and {each['memory']:,.0f} MiB" for name, each in first.items()
    }
    text = (
        f"{ROWS:,} x {COLUMNS} rows, XGBoost of {PARAMETERS['n_estimators']} trees, whole process: "
        f"{told_of['ours']}, {told_of['bare']}; ratio {ratio['cpu']:.2f} CPU, {ratio['memory']:.2f} memory\n"
        f"report of {REPORT_ROWS:,} rows held out, whole process with a fit of a tenth as many: "
        f"{told['cpu']:.0f} CPU s (at most {REPORT_SECONDS:.0f})"
    )
    return text, {"ratio": ratio, **first, "report": told}


def made(rows: int) -> pd.DataFrame:
    """Numbers with a target that follows some of them."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, COLUMNS))
    frame = pd.DataFrame({f"x{k}": X[:, k] for k in range(COLUMNS)})
    signal = X[:, 0] + X[:, 1] * X[:, 2] + 0.5 * np.abs(X[:, 3]) + rng.normal(size=rows)
    frame["target"] = np.where(signal > 0.4, "yes", "no")
    frame["row_id__"] = rng.permutation(rows).astype(np.uint64)
    return frame


def recipe() -> Any:
    """XGBoost with fixed parameters."""
    from ml_assets.recipe.schema import Recipe

    return Recipe.model_validate(
        {
            "name": "million",
            "model": {
                "class_path": "xgboost.XGBClassifier",
                "hyperparameters": PARAMETERS,
                "loader": {"source_uri": "rows.parquet"},
                "data_interface": {"task_type": "classification", "target_col": "target"},
            },
        }
    )


def ours(path: Path) -> None:
    """Fit the Pipeline."""
    from ml_assets.training.fit import fit

    fit(pd.read_parquet(path), recipe())


def bare(path: Path) -> None:
    """Fit XGBoost alone, as its documentation shows it."""
    from xgboost import XGBClassifier

    frame = pd.read_parquet(path)
    X, y = frame.drop(columns=["target", "row_id__"]), frame["target"] == "yes"
    XGBClassifier(**PARAMETERS, n_jobs=1, random_state=42).fit(X, y)


def report(path: Path) -> None:
    """Fit on a tenth, and make all that the report of the rest tells: scores, parts, curves, pictures."""
    from ml_assets.evaluation.evaluate import evaluate, predict
    from ml_assets.lifecycle.explained import swarms
    from ml_assets.lifecycle.pictured import evaluation_pictures
    from ml_assets.quality.leak import suspected_leaks
    from ml_assets.training.fit import fit
    from ml_assets.training.learning import learning_curve

    frame = pd.read_parquet(path)
    train, test = frame.iloc[:-REPORT_ROWS], frame.iloc[-REPORT_ROWS:]
    model, training = fit(train, recipe())
    started, features = time.process_time(), training.features
    said = predict(model, test)
    found = evaluate(recipe(), test["target"], said, train["target"], seen=(test, features))
    curve = learning_curve(train, test, recipe(), training, found)
    told, of = swarms(model, training, test, train, recipe())
    curves = found.curves if curve is None else (*found.curves, curve)
    whole = found.model_copy(update={"curves": curves, "swarms": told, "swarms_of": of})
    evaluation_pictures(recipe(), whole, test["target"], said)
    suspected_leaks(frame.assign(batch__="all"), features, recipe())
    print(f"report: {time.process_time() - started:.1f} CPU s")


if __name__ == "__main__":
    {"ours": ours, "bare": bare, "report": report}[sys.argv[1]](Path(sys.argv[2]))
