"""Whether the recipes can be read and the frames and records of every model are what was written."""

from __future__ import annotations

from collections.abc import Iterator

from ml_assets.failures import MendableError
from ml_assets.lifecycle.known import load_states
from ml_assets.lifecycle.storage import examine as storage
from ml_assets.records.health import Examined
from ml_assets.settings import Settings
from ml_assets.shown import shown


def examine(settings: Settings) -> Iterator[Examined]:
    """Look at every recipe and at all that is kept of its model."""
    yield from storage(settings)
    states, faults = load_states(settings)
    for path, error in faults:
        yield Examined(
            part=f"{shown(path.name)}: recipe",
            found=str(error),
            ok=False,
            remedy=f"correct {shown(str(path))}",
        )
    for state in states:
        part = f"{state.name}: batches"
        try:
            state.known_first_batch()
            damaged = list(state.store.faults())
        except MendableError as error:
            damaged = [str(error)]
        for text in damaged:
            yield Examined(
                part=part, found=text, ok=False, remedy="restore it from a backup, or materialize it again"
            )
        if not damaged:
            count = len(state.store.batches("cleaned_features"))
            yield Examined(part=part, found=f"{count} taken in, all as they were written")
