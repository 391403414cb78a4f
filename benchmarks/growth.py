"""`python -m benchmarks.growth`: what a batch, a tick and `status` cost after a long history; and an idle UI.

A model is walked through a few days; then its history is made longer by the program's own writing functions: rows for
each day that follows, and what the last walked day left, written again as made of them. All figures are CPU seconds,
of this process or of the UI's.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

FIRST = "2020-01-01"
WALKED = 6
"""Days that are really walked through."""
MEASURED = 4
"""Days that arrive after the long history; the first one warms up."""
TICKS = 100
MODELS = 40
SETTLED = 180.0
"""Seconds until an idle `ml-assets ui` has told what is missing, and made its overview."""
LISTENED = 120.0
"""Seconds for which it is watched."""

RECIPE = """\
name: {name}
model:
  class_path: sklearn.linear_model.LogisticRegression
  hyperparameters: {{C: 1.0}}
  loader: {{source_uri: "{data}/*.csv"}}
  data_interface: {{task_type: classification, target_col: y}}
hyperparameter_tuning: {{enabled: false, metric: roc_auc}}
batches: {{column: day, period: daily, start: {first}}}
training: {{window: 2, first: 2}}
monitoring: {{min_rows: 100}}
"""


def day(number: int) -> str:
    """Label of a day; the first is number 0."""
    from ml_assets.sources.calendar import next_batch

    return next_batch(FIRST, "daily", number) if number else FIRST


def write_rows(folder: Path, number: int) -> None:
    """Let the rows of a day arrive."""
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(number)
    frame = pd.DataFrame(random.normal(size=(300, 8)), columns=list("abcdefgh"))
    frame["day"] = day(number)
    frame["y"] = np.where(random.random(300) < 1 / (1 + np.exp(frame["b"] - 2 * frame["a"])), "yes", "no")
    frame.to_csv(folder / f"{day(number)}.csv", index=False)


def environment(folder: Path) -> dict[str, str]:
    """Settings of a folder that holds a home, recipes and data."""
    ours = {"ML_ASSETS_HOME": str(folder / "home"), "ML_ASSETS_RECIPES": str(folder / "recipes")}
    kept = {k: v for k, v in os.environ.items() if k not in ("DAGSTER_HOME", "MLFLOW_TRACKING_URI")}
    return kept | ours | {"OMP_NUM_THREADS": "1", "DO_NOT_TRACK": "true", "LOG_LEVEL": "ERROR"}


def walked(folder: Path) -> None:
    """Make a home with one model that has seen a few days."""
    for part in ("home", "recipes", "data"):
        (folder / part).mkdir(parents=True)
    text = RECIPE.format(name="growth", data=folder / "data", first=FIRST)
    (folder / "recipes" / "growth.yaml").write_text(text)
    for number in range(WALKED):
        write_rows(folder / "data", number)
    command = [str(Path(sys.executable).parent / "ml-assets"), "backfill", "growth", "--json"]
    subprocess.run(command, env=environment(folder), check=True, capture_output=True)


def lengthen(state: Any, instance: Any, days: int) -> None:
    """Write what the last day left again for each day that follows, until there are so many."""
    import dagster as dg

    from ml_assets.lifecycle.arrival import parts
    from ml_assets.names import MODEL_TAG
    from ml_assets.orchestration.event_seal import with_seal
    from ml_assets.records import DriftReport, PerformanceReport
    from ml_assets.registry.tracking import RunPlace, ensure_experiment, nested_run

    last, store = day(WALKED - 1), state.store
    frames = {
        asset: store.read_frame(asset, last) for asset in ("raw_data", "cleaned_features", "predictions")
    }
    kinds = {"drift_report": DriftReport, "performance_report": PerformanceReport}
    reports = {asset: store.read_record(asset, last, kind) for asset, kind in kinds.items()}
    keys = [dg.AssetKey([state.name, asset]) for asset in (*frames, *reports)]
    events = {}
    for key in keys:
        wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[last])
        found = instance.fetch_materializations(wanted, limit=1).records[0].asset_materialization
        events[key] = dict(found.metadata)
    entries = state.ledger.find(state.name, ["retrain_decision", "backfill"], batch=last)
    place = RunPlace(ensure_experiment(state.registry.client, state.settings, state.name))
    for number in range(WALKED, days):
        write_rows(state.path.parent.parent / "data", number)
    there = parts(state)
    for number in range(WALKED, days):
        batch = day(number)
        for asset, frame in frames.items():
            store.write_frame(asset, batch, frame, None if asset == "predictions" else there[batch].token)
        for asset, report in reports.items():
            scored = {"scored_batch": batch} if isinstance(report, PerformanceReport) else {}
            made = report.model_copy(update={"batch": batch, **scored})
            store.write_record(asset, batch, made)
            events[dg.AssetKey([state.name, asset])]["record"] = dg.MetadataValue.json(
                made.model_dump(mode="json")
            )
        for key, metadata in events.items():
            instance.report_runless_asset_event(
                dg.AssetMaterialization(key, partition=batch, metadata=with_seal(metadata))
            )
        run = dg.DagsterRun(
            job_name=f"{state.name}_monitor", status=dg.DagsterRunStatus.SUCCESS, tags={MODEL_TAG: state.name}
        )
        instance.run_storage.add_run(run)
        with nested_run(state.registry.client, "monitor", place):
            pass
        for entry in entries:
            repeat(state.ledger, entry, batch)


def repeat(ledger: Any, entry: Any, batch: str) -> None:
    """Write an entry once more, for another batch."""
    key = str(entry.key).replace(str(entry.batch), batch)
    told = {"actor": entry.actor, "reason": entry.reason, "from_version": entry.from_version}
    ledger.append_once(entry.recipe, entry.kind, key=key, batch=batch, record=entry.record, **told)


def measure_model(folder: Path, days: int, entries: int) -> dict[str, float]:
    """Measure a batch, a tick of both sensors and `status` in a home whose history is made this long first."""
    os.environ.update(environment(folder))
    from ml_assets.cli.models import statuses
    from ml_assets.orchestration.location import model_repository
    from ml_assets.orchestration.runs import execute, open_instance
    from ml_assets.orchestration.walk import Walker

    state = state_in(folder)
    with open_instance(state.settings) as instance:
        lengthen(state, instance, days)
        pattern = state.ledger.last(state.name, ["retrain_decision"])
        for number in range(entries - len(state.ledger.entries())):
            repeat(state.ledger, pattern, f"0001-{number}")
        walker = Walker(state, model_repository(state), instance)
        batches, cursors = [], {}
        ticks: dict[str, list[float]] = {"retrain": [], "batches": []}
        for number in range(days, days + MEASURED):
            write_rows(folder / "data", number)
            batches.append(
                cpu(
                    lambda n=number: execute(
                        instance, walker.repository, f"{state.name}_monitor", partition=day(n)
                    )
                )
            )
            for sensor, times in ticks.items():
                times += [cpu(lambda s=sensor: tick(walker, s, cursors)) for _ in range(TICKS)][1:]
    statuses(None)
    shown = [cpu(lambda: statuses(None)) for _ in range(3)]
    looked = {f"tick of {sensor}": median(times) for sensor, times in ticks.items()}
    return {"batch": median(batches[1:]), **looked, "status": median(shown)}


def tick(walker: Any, sensor: str, cursors: dict[str, str | None]) -> None:
    """Ask a sensor as the daemon does, which keeps its cursor."""
    import dagster as dg

    asked = walker.repository.get_sensor_def(f"{walker.state.name}_{sensor}")
    standing = {
        "instance": walker.instance,
        "repository_def": walker.repository,
        "cursor": cursors.get(sensor),
    }
    with dg.build_sensor_context(**standing) as context:
        cursors[sensor] = asked.evaluate_tick(context).cursor or cursors.get(sensor)


def state_in(folder: Path) -> Any:
    """Load the model of a folder."""
    from ml_assets.lifecycle.known import load_states
    from ml_assets.settings import read_settings

    return load_states(read_settings(environment(folder)))[0][0]


def cpu(work: Any) -> float:
    """CPU seconds of this process that some work takes."""
    began = time.process_time()
    work()
    return time.process_time() - began


def measure_many(folder: Path) -> dict[str, float]:
    """Measure `status` and the idle `ml-assets ui` of many recipes: one was walked, the others wait for a file."""
    os.environ.update(environment(folder))
    from ml_assets.cli.models import statuses

    for number in range(1, MODELS):
        waiting = folder / f"data_{number}"
        waiting.mkdir()
        text = RECIPE.format(name=f"growth_{number}", data=waiting, first=FIRST)
        (folder / "recipes" / f"growth_{number}.yaml").write_text(text)
    statuses(None)
    shown = median(cpu(lambda: statuses(None)) for _ in range(3))
    program = Path(sys.executable).parent / "ml-assets"
    ports = ("--port", str(free_port()), "--mlflow-port", str(free_port()))
    nowhere = subprocess.DEVNULL
    server = subprocess.Popen(
        [str(program), "ui", *ports], env=dict(os.environ), stdout=nowhere, stderr=nowhere
    )
    try:
        time.sleep(SETTLED)
        began = used_by(server.pid)
        time.sleep(LISTENED)
        ended = used_by(server.pid)
    finally:
        server.terminate()
        server.wait(timeout=60)
    return {"status": shown} | {part: (ended[part] - began[part]) / LISTENED for part in ended}


def free_port() -> int:
    """Find a port that nobody uses."""
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])


def used_by(ui: int) -> dict[str, float]:
    """CPU seconds that `ml-assets ui` has used: the daemon with the definitions it asks, and the two web pages."""
    import psutil

    used = {"daemon": 0.0, "pages": 0.0}
    this = psutil.Process(ui)
    for process in [this, *this.children(recursive=True)]:
        try:
            words, times = " ".join(process.cmdline()), process.cpu_times()
        except psutil.Error:
            continue
        page = process.pid != ui and ("dagster-webserver" in words or "mlflow" in words)
        used["pages" if page else "daemon"] += times.user + times.system
    return used


def main() -> None:
    """Print one line for each case, and all figures as one JSON object."""
    root = Path(tempfile.mkdtemp(prefix="ml_assets_growth_"))
    cases = {
        "50 batches": (50, 0),
        "1000 batches": (1000, 0),
        "50 batches, 10000 ledger entries": (50, 10_000),
    }
    results = {}
    for number, (name, (days, entries)) in enumerate(cases.items()):
        walked(root / str(number))
        results[name] = in_process("measure_model", str(root / str(number)), days, entries)
        print(f"{name}: {words(results[name])}", flush=True)
    walked(root / "many")
    results[f"{MODELS} recipes"] = in_process("measure_many", str(root / "many"))
    print(f"{MODELS} recipes: {words(results[f'{MODELS} recipes'])}", flush=True)
    shutil.rmtree(root)
    print(json.dumps(results))


def in_process(name: str, folder: str, *arguments: int) -> dict[str, float]:
    """Measure in a process of its own: no other history is remembered there."""
    code = (
        "import json\nfrom pathlib import Path\nfrom benchmarks import growth\n"
        f"print(json.dumps(growth.{name}(Path({folder!r}), *{arguments!r})))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def words(figures: dict[str, float]) -> str:
    """Say the figures."""
    shares = {"daemon": "idle daemon", "pages": "idle pages"}
    said = [f"{shares[n]} {v:.1%} of a core" if n in shares else f"{n} {v:.3f} s" for n, v in figures.items()]
    return ", ".join(said)


if __name__ == "__main__":
    main()
