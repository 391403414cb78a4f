"""Train again now? A pure function of the policy and the history; the sensor and the backtest both call it.

The rules are asked in order and the first that answers decides. Nothing here reads a clock or a store.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from ml_assets.monitoring.wording import ONE_TABLE, faults_told
from ml_assets.records import DriftReport, History, RetrainDecision
from ml_assets.retraining.budget import batches_until_free, cpu_words, held_words
from ml_assets.retraining.evidence import Case
from ml_assets.shown import counted, spanned

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Monitoring, Recipe, Retraining, Training

TIES = 2  # challengers in a row that were no better: then the champion is not stale, something else is wrong
FIRST_ROWS = 100  # of fewer, a fifth is no hold-out that a first model could be judged on


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


def ageing_words(recipe: Recipe, history: History) -> str:
    """Say how fast a model ages and when the next challenger is due; nothing where no age is due by itself."""
    section = recipe.retraining
    if recipe.batches is None or history.champion is None or not section.on or section.max_age != "auto":
        return ""
    case = Case(recipe.name, section, recipe.monitoring, recipe.training, history, "")
    age = max(0, case.index - case.trainings[-1])
    return f"{case.due_age.words}; the next challenger is due at age {case.due_age.age}, the newest is {age}"


def disabled(case: Case) -> RetrainDecision | None:
    """Automatic retraining is switched off."""
    if case.retraining.on:
        return None
    switch = "mode: off" if case.retraining.enabled else "enabled: false"
    return case.decide("none", "disabled", [f"automatic retraining is switched off (retraining.{switch})"])


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
    reason = f"the data of {report.batch} are faulty, and a model must not learn them"
    return case.decide("blocked", "fault", [reason, faults_told(report.faults)])


def older_champion(case: Case) -> RetrainDecision | None:
    """Evidence about a champion of the past says nothing about this one."""
    champion = case.history.champion
    if champion is None or case.due or case.current_reports or not case.reports:
        return None
    versions = sorted(
        {report.champion_version for report in case.reports if report.champion_version is not None}
    )
    reason = f"no report speaks of champion {champion.version} yet, only of {spanned(versions)}"
    return case.decide("none", "older_champion", [reason])


def one_table(case: Case) -> RetrainDecision | None:
    """Where no batch comes, no report says anything, and none is missing."""
    if not case.history.one_table or case.history.champion is None or case.told:
        return None
    return case.decide("none", "one_table", [ONE_TABLE])


def minimum_rows(case: Case) -> RetrainDecision | None:
    """Reports on too few rows are neither a breach nor quiet."""
    if case.history.champion is None or case.told:
        return None
    reason = f"no report yet on at least {case.monitoring.min_rows} rows (monitoring.min_rows)"
    return case.decide("none", "minimum_rows", [reason, *_newest_words(case)])


def k_of_n(case: Case) -> RetrainDecision | None:
    """Persistence: k of the last n reports of one kind breached, the newest among them; or age, or growth."""
    breaches = case.retraining.breaches
    triggered = case.drift.reached(breaches.k) or case.worse
    if case.history.champion is None or case.due or (triggered and not case.answered):
        return None
    reasons = [case.drift.words, case.performance.words]
    if case.retraining.max_age == "auto":
        reasons.append(f"{case.due_age.words}; the next challenger is due at age {case.due_age.age}")
    if triggered:
        reasons.append("a challenger has been tried on this evidence; the next batches have too few rows yet")
    elif any(any(series.breached) for series in (case.drift, case.performance)):
        reasons.append(f"{breaches.k} of the last {breaches.n}, the newest among them, are needed")
    return case.decide("none", "k_of_n", reasons)


def labels_due(case: Case) -> RetrainDecision | None:
    """Drift alone waits for the labels of the drifted batches: a model trained before would know none."""
    delay = case.monitoring.label_delay
    if case.history.champion is None or case.due or not (delay and case.retraining.wait_for_labels):
        return None
    if case.worse:
        return None
    drifted = case.drifted(case.index - delay)
    if len(drifted) >= case.retraining.breaches.k:
        return None
    reason = (
        f"the labels of {len(drifted)} of {case.retraining.breaches.k} drifted batches are known "
        f"(monitoring.label_delay {delay}): a model trained now would know too little of the change"
    )
    return case.decide("none", "labels_due", [reason, *_trigger(case)])


def no_harm(case: Case) -> RetrainDecision | None:
    """Drift that leaves the live score as it was, or without labels its estimate, asks for nothing by itself."""
    if case.history.champion is None or case.due or case.worse or case.harm.done is not False:
        return None
    reason = f"{case.harm.words}: drift that does no harm asks for no training"
    return case.decide("none", "no_harm", [case.drift.words, reason])


def in_flight(case: Case) -> RetrainDecision | None:
    """Never two runs for one model."""
    running = [attempt for attempt in case.history.attempts if attempt.outcome == "in_flight"]
    if not running:
        return None
    return case.decide("none", "in_flight", [f"a run is in flight since {running[-1].at}", *_trigger(case)])


def cooldown(case: Case) -> RetrainDecision | None:
    """Let the last change show what it is worth. A crashed run changed nothing, so it starts no cooldown."""
    ends = [attempt.batch_index for attempt in _finished(case) if attempt.outcome != "failed"]
    champion = case.history.champion
    last = max([*ends, champion.as_of_index] if champion else ends, default=None)
    length = case.retraining.cooldown
    if last is None or case.index - last > length:
        return None
    # One answer per batch even without a cooldown.
    passed, needed = case.index - last, length + 1
    since = "since the last training, or since probation undid its model"
    reason = f"cooldown: {passed} of {needed} batches have passed {since}"
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


def cpu_budget(case: Case) -> RetrainDecision | None:
    """The most that trainings in a stretch of batches may cost, failed ones counted; a killed step was not measured."""
    allowed = case.retraining.budget
    spent = [(each.batch_index, each.cpu_seconds or 0.0) for each in case.history.attempts]
    wait = batches_until_free(spent, case.index, allowed)
    if not wait:
        return None
    reason = f"{cpu_words(spent, case.index, allowed)}, and none is begun by itself {held_words(wait)}"
    decision = case.decide("none", "cpu_budget", [reason, *_trigger(case)])
    lately = [each for each in case.history.attempts if each.batch_index > case.index - allowed.batches]
    newest = max(each.at for each in lately)
    return decision.model_copy(update={"evidence": {**decision.evidence, "trained": newest}})


def not_staleness(case: Case) -> RetrainDecision | None:
    """After two challengers in a row that were no better, an alarm does not mean that the champion is old.

    Both had newer rows and could not make more of them; one that was tried before anything alarmed does not count.
    After one budget stretch another is tried.
    """
    ties: list[int] = []
    since = case.troubled_since if case.retraining.max_age == "auto" else 0
    for attempt in reversed(_finished(case)):
        if attempt.outcome in ("promote", "waits"):  # one that waits has passed
            break
        if attempt.outcome in ("keep", "inconclusive") and attempt.batch_index >= since:
            ties.append(attempt.batch_index)
    pause = case.retraining.budget.batches
    if case.history.champion is None or case.due:
        return None
    if len(ties) < TIES or case.index - ties[0] > pause:
        return None
    left = pause + 1 - (case.index - ties[0])
    reason = (
        f"this is not staleness: the last {len(ties)} challengers, trained on newer rows, were no better "
        f"than champion {case.history.champion.version}; the next is tried {counted(left, 'batch')} from "
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
    if case.worse:
        places.append("the labels: their definition, their delay, who gets one")
        places.append("what the rows do not tell: a cause that no column holds")
    return f"look at: {'; '.join(places or ['the data at the source', 'the labels'])}"


def circuit_breaker(case: Case) -> RetrainDecision | None:
    """After N failed or beaten challengers in a row, pause for one budget stretch, then try one again.

    An inconclusive challenger was not beaten: it neither counts nor ends the row. Where a challenger is due without
    an alarm, only failed ones count: the ageing curve has learned from those that were beaten.
    """
    row: list[int] = []
    by_age = case.too_old and case.retraining.max_age == "auto"
    for attempt in reversed(_finished(case)):
        if attempt.outcome in ("promote", "waits"):  # one that waits has passed
            break
        if attempt.outcome == "failed" or (attempt.outcome == "keep" and not by_age):
            row.append(attempt.batch_index)
    pause = case.retraining.budget.batches
    if len(row) < case.retraining.circuit_breaker or case.index - row[0] > pause:
        return None
    reason = (
        f"circuit breaker: the last {len(row)} training runs failed or lost to the champion; "
        f"the next is tried {counted(pause + 1 - (case.index - row[0]), 'batch')} from now, or train by hand"
    )
    return case.decide("none", "circuit_breaker", [reason, *_trigger(case)])


def retrain(case: Case) -> RetrainDecision:
    """Nothing speaks against it."""
    if case.history.champion is None:
        history = case.history
        rows, batches = history.labelled_rows, history.labelled_batches
        reason = f"no champion yet; {counted(rows, 'labelled row')} in {counted(batches, 'batch')}"
        return case.decide("first", "first_model", [reason])
    return case.decide("retrain", "retrain", _trigger(case))


RULES = (
    disabled,
    first_model,
    fault,
    older_champion,
    one_table,
    minimum_rows,
    k_of_n,
    labels_due,
    no_harm,
    in_flight,
    cooldown,
    budget,
    cpu_budget,
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
    if case.drift.reached(case.retraining.breaches.k) and case.harm.words:
        reached.insert(1, case.harm.words)
    if case.risen is not None:
        reached.append(case.risen.text)
    if case.too_old and case.retraining.max_age == "auto":
        waited = case.index - case.trainings[-1]
        reached.append(
            f"{counted(waited, 'batch')} since the last training: {case.due_age.words}; due at {case.due_age.age}"
        )
    elif case.too_old:
        reached.append(
            f"the champion is {counted(case.age, 'batch')} old (max_age {case.retraining.max_age})"
        )
    if case.grown:
        known, learned = case.learnable(case.index), case.learned
        growth = case.retraining.growth
        reached.append(
            f"{known:,} labelled rows are known, {known / learned:.1f} times the {learned:,} that were learned "
            f"(retraining.growth {growth:g})"
        )
    return reached


def _newest_words(case: Case) -> list[str]:
    newest = case.newest
    reports = [newest.drift, newest.performance] if newest else []
    return [report.text.rstrip(".") for report in reports if report is not None and report.text]
