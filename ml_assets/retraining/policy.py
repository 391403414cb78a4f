"""Train again now? A pure function of the policy and the history; the sensor and the backtest both call it.

The rules are asked in order and the first that answers decides. Nothing here reads a clock or a store.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal

from ml_assets.records import BatchEvidence, DriftReport, History, PerformanceReport, RetrainDecision

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Monitoring, Retraining, Training

SIGNIFICANCE = 0.01  # of "live is worse than on the hold-out", one-sided
POOLED_SIGNIFICANCE = 0.001  # the same over all reports looked at; lower, since it is asked at every batch
INTERVAL_IN_ERRORS = 2 * 1.959964  # width of a 95 % interval in standard errors
LEAST_LOSS = {
    "maximize": 0.02,
    "minimize": 0.05,
}  # share of the hold-out's value; errors are noisier than scores
TIES = 2  # challengers in a row that were no better: then the champion is not stale, something else is wrong
LEAST_WEIGHT = 0.05  # share of the champion's importance that must have drifted
DRIFT_PATIENCE = 2  # cooldowns that drift alone waits while the live metric holds
FIRST_ROWS = 50  # fewer labelled rows than this cannot be split and judged


def drift_breach(report: DriftReport, retraining: Retraining) -> bool:
    """Whether a larger share of the columns drifted than `drift_threshold` allows, and it matters.

    It matters if the drifted columns hold more than 5 % of the champion's permutation importance, or if
    nothing is known of that.
    """
    matters = report.weight is None or report.weight > LEAST_WEIGHT
    return report.status == "drift" and report.share > retraining.drift_threshold and matters


def performance_breach(report: PerformanceReport, retraining: Retraining) -> bool:
    """Whether the live metric is bad enough to speak of a breach.

    With `performance_threshold`: the live value is worse than it, in the metric's direction. Without: worse
    than on the hold-out with one-sided p < 0.01, and by at least 2 % of the hold-out's value (errors: 5 %).
    """
    if report.status != "ok" or report.score is None:
        return False
    sign = 1 if report.direction == "maximize" else -1
    if retraining.performance_threshold is not None:
        return sign * (report.score.value - retraining.performance_threshold) < 0
    if report.holdout is None or report.p_value is None:
        return False
    loss = sign * (report.holdout.value - report.score.value)
    return report.p_value < SIGNIFICANCE and loss >= LEAST_LOSS[report.direction] * abs(report.holdout.value)


def pooled_p_value(reports: Sequence[PerformanceReport]) -> float:
    """One-sided p-value of "live is no worse than the hold-out" over several batches of one champion.

    The error of the hold-out's score is the same for all of them, so batches one by one are no independent
    witnesses: a lucky hold-out makes every batch look bad. A normal approximation; 1 without a hold-out.
    """
    scored = [report.score for report in reports if report.score is not None]
    holdout = reports[-1].holdout if reports else None
    if holdout is None or not scored:
        return 1.0
    sign = 1 if reports[-1].direction == "maximize" else -1
    loss = sign * (holdout.value - sum(score.value for score in scored) / len(scored))
    error, *errors = ((score.high - score.low) / INTERVAL_IN_ERRORS for score in (holdout, *scored))
    variance = error**2 + sum(each**2 for each in errors) / len(errors) ** 2
    if variance == 0:
        return 0.0 if loss > 0 else 1.0
    return NormalDist().cdf(-loss / math.sqrt(variance))


@dataclass(frozen=True)
class Series:
    """The newest n usable reports of one kind, oldest first: their batches, values and breaches."""

    kind: Literal["drift", "performance"]
    batches: tuple[str, ...]
    values: tuple[float, ...]
    breached: tuple[bool, ...]
    limit: str
    certain: bool = True
    """Whether all the reports together, not only one by one, are surely bad."""

    def reached(self, k: int) -> bool:
        """K breaches, the newest report among them."""
        return self.certain and sum(self.breached) >= k and bool(self.breached) and self.breached[-1]

    @property
    def words(self) -> str:
        """The series as a reason."""
        subject = "drift share" if self.kind == "drift" else "live metric"
        if not self.batches:
            return f"{subject}: no usable report"
        count = sum(self.breached)
        window = f"the last {len(self.batches)} batches" if len(self.batches) > 1 else "the last batch"
        if not count:
            return f"{subject} {self.values[-1]:.4g} in {self.batches[-1]}, within limits in {window}"
        where = [batch for batch, breached in zip(self.batches, self.breached, strict=True) if breached]
        worst = [value for value, breached in zip(self.values, self.breached, strict=True) if breached][-1]
        of = f"{count} of {window}" if len(self.batches) > 1 else window
        return f"{subject} {worst:.4g} {self.limit} in {of} ({', '.join(where)})"


@dataclass(frozen=True)
class Case:
    """What the rules look at: policy, history, and the evidence about the present champion."""

    recipe: str
    retraining: Retraining
    monitoring: Monitoring
    training: Training
    history: History
    now: str

    @property
    def newest(self) -> BatchEvidence | None:
        """Evidence of the newest batch."""
        return max(self.history.batches, key=lambda batch: batch.index, default=None)

    @property
    def index(self) -> int:
        """Index of the newest batch; -1 before the first."""
        return self.newest.index if self.newest else -1

    @property
    def age(self) -> int:
        """Batches since the champion's newest training batch."""
        return self.index - self.history.champion.as_of_index if self.history.champion else 0

    @property
    def too_old(self) -> bool:
        """Whether `max_age` is reached."""
        return self.retraining.max_age is not None and self.age >= self.retraining.max_age

    @property
    def reports(self) -> list[DriftReport | PerformanceReport]:
        """All reports with a champion, oldest first; of performance reports on one batch only the newest."""
        drift: list[DriftReport] = []
        performance: dict[str | None, PerformanceReport] = {}
        for batch in sorted(self.history.batches, key=lambda batch: batch.index):
            if batch.drift is not None and batch.drift.status != "no_champion":
                drift.append(batch.drift)
            if batch.performance is not None and batch.performance.status != "no_champion":
                performance.pop(batch.performance.scored_batch, None)
                performance[batch.performance.scored_batch] = batch.performance
        return [*drift, *performance.values()]

    @property
    def current_reports(self) -> list[DriftReport | PerformanceReport]:
        """Reports about the champion in charge now."""
        champion = self.history.champion
        return [report for report in self.reports if champion and report.champion_version == champion.version]

    @property
    def drift(self) -> Series:
        """Drift of the newest n batches with enough rows."""
        reports = [
            report
            for report in self.current_reports
            if isinstance(report, DriftReport) and report.status in ("ok", "drift")
        ][-self.retraining.breaches.n :]
        return Series(
            kind="drift",
            batches=tuple(report.batch for report in reports),
            values=tuple(report.share for report in reports),
            breached=tuple(drift_breach(report, self.retraining) for report in reports),
            limit=f"> {self.retraining.drift_threshold:g}",
        )

    @property
    def performance(self) -> Series:
        """Live metric of the newest n batches with enough labels."""
        scored = [
            (report, report.score)
            for report in self.current_reports
            if isinstance(report, PerformanceReport) and report.status == "ok" and report.score is not None
        ][-self.retraining.breaches.n :]
        limit = ""
        if scored:
            report = scored[-1][0]
            sign = "<" if report.direction == "maximize" else ">"
            threshold = self.retraining.performance_threshold
            if threshold is not None:
                limit = f"{sign} {threshold:g} ({report.metric})"
            elif report.holdout is not None:
                holdout = f"{sign} {report.holdout.value:.4g} on the hold-out"
                limit = f"{holdout} ({report.metric}, p < {SIGNIFICANCE:g})"
        return Series(
            kind="performance",
            batches=tuple(report.scored_batch or report.batch for report, _ in scored),
            values=tuple(score.value for _, score in scored),
            breached=tuple(performance_breach(report, self.retraining) for report, _ in scored),
            limit=limit,
            certain=(
                self.retraining.performance_threshold is not None
                or pooled_p_value([report for report, _ in scored]) < POOLED_SIGNIFICANCE
            ),
        )

    @property
    def drift_alone(self) -> bool:
        """Whether only drift asks for a training run, and the newest labels see no harm."""
        breached = self.performance.breached
        return (
            bool(breached) and not breached[-1] and not self.performance.reached(self.retraining.breaches.k)
        )

    def decide(
        self, action: Literal["none", "retrain", "blocked", "first"], rule: str, reasons: Sequence[str]
    ) -> RetrainDecision:
        """The decision with the evidence it was made on."""
        champion, newest = self.history.champion, self.newest
        evidence: dict[str, Any] = {"now": self.now, "index": self.index}
        if champion is None:
            evidence["labelled_batches"] = self.history.labelled_batches
            evidence["labelled_rows"] = self.history.labelled_rows
        else:
            evidence["age"] = self.age
            for series in (self.drift, self.performance):
                evidence[series.kind] = {
                    "batches": list(series.batches),
                    "values": list(series.values),
                    "breached": list(series.breached),
                }
        failed = sum(
            attempt.batch_index == self.index and attempt.outcome == "failed"
            for attempt in self.history.attempts
        )
        return RetrainDecision(
            recipe=self.recipe,
            action=action,
            rule=rule,
            reasons=tuple(reasons),
            batch=newest.batch if newest else None,
            champion_version=champion.version if champion else None,
            attempt=failed,
            evidence=evidence,
        )


