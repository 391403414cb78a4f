"""Predictions of a whole source, part by part, beside the booster alone on rows that are prepared already.

`python -m benchmarks.inference [ROWS]`: 24 numbers, 6 columns of text, XGBoost of 300 trees; by default a million rows.
Both read Parquet, predict, and write Parquet; the bare one knows numbers alone, in the order that the booster has.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.processes import timed

ROWS = 1_000_000
PART = 50_000
LEARNED = 20_000
NUMBERS, TEXTS, LEVELS = 24, 6, 8
MEMORY, SHARE = 1536, 0.5
"""Goals: MiB at most, and of the rows a second of the bare one at least."""

RECIPE = """\
name: orders
model:
  class_path: xgboost.XGBClassifier
  hyperparameters: {n_estimators: 300, max_depth: 6}
  loader: {source_uri: learned.parquet}
  data_interface: {task_type: classification, target_col: late}
"""


def measure(rows: int = ROWS) -> tuple[str, dict[str, Any]]:
    """Train one model, then predict all rows by the command and by the booster alone, each in its process."""
    with tempfile.TemporaryDirectory(prefix="ml_assets_bench_") as name:
        folder = Path(name)
        _learned(folder)
        _source(folder, rows)
        environment = os.environ | {
            "ML_ASSETS_HOME": str(folder / "home"),
            "OMP_NUM_THREADS": "1",
            "DO_NOT_TRACK": "true",
            "BATCH_SIZE": str(PART),
        }
        ours = [str(Path(sys.executable).with_name("ml-assets"))]
        timed([*ours, "train", "--recipe-file", str(folder / "orders.yaml")], environment)
        asked = [
            "--model",
            "orders",
            "--source",
            str(folder / "rows.parquet"),
            "--output",
            str(folder / "out"),
        ]
        none = [
            "--model",
            "orders",
            "--source",
            str(folder / "none.parquet"),
            "--output",
            str(folder / "few"),
        ]
        bare = [sys.executable, "-m", "benchmarks.inference", "bare", str(folder)]
        found = {
            "ours": timed([*ours, "batch-inference", *asked], environment),
            "start": timed([*ours, "batch-inference", *none], environment),
            "bare": timed(bare, environment),
            "bare_start": timed([*bare, "none"], environment),
        }
    speed = {name: rows / (found[name]["cpu"] - found[start]["cpu"]) for name, start in STARTS.items()}
    share = speed["ours"] / speed["bare"]
    text = (
        f"{rows:,} rows of 30 columns predicted by the command: {found['ours']['wall']:.0f} s, "
        f"{speed['ours']:,.0f} rows a second of CPU, {found['ours']['memory']:,.0f} MiB; the booster alone "
        f"{speed['bare']:,.0f}: {share:.0%} (goals: {SHARE:.0%}, {MEMORY:,} MiB)"
    )
    return text, {**found, "rows": rows, "share": share}


STARTS = {"ours": "start", "bare": "bare_start"}
"""What is timed → the same for a hundred rows, so that a program's start is no part of a row's cost."""


def made(rows: int, seed: int) -> pd.DataFrame:
    """Numbers and texts, with a target that follows some of them."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({f"number{k:02}": rng.normal(size=rows) for k in range(NUMBERS)})
    for k in range(TEXTS):
        frame[f"text{k}"] = np.array([f"level {j}" for j in range(LEVELS)])[rng.integers(0, LEVELS, rows)]
    signal = frame["number00"] + frame["number01"] * frame["number02"] + (frame["text0"] == "level 1")
    frame["late"] = np.where(signal + rng.normal(size=rows) > 0, "yes", "no")
    return frame


def _learned(folder: Path) -> None:
    made(LEARNED, 0).to_parquet(folder / "learned.parquet", index=False)
    (folder / "orders.yaml").write_text(RECIPE)


def _source(folder: Path, rows: int) -> None:
    """Rows to predict, and the same as numbers alone for who knows no texts."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import xgboost as xgb

    few = made(100, 1).drop(columns="late")
    few.to_parquet(folder / "none.parquet", index=False)
    numbers(few).to_parquet(folder / "none_numbers.parquet", index=False)
    writers: dict[str, pq.ParquetWriter] = {}
    for part, first in enumerate(range(0, rows, PART)):
        frame = made(min(PART, rows - first), part + 1).drop(columns="late")
        for name, each in {"rows": frame, "rows_numbers": numbers(frame)}.items():
            table = pa.Table.from_pandas(each, preserve_index=False)
            if name not in writers:
                writers[name] = pq.ParquetWriter(folder / f"{name}.parquet", table.schema)
            writers[name].write_table(table)
    for writer in writers.values():
        writer.close()
    learned = made(LEARNED, 0)
    X, y = numbers(learned.drop(columns="late")), learned["late"] == "yes"
    xgb.XGBClassifier(n_estimators=300, max_depth=6, n_jobs=1).fit(X, y).save_model(folder / "bare.ubj")


def numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """One column of float32 for each number and each level of a text."""
    return pd.get_dummies(frame).astype(np.float32)


def bare(folder: Path, which: str = "rows") -> None:
    """Predict prepared rows by the booster, and write them with their predictions."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import xgboost as xgb

    booster = xgb.Booster(model_file=folder / "bare.ubj")
    booster.set_param({"nthread": 1})
    source, writer = pq.ParquetFile(folder / f"{which}_numbers.parquet"), None
    for batch in source.iter_batches(PART):
        table = pa.Table.from_batches([batch])
        X = np.column_stack([column.to_numpy() for column in table.columns])
        share = booster.inplace_predict(X, validate_features=False)
        table = table.append_column("probability", pa.array(share))
        writer = writer or pq.ParquetWriter(folder / f"{which}_bare.parquet", table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()


if __name__ == "__main__":
    if sys.argv[1:2] == ["bare"]:
        bare(Path(sys.argv[2]), *sys.argv[3:])
    else:
        print(measure(*map(int, sys.argv[1:]))[0])
