"""What persons have said of a model, as entries of the ledger: yes and no to a challenger, rest, a training.

One answer to a challenger that waits: the database decides whose was first. What is asked here costs a question or
two to the ledger, and needs no MLflow.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple

from ml_assets.records import Ask, Said
from ml_assets.registry import champions
from ml_assets.registry.ledger import Entry, Ledger

WAITS: Final = "waits"
"""The gate's word on a challenger that a person is to approve."""
APPROVE: Final = "approve"
REFUSE: Final = "refuse"
LAPSE: Final = "lapse"
"""It waits no more, and nobody has said no."""
PAUSE: Final = "pause"
RESUME: Final = "resume"
ASK: Final = "ask_training"

Answer = Literal["approve", "refuse", "lapse"]


class Waiting(NamedTuple):
    """A challenger that the gate would promote, and the answer where there is one that is not carried out."""

    entry: Entry
    approved: Entry | None

    @property
    def version(self) -> int:
        """Its number."""
        assert self.entry.to_version is not None
        return self.entry.to_version


def waiting(ledger: Ledger, recipe: str) -> Waiting | None:
    """Find the challenger that waits for a person, or for a change of champion that a kill has kept from being made.

    The newest alone can wait, and only while the champion is the one that it was judged against.
    """
    entry = ledger.last(recipe, [WAITS], state="done")
    if entry is None or ledger.by_key(recipe, _lapse_key(entry)) is not None:
        return None
    change = champions.last_change(ledger, recipe)
    if change is not None and change.id > entry.id:
        return None
    answer = ledger.by_key(recipe, _answer_key(entry))
    if answer is None:
        return Waiting(entry, None)
    return Waiting(entry, answer) if answer.kind == APPROVE else None


def fate(ledger: Ledger, recipe: str, version: int) -> str:
    """Say why a version does not wait for an approval."""
    entry = ledger.last(recipe, [WAITS], state="done", to_version=version)
    if entry is None:
        last = ledger.last(recipe, champions.GATE, state="done", to_version=version)
        said = (
            "the gate was not asked about it"
            if last is None
            else f"the gate said: {last.kind}, {last.reason}"
        )
        return f"it never waited: {said}"
    told = ledger.by_key(recipe, _lapse_key(entry)) or ledger.by_key(recipe, _answer_key(entry))
    if told is not None and told.kind != APPROVE:
        return f"{VERBS[told.kind]} by {told.actor} on {told.at[:16].replace('T', ' ')} UTC: {told.reason}"
    change = champions.last_change(ledger, recipe)
    if told is not None and change is not None and change.to_version == version:
        since = told.at[:16].replace("T", " ")
        return f"{VERBS[told.kind]} by {told.actor} on {since} UTC, and in charge: {told.reason}"
    newer = ledger.last(recipe, [WAITS], state="done")
    if newer is not None and newer.id > entry.id:
        return f"version {newer.to_version} came after it"
    return "the champion that it was judged against is no longer in charge"


VERBS: Final = {APPROVE: "approved", REFUSE: "refused", LAPSE: "called off"}


def answer(ledger: Ledger, request: Waiting, kind: Answer, *, actor: str, reason: str) -> tuple[Entry, bool]:
    """Write an answer to a challenger that waits; the entry that stands, and whether it is this one."""
    entry = request.entry
    over = kind == LAPSE and request.approved is not None
    return ledger.append_once(
        entry.recipe,
        kind,
        key=_lapse_key(entry) if over else _answer_key(entry),
        actor=actor,
        from_version=entry.from_version,
        to_version=entry.to_version,
        batch=entry.batch,
        reason=reason,
        record={"waited": entry.id},
    )


def _answer_key(entry: Entry) -> str:
    return f"answer:{entry.decision_id}"


def _lapse_key(entry: Entry) -> str:
    return f"lapse:{entry.decision_id}"


def tries(ledger: Ledger, request: Waiting) -> int:
    """Count the changes of champion that were begun for an approval and came to nothing."""
    aborted = ledger.find(request.entry.recipe, ["promote"], state="aborted", to_version=request.version)
    return sum(request.approved is not None and entry.id > request.approved.id for entry in aborted)


def refused(ledger: Ledger, recipe: str, limit: int) -> dict[int, str]:
    """Read which versions a person has refused, the newest of them, with the batch at which each was trained."""
    found = ledger.find(recipe, [REFUSE], limit, state="done")
    return {e.to_version: str(e.batch) for e in found if e.to_version is not None}


def pause(ledger: Ledger, recipe: str, *, actor: str, reason: str, days: float | None) -> Entry:
    """Write that nothing is trained by itself, for so many days or until a person says otherwise."""
    until = None if days is None else (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="minutes")
    return ledger.append(recipe, PAUSE, actor=actor, reason=reason, record={"until": until})


def resume(ledger: Ledger, recipe: str, *, actor: str, reason: str) -> Entry:
    """Write that a pause is over."""
    return ledger.append(recipe, RESUME, actor=actor, reason=reason)


def paused(ledger: Ledger, recipe: str, now: datetime) -> Entry | None:
    """Read the pause that is in force."""
    entry = ledger.last(recipe, [PAUSE, RESUME], state="done")
    if entry is None or entry.kind == RESUME:
        return None
    until = entry.record.get("until")
    return None if until is not None and datetime.fromisoformat(str(until)) <= now else entry


def pause_words(entry: Entry) -> str:
    """Say of a pause how long it lasts, and who said so."""
    until = entry.record.get("until")
    lasts = "until it is resumed" if until is None else f"until {str(until)[:16].replace('T', ' ')} UTC"
    return f"paused {lasts} by {entry.actor}: {entry.reason}"


def ask(ledger: Ledger, recipe: str, *, actor: str, reason: str, batch: str) -> Entry:
    """Write that a person wants a training."""
    return ledger.append(recipe, ASK, actor=actor, reason=reason, batch=batch)


def asked(ledger: Ledger, recipe: str) -> Ask | None:
    """Read the newest training that a person asked for."""
    last = ledger.last(recipe, [ASK], state="done")
    return (
        None
        if last is None
        else Ask(id=last.id, at=last.at, actor=last.actor, reason=last.reason, batch=last.batch)
    )


def said(ledger: Ledger, recipe: str, now: datetime) -> Said:
    """Read what is in force of all this."""
    rest, request = paused(ledger, recipe, now), waiting(ledger, recipe)
    return Said(
        ask=asked(ledger, recipe),
        paused="" if rest is None else pause_words(rest),
        waits=request.version if request else None,
    )
