"""A fleet of models that nobody trained: recipes, entries of the ledger, records of batches and of backtests.

The program's own functions write it, so that its pages can be looked at with any number of models.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

FIRST = "2024-01-01"
RECIPE = """\
name: {name}
model:
  class_path: sklearn.linear_model.LogisticRegression
  hyperparameters: {{C: 1.0}}
  loader: {{source_uri: "{name}/*.csv"}}
  data_interface: {{task_type: classification, target_col: y}}
hyperparameter_tuning: {{enabled: false, metric: roc_auc}}
batches: {{column: day, period: daily, start: 2024-01-01, end: {end}}}
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
    """Write recipes, a ledger and records: every tenth model waits for a person, every seventh drifts.

    All batches of the calendar have come. Of those that wait, a backtest is there.
    """
    from ml_assets.names import LEARNED
    from ml_assets.registry.ledger import Ledger
    from ml_assets.settings import Settings
    from ml_assets.store.snapshots import Store

    settings = Settings(home=home, recipes=(recipes,))
    recipes.mkdir(parents=True, exist_ok=True)
    ledger, names = Ledger(settings.ledger), []
    for number in range(models):
        name = f"model_{number:04}"
        names.append(name)
        (recipes / f"{name}.yaml").write_text(RECIPE.format(name=name, end=day(batches)))
        store = Store(settings.store / name)
        for batch in range(batches):
            drifting = number % 7 == 0 and batch > batches - 3
            _write_batch(store, number, batch, drifting, columns)
        store.write_record(LEARNED, "1", _profile(name, columns))
        _write_decisions(ledger, name, number, batches)
        if number % 10 == 3:
            write_backtest(store, batches)
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


def write_backtest(store: Any, batches: int, reason: str = "it gains most") -> None:
    """Write a backtest of two policies and six settings, one of which needs a fit that was not kept."""
    from ml_assets.pages.policies import Tried
    from ml_assets.records.what_if import Setting, WhatIf

    policy = {"score": 0.8, "interval": (0.78, 0.82), "first_half": 0, "seconds": 3.0}
    nothing = {"value": 0.0, "low": 0.0, "high": 0.0}
    tried = Tried.model_validate(
        {
            "metric": "roc_auc", "first": day(0), "batches": batches - 1, "rows": 1500, "recommended": "recipe",
            "reason": reason, "note": "n", "section": "retraining: {}",
            "policies": (
                {**policy, "policy": "never", "gain": nothing, "retrains": 0, "promoted": 0},
                {**policy, "policy": "recipe", "gain": {**nothing, "high": 0.2}, "retrains": 2, "promoted": 1},
            ),
        }
    )  # fmt: skip
    outcome: dict[str, Any] = {
        "score": (0.8, 0.78, 0.82), "gain": (0.1, 0.05, 0.2), "retrains": 2, "promoted": 1,
    }  # fmt: skip
    settings = tuple(
        Setting(
            performance_threshold=None, drift_threshold=drift, cooldown=cooldown, max_age="auto",
            section=f"retraining: {{drift_threshold: {drift}}}",
            **({"needs": "a model fitted on 7 rows"} if cooldown == 3 else outcome),
        )
        for cooldown in (1, 0, 3)
        for drift in (0.1, 0.05)
    )  # fmt: skip
    stops = {
        "performance_threshold": (None, 0.75), "drift_threshold": (0.05, 0.1), "cooldown": (0, 1, 3),
        "max_age": ("auto",),
    }  # fmt: skip
    told = WhatIf(
        metric="roc_auc", direction="maximize", first=day(0), batches=batches - 1, stops=stops, settings=settings,
        untried=6,
    )  # fmt: skip
    store.write_record("backtest", day(0), tried)
    store.write_record("what_if", day(0), told)
