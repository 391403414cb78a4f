"""What stays between two looks of a sensor: the opened instance, and what was read while nothing was written since."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import dagster as dg

from ml_assets.lifecycle.state import ModelState
from ml_assets.orchestration.history import read_history
from ml_assets.records import History

if TYPE_CHECKING:
    from dagster import DagsterInstance, RunRecord
    from dagster._core.instance.ref import InstanceRef

Value = TypeVar("Value")

_OPEN: Final[list[tuple[InstanceRef, dg.DagsterInstance]]] = []
"""The instance that was opened last, by its reference; swapped whole: threads share it."""

KEPT: Final = 600.0
"""Seconds after which all is read again: a run that a person deletes leaves no trace by which it is missed."""


def standing_instance(context: dg.SensorEvaluationContext) -> DagsterInstance:
    """Give the instance that a sensor is asked about; a process opens it once: that costs many quiet looks.

    Parameters
    ----------
    context : SensorEvaluationContext
        With a reference to the instance, as a code server has it, or with the instance itself.
    """
    ref = context.instance_ref
    if ref is None:
        return context.instance
    for known, instance in _OPEN:
        if known == ref:
            return instance
    opened = dg.DagsterInstance.from_ref(ref)
    _OPEN[:] = [(ref, opened)]
    return opened


class Memory(Generic[Value]):
    """What this process has found out about each model, with the mark of what it was found in.

    Examples
    --------
    >>> memory = Memory()
    >>> memory.keep("churn", 7, "no lasting change")
    >>> memory.known("churn", 7), memory.known("churn", 8)
    ('no lasting change', None)
    """

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[Hashable, float, Value]] = {}

    def keep(self, place: Hashable, mark: Hashable, value: Value) -> None:
        """Keep what was found; `mark` was read before it."""
        self._kept[place] = (mark, time.monotonic(), value)

    def known(self, place: Hashable, mark: Hashable) -> Value | None:
        """Give what was found, if the mark is the same still."""
        then, at, value = self._kept.get(place, (None, 0.0, None))
        return value if then == mark and time.monotonic() - at < KEPT else None


_HISTORIES: Final[Memory[History]] = Memory()


def standing_history(
    instance: DagsterInstance, state: ModelState, running: Sequence[RunRecord] | None = None
) -> History:
    """Read a model's history, or give the one that was read last where nothing has happened since.

    Each change of a run, each report and each entry of the ledger moves one of the marks.

    Parameters
    ----------
    instance : DagsterInstance
        Where the events are.
    state : ModelState
        The model.
    running : sequence of RunRecord, optional
        Runs that have not ended, where they are known.
    """
    if running is None:
        return read_history(instance, state)
    mark = (
        newest_event(instance),
        tuple((record.dagster_run.run_id, record.dagster_run.status) for record in running),
        state.ledger.newest_id(),
        state.first_batch(),
    )
    place = place_of(instance, state)
    history = _HISTORIES.known(place, mark)
    if history is None:
        history = read_history(instance, state, running)
        _HISTORIES.keep(place, mark, history)
    return history


def place_of(instance: DagsterInstance, state: ModelState) -> Hashable:
    """Name a model in the memory of a process."""
    return instance.root_directory, str(state.ledger.url), state.recipe_sha256


def newest_event(instance: DagsterInstance) -> int:
    """Id of the newest event of Dagster's log; each start and end of a run is one."""
    return instance.event_log_storage.get_maximum_record_id() or 0
