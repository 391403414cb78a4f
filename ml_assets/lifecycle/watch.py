"""A batch watched: its drift, the live score that became known with it, the probation of a new champion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ml_assets.lifecycle.alerts import tell
from ml_assets.lifecycle.batch_page import SHAPES, renew_batch_report
from ml_assets.lifecycle.findings import alarms, metrics, tell_findings, with_findings
from ml_assets.lifecycle.gate import probation_step
from ml_assets.lifecycle.pictured import Pictured
from ml_assets.lifecycle.reference import reference
from ml_assets.lifecycle.served import Served, served, unlearned
from ml_assets.lifecycle.state import ModelState
from ml_assets.monitoring.wording import faults_told
from ml_assets.records import DriftReport, PerformanceReport, Record
from ml_assets.registry import run_page
from ml_assets.retraining.breaches import drift_breach, performance_breach

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.monitoring.reference import Reference, Scored

AnyReport = TypeVar("AnyReport", bound=Record)


@dataclass(frozen=True)
class Drift(Pictured):
    """A drift report, what it warns of, and Evidently's page."""

    report: DriftReport
    alarms: tuple[str, ...] = ()
    page: Path | None = None
    told: Path | None = None
    """Our report of the batch."""


@dataclass(frozen=True)
class Performance(Pictured):
    """A performance report, what it warns of, and how a probation stands."""

    report: PerformanceReport
    alarms: tuple[str, ...]
    probation: str | None
    rolled_back: bool = False


def drift_step(state: ModelState, batch: str, mlflow_run_id: str) -> Drift:
    """Compare a batch's columns with the champion's training rows; keep our record and Evidently's."""
    from ml_assets.monitoring import evidently_report, pictures, timeline
    from ml_assets.monitoring.drift import drift_report
    from ml_assets.monitoring.shapes import shapes
    from ml_assets.monitoring.watched import watched
    from ml_assets.registry import tracking

    champion = state.registry.champion(state.name)
    current = state.store.read_frame("cleaned_features", batch)
    earlier = _earlier_reports(state, batch, "drift_report", DriftReport)
    if champion is None:
        report = drift_report(batch, current, None)
        state.store.write_record("drift_report", batch, report)
        renew_batch_report(state, batch)
        return Drift(report)
    known = reference(state, champion.version)
    report = watched(batch, StoredBatches(state, champion.version), known, earlier, state.accepted)
    state.store.write_record("drift_report", batch, report)
    spread = shapes(report, known.kept.rows, current)
    if spread is not None:
        state.store.write_record(SHAPES, batch, spread)
    evidently_json, evidently_html = evidently_report.report(
        known.kept.rows, current, known.kept.roles.numeric, known.kept.roles.categorical
    )
    state.store.write_bytes("drift_report", batch, "evidently.json", evidently_json.encode())
    html = state.store.write_bytes("drift_report", batch, "evidently.html", evidently_html.encode())
    _keep_newest_pages(state)
    tracking.log_metrics(
        state.registry.client,
        mlflow_run_id,
        {
            "drift_share": report.share,
            "faults": len(report.faults),
            "estimated_loss": report.estimated_loss or 0.0,
        },
        state.index(batch),
    )
    _tell_drift(state, report)
    alarms = (*report.faults, *([report.text] if drift_breach(report, state.recipe.retraining) else []))
    shown = {
        "picture": pictures.worst_columns(report, known.kept.rows, current),
        "history": timeline.drift_map([*earlier, report]),
    }
    told = renew_batch_report(state, batch).get("html")
    return Drift(report, alarms, html, told, pictures=shown)


def _tell_drift(state: ModelState, report: DriftReport) -> None:
    """Tell of faults in each batch, of the same columns' drift from the same champion once."""
    if report.faults:
        tell(state, "fault", report.batch, faults_told(report.faults), report.batch)
    elif drift_breach(report, state.recipe.retraining):
        columns = ",".join(sorted(column.column for column in report.columns if column.drifted))
        tell(state, "drift", f"v{report.champion_version}:{columns}", report.text, report.batch)


def _earlier_reports(state: ModelState, batch: str, asset: str, kind: type[AnyReport]) -> list[AnyReport]:
    """Newest reports on batches before this one, oldest first."""
    from ml_assets.monitoring.drift import REMEMBERED_REPORTS

    labels = [label for label in state.store.batches(asset) if label < batch]
    return [state.store.read_record(asset, label, kind) for label in labels[-REMEMBERED_REPORTS:]]


@dataclass(frozen=True)
class StoredBatches:
    """The clean batches of a model's store, and what a version answers for them."""

    state: ModelState
    version: int

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """All of them, oldest first."""
        return tuple(self.state.store.batches("cleaned_features"))

    def rows(self, batch: str) -> pd.DataFrame:
        """Read one."""
        return self.state.store.read_frame("cleaned_features", batch)

    def count(self, batch: str) -> int:
        """Count the rows of one."""
        return self.state.store.rows("cleaned_features", batch)

    def answers(self, batches: Sequence[str]) -> pd.DataFrame | None:
        """Predict the rows that the version has not learned: on the others it looks better than it is.

        None where they are too few, or where the columns are not what the model knows: the report says which.
        """
        import pandas as pd

        from ml_assets.evaluation.evaluate import predict
        from ml_assets.promotion.blocks import block_columns

        state = self.state
        frame = pd.concat([self.rows(batch) for batch in batches], ignore_index=True)
        new = unlearned(state, frame, self.version)
        if len(new) < state.recipe.monitoring.min_rows:
            return None
        try:
            predicted = predict(state.registry.files.load(state.name, self.version), new)
        except ValueError:
            return None
        return predicted.join(new[[name for name in block_columns(state.recipe) if name in new.columns]])


