"""One policy walked through history, batch by batch, with the labels as late as they really were."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pandas as pd

from ml_assets.backtest.fits import Fit, Fits
from ml_assets.backtest.kept import KeptFit, ReplayedBatches
from ml_assets.backtest.policies import Policy
from ml_assets.backtest.refits import refits
from ml_assets.backtest.stream import Stream, Window
from ml_assets.backtest.succession import Serving, Succession, served_rows
from ml_assets.features.history import figures
from ml_assets.monitoring.dependence import related
from ml_assets.monitoring.drift import REMEMBERED_REPORTS
from ml_assets.monitoring.estimated import estimate
from ml_assets.monitoring.performance import performance_report
from ml_assets.monitoring.pooling import waiting
from ml_assets.monitoring.reference import Holdout, Reference, Scored
from ml_assets.monitoring.watched import watched
from ml_assets.records import (
    Attempt,
    BatchEvidence,
    Comparison,
    DriftReport,
    Estimate,
    History,
    PerformanceReport,
    Probation,
    Promotion,
    RetrainDecision,
)
from ml_assets.retraining.policy import decide_retrain
from ml_assets.tasks.several import has_labels
from ml_assets.training.window import choose_window, scorer_by

Batches = tuple[str, ...]
AnyReport = TypeVar("AnyReport", DriftReport, PerformanceReport)


@dataclass(frozen=True)
class Replay:
    """What a policy did: which fit served each batch, at which batches it trained, every decision.

    `attempts` tell how each training ended, `promotions` and `probations` why.
    """

    policy: Policy
    served: dict[str, Serving]
    dates: tuple[str, ...]
    seconds: float
    decisions: tuple[RetrainDecision, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    promotions: tuple[Promotion, ...] = ()
    probations: tuple[Probation, ...] = ()
    refits: tuple[Comparison, ...] = ()

    @property
    def failed(self) -> tuple[str, ...]:
        """Batches at which a training failed."""
        return tuple(attempt.at for attempt in self.attempts if attempt.outcome == "failed")

    @property
    def undone(self) -> int:
        """New champions that were rolled back on probation."""
        return sum(probation.outcome == "rollback" for probation in self.probations)


@dataclass
class Reports:
    """Drift and performance reports, made when first asked for and shared by all policies."""

    fits: Fits
    cpu_seconds: float | None = None
    """What a training of the model itself costs, where a policy goes by that."""
    _drift: dict[tuple[Batches, str], dict[str, DriftReport]] = field(default_factory=dict)
    _performance: dict[tuple[Batches, str], dict[str, PerformanceReport]] = field(default_factory=dict)
    _estimates: dict[tuple[Batches, str], Estimate] = field(default_factory=dict)
    _references: dict[Batches, Reference] = field(default_factory=dict)

    @property
    def stream(self) -> Stream:
        """The history."""
        return self.fits.stream

    def drift(self, serving: Serving, batch: str) -> DriftReport:
        """Compare a batch with the rows that the model in charge was trained on, as the live report does."""
        record = serving.fit.record
        known = self._drift.setdefault((record.batches, serving.as_of), {})
        if batch not in known:
            earlier = _under((known[b] for b in sorted(known) if b < batch), serving.version)
            arrived = ReplayedBatches(self.stream, serving.fit)
            known[batch] = watched(batch, arrived, self._reference(serving), earlier, self.stream.accepted)
        return known[batch].model_copy(update={"champion_version": serving.version})

    def performance(self, serving: Serving, scored: str, batch: str) -> PerformanceReport:
        """Score what was served for a batch, once its labels are known."""
        known = self._performance.setdefault((serving.fit.record.batches, serving.as_of), {})
        if scored not in known:
            earlier = _under(known.values(), serving.version)
            pool = waiting(earlier, serving.version, scored)
            known[scored] = performance_report(
                batch,
                self._reference(serving),
                self._answered(serving, scored),
                earlier,
                [self._answered(serving, each) for each in pool],
            )
        return known[scored].model_copy(update={"batch": batch, "champion_version": serving.version})

    def estimated(self, serving: Serving, batch: str) -> Estimate:
        """Estimate the score of a batch before its labels, as the live report does."""
        record, stream = serving.fit.record, self.stream
        key = record.batches, batch
        if key not in self._estimates:
            predicted, tested = served_rows(stream, serving.fit, batch), serving.fit.tested
            self._estimates[key] = estimate(
                batch,
                serving.version,
                Holdout(
                    self.fits.metric,
                    stream.recipe.target,
                    stream.rows.loc[tested.index],
                    tested,
                    self.fits.roles(record.batches).features,
                ),
                stream.rows.loc[predicted.index],
                predicted,
                random_state=stream.recipe.random_state,
            )
        return self._estimates[key].model_copy(update={"champion_version": serving.version})

    def evidence(
        self, champion: Serving, served: Mapping[str, Serving], batch: str, sees: Collection[str]
    ) -> BatchEvidence:
        """What is known of a batch when it has arrived, by what a policy sees.

        The estimate is made where the decision may ask for it: the inputs drifted, and the labels do not tell yet.
        """
        scored = self.stream.labelled_until(batch)
        drift = self.drift(champion, batch) if "drift" in sees else None
        live = None
        if "performance" in sees:
            live = self.performance(served[scored], scored, batch) if scored in served else None
            told = live is not None and live.status == "ok" and live.scored_batch == batch
            if drift is not None and drift.status == "drift" and not told:
                live = live or performance_report(batch, self._reference(champion), None)
                live = live.model_copy(update={"estimate": self.estimated(served[batch], batch)})
        return BatchEvidence(batch=batch, index=self.stream.index(batch), drift=drift, performance=live)

    def _answered(self, serving: Serving, batch: str) -> Scored:
        """What a model answered for a batch, beside the labels."""
        predicted = served_rows(self.stream, serving.fit, batch)
        rows, recipe = self.stream.rows.loc[predicted.index], self.stream.recipe
        together = related(rows, recipe.entities, self.stream.calendar.column)
        return Scored(batch, rows[recipe.target], predicted, related=together)

    def _reference(self, serving: Serving) -> Reference:
        """A fit as the reports know it."""
        record, recipe, measure = serving.fit.record, self.stream.recipe, self.fits.measure
        if record.batches not in self._references:
            self._references[record.batches] = Reference(
                version=serving.version,
                kept=KeptFit(self.fits, record.batches),
                min_rows=recipe.monitoring.min_rows,
                targets=recipe.targets,
                task=recipe.task,
                metric=measure.metric,
                direction=measure.direction,
                positive=measure.positive,
                classes=self.fits.classes(record.batches),
                holdout=record.holdout,
                holdout_design=record.evaluation.design if record.evaluation is not None else 1.0,
                random_state=recipe.random_state,
                entities=recipe.entities,
                time=recipe.batches.column if recipe.batches else None,
                figures=figures(recipe, self.fits.roles(record.batches).features),
            )
        return replace(self._references[record.batches], version=serving.version)


def _under(reports: Iterable[AnyReport], version: int) -> list[AnyReport]:
    """Newest reports on a fit, under the version that it has in this replay."""
    newest = list(reports)[-REMEMBERED_REPORTS:]
    return [report.model_copy(update={"champion_version": version}) for report in newest]


def replay(policy: Policy, reports: Reports, start: str, window: Window) -> Replay:
    """Let every batch after `start` arrive; after each, the policy decides, as the sensor would.

    A batch is served by the model of the batch before. A training at a batch learns from the newest `window`
    batches whose labels are known by then, those found faulty left out, and its model, if the gate lets it,
    serves from the next batch on.

    Parameters
    ----------
    policy : Policy
    reports : Reports
        With the fits.
    start : str
        The batch at which the first model is trained.
    window : int, "all" or "auto"
        Training window.

    Raises
    ------
    ValueError
        If there can be no first model.
    """
    stream, recipe = reports.stream, reports.stream.recipe
    fits = reports.fits
    line = Succession(fits, _first(fits, start, window), policy.promotion_of(recipe))
    told = refits(fits, newest_labelled(stream, start), window) if policy.learns else ()
    line.comparisons += told
    first = Attempt(batch_index=stream.index(start), outcome="promote", at=start)
    served: dict[str, Serving] = {}
    evidence: list[BatchEvidence] = []
    dates: list[str] = []
    decisions: list[RetrainDecision] = []
    faulty: set[str] = set()
    labels = stream.labelled_rows
    seconds = 0.0
    for batch in stream.labels[stream.labels.index(start) + 1 :]:
        served[batch] = line.champion
        line.watch(batch, served)
        if policy.dates is None:
            evidence.append(reports.evidence(line.champion, served, batch, policy.sees))
            report = evidence[-1].drift
            if report is not None and report.status == "fault":
                faulty.add(batch)
            history = History(
                recipe=recipe.name,
                batches=tuple(evidence),
                attempts=tuple(
                    each.model_copy(update={"cpu_seconds": reports.cpu_seconds})
                    for each in (first, *line.attempts)
                ),
                champion=line.record,
                comparisons=tuple(line.comparisons),
                metric=fits.metric,
                labels=tuple(
                    (stream.index(b), n) for b, n in labels.items() if b <= batch and b not in faulty
                ),
            )
            decision = decide_retrain(
                recipe.name, policy.retraining, recipe.monitoring, recipe.training, history, batch
            )
            decisions.append(decision)
            wanted = decision.retrain
        else:
            wanted = batch in policy.dates
        if not wanted:
            continue
        challenger, spent = trained(fits, newest_labelled(stream, batch), window, faulty)
        seconds += spent
        dates.append(batch)
        if policy.learns:
            found = refits(fits, newest_labelled(stream, batch), window, told, faulty)
            told += found
            line.comparisons += found
        line.ask(challenger, batch)
    return Replay(
        policy,
        served,
        tuple(dates),
        seconds,
        tuple(decisions),
        tuple(line.attempts),
        tuple(line.promotions),
        tuple(line.probations),
        told,
    )


def trained(fits: Fits, end: str, window: Window, without: Collection[str] = ()) -> tuple[Fit, float]:
    """Train on a window; `auto` chooses it by the newest labelled batches, which costs fits, too.

    Returns
    -------
    Fit, float
        The fit, and the seconds that it and the choice took.
    """
    if window != "auto":
        fit = fits.get(end, window, without)
        return fit, fit.record.seconds
    stream = fits.stream
    tried: dict[str, float] = {}

    def answers(batches: Sequence[str], judge: str) -> tuple[Any, pd.DataFrame] | None:
        fit = fits.of(tuple(batches))
        tried[" ".join(batches)] = fit.record.seconds
        if fit.record.failed is not None:
            return None
        rows = served_rows(stream, fit, judge)
        return stream.rows.loc[rows.index, stream.recipe.target], rows

    known = stream.window(end, "all", without)
    fit = fits.of(known[-choose_window(known, scorer_by(fits.metric, fits.positive, answers)) :])
    return fit, fit.record.seconds + sum(tried.values())


def _first(fits: Fits, start: str, window: Window) -> Serving:
    fit, _ = trained(fits, newest_labelled(fits.stream, start), window)
    if fit.record.failed is not None:
        raise ValueError(f"no first model at {start}: {fit.record.failed}")
    return Serving(fit, start, 1)


def newest_labelled(stream: Stream, batch: str) -> str:
    """Newest batch with rows whose labels are known when `batch` has arrived.

    Raises
    ------
    ValueError
        If there is none.
    """
    end = stream.labelled_until(batch)
    known = [each for each in stream.labels if each <= end]
    if not known:
        raise ValueError(f"no labels are known when {batch} arrives")
    return known[-1]


def pooled(stream: Stream, served: dict[str, Serving]) -> pd.DataFrame:
    """All predictions that were served for labelled rows, in the order of `Stream.rows`."""
    parts = [served_rows(stream, serving.fit, batch) for batch, serving in served.items()]
    frame = pd.concat(parts)
    return frame[has_labels(stream.rows.loc[frame.index, stream.recipe.target])]
