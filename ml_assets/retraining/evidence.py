"""What the reports of a champion say together: breaches, how many, how sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from ml_assets.promotion.ageing import ageing_of, usable
from ml_assets.records import (
    BatchEvidence,
    DriftReport,
    Estimate,
    History,
    PerformanceReport,
    RetrainDecision,
    SequentialTest,
)
from ml_assets.retraining.ageing import Due, due
from ml_assets.retraining.breaches import drift_breach, many, performance_breach
from ml_assets.retraining.harm import Harm, harm_of
from ml_assets.retraining.series import Series
from ml_assets.retraining.together import pooled_p_value
from ml_assets.shown import figure

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Monitoring, Retraining, Training

POOLED_SIGNIFICANCE = 0.001  # the same over all reports looked at; lower, since it is asked at every batch


@dataclass(frozen=True)
class Case:
    """What the rules look at: policy, history, and the evidence about the present champion."""

    recipe: str
    retraining: Retraining
    monitoring: Monitoring
    training: Training
    history: History
    now: str

    @cached_property
    def in_order(self) -> list[BatchEvidence]:
        """Evidence of all batches, oldest first."""
        return sorted(self.history.batches, key=lambda batch: batch.index)

    @cached_property
    def newest(self) -> BatchEvidence | None:
        """Evidence of the newest batch."""
        return self.in_order[-1] if self.in_order else None

    @property
    def index(self) -> int:
        """Index of the newest batch; -1 before the first."""
        return self.newest.index if self.newest else -1

    @property
    def age(self) -> int:
        """Batches since the champion's newest training batch."""
        return self.index - self.history.champion.as_of_index if self.history.champion else 0

    @cached_property
    def trainings(self) -> list[int]:
        """Positions of the batches at which a model was trained, oldest first; a crashed run trained none."""
        ended = {a.batch_index for a in self.history.attempts if a.outcome not in ("failed", "in_flight")}
        champion = self.history.champion
        return sorted(ended | ({champion.as_of_index} if champion else set()))

    @cached_property
    def due_age(self) -> Due:
        """By `max_age: auto`, the age at which a challenger is due, counted from the newest training."""
        metric = self.history.metric
        known = usable(self.history.comparisons, metric)
        lately = [each for each in known if each.index == self.trainings[-1]]
        oldest = max(lately, key=lambda each: each.age, default=None)
        return due(ageing_of(known, self.index, metric), metric, self._batches_at_trainings, oldest)

    @property
    def _batches_at_trainings(self) -> list[int]:
        """Labelled batches up to each training: periods without rows are no wait. Positions where none are known."""
        return [sum(at <= each for at, _ in self.labels) or each for each in self.trainings]

    @property
    def too_old(self) -> bool:
        """Whether `max_age` is reached; `auto` counts from the newest training, a number from the champion's."""
        limit = self.retraining.max_age
        if self.history.champion is None or limit == "off":
            return False
        if limit == "auto":
            return self.index - self.trainings[-1] >= self.due_age.age
        return self.age >= limit

    @cached_property
    def labels(self) -> list[tuple[int, int]]:
        """Labelled rows by the position of their batch, oldest first."""
        return sorted(self.history.labels)

    def learnable(self, index: int) -> int:
        """Labelled rows that a training at a batch learns from."""
        known = index - self.monitoring.label_delay
        rows = [rows for at, rows in self.labels if at <= known]
        window = self.training.window
        return sum(rows[-window:] if isinstance(window, int) else rows)

    @cached_property
    def learned(self) -> int:
        """Labelled rows of the champion, or of the newest challenger where that had more and was no better."""
        champion = self.history.champion
        if champion is None:
            return 0
        tried = [
            self.learnable(attempt.batch_index)
            for attempt in self.history.attempts
            if attempt.outcome in ("keep", "inconclusive") and attempt.batch_index > champion.as_of_index
        ]
        return max(champion.rows or self.learnable(champion.as_of_index), *tried, 0)

    @property
    def grown(self) -> bool:
        """Whether the labelled rows are more than `growth` times those that were learned."""
        growth, learned = self.retraining.growth, self.learned
        return growth is not None and learned > 0 and self.learnable(self.index) > growth * learned

    @property
    def due(self) -> bool:
        """Whether a challenger is due without an alarm: by age, or since much more is known."""
        return self.too_old or self.grown

    @property
    def told(self) -> bool:
        """Whether a report on enough rows, age or growth says something of the champion."""
        return bool(self.due or self.worse or self.drift.batches or self.performance.batches)

    @cached_property
    def reports(self) -> list[DriftReport | PerformanceReport]:
        """All reports with a champion, oldest first; of performance reports on one batch only the newest."""
        drift: list[DriftReport] = []
        performance: dict[str | None, PerformanceReport] = {}
        for batch in self.in_order:
            if batch.drift is not None and batch.drift.status != "no_champion":
                drift.append(batch.drift)
            if batch.performance is not None and batch.performance.status != "no_champion":
                performance.pop(batch.performance.scored_batch, None)
                performance[batch.performance.scored_batch] = batch.performance
        return [*drift, *performance.values()]

    @cached_property
    def current_reports(self) -> list[DriftReport | PerformanceReport]:
        """Reports about the champion in charge now."""
        champion = self.history.champion
        return [report for report in self.reports if champion and report.champion_version == champion.version]

    def drift_reports(self, until: int) -> list[DriftReport]:
        """Of the newest n batches with enough rows, up to a position, about the champion in charge."""
        version = self.history.champion.version if self.history.champion else None
        return [
            batch.drift
            for batch in self.in_order
            if batch.index <= until
            and batch.drift is not None
            and batch.drift.champion_version == version
            and batch.drift.status in ("ok", "drift")
        ][-self.retraining.breaches.n :]

    def drifted(self, until: int) -> list[DriftReport]:
        """Those of them that are breaches."""
        return [each for each in self.drift_reports(until) if drift_breach(each, self.retraining)]

    @property
    def drift(self) -> Series:
        """Drift of the newest n batches with enough rows."""
        reports = self.drift_reports(self.index)
        return Series(
            kind="drift",
            batches=tuple(report.batch for report in reports),
            values=tuple(report.share for report in reports),
            breached=tuple(drift_breach(report, self.retraining) for report in reports),
            limit=self._drift_limit(reports),
        )

    def _drift_limit(self, reports: Sequence[DriftReport]) -> str:
        """What the newest breach is more than."""
        policy = self.retraining
        for report in reversed(reports):
            if report.weight is not None and drift_breach(report, policy) and not many(report, policy):
                return f"with {report.weight:.0%} of the importance, > {policy.drift_importance:.0%},"
        return f"> {policy.drift_threshold:g}"

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
            threshold = self.retraining.performance_threshold
            if threshold is not None:
                limit = f"{'<' if report.direction == 'maximize' else '>'} {threshold:g} ({report.metric})"
            elif report.holdout is not None:
                limit = f"surely worse than {figure(report.holdout.value)} on the hold-out ({report.metric})"
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
    def risen(self) -> SequentialTest | None:
        """The sequential test where it alarms at the newest scored batch, and has been rising for k batches.

        One batch is not enough, however bad: a model trained at once would know one batch of the new time.
        """
        tests = [
            (report.scored_batch or "", report.concept)
            for report in self.current_reports
            if isinstance(report, PerformanceReport) and report.concept is not None
        ]
        if not tests or not tests[-1][1].alarm:
            return None
        since = tests[-1][1].since or ""
        rising = sum(since <= batch for batch, _ in tests)
        return tests[-1][1] if rising >= self.retraining.breaches.k else None

    @property
    def troubled_since(self) -> int:
        """Position of the first batch whose report on the champion in charge alarms; of the newest if none does.

        Drift that does no harm is no alarm.
        """
        where = {batch.batch: batch.index for batch in self.history.batches}
        reports, policy = self.current_reports, self.retraining
        drifted = [r for r in reports if isinstance(r, DriftReport) and drift_breach(r, policy)]
        if self._harm_of(drifted, 1).done is False:
            drifted = []
        worse = [r for r in reports if isinstance(r, PerformanceReport) and performance_breach(r, policy)]
        breached = [*(r.batch for r in drifted), *(r.batch for r in worse)]
        risen = [] if self.risen is None or self.risen.since is None else [self.risen.since]
        return min((where.get(batch, self.index) for batch in (*breached, *risen)), default=self.index)

    @property
    def worse(self) -> bool:
        """Whether the champion surely serves worse than on its hold-out: k of n batches, or small losses that add up.

        With `performance_threshold` nothing but that threshold counts: it means what it says.
        """
        literal = self.retraining.performance_threshold is not None
        return self.performance.reached(self.retraining.breaches.k) or (
            self.risen is not None and not literal
        )

    @property
    def answered(self) -> bool:
        """Whether a challenger was trained when the newest report that has enough rows was there already.

        Batches with too few rows add nothing to it: the same evidence asks once.
        """
        version = self.history.champion.version if self.history.champion else None
        newest = max(
            (
                batch.index
                for batch in self.history.batches
                for report in (batch.drift, batch.performance)
                if report and report.champion_version == version and report.status in ("ok", "drift")
            ),
            default=-1,
        )
        tried = [a.batch_index for a in self.history.attempts if a.outcome in ("keep", "inconclusive")]
        return newest <= max(tried, default=-1) < self.index and self.risen is None

    @cached_property
    def harm(self) -> Harm:
        """What the labels of the drifted batches, the newest and those whose labels are due, say of the drift."""
        known = self.index - self.monitoring.label_delay
        drifted = {each.batch: each for each in (*self.drifted(known), *self.drifted(self.index))}
        return self._harm_of(list(drifted.values()), self.retraining.breaches.k)

    def _harm_of(self, drifted: list[DriftReport], k: int) -> Harm:
        live = [report for report in self.current_reports if isinstance(report, PerformanceReport)]
        return harm_of(drifted, live, self._estimates, k)

    @property
    def _estimates(self) -> list[Estimate]:
        """Estimates of the scores of the champion in charge, before labels."""
        version = self.history.champion.version if self.history.champion else None
        batches = self.in_order
        guesses = [each.performance.estimate for each in batches if each.performance is not None]
        return [guess for guess in guesses if guess is not None and guess.champion_version == version]

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
            if self.retraining.max_age == "auto":
                evidence["ageing"] = {"due": self.due_age.age, "words": self.due_age.words}
            for series in (self.drift, self.performance):
                evidence[series.kind] = {
                    "batches": list(series.batches),
                    "values": list(series.values),
                    "breached": list(series.breached),
                }
            if self.drift.reached(self.retraining.breaches.k):
                evidence["harm"] = {"done": self.harm.done, "words": self.harm.words}
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
