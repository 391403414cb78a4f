"""What a performance report says beside the score: the estimate, the sequential test, the labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ml_assets.lifecycle.alerts import tell
from ml_assets.lifecycle.protected import with_gaps
from ml_assets.lifecycle.served import Served, served
from ml_assets.records import ColumnDrift, Estimate, PerformanceReport

if TYPE_CHECKING:
    from ml_assets.lifecycle.state import ModelState
    from ml_assets.monitoring.reference import Reference


def with_findings(
    state: ModelState,
    report: PerformanceReport,
    earlier: Sequence[PerformanceReport],
    champion: Reference | None,
    scored: Served | None,
) -> PerformanceReport:
    """Add what the predictions and labels tell beside the score; nothing for a static table.

    Parameters
    ----------
    state : ModelState
        The model.
    report : PerformanceReport
        The score that became known now.
    earlier : sequence of PerformanceReport
        Reports on earlier batches, oldest first.
    champion : Reference or None
        The champion that was scored.
    scored : Served or None
        What it answered for the scored batch.
    """
    from ml_assets.monitoring.dependence import related
    from ml_assets.monitoring.target import target_drift

    if champion is None or state.recipe.batches is None:
        return report
    concept, targets = report.concept, []
    if scored is not None and report.rows and state.recipe.has_target:
        others = [each for each in earlier if each.scored_batch != report.scored_batch]
        together = related(scored.rows, champion.entities, champion.time)
        each = (target_drift(scored.rows[name], champion, others, together) for name in state.recipe.targets)
        targets = [found for found in each if found is not None]
    estimate = _estimated(state, report, earlier)
    words = [
        report.text,
        concept.text if concept is not None and concept.alarm else "",
        *_of_targets(targets, report),
        estimate.text if estimate is not None else "",
    ]
    text = " ".join(part for part in words if part)
    changes: dict[str, object] = {"estimate": estimate, "text": text}
    if targets:
        changes["target"] = min(targets, key=lambda found: (not found.drifted, not found.note, found.p_value))
    if len(state.recipe.targets) > 1:
        changes["targets"] = tuple(targets)
    report = report.model_copy(update=changes)
    return report if scored is None else with_gaps(state, report, earlier, champion, scored)


def alarms(report: PerformanceReport) -> list[str]:
    """What of it is to be warned of, in words."""
    rising = [report.concept.text] if report.concept is not None and report.concept.alarm else []
    unequal = [test.text for test in report.unequal]
    return [*rising, *_of_targets(report.each_target, report), *unequal]


def tell_findings(state: ModelState, report: PerformanceReport) -> None:
    """Tell of a lasting rise of the loss once per champion and rise, of other labels and each gap once per champion."""
    version, concept, target = report.champion_version, report.concept, report.target
    if concept is not None and concept.alarm:
        tell(state, "concept", f"v{version}:{concept.since}", concept.text, report.batch)
    if words := " ".join(_of_targets(report.each_target, report)):
        new = ":new classes" if target is not None and target.note else ""
        tell(state, "drift", f"v{version}:target{new}", words, report.batch)
    for test in report.unequal:
        tell(state, "gap", f"v{version}:{test.column}:{test.measure}", test.text, report.batch)


def metrics(report: PerformanceReport) -> dict[str, float]:
    """Numbers for MLflow."""
    found = {}
    if report.score is not None:
        found[f"live_{report.metric}"] = report.score.value
    if report.estimate is not None and report.estimate.value is not None:
        found[f"estimated_{report.estimate.metric}"] = report.estimate.value
    if report.concept is not None:
        found["loss_cusum"] = report.concept.statistic
    for groups in report.protected:
        column = re.sub(r"[^\w.-]", "_", groups.column)
        found |= {f"{column}_{gap.measure}": gap.value for gap in groups.gaps}
    return found


def _estimated(
    state: ModelState, report: PerformanceReport, earlier: Sequence[PerformanceReport]
) -> Estimate | None:
    """Estimate the score of the report's own batch; None for a version without its hold-out, and without labels."""
    from ml_assets.monitoring.estimated import estimate, with_record
    from ml_assets.monitoring.reference import Holdout

    answered = served(state, report.batch) if state.recipe.has_target else None
    holdout = state.registry.files.holdout(state.name, answered.version) if answered is not None else None
    if answered is None or holdout is None:
        return None
    made_by = state.registry.version(state.name, answered.version)
    found = estimate(
        report.batch,
        answered.version,
        Holdout(made_by.metric, state.recipe.target, *holdout, made_by.trained.training.features),
        answered.rows,
        answered.predictions,
        random_state=state.recipe.random_state,
    )
    return with_record(found, earlier, report)


def _of_targets(targets: Sequence[ColumnDrift], report: PerformanceReport) -> list[str]:
    from ml_assets.monitoring.target import sentence

    told = (sentence(target, report.scored_batch or "") for target in targets)
    return [words for words in told if words]
