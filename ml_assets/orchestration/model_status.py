"""One model's state in a row: for the asset `model_overview` and for `ml-assets status`."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ml_assets.failures import traced
from ml_assets.lifecycle.approval import said_words, waiting_words
from ml_assets.lifecycle.arrival import state_of_data
from ml_assets.lifecycle.costs import spent
from ml_assets.lifecycle.in_charge import look_at_alias
from ml_assets.lifecycle.learned import Learned, learned
from ml_assets.lifecycle.quarantine import quarantine_words
from ml_assets.lifecycle.state import ModelState
from ml_assets.orchestration.asked import asked_words
from ml_assets.orchestration.events import assets_with_events
from ml_assets.orchestration.health import LASTING, REMEDIES, Health, Status, about_champion, health
from ml_assets.orchestration.history import Glance, recent_history
from ml_assets.orchestration.live_answers import experiment_words
from ml_assets.orchestration.reaper import open_runs
from ml_assets.orchestration.refused import refused_batch
from ml_assets.recipe import RecipeError
from ml_assets.records import Record
from ml_assets.registry import champions, persons
from ml_assets.registry.accepted import confirmed_words
from ml_assets.registry.alias import moved as moved_alias
from ml_assets.registry.erasures import erased_words
from ml_assets.registry.flaws import flaws
from ml_assets.registry.ledger import Ledger
from ml_assets.retraining.policy import ageing_words
from ml_assets.retraining.said import if_it_lasts
from ml_assets.settings import Settings
from ml_assets.shown import shown
from ml_assets.sources.calendar import next_due
from ml_assets.sources.paths import SourceError

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from ml_assets.registry.champions import VersionInfo

NAMED = re.compile(r"^name:\s*[\"']?(\w+)[\"']?\s*(?:#.*)?$", re.MULTILINE)
"""The name in a recipe that cannot be read as one."""


DECISIONS = ("retrain_decision", *champions.GATE, "rollback", "refuse", "lapse", "pause", "resume")
"""Kinds of entries that are a decision about a model."""
NO_DECISION = ("lost", "alias moved", "broken recipe")
"""What stands in the way of every decision stands in its place."""
CALM = ("healthy", "serving", "no model", "no report yet")
"""Words beside which a challenger that waits for a person is more urgent."""


class LastDecision(Record):
    """The newest entry of the ledger about a model."""

    action: str
    at: str
    reason: str


class ModelStatus(Record):
    """One row of the overview; scores and drift are of the champion in charge, never of another version."""

    name: str
    champion_version: int | None = None
    trained_at: str | None = None
    age_days: float | None = None
    metric: str | None = None
    holdout_score: float | None = None
    live_score: float | None = None
    live_batch: str | None = None
    drift: float | None = None
    status: Status
    why: str = ""
    todo: str = ""
    last_decision: LastDecision | None = None
    learned: Learned | None = None
    """What the champion has learned of what is known."""
    waiting: tuple[str, ...] = ()
    """Batches that are new, or have changed, in the source and were not taken in."""
    outdated: tuple[str, ...] = ()
    """Batches of which the champion learned other rows than are known now."""
    notes: tuple[str, ...] = ()
    """Both in words."""
    ageing: str = ""
    """How fast a model of this kind ages, and when the next challenger is due; empty without `max_age: auto`."""
    approval: str = ""
    """What waits for a person, and what to type."""
    persons: tuple[str, ...] = ()
    """That, the pause in force, the training asked for, and what is compared on live traffic."""


def all_statuses(
    instance: DagsterInstance,
    states: Sequence[ModelState],
    faults: Sequence[tuple[Path, RecipeError]],
    settings: Settings,
    now: datetime,
) -> list[ModelStatus]:
    """Sum up every model; one whose recipe is broken or gone is a row, too."""
    glance, ledger = (
        Glance(open_runs(instance, settings), assets_with_events(instance), one=len(states) == 1),
        Ledger(settings.ledger),
    )
    with ledger.at_rest():
        rows = [_status_or_damage(instance, state.beside(ledger), now, glance) for state in states]
        sound = {state.name for state in states}
        for path, error in faults:
            name = _name_in(path, sound)
            found = Health("broken recipe", str(error))
            rows.append(_row(name, found, _serving(ledger, name), now, ledger))
        left = _left(ledger, {row.name for row in rows})
        return [
            *rows,
            *(_row(name, Health("recipe missing"), version, now, ledger) for name, version in left),
        ]


def model_status(
    instance: DagsterInstance, state: ModelState, now: datetime, glance: Glance | None = None
) -> ModelStatus:
    """Sum one model up from the event log and the ledger; one that MLflow's registry has lost is said to be.

    Parameters
    ----------
    instance : DagsterInstance
        Where the events are.
    state : ModelState
        The model.
    now : datetime
        The present time, for the champion's age.
    glance : Glance, optional
        What was read for all models at once.
    """
    if glance is None:
        glance = Glance(open_runs(instance, state.settings), assets_with_events(instance), one=True)
    with state.ledger.at_rest():
        return _summed_up(instance, state, now, glance)


def _summed_up(instance: DagsterInstance, state: ModelState, now: datetime, glance: Glance) -> ModelStatus:
    look_at_alias(state)
    history = recent_history(instance, state, glance)
    champion = champions.champion(state.ledger, state.name)
    newest, drift, live = about_champion(history)
    # A server is not asked: this must be quick, and must not fail where the server does.
    local = state.settings.own_mlflow
    if lost := state.registry.lost(state.name) if local else None:
        found = Health("lost", lost)
    elif moved := moved_alias(state.registry, state.name) if local else None:
        found = Health("alias moved", moved)
    elif changed := _changed_files(state, champion) if local and glance.one else None:
        found = Health("damaged", changed)
    else:
        refused = refused_batch(instance, state, newest.batch if newest else None)
        found = health(history, state.recipe.retraining, refused, is_static=state.recipe.batches is None)
        if found.status in CALM and (waits := waiting_words(state)):
            found = Health("waits for approval", waits)
    data = state_of_data(state)
    row = _row(state.name, found, champion, now, state.ledger)
    return row.model_copy(
        update={
            "metric": row.metric or state.recipe.hyperparameter_tuning.metric,
            "live_score": live.score.value if live and live.score else None,
            "live_batch": live.scored_batch if live else None,
            "drift": drift.share if drift and drift.status in ("ok", "drift") else None,
            "learned": learned(state),
            "waiting": data.waiting,
            "outdated": data.outdated,
            "notes": (
                *data.notes,
                *_awaited(state, now, data.waiting),
                *quarantine_words(state),
                *confirmed_words(state.ledger, state.name),
                *erased_words(state.ledger, state.name),
                *flaws(champion),
            ),
            "ageing": ageing_words(state.recipe, history),
            "todo": row.todo if found.status not in LASTING else f"{row.todo}; {_lasts(state, now)}",
            "persons": tuple(
                words
                for words in (
                    *said_words(state, now),
                    asked_words(state, history),
                    *experiment_words(state.ledger, state.name),
                )
                if words
            ),
            "approval": waiting_words(state),
        }
    )


def _changed_files(state: ModelState, champion: VersionInfo | None) -> str | None:
    """Say that files of the champion are not what was registered, so that nothing is predicted with it."""
    faults = [] if champion is None else state.registry.files.faults(state.name, champion.version)
    return "; ".join(faults) or None


def _awaited(state: ModelState, now: datetime, waiting: Sequence[str]) -> Iterator[str]:
    """Say what did not come when it was due; what lies in the source and waits has come, and is told as that."""
    newest = max(state.store.batches("cleaned_features"), default=None)
    if state.recipe.batches is None or newest is None or any(batch > newest for batch in waiting):
        return
    due = next_due(state.recipe.batches, newest)
    if due is not None and due <= now:
        yield (
            f"no batch since {newest}: the next was to be there on {due:%Y-%m-%d %H:%M} UTC, and of what does not come "
            "nothing is known; if none is to come, say so by batches.end"
        )


def _lasts(state: ModelState, now: datetime) -> str:
    paused = persons.paused(state.ledger, state.name, now) is not None
    return if_it_lasts(state.recipe.retraining, paused, spent(state))


def _row(
    name: str, found: Health, champion: VersionInfo | None, now: datetime, ledger: Ledger
) -> ModelStatus:
    age = now - datetime.fromisoformat(champion.trained_at) if champion else None
    return ModelStatus(
        name=name,
        champion_version=champion.version if champion else None,
        trained_at=champion.trained_at if champion else None,
        age_days=age.total_seconds() / 86400 if age else None,
        metric=champion.metric if champion else None,
        holdout_score=champion.holdout.value if champion and champion.holdout else None,
        status=found.status,
        why=found.why,
        todo=_without_champion(ledger, name) if found.status == "no model" else REMEDIES[found.status],
        last_decision=_none(found.why, now) if found.status in NO_DECISION else _last_decision(ledger, name),
    )


def _without_champion(ledger: Ledger, name: str) -> str:
    entry = champions.kept_out(ledger, name)
    return REMEDIES["no model"] if entry is None else champions.kept_out_todo(name, entry.to_version)


def _none(reason: str, now: datetime) -> LastDecision:
    return LastDecision(action="none", at=now.isoformat(), reason=reason)


def _last_decision(ledger: Ledger, name: str) -> LastDecision | None:
    entry = ledger.last(name, DECISIONS, state="done")
    if entry is None:
        return None
    action = str(entry.record.get("action", entry.kind)) if entry.kind == "retrain_decision" else entry.kind
    return LastDecision(action=action, at=entry.at, reason=entry.reason)


def _status_or_damage(
    instance: DagsterInstance, state: ModelState, now: datetime, glance: Glance
) -> ModelStatus:
    try:
        return model_status(instance, state, now, glance)
    except SourceError as error:  # only where nothing was ever taken in is the source asked
        return ModelStatus(
            name=state.name,
            status="no model",
            why=f"its source cannot be read: {error}",
            todo="mend the source, or the recipe: `ml-assets validate` checks both",
            last_decision=_none(str(error), now),
        )
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one model's state, the others are shown
        traced(error)
        text = shown(f"its state cannot be read: {type(error).__name__}: {error}", 600)
        return ModelStatus(
            name=state.name,
            status="damaged",
            why=text,
            todo=REMEDIES["damaged"],
            last_decision=_none(text, now),
        )


def _left(ledger: Ledger, known: Container[str]) -> Iterator[tuple[str, VersionInfo]]:
    """Other models that the ledger has in charge; one that was renamed goes on under its new name."""
    for name in ledger.recipes():
        if (
            name in known
            or champions.champion_version(ledger, name) is None
            or champions.is_left(ledger, name)
        ):
            continue
        if (champion := _serving(ledger, name)) is not None:
            yield name, champion


def _serving(ledger: Ledger, name: str) -> VersionInfo | None:
    with suppress(champions.UnknownVersionError):  # none serves
        return champions.champion(ledger, name)
    return None


def _name_in(path: Path, sound: Container[str]) -> str:
    """Name of a broken recipe: the one written in it, unless a sound recipe has it; else its file's."""
    written = None
    with suppress(OSError):  # a file that cannot be read tells no name
        if path.is_file():  # a pipe would be waited for
            written = NAMED.search(path.read_text(encoding="utf-8", errors="replace")[:2000])
    return written[1] if written and written[1] not in sound else shown(path.stem)