def decide_retrain(
    recipe_name: str,
    retraining: Retraining,
    monitoring: Monitoring,
    training: Training,
    history: History,
    now: datetime | str,
) -> RetrainDecision:
    """Decide whether the model is trained again.

    Parameters
    ----------
    recipe_name : str
        Name of the model.
    retraining, monitoring, training : sections of the recipe
        The policy.
    history : History
        Evidence by batch, attempts made, the champion.
    now : datetime or str
        Written into the evidence; every stretch is counted in batches, so it decides nothing.

    Returns
    -------
    RetrainDecision
        `rule` is the name of the rule that decided. `attempt` counts the failed runs at the newest batch, so
        the run key changes only when another attempt is due.
    """
    at = now.isoformat() if isinstance(now, datetime) else now
    case = Case(recipe_name, retraining, monitoring, training, history, at)
    return next(decision for rule in RULES if (decision := rule(case)) is not None)


def disabled(case: Case) -> RetrainDecision | None:
    """Automatic retraining is switched off."""
    if case.retraining.enabled:
        return None
    return case.decide(
        "none", "disabled", ["automatic retraining is switched off (retraining.enabled: false)"]
    )


def first_model(case: Case) -> RetrainDecision | None:
    """Without a champion: wait until there is enough to train on."""
    history, first = case.history, case.training.first
    if history.champion is not None:
        return None
    missing = []
    if history.labelled_batches < first:
        missing.append(
            f"{history.labelled_batches} of {first} labelled batches (training.first) have arrived"
        )
    if history.labelled_rows < FIRST_ROWS:
        missing.append(f"{history.labelled_rows} of at least {FIRST_ROWS} labelled rows have arrived")
    return case.decide("none", "first_model", ["no champion yet", *missing]) if missing else None


