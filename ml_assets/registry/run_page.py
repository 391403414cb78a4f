"""What a person sees first of a model in MLflow: names of runs that tell the outcome, descriptions, scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from ml_assets.records import DriftReport, Evaluation, PerformanceReport, Promotion, TrainedModel
from ml_assets.shown import counted, figure

if TYPE_CHECKING:
    from mlflow import MlflowClient

NOTE: Final = "mlflow.note.content"
"""Tag that MLflow's page shows as the description of a run or an experiment, in Markdown."""
EXPERIMENT: Final = {
    # What MLflow would otherwise infer from the runs.
    "mlflow.experimentKind": "custom_model_development",
    NOTE: (
        "The runs of one model, made by ml_assets. `v3 champion`, `v4 kept out`: a training with its gate; the fit and "
        "the trials of its search are below it. `quiet`, `drift`, `breach`, `fault`: a batch, its drift and live score."
    ),
}
"""Tags of an experiment."""
OUTCOMES: Final = {"promote": "champion", "waits": "waits", "keep": "kept out", "inconclusive": "unclear"}
"""The gate's answer about a version, in words that the narrow column of MLflow's list has place for."""


def rename_run(client: MlflowClient, run_id: str, name: str) -> None:
    """Give a run another name."""
    client.update_run(run_id, name=name)


def tell_run(
    client: MlflowClient, run_id: str, name: str, note: str = "", tags: Mapping[str, object] | None = None
) -> None:
    """Show what came of a run: in its name, its description and its tags."""
    from mlflow.entities import RunTag

    told = {**(tags or {}), **({NOTE: note} if note else {})}
    client.log_batch(run_id, tags=[RunTag(key, str(value)) for key, value in told.items()])
    rename_run(client, run_id, name)


def training_name(as_of: str, version: int, outcome: str) -> str:
    """
    Name the run of a training by what came of it.

    >>> training_name("2025-08-01", 3, "promote")
    'v3 champion · 2025-08-01'
    """
    return f"v{version} {OUTCOMES[outcome]} · {as_of}"


def watch_name(report: PerformanceReport, drift: DriftReport | None, drifted: bool, breached: bool) -> str:
    """Name the run of a batch by the worst that was found, with the live score that became known.

    Parameters
    ----------
    report, drift : PerformanceReport, DriftReport or None
        What was found.
    drifted, breached : bool
        Whether the drift, and the live score, are a breach of what the recipe allows.
    """
    faulty = drift is not None and drift.faults
    rising = report.concept is not None and report.concept.alarm
    found = {"fault": faulty, "breach": breached, "loss rises": rising, "drift": drifted}
    first = next((word for word, there in found.items() if there), "quiet")
    if report.status == "no_champion" and first == "quiet":
        first = "no champion"
    score = "" if report.score is None else f" · {report.metric} {figure(report.score.value)}"
    return f"{first} · {report.batch}{score}"


def gate_metrics(evaluation: Evaluation, promotion: Promotion) -> dict[str, float]:
    """Give the scores that are compared first: on the hold-out, and champion beside challenger on the same rows."""
    score = evaluation.scores.get(evaluation.metric)
    metric = promotion.metric
    known = {
        f"holdout_{evaluation.metric}": score.value if score else None,
        f"gate_challenger_{metric}": promotion.challenger_score,
        f"gate_champion_{metric}": promotion.champion_score,
        "gate_gain": promotion.gain,
        "gate_rows": promotion.rows,
    }
    return {name: value for name, value in known.items() if value is not None}


def version_note(trained: TrainedModel, evaluation: Evaluation | None, gate: Promotion | None = None) -> str:
    """Say of a version what a person asks first: what it is, what it has learned, how good it was, the gate."""
    training = trained.training
    batches = trained.batches if len(trained.batches) > 1 else ()
    of_batches = f" of {len(batches)} batches, {batches[0]} to {batches[-1]}" if batches else ""
    learned = f"{counted(training.learned, 'row')}{of_batches}, {counted(len(training.features), 'feature')}"
    told = []
    if evaluation is not None and (score := evaluation.scores.get(training.metric)) is not None:
        base = evaluation.baseline.get(training.metric)
        beside = "" if base is None else f"; {figure(base)} {evaluation.baseline_is}"
        told.append(
            f"{training.metric} {figure(score.value)} ({figure(score.low)} to {figure(score.high)}) on "
            f"{evaluation.rows:,} rows it had not seen{beside}."
        )
    if gate is not None:
        told.append(f"The gate: {gate.outcome}. {gate.reason[:1].upper()}{gate.reason[1:]}.")
    told.append(f"{training.class_path}, trained as of {trained.as_of} on {learned}.")
    told.append("The whole report is with the source run: Artifacts, `report`.")
    return "\n\n".join(told)
