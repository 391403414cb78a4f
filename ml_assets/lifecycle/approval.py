"""A challenger that has passed the gate and waits for a person: yes, no, and the end of waiting.

A yes is two steps: the answer in the ledger, then the change of champion (`registry/charge.py`). Whatever moment a
kill comes, the next command or look goes on from the answer; nothing is promoted that was not answered by yes.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from ml_assets.failures import MendableError, WrongUsageError
from ml_assets.lifecycle.alerts import tell
from ml_assets.names import STATIC
from ml_assets.recipe.periods import PERIODS
from ml_assets.records import Promotion
from ml_assets.registry import champions, persons
from ml_assets.registry.persons import APPROVE, LAPSE, REFUSE, Waiting
from ml_assets.shown import counted

if TYPE_CHECKING:
    from ml_assets.lifecycle.state import ModelState
    from ml_assets.registry.ledger import Entry

logger = logging.getLogger(__name__)

TRIES: Final = 3
"""Times that the change of champion is begun for one approval."""
TAG: Final = "approved"
"""Tag of a version in MLflow that is an approval where the operator allows it: `WHO: REASON`."""


class ApprovalError(MendableError, ValueError):
    """What is to be approved or refused does not wait."""


def asks_person(state: ModelState, promotion: Promotion) -> Promotion:
    """Let what the gate would promote wait, where the recipe asks for a person."""
    if promotion.outcome != "promote" or state.recipe.promotion.approval == "automatic":
        return promotion
    return promotion.model_copy(update={"outcome": "waits"})


def approve(state: ModelState, version: int, *, actor: str, reason: str) -> Entry:
    """Say yes to a challenger that waits, and put it in charge; said again, it goes on where a kill has ended it.

    Returns
    -------
    Entry
        The change of champion.

    Raises
    ------
    ApprovalError
        If the version does not wait, or the rows that spoke for it are old by now.
    """
    from ml_assets.registry import charge

    wanted(reason)
    charge.reconcile(state.registry, state.name)
    last = champions.last_change(state.ledger, state.name)
    if last is not None and last.to_version == version and last.record.get("approved") is not None:
        return last
    request = _waiting(state, version)
    if why := old(state, request):
        _lapse(state, request, why)
        raise ApprovalError(f"{state.name}: version {version} waits no more: {why}; train it again")
    given, _ = persons.answer(state.ledger, request, APPROVE, actor=actor, reason=reason.strip())
    if given.kind != APPROVE:  # another was quicker
        raise ApprovalError(_not_waiting(state, version))
    return _carry_out(state, Waiting(request.entry, given))


def refuse(state: ModelState, version: int, *, actor: str, reason: str) -> Entry:
    """Say no to a challenger that waits; said again, it changes nothing.

    Raises
    ------
    ApprovalError
        If the version does not wait.
    """
    wanted(reason)
    before = state.ledger.last(state.name, [REFUSE], state="done", to_version=version)
    request = persons.waiting(state.ledger, state.name)
    if before is not None and (request is None or request.version != version):
        return before
    request = _waiting(state, version)
    if request.approved is not None:
        raise ApprovalError(
            f"{state.name}: version {version} was approved by {request.approved.actor} already and is being put in"
            f" charge; then `ml-assets rollback {state.name}` undoes it"
        )
    given, _ = persons.answer(state.ledger, request, REFUSE, actor=actor, reason=reason.strip())
    if given.kind != REFUSE:
        raise ApprovalError(_not_waiting(state, version))
    return given


def look_at_approval(state: ModelState) -> Entry | None:
    """See to what waits: call off what is old, take a tag for an answer, go on after a kill, remind.

    For ticks: where nothing waits it asks the ledger one question.

    Returns
    -------
    Entry or None
        The change of champion, where this look has made one.
    """
    request = persons.waiting(state.ledger, state.name)
    if request is None:
        return None
    if why := old(state, request):
        _lapse(state, request, why)
        return None
    if request.approved is None:
        request = _by_tag(state, request)
    if request.approved is not None:
        try:
            return _carry_out(state, request)
        except MendableError as error:  # the next look tries again, TRIES times in all
            logger.error("%s: version %s is approved, but: %s", state.name, request.version, error)
            return None
    tell(state, "approval", f"v{request.version}", words(state, request), request.entry.batch)
    return None


def old(state: ModelState, request: Waiting) -> str:
    """Say why the rows that spoke for a challenger are old; empty while they are not.

    Of batches: more than `promotion.approval_batches` newer ones were taken in. Of a static table: it has changed.
    """
    batches, entry = state.recipe.batches, request.entry
    if batches is None:
        if not state.store.has("cleaned_features", STATIC):
            return ""
        learned = champions.version_info(state.ledger, state.name, request.version).trained.snapshots
        now = state.store.sha256("cleaned_features", STATIC)
        return "the table has changed since" if learned.get(STATIC, now) != now else ""
    allowed = state.recipe.promotion.approval_batches or PERIODS[batches.period].patience
    newest = max(state.store.batches("cleaned_features"), default=str(entry.batch))
    came = state.index(newest) - state.index(str(entry.batch))
    if came <= allowed:
        return ""
    told = f"{counted(came, 'newer batch')} {'has' if came == 1 else 'have'} come"
    return f"{told} (promotion.approval_batches: {allowed}), the rows that spoke for it are old"


def words(state: ModelState, request: Waiting) -> str:
    """Say what waits, since when and until when, and what to type."""
    entry, name, version = request.entry, state.name, request.version
    since = f"{entry.at[:16].replace('T', ' ')} UTC"
    if request.approved is not None:
        return f"version {version} was approved by {request.approved.actor} and is being put in charge"
    against = (
        "as the first model" if entry.from_version is None else f"to replace version {entry.from_version}"
    )
    return (
        f"version {version} waits for an approval {against}, since {since}{_until(state, entry)}: {entry.reason}; to"
        f" answer: `ml-assets approve {name} {version} REASON` or `ml-assets refuse {name} {version} REASON`"
    )


def _until(state: ModelState, entry: Entry) -> str:
    batches = state.recipe.batches
    if batches is None:
        return ", while the table stays as it is"
    allowed = state.recipe.promotion.approval_batches or PERIODS[batches.period].patience
    return f", until batch {state.shifted(str(entry.batch), allowed + 1)} is taken in"


def waiting_words(state: ModelState) -> str:
    """Say what waits for a person; empty where nothing does."""
    request = persons.waiting(state.ledger, state.name)
    return "" if request is None else words(state, request)


def said_words(state: ModelState, now: datetime) -> tuple[str, ...]:
    """Say what persons have said and is in force, and what waits for them."""
    pause = persons.paused(state.ledger, state.name, now)
    rest = (
        ""
        if pause is None
        else f"{persons.pause_words(pause)}; `ml-assets resume {state.name} REASON` ends it"
    )
    return tuple(text for text in (waiting_words(state), rest) if text)


def wanted(reason: str) -> None:
    """See that there is a reason.

    Raises
    ------
    WrongUsageError
        If there is none.
    """
    if not reason.strip():
        raise WrongUsageError("say why, in a sentence: it is written to the ledger")


def _waiting(state: ModelState, version: int) -> Waiting:
    request = persons.waiting(state.ledger, state.name)
    if request is None or request.version != version:
        state.registry.version(state.name, version)
        raise ApprovalError(_not_waiting(state, version))
    return request


def _not_waiting(state: ModelState, version: int) -> str:
    request = persons.waiting(state.ledger, state.name)
    other = f"; version {request.version} waits" if request is not None else ""
    why = persons.fate(state.ledger, state.name, version)
    return (
        f"{state.name}: version {version} does not wait for an approval: {why}{other}; `ml-assets promote {state.name}"
        f" {version}` asks the gate anew"
    )


def _lapse(state: ModelState, request: Waiting, why: str) -> None:
    _, new = persons.answer(state.ledger, request, LAPSE, actor="approval", reason=why)
    if new:
        text = f"version {request.version} waits no more for an approval: {why}"
        tell(state, "approval_lapsed", f"v{request.version}", text, request.entry.batch)


def _carry_out(state: ModelState, request: Waiting) -> Entry:
    """Put an approved challenger in charge; the same again, after a kill at whatever moment."""
    from ml_assets.registry import charge

    entry, given = request.entry, request.approved
    assert given is not None
    if persons.tries(state.ledger, request) >= TRIES:
        why = f"the change of champion came to nothing {TRIES} times"
        _lapse(state, request, why)
        raise ApprovalError(
            f"{state.name}: version {request.version}: {why}; `ml-assets explain {state.name}`"
        )
    changes: dict[str, Any] = {"outcome": "promote", "approved": entry.id, "comparison": None, "refits": ()}
    return charge.promote(
        state.registry,
        state.name,
        request.version,
        expected_champion=entry.from_version,
        reason=f"{entry.reason}; approved by {given.actor}: {given.reason}",
        actor=given.actor,
        record=Promotion.model_validate(entry.record).model_copy(update=changes),
        batch=entry.batch,
    )


def _by_tag(state: ModelState, request: Waiting) -> Waiting:
    """Take the tag of a version in MLflow for an approval, where the operator trusts who may write there."""
    if not state.settings.approval_tag:
        return request
    text = state.registry.tag(state.name, request.version, TAG) or ""
    who, _, why = (part.strip() for part in text.partition(":"))
    if not who or not why:
        return request
    actor = f"{who[:80]} (tag in MLflow)"
    given, _ = persons.answer(state.ledger, request, APPROVE, actor=actor, reason=why[:1000])
    return request if given.kind != APPROVE else Waiting(request.entry, given)