def fault(case: Case) -> RetrainDecision | None:
    """Broken data are mended, not learned."""
    report = case.newest.drift if case.newest else None
    if case.history.champion is None or report is None or report.status != "fault":
        return None
    reasons = [f"the data of {report.batch} are faulty, and a model must not learn them", *report.faults]
    return case.decide("blocked", "fault", reasons)


def older_champion(case: Case) -> RetrainDecision | None:
    """Evidence about a champion of the past says nothing about this one."""
    champion = case.history.champion
    if champion is None or case.too_old or case.current_reports or not case.reports:
        return None
    versions = sorted(
        {report.champion_version for report in case.reports if report.champion_version is not None}
    )
    reason = f"no report speaks of champion {champion.version} yet, only of {', '.join(map(str, versions))}"
    return case.decide("none", "older_champion", [reason])


def minimum_rows(case: Case) -> RetrainDecision | None:
    """Reports on too few rows are neither a breach nor quiet."""
    if case.history.champion is None or case.too_old or case.drift.batches or case.performance.batches:
        return None
    reason = f"no report yet on at least {case.monitoring.min_rows} rows (monitoring.min_rows)"
    return case.decide("none", "minimum_rows", [reason, *_newest_words(case)])


def k_of_n(case: Case) -> RetrainDecision | None:
    """Persistence: k of the last n reports of one kind breached, the newest among them; or old age."""
    breaches = case.retraining.breaches
    triggered = any(series.reached(breaches.k) for series in (case.drift, case.performance))
    if case.history.champion is None or case.too_old or triggered:
        return None
    reasons = [case.drift.words, case.performance.words]
    if any(any(series.breached) for series in (case.drift, case.performance)):
        reasons.append(f"{breaches.k} of the last {breaches.n}, the newest among them, are needed")
    return case.decide("none", "k_of_n", reasons)


