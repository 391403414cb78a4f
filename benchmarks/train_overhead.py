"""What ml_assets costs: `ml-assets train` beside a bare script that does the same fits, whole processes."""

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
RUNS = 5


def measure() -> tuple[str, dict[str, Any]]:
    """Time both in turn, each in an empty folder, after one warm-up of each."""
    ours: list[dict[str, float]] = []
    theirs: list[dict[str, float]] = []
    for _ in range(RUNS + 1):
        folder = Path(tempfile.mkdtemp(prefix="ml_assets_bench_"))
        environment = os.environ | {
            "ML_ASSETS_HOME": str(folder / "home"),
            "OMP_NUM_THREADS": "1",
            "DO_NOT_TRACK": "true",
        }
        recipe = HERE / "recipes" / "breast_cancer.yaml"
        command = [str(Path(sys.executable).parent / "ml-assets"), "train", "--recipe-file", str(recipe)]
        ours.append(timed(command, environment))
        theirs.append(timed([sys.executable, str(HERE / "bare_script.py"), str(folder)], environment))
        shutil.rmtree(folder)
    ours, theirs = ours[1:], theirs[1:]
    ratio = ratios(ours, theirs)
    middle = {
        name: {key: round(median(run[key] for run in runs), 2) for key in runs[0]}
        for name, runs in (("ml_assets", ours), ("bare_script", theirs))
    }
    text = (
        f"breast_cancer, XGBoost, 8 trials, whole process, medians of {RUNS} pairs: ml-assets train "
        f"{middle['ml_assets']['wall']:.1f} s, bare script {middle['bare_script']['wall']:.1f} s; "
        f"ratio {ratio['wall']:.2f} wall, {ratio['cpu']:.2f} CPU, {ratio['memory']:.2f} memory"
    )
    return text, {"ratio": ratio, **middle, "runs": RUNS}
