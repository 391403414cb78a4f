"""`python -m benchmarks.pages`: what a page of the dashboard costs with so many models.

The fleet is written by the program's own functions, entries of the ledger and records of batches; nothing is trained.
Each page is asked for through the application itself, in this process; figures are medians of eleven.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

MODELS = 1_000
BATCHES = 12
ASKED = 11
FIRST = "2024-01-01"
RECIPE = """\
name: {name}
model:
  class_path: sklearn.linear_model.LogisticRegression
  hyperparameters: {{C: 1.0}}
  loader: {{source_uri: "{name}/*.csv"}}
  data_interface: {{task_type: classification, target_col: y}}
hyperparameter_tuning: {{enabled: false, metric: roc_auc}}
batches: {{column: day, period: daily, start: 2024-01-01}}
monitoring: {{min_rows: 100}}
promotion: {{approval: person}}
"""
COLUMNS = tuple(f"column_{number}" for number in range(12))


def day(number: int) -> str:
    """Label of a day; the first is number 0."""
    from ml_assets.sources.calendar import next_batch

    return next_batch(FIRST, "daily", number) if number else FIRST


def make_fleet(
    recipes: Path, home: Path, models: int, batches: int, columns: tuple[str, ...] = COLUMNS
) -> list[str]:
    """Write recipes, a ledger and records: every tenth model waits for a person, every seventh drifts."""
    from ml_assets.registry.ledger import Ledger
    from ml_assets.settings import Settings
    from ml_assets.store.snapshots import Store

    settings = Settings(home=home, recipes=(recipes,))
    recipes.mkdir(parents=True, exist_ok=True)
    ledger, names = Ledger(settings.ledger), []
    for number in range(models):
        name = f"model_{number:04}"
        names.append(name)
        (recipes / f"{name}.yaml").write_text(RECIPE.format(name=name))
        store = Store(settings.store / name)
        for batch in range(batches):
            drifting = number % 7 == 0 and batch > batches - 3
            _write_batch(store, number, batch, drifting, columns)
        store.write_record("data_profile", day(0), _profile(name, columns))
        _write_decisions(ledger, name, number, batches)
    return names


def _write_batch(store: Any, number: int, batch: int, drifting: bool, columns: tuple[str, ...]) -> None:
    import pandas as pd

    from ml_assets.records import ColumnDrift, DriftReport, PerformanceReport, Score

    value = 0.8 + 0.02 * ((number * 7 + batch * 3) % 5 - 2) / 2
    found = tuple(
        ColumnDrift(
            column=column, kind="numeric", test="KS", effect_name="Wasserstein", effect=0.5 if drifting else 0.03,
            p_value=1e-9 if drifting else 0.4, drifted=drifting and place < 3, usual=0.1, importance=0.05,
            trend="moved now" if drifting and place < 3 else "",
        )
        for place, column in enumerate(columns)
    )  # fmt: skip
    drift = DriftReport(
        batch=day(batch), champion_version=1, status="drift" if drifting else "ok", rows=500, reference_rows=5000,
        share=0.25 if drifting else 0.0, columns=found, text="3 columns drifted" if drifting else "nothing drifted",
        weight=0.4 if drifting else 0.0,
    )  # fmt: skip
    score = Score(value=value, low=value - 0.02, high=value + 0.02)
    live = PerformanceReport(
        batch=day(batch), scored_batch=day(batch), champion_version=1, status="ok", metric="roc_auc",
        direction="maximize", rows=500, coverage=1.0, score=score, holdout=Score(value=0.8, low=0.78, high=0.82),
        p_value=0.4, text="as on the hold-out",
    )  # fmt: skip
    store.write_record("drift_report", day(batch), drift)
    store.write_record("performance_report", day(batch), live)
    store.write_frame(
        "cleaned_features", day(batch), pd.DataFrame({name: [1.0, 2.0, 3.0] for name in columns})
    )


def made_version(name: str, number: int) -> dict[str, Any]:
    """What the ledger keeps of a version: a search of twenty trials, curves, parts of the hold-out."""
    from ml_assets.records import (
        Curve,
        Evaluation,
        PartScore,
        Score,
        TrainedModel,
        TrainingResult,
        Trial,
        TuningResult,
    )

    score = Score(value=0.8, low=0.78, high=0.82)
    history = tuple(
        Trial(number=k, params={"C": 0.1 * k + 0.1}, value=0.7 + 0.005 * k, state="complete", seconds=0.2)
        for k in range(20)
    )  # fmt: skip
    tuning = TuningResult(
        engine="optuna", metric="roc_auc", direction="maximize", best_params={"C": 2.0}, best_score=0.795,
        history=history, total_trials=20, pruned_trials=0, optimization_time=4.0,
    )  # fmt: skip
    training = TrainingResult(
        class_path="sklearn.linear_model.LogisticRegression", params={"C": 1.0}, metric="roc_auc",
        direction="maximize", cv_scores=(0.8,), rows=5000, features=COLUMNS, excluded={}, classes=("no", "yes"),
        random_state=42, seconds=5.0, cpu_seconds=6.5, tuning=tuning,
    )  # fmt: skip
    trained = TrainedModel(
        recipe=name, as_of=day(0), batches=(day(0),), run_id=f"run{number}", model_uri="models:/m", sha256="0",
        recipe_sha256="0", data_sha256="0", trained_at="2024-02-01T00:00:00+00:00", training=training,
    )  # fmt: skip
    steps = tuple(k / 80 for k in range(81))
    tens = tuple(k / 10 for k in range(1, 10))
    evaluation = Evaluation(
        metric="roc_auc", direction="maximize", rows=1000, baseline={"roc_auc": 0.5}, scores={"roc_auc": score},
        curves=(
            Curve(
                name="roc", title="Receiver operating characteristic", x_label="false positive rate",
                y_label="true positive rate", x=steps, y=tuple(step**0.4 for step in steps),
            ),
            Curve(
                name="calibration", title="Calibration", x_label="probability of 'yes'",
                y_label="share that came true", x=tens, y=tens, low=tuple(t - 0.05 for t in tens),
                high=tuple(t + 0.05 for t in tens), ideal=True,
            ),
        ),
        parts=(
            PartScore(name="plan is basic", rows=300, score=score, loss=0.31, others=0.3, p=0.4, worse=False),
            PartScore(name="city is Ulm", rows=90, score=score, loss=0.6, others=0.3, p=0.001, worse=True, found=True),
        ),
    )  # fmt: skip
    return {"trained": trained.model_dump(), "evaluation": evaluation.model_dump(), "files": {}}


def _profile(name: str, columns: tuple[str, ...]) -> Any:
    from ml_assets.records import ColumnProfile, DataProfile, Level

    features = tuple(
        ColumnProfile(
            column=column, kind="number", role="feature", missing=0.01, distinct=400, mean=1.0, sd=0.5,
            quantiles=(0.0, 0.7, 1.0, 1.4, 3.0), outliers=0.0, bins=(1, 4, 9, 12, 7, 3, 1, 1),
            span=(0.0, 3.0), tells=0.3,
        )
        for column in columns
    )  # fmt: skip
    levels = (Level(name="no", share=0.8), Level(name="yes", share=0.2))
    target = ColumnProfile(column="y", kind="category", role="target", missing=0.0, distinct=2, levels=levels)
    return DataProfile(
        recipe=name, rows=5000, looked_at=5000, target="y", share_of="yes", columns=(target, *features),
        features=len(columns), left_out=0,
    )  # fmt: skip


def _write_decisions(ledger: Any, name: str, number: int, batches: int) -> None:
    from ml_assets.records import Promotion, RetrainDecision

    kept = made_version(name, number)
    gate = Promotion(
        outcome="promote", reason="first model: better than the baseline", metric="roc_auc", direction="maximize",
        rows=1000, challenger_score=0.8,
    )  # fmt: skip
    reason = "version {} trained on 5,000 rows"
    ledger.append(
        name, "train", actor="sensor", reason=reason.format(1), to_version=1, batch=day(0), record=kept
    )
    ledger.append(
        name, "promote", actor="sensor", reason=gate.reason, to_version=1, batch=day(0), record=gate
    )
    decision = RetrainDecision(
        recipe=name, action="none", rule="k_of_n", reasons=("no lasting change",), batch=day(batches - 1),
        champion_version=1,
    )  # fmt: skip
    ledger.append(
        name, "retrain_decision", actor="sensor", reason="no lasting change", batch=decision.batch, from_version=1,
        record=decision,
    )  # fmt: skip
    if number % 10 == 3:
        again = {**kept, "trained": {**kept["trained"], "as_of": decision.batch, "run_id": f"again{number}"}}
        ledger.append(
            name,
            "train",
            actor="sensor",
            reason=reason.format(2),
            to_version=2,
            batch=decision.batch,
            record=again,
        )
        waits = gate.model_copy(
            update={
                "outcome": "waits", "reason": "surely better", "champion_version": 1, "champion_score": 0.8,
                "challenger_score": 0.83, "gain": 0.03, "gain_low": 0.01, "gain_high": 0.05, "alpha": 0.0125,
            }
        )  # fmt: skip
        ledger.append(
            name,
            "waits",
            actor="sensor",
            reason=waits.reason,
            from_version=1,
            to_version=2,
            batch=decision.batch,
            record=waits,
        )


def main(models: int) -> None:
    """Make the fleet, look at it, ask for each page."""
    from fastapi.testclient import TestClient

    from ml_assets.cli.dashboard import ACTS, access_of, source_of
    from ml_assets.pages.app import build_app
    from ml_assets.pages.fleet import Fleet
    from ml_assets.settings import Settings

    with tempfile.TemporaryDirectory() as folder:
        home, recipes = Path(folder) / "home", Path(folder) / "recipes"
        names = make_fleet(recipes, home, models, BATCHES)
        settings = Settings(home=home, recipes=(recipes,))
        fleet = Fleet(source_of(settings, None))
        for words in ("first look", "look where nothing is new"):
            if words != "first look":
                time.sleep(3)  # a folder that was written just now is read once more
                fleet.look()
            started, cpu = time.perf_counter(), time.process_time()
            fleet.look()
            print(
                f"{words} at {models:,} models: {time.perf_counter() - started:.2f} s "
                f"({time.process_time() - cpu:.2f} s CPU)"
            )
        one = f"/models/{names[3]}"
        pages = {
            "fleet": "/", "fleet, searched": "/?q=99&level=act", "model": one, "decision": f"{one}/decisions/2",
            "batch": f"{one}/batches/{day(BATCHES - 1)}", "backtest": f"{one}/backtest",
        }  # fmt: skip
        entry = fleet.source.ledger.find(names[3], ["promote"])[0].id
        pages["decision"] = f"{one}/decisions/{entry}"
        with TestClient(build_app(fleet, access_of(settings), ACTS), base_url="http://127.0.0.1") as client:
            for title, address in pages.items():
                wall, used = [], []
                for _ in range(ASKED):
                    started, cpu = time.perf_counter(), time.process_time()
                    answer = client.get(address)
                    wall.append(time.perf_counter() - started)
                    used.append(time.process_time() - cpu)
                assert answer.status_code == 200, (title, answer.status_code)
                size = len(answer.content) / 1024
                print(
                    f"{title:16} {1000 * median(wall):6.1f} ms ({1000 * median(used):.1f} ms CPU), {size:.0f} KB"
                )
        print(f"load of this machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else MODELS)
