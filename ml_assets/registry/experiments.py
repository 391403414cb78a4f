"""Experiments on live traffic as entries of the ledger: their start, what was seen of them, and their one end.

A server reads here at each look whom to answer by whom. An experiment has one end, under a key of its own, so the
database decides whose was first; a change of champion ends it, too: its arms were to be compared with the old one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from ml_assets.failures import MendableError
from ml_assets.records.experiments import Ended, Experiment, Look
from ml_assets.registry import champions
from ml_assets.registry.ledger import Entry, Ledger

START: Final = "ab_start"
LOOK: Final = "ab_look"
END: Final = "ab_end"
EXPERIMENT: Final = "experiment"
"""Actor of what an experiment decides."""
FELL_BACK: Final = ("errors", "latency")
"""Ends that a server writes."""


class ExperimentError(MendableError, RuntimeError):
    """An experiment that cannot be begun, or is not there."""


class Running(NamedTuple):
    """An experiment and the entry of its start."""

    entry: Entry
    experiment: Experiment

    @property
    def number(self) -> int:
        """Its number: the id of its entry."""
        return self.entry.id

    @property
    def began(self) -> float:
        """When it began, in seconds since 1970."""
        return datetime.fromisoformat(self.entry.at).timestamp()

    def hours(self, now: float) -> float:
        """Hours since its start."""
        return max(0.0, (now - self.began) / 3600)


def start(ledger: Ledger, recipe: str, experiment: Experiment, *, actor: str, reason: str) -> Running:
    """Begin an experiment.

    Raises
    ------
    ExperimentError
        If another one is running, or the champion is not the one that it compares with.
    """
    with ledger.lock(recipe):
        other = running(ledger, recipe)
        if other is not None:
            raise ExperimentError(
                f"{recipe}: an experiment is running since {other.entry.at[:16].replace('T', ' ')} UTC, on"
                f" {versions_of(other.experiment)}; `ml-assets ab stop {recipe} REASON` ends it"
            )
        change = champions.last_change(ledger, recipe)
        if change is None or change.to_version != experiment.champion:
            raise ExperimentError(f"{recipe}: version {experiment.champion} is not the champion any more")
        entry = ledger.append(
            recipe,
            START,
            actor=actor,
            reason=reason,
            from_version=experiment.champion,
            to_version=experiment.arms[0].version,
            record=experiment,
        )
    return Running(entry, experiment)


def newest(ledger: Ledger, recipe: str) -> tuple[Running, Entry | None] | None:
    """Find the newest experiment, and its end where that was written."""
    entry = ledger.last(recipe, [START], state="done")
    if entry is None:
        return None
    found = Running(entry, Experiment.model_validate(entry.record))
    return found, ledger.by_key(recipe, _end_key(entry))


def overtaken(ledger: Ledger, one: Running) -> Entry | None:
    """Find the change of champion that has ended an experiment, whether that was written or not."""
    change = champions.last_change(ledger, one.entry.recipe)
    if change is None or change.to_version == one.experiment.champion:
        return None
    return change


def running(ledger: Ledger, recipe: str) -> Running | None:
    """Find the experiment that is in force; a server answers by no other."""
    found = newest(ledger, recipe)
    if found is None:
        return None
    one, ended = found
    return one if ended is None and overtaken(ledger, one) is None else None


def end(
    ledger: Ledger,
    one: Running,
    how: Ended,
    *,
    actor: str,
    reason: str,
    evidence: Mapping[str, Any] | None = None,
    winner: int | None = None,
) -> tuple[Entry, bool]:
    """End an experiment; the entry that stands, and whether it is this one."""
    return ledger.append_once(
        one.entry.recipe,
        END,
        key=_end_key(one.entry),
        decision_id=one.entry.decision_id,
        actor=actor,
        reason=reason,
        from_version=one.experiment.champion,
        to_version=winner or one.experiment.arms[0].version,
        record={"how": how, "winner": winner, "experiment": one.number, **(evidence or {})},
    )


def answers_to(ledger: Ledger, ended: Entry) -> list[Entry]:
    """Find the gate's word on the winner of an experiment, once it has been asked."""
    found = ledger.find(
        ended.recipe, champions.GATE, state="done", to_version=ended.to_version, actor=EXPERIMENT
    )
    return [entry for entry in found if entry.id > ended.id][:1]


def note(ledger: Ledger, one: Running, look: Look, *, actor: str) -> Entry:
    """Keep what was seen, once for each state of the batches."""
    entry, _ = ledger.append_once(
        one.entry.recipe,
        LOOK,
        key=f"ab_look:{one.entry.decision_id}:{look.seen}",
        actor=actor,
        reason=look.reason,
        from_version=one.experiment.champion,
        to_version=one.experiment.arms[0].version,
        record={"experiment": one.number, **look.model_dump(mode="json")},
    )
    return entry


def last_look(ledger: Ledger, one: Running) -> tuple[Entry, Look] | None:
    """Read what was seen last of an experiment."""
    entry = ledger.last(one.entry.recipe, [LOOK], state="done")
    if entry is None or entry.record.get("experiment") != one.number:
        return None
    return entry, Look.model_validate({k: v for k, v in entry.record.items() if k != "experiment"})


def versions_of(experiment: Experiment) -> str:
    """Name champion and arms in words.

    >>> from ml_assets.records.experiments import Arm
    >>> versions_of(Experiment(champion=1, salt="x", arms=(Arm(name="challenger", version=2, share=0.5),)))
    'champion 1 and version 2'
    """
    arms = " and ".join(f"{'shadow ' if arm.shadow else 'version '}{arm.version}" for arm in experiment.arms)
    return f"champion {experiment.champion} and {arms}"


def words(one: Running, now: datetime | None = None) -> str:
    """Say what is compared, how the traffic is dealt out now, and until when."""
    experiment = one.experiment
    hours = one.hours((now or datetime.now(UTC)).timestamp())
    shares = experiment.shares(hours)
    told = [
        f"version {arm.version} answers beside it, seen by nobody"
        if arm.shadow
        else f"version {arm.version} gets {shares[arm.name]:.3g} of the {_keys(experiment)}"
        for arm in experiment.arms
    ]
    later = [step for step in experiment.steps if step.hours > hours]
    more = f", more in {later[0].hours - hours:.2g} h" if later else ""
    return (
        f"experiment {one.number} since {one.entry.at[:16].replace('T', ' ')} UTC on champion {experiment.champion}: "
        f"{'; '.join(told)}{more}; it ends at {experiment.labels:,} labels an arm at the latest"
    )


def _keys(experiment: Experiment) -> str:
    return (
        f"keys ({', '.join(experiment.entity)})"
        if experiment.entity
        else "requests (the recipe names no entity)"
    )


def _end_key(entry: Entry) -> str:
    return f"ab_end:{entry.decision_id}"
