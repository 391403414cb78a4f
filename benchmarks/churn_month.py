"""Where the time of one month of `churn` goes: seconds of each asset, from Dagster's own events."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PROGRAM = """
import json, sys
import dagster as dg
from ml_assets.orchestration.runs import open_instance
from ml_assets.settings import read_settings

with open_instance(read_settings()) as instance:
    seconds = {}
    for job in ("churn_monitor", "churn_train"):
        run = instance.get_run_records(dg.RunsFilter(job_name=job), limit=1)[0].dagster_run
        for stats in instance.get_run_step_stats(run.run_id):
            seconds[stats.step_key.removeprefix("churn__")] = round(stats.end_time - stats.start_time, 3)
        whole = instance.get_run_stats(run.run_id)
        seconds[f"whole {job}"] = round(whole.end_time - whole.start_time, 3)
print(json.dumps(seconds))
"""


def measure() -> tuple[str, dict[str, Any]]:
    """Walk `churn` to its first retrain (month 15) in an empty home, and read the last runs' steps."""
    import json

    folder = Path(tempfile.mkdtemp(prefix="ml_assets_bench_"))
    environment = os.environ | {
        "ML_ASSETS_HOME": str(folder / "home"),
        "ML_ASSETS_DEMO_DATA": str(folder / "data"),
        "OMP_NUM_THREADS": "1",
    }
    program = Path(sys.executable).parent / "ml-assets"

    def run(*command: str) -> str:
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    run(sys.executable, "-m", "ml_assets.sources.churn", str(folder / "data" / "churn"))
    run(str(program), "backfill", "churn", "--to", "2025-03-01")
    seconds = json.loads(run(sys.executable, "-c", PROGRAM).splitlines()[-1])
    shutil.rmtree(folder)
    lines = [f"  {name:<22} {value:6.2f} s" for name, value in seconds.items()]
    text = "one month of churn (about 2,000 rows), monitored and retrained:\n" + "\n".join(lines)
    return text, seconds