def labels_due(case: Case) -> RetrainDecision | None:
    """Drift alone waits for the labels of the drifted batches: a model trained before would know none."""
    delay = case.monitoring.label_delay
    if case.history.champion is None or case.too_old or not (delay and case.retraining.wait_for_labels):
        return None
    if case.performance.reached(case.retraining.breaches.k):
        return None
    mature = [
        batch.drift
        for batch in sorted(case.history.batches, key=lambda batch: batch.index)
        if batch.index <= case.index - delay
        and batch.drift is not None
        and batch.drift in case.current_reports
        and batch.drift.status in ("ok", "drift")
    ][-case.retraining.breaches.n :]
    drifted = [report for report in mature if drift_breach(report, case.retraining)]
    if len(drifted) >= case.retraining.breaches.k:
        return None
    reason = (
        f"the labels of {len(drifted)} of {case.retraining.breaches.k} drifted batches are known "
        f"(monitoring.label_delay {delay}): a model trained now would know too little of the change"
    )
    return case.decide("none", "labels_due", [reason, *_trigger(case)])


def in_flight(case: Case) -> RetrainDecision | None:
    """Never two runs for one model."""
    running = [attempt for attempt in case.history.attempts if attempt.outcome == "in_flight"]
    if not running:
        return None
    return case.decide("none", "in_flight", [f"a run is in flight since {running[-1].at}", *_trigger(case)])


def cooldown(case: Case) -> RetrainDecision | None:
    """Let the last change show what it is worth. A crashed run changed nothing, so it starts no cooldown.

    Drift alone waits `DRIFT_PATIENCE` times as long while the newest labels say that the champion is as good
    as on its hold-out: inputs that moved and did no harm are no emergency.
    """
    ends = [attempt.batch_index for attempt in _finished(case) if attempt.outcome != "failed"]
    champion = case.history.champion
    last = max([*ends, champion.as_of_index] if champion else ends, default=None)
    patience = DRIFT_PATIENCE if case.drift_alone and not case.too_old else 1
    length = patience * case.retraining.cooldown
    if last is None or case.index - last > length:
        return None
    # One answer per batch even without a cooldown.
    passed, needed = case.index - last, length + 1
    reason = f"cooldown: {passed} of {needed} batches have passed since the last training"
    if patience > 1:
        reason += f" (drift alone waits {patience} times as long while the live metric holds)"
    return case.decide("none", "cooldown", [reason, *_trigger(case)])


def budget(case: Case) -> RetrainDecision | None:
    """The most training runs in a stretch of batches, failed ones counted."""
    allowed = case.retraining.budget
    spent = sum(attempt.batch_index > case.index - allowed.batches for attempt in case.history.attempts)
    if spent < allowed.retrains:
        return None
    reason = (
        f"budget spent: {spent} of {allowed.retrains} training runs in the last {allowed.batches} batches"
    )
    return case.decide("none", "budget", [reason, *_trigger(case)])


