"""Runs as Dagster's log has them; where one cannot be read, the message names the file and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import dagster as dg
from dagster_shared.check import CheckError
from dagster_shared.serdes.errors import DeserializationError

from ml_assets.orchestration.event_seal import ChangedEventError

if TYPE_CHECKING:
    from dagster import DagsterInstance, RunRecord

UNREADABLE: Final = (ValueError, KeyError, CheckError, DeserializationError)
"""What Dagster raises where a row of its table of runs is not what it wrote."""


def run_records(
    instance: DagsterInstance, wanted: dg.RunsFilter, limit: int | None = None
) -> Sequence[RunRecord]:
    """Read the newest runs of a kind.

    Raises
    ------
    ChangedEventError
        If one was changed after it was written, so that it is no run any more.
    """
    try:
        return instance.get_run_records(wanted, limit=limit)
    except UNREADABLE as error:
        place = Path(instance.root_directory, "history", "runs.db")
        found = " ".join(str(error).split())[:120]
        raise ChangedEventError(
            f"{place} was changed after it was written ({found}): stop the processes, and restore {place.parent} from a"
            " backup or move it away; runs and plots of before are gone then, no model is"
        ) from error
