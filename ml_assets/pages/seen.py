"""One model as the fleet shows it, read once and kept until something of it changes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import dropwhile
from typing import NamedTuple

from ml_assets.pages.known import AnyRecord, Model, batches_of, record_of
from ml_assets.pages.light import Light, late, light
from ml_assets.records import DriftReport, PerformanceReport, Score
from ml_assets.registry import champions, costs, persons
from ml_assets.registry.accepted import accepted
from ml_assets.registry.ledger import Entry, Ledger
from ml_assets.retraining.budget import spent_words
from ml_assets.retraining.said import if_it_lasts
from ml_assets.shown import shown
from ml_assets.sources.calendar import next_due

POINTS = 16
"""Live scores of the small picture."""
LOOKED_AT = 6
"""Newest reports among which the one on the champion is looked for."""
DECISIONS = ("retrain_decision", *champions.GATE, "rollback", "refuse", "lapse", "pause", "resume", "accept")
"""Kinds of entries that are a decision about a model."""


class Seen(NamedTuple):
    """What the fleet says of a model."""

    name: str
    light: Light
    metric: str = ""
    direction: str = "maximize"
    version: int | None = None
    trained_at: datetime | None = None
    holdout: Score | None = None
    live: Score | None = None
    live_batch: str | None = None
    drift: DriftReport | None = None
    due: datetime | None = None
    """When the next batch is to be there; None where none is to come."""
    newest: str | None = None
    decision: Entry | None = None
    waiting: Entry | None = None
    paused: Entry | None = None
    points: tuple[float | None, ...] = ()
    notes: tuple[str, ...] = ()
    until: datetime | None = None
    """When it reads otherwise though nothing of it changes: a batch is late, a pause over."""


def seen(model: Model, ledger: Ledger, now: datetime) -> Seen:
    """Read how a model is; whatever of it is damaged is said in its place."""
    notes: list[str] = []
    try:
        return _seen(model, ledger, now, notes)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one model, the others are shown
        why = shown(f"its state cannot be read: {error}", 400)
        return Seen(
            model.name, Light("act", "damaged", why, "restore what is named from a backup"), notes=(why,)
        )


def _seen(model: Model, ledger: Ledger, now: datetime, notes: list[str]) -> Seen:
    name, recipe = model.name, model.recipe
    champion = champions.champion(ledger, name)
    version = champion.version if champion else None
    drift = next(
        (
            r
            for r in reversed(_reports(model, "drift_report", DriftReport, LOOKED_AT, notes))
            if r.champion_version == version
        ),
        None,
    )
    history = _reports(model, "performance_report", PerformanceReport, POINTS, notes)
    live = next((r for r in reversed(history) if r.champion_version == version and r.score is not None), None)
    request = persons.waiting(ledger, name)
    waiting = request.entry if request is not None and request.approved is None else None
    decided = ledger.last(name, ["retrain_decision"], state="done")
    alert = ledger.last(name, ["alert"], state="done")
    taken = batches_of(model, "cleaned_features", notes)
    newest = taken[-1] if taken else None
    confirmed = drift is not None and drift.status == "fault" and drift.batch in accepted(ledger, name)
    due, paused = next_due(recipe.batches, newest), persons.paused(ledger, name, now)
    limited = recipe.retraining.budget.cpu_hours is not None
    spent = spent_words(costs.by_training(ledger, costs.EVER, name), newest, recipe) if limited else ""
    found = light(
        drift,
        live,
        recipe.retraining,
        version,
        (waiting, decided, alert),
        confirmed,
        recipe.batches is None,
        if_it_lasts(recipe.retraining, paused is not None, spent),
    )
    if found.level == "none" and (entry := champions.kept_out(ledger, name)) is not None:
        todo = champions.kept_out_todo(name, entry.to_version)
        found = Light("watch", "kept out by the gate", entry.reason, todo)
    if due is not None and due <= now:
        found = late(found, str(newest), due)
    if notes:
        found = Light("act", "damaged", notes[0], "restore what is named from a backup")
    return Seen(
        name=name,
        light=found,
        metric=champion.metric if champion else str(recipe.hyperparameter_tuning.metric or ""),
        direction=champion.direction if champion else "maximize",
        version=version,
        trained_at=datetime.fromisoformat(champion.trained_at) if champion else None,
        holdout=champion.holdout if champion else None,
        live=live.score if live else None,
        live_batch=live.scored_batch if live else None,
        drift=drift,
        due=due,
        newest=newest,
        decision=ledger.last(name, DECISIONS, state="done"),
        waiting=waiting,
        paused=paused,
        points=_from_first(r.score.value if r.score is not None else None for r in history),
        notes=tuple(notes),
        until=min((at for at in (due, _ends(paused)) if at is not None and at > now), default=None),
    )


def _ends(paused: Entry | None) -> datetime | None:
    """When a pause is over by itself."""
    until = paused.record.get("until") if paused is not None else None
    return datetime.fromisoformat(str(until)) if until is not None else None


def _from_first(values: Iterable[float | None]) -> tuple[float | None, ...]:
    """Leave out what stands before the first value."""
    return tuple(dropwhile(lambda value: value is None, values))


def _reports(model: Model, asset: str, kind: type[AnyRecord], most: int, notes: list[str]) -> list[AnyRecord]:
    found = (record_of(model, asset, batch, kind, notes) for batch in batches_of(model, asset, notes)[-most:])
    return [report for report in found if report is not None]