def not_staleness(case: Case) -> RetrainDecision | None:
    """After two challengers in a row that were no better, an alarm does not mean that the champion is old.

    Both had newer rows and could not make more of them. After one budget stretch another is tried.
    """
    ties: list[int] = []
    for attempt in reversed(_finished(case)):
        if attempt.outcome == "promote":
            break
        if attempt.outcome in ("keep", "inconclusive"):
            ties.append(attempt.batch_index)
    pause = case.retraining.budget.batches
    if case.history.champion is None or case.too_old:
        return None
    if len(ties) < TIES or case.index - ties[0] > pause:
        return None
    left = pause + 1 - (case.index - ties[0])
    reason = (
        f"this is not staleness: the last {len(ties)} challengers, trained on newer rows, were no better "
        f"than champion {case.history.champion.version}; the next is tried {left} batches from "
        "now, or train by hand"
    )
    return case.decide("none", "not_staleness", [reason, _look_at(case), *_trigger(case)])


def _look_at(case: Case) -> str:
    """Where a person should look, by what raised the alarm."""
    places: list[str] = []
    breaches = case.retraining.breaches
    reports = [r for r in case.current_reports if isinstance(r, DriftReport) and r.status == "drift"]
    drifted = sorted(
        (column for column in (reports[-1].columns if reports else ()) if column.drifted),
        key=lambda column: column.effect,
        reverse=True,
    )
    if case.drift.reached(breaches.k):
        names = ", ".join(column.column for column in drifted[:3]) or "the drifted columns"
        places.append(f"{names} at the source: a change of unit, of meaning or of who is in the data")
    if case.performance.reached(breaches.k):
        places.append("the labels: their definition, their delay, who gets one")
        places.append("what the rows do not tell: a cause that no column holds")
    return f"look at: {'; '.join(places or ['the data at the source', 'the labels'])}"


def circuit_breaker(case: Case) -> RetrainDecision | None:
    """After N failed or beaten challengers in a row, pause for one budget stretch, then try one again.

    An inconclusive challenger was not beaten: it neither counts nor ends the row.
    """
    row: list[int] = []
    for attempt in reversed(_finished(case)):
        if attempt.outcome == "promote":
            break
        if attempt.outcome in ("failed", "keep"):
            row.append(attempt.batch_index)
    pause = case.retraining.budget.batches
    if len(row) < case.retraining.circuit_breaker or case.index - row[0] > pause:
        return None
    reason = (
        f"circuit breaker: the last {len(row)} training runs failed or lost to the champion; "
        f"the next is tried {pause + 1 - (case.index - row[0])} batches from now, or train by hand"
    )
    return case.decide("none", "circuit_breaker", [reason, *_trigger(case)])


def retrain(case: Case) -> RetrainDecision:
    """Nothing speaks against it."""
    if case.history.champion is None:
        history = case.history
        reason = (
            f"no champion yet; {history.labelled_rows} labelled rows in {history.labelled_batches} batches"
        )
        return case.decide("first", "first_model", [reason])
    return case.decide("retrain", "retrain", _trigger(case))


RULES = (
    disabled,
    first_model,
    fault,
    older_champion,
    minimum_rows,
    k_of_n,
    labels_due,
    in_flight,
    cooldown,
    budget,
    not_staleness,
    circuit_breaker,
    retrain,
)


def _finished(case: Case) -> list[Any]:
    """Finished attempts, oldest first; within a batch in the order given."""
    attempts = sorted(case.history.attempts, key=lambda attempt: attempt.batch_index)
    return [attempt for attempt in attempts if attempt.outcome != "in_flight"]


def _trigger(case: Case) -> list[str]:
    """What asks for a training run, in words."""
    reached = [s.words for s in (case.drift, case.performance) if s.reached(case.retraining.breaches.k)]
    if case.too_old:
        reached.append(f"the champion is {case.age} batches old (max_age {case.retraining.max_age})")
    return reached


def _newest_words(case: Case) -> list[str]:
    newest = case.newest
    reports = [newest.drift, newest.performance] if newest else []
    return [report.text for report in reports if report is not None and report.text]
