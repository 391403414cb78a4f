"""Whether the automatic search keeps to its seconds: `python -m benchmarks.quality.budget`.

`[--seconds 10 30 60] [--tables NAME …]`; a whole training counts, the fit on all rows and the choice too. A search may
end earlier, where every family has had its trials, or what was kept back for a family's fit on all rows was not needed.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.quality.tables import FILES, KNOWN, table
from ml_assets.recipe.schema import Recipe
from ml_assets.training.fit import fit


def main() -> None:
    """Print wall and CPU seconds beside those that were asked for."""
    parser = argparse.ArgumentParser(description="Whether the automatic search keeps to its seconds.")
    parser.add_argument("--seconds", type=int, nargs="+", default=[10, 30, 60])
    known = [*KNOWN, *FILES]
    parser.add_argument("--tables", nargs="+", default=["breast_cancer", "california_housing"], choices=known)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    print(
        "| table | seconds | wall | wall / seconds | CPU | trials | ended by |\n|---|---|---|---|---|---|---|"
    )
    first = True
    for name in asked.tables:
        frame, target, task = table(name)
        if first:
            _seconds_of(frame, target, task, 1)  # libraries are imported once
            first = False
        for seconds in asked.seconds:
            wall, cpu, result = _seconds_of(frame, target, task, seconds)
            ended = "seconds" if result.choice.by_clock else "its trials"
            print(
                f"| {name} | {seconds} | {wall:.1f} | {wall / seconds:.2f} | {cpu:.1f} | "
                f"{result.tuning.total_trials} | {ended} |",
                flush=True,
            )


def _seconds_of(frame: pd.DataFrame, target: str, task: str, seconds: int) -> tuple[float, float, Any]:
    interface = {"task_type": task, "target_col": target}
    recipe = Recipe.model_validate(
        {
            "name": "budget",
            "model": {"loader": {"source_uri": "rows.csv"}, "data_interface": interface},
            "hyperparameter_tuning": {"timeout": seconds},
        }
    )
    rows = frame.assign(row_id__=np.arange(len(frame), dtype=np.uint64))
    started, cpu = time.perf_counter(), sum(os.times()[:4])
    _, result = fit(rows, recipe)
    return time.perf_counter() - started, sum(os.times()[:4]) - cpu, result


if __name__ == "__main__":
    main()