KEPT_PAGES = 12


def _keep_newest_pages(state: ModelState) -> None:
    """Keep Evidently's newest HTML pages only: each is 6 MB; its JSON stays for every batch."""
    state.store.keep_newest("drift_report", "evidently.html", KEPT_PAGES)


def performance_step(state: ModelState, batch: str, mlflow_run_id: str) -> Performance:
    """Score the newest batch whose labels are known when `batch` has arrived."""
    from ml_assets.monitoring import timeline
    from ml_assets.monitoring.performance import performance_report
    from ml_assets.monitoring.pooling import waiting
    from ml_assets.registry import tracking

    earlier = _earlier_reports(state, batch, "performance_report", PerformanceReport)
    champion = state.registry.champion(state.name)
    answered = served(state, state.labelled_until(batch)) if champion is not None else None
    known = None
    if champion is not None:
        known = reference(state, champion.version if answered is None else answered.version)
    now = _scored(state, answered, known)
    pool = waiting(earlier, known.version, now.batch) if known is not None and now is not None else []
    before = [_scored(state, served(state, each), known) for each in pool]
    scored = performance_report(batch, known, now, earlier, [each for each in before if each is not None])
    report = with_findings(state, scored, earlier, known, answered)
    state.store.write_record("performance_report", batch, report)
    tracking.log_metrics(state.registry.client, mlflow_run_id, metrics(report), state.index(batch))
    breached = performance_breach(report, state.recipe.retraining)
    if (
        champion is not None and champion.version == report.champion_version
    ):  # of others there is nothing to do
        if breached:
            occasion = f"v{report.champion_version}:{report.scored_batch}"
            tell(state, "breach", occasion, scored.text, batch)
        tell_findings(state, report)
    probation = _probation(state, batch)
    run_page.rename_run(state.registry.client, mlflow_run_id, _run_name(state, report, breached))
    for each in {batch, report.scored_batch or batch}:
        renew_batch_report(state, each)
    return Performance(
        report,
        (*([scored.text] if breached else []), *alarms(report), *probation.alarms),
        probation.words,
        probation.rolled_back,
        pictures={"history": timeline.live_score([*earlier, report], _asked(state, len(earlier)))},
    )


def _run_name(state: ModelState, report: PerformanceReport, breached: bool) -> str:
    drift = None
    if state.store.has("drift_report", report.batch):
        drift = state.store.read_record("drift_report", report.batch, DriftReport)
    drifted = drift is not None and drift_breach(drift, state.recipe.retraining)
    return run_page.watch_name(report, drift, drifted, breached)


def scored_with(state: ModelState, batch: str) -> list[str]:
    """Batches whose performance reports are due with a batch: its own, and the one that had scored it before."""
    later = state.shifted(batch, state.recipe.monitoring.label_delay)
    again = later != batch and state.store.has("performance_report", later)
    return [batch, later] if again else [batch]


DECISIONS = 4
"""At one batch, at most: it comes, labels come, a run fails, another one is tried."""


def _asked(state: ModelState, batches: int) -> list[str]:
    """Newest batches at which a retrain was asked for."""
    decisions = state.ledger.find(state.name, ["retrain_decision"], DECISIONS * (batches + 1))
    return [e.batch for e in decisions if e.batch is not None and e.record.get("action") == "retrain"]


class Probation(NamedTuple):
    """How a probation stands, in words; None where there is none."""

    words: str | None = None
    alarms: tuple[str, ...] = ()
    rolled_back: bool = False


def _probation(state: ModelState, batch: str) -> Probation:
    """Judge a champion on probation: what came of it, and the alarm if it went."""
    from ml_assets.registry.charge import StaleChampionError
    from ml_assets.registry.integrity import IntegrityError

    try:
        decision = probation_step(state, batch)
    except (IntegrityError, StaleChampionError) as error:  # the monitoring goes on; the new champion stays
        tell(state, "rollback_failed", batch, str(error), batch)
        return Probation(str(error), (f"probation: {error}",))
    if decision is None:
        return Probation()
    words = f"{decision.outcome}: {decision.reason}"
    if decision.outcome != "rollback":
        return Probation(words)
    tell(state, "rollback", f"v{decision.champion_version}:{batch}", decision.reason, batch)
    return Probation(words, (words,), rolled_back=True)


def _scored(state: ModelState, answered: Served | None, champion: Reference | None) -> Scored | None:
    from ml_assets.monitoring.dependence import related
    from ml_assets.monitoring.reference import Scored

    if answered is None or champion is None:
        return None
    rows = answered.cleaned.reindex(answered.answers.index)
    return Scored(
        answered.batch,
        answered.labels(state.recipe.target),
        answered.answers,
        answered.learned,
        related(rows, champion.entities, champion.time),
    )
