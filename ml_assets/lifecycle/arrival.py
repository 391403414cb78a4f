"""What lies in the source beside what was taken in: batches that are new, and batches that have changed."""

from __future__ import annotations

import logging
import time
from collections.abc import Hashable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from ml_assets.lifecycle.state import ModelState
from ml_assets.records import Record
from ml_assets.registry import champions, erasures
from ml_assets.shown import clipped, counted
from ml_assets.sources.calendar import batch_start, limits, next_batch
from ml_assets.sources.sight import Part, Sight
from ml_assets.store.atomic import atomic_write
from ml_assets.store.json_file import DamagedError, read_json
from ml_assets.store.seal import sealed

logger = logging.getLogger(__name__)

Version = tuple[int, int, int] | None
"""Inode, size and time of a file; None where there is none."""

TOLD = 3
"""So many batches are named one by one."""


class Arrival(Record):
    """A batch of which the source has something that was not taken in yet."""

    batch: str
    kind: Literal["new", "older", "changed"]
    """New: later than all that were taken in; older: not taken in though a later one was."""
    rows: int
    known_rows: int | None
    """Rows that were taken in before."""
    token: str
    """Identity of the content."""

    @property
    def told(self) -> str:
        """The arrival in a sentence."""
        if self.kind != "changed":
            return f"batch {self.batch} has come, {counted(self.rows, 'row')}"
        before = f"{self.known_rows:,}"
        rows = f"{counted(self.rows, 'row')} where {before} were taken in"
        if self.rows == self.known_rows:
            rows = f"other values or labels in its {before} rows"
        return f"batch {self.batch} has changed in the source: {rows}"


_SEEN: Final[dict[Path, tuple[Version, Sight]]] = {}
"""What this process has read of each `sight.json`, and which version of the file that was."""


def look(state: ModelState) -> Sight:
    """Look at the source; files that have not changed are not read again.

    Raises
    ------
    SourceError
        A file cannot be read.
    """
    place = state.folder / "sight.json"
    before = _read_sight(place)
    sight = state.source.look(before)
    if sight is not before:
        atomic_write(place, sealed(sight.model_dump_json()))
        _SEEN[place] = (_version(place), sight)
    return sight


def _read_sight(place: Path) -> Sight:
    version = _version(place)
    if version is None:
        return Sight()
    known, sight = _SEEN.get(place, (None, Sight()))
    if known == version:
        return sight
    try:
        sight = Sight.model_validate(read_json(place))
    except (DamagedError, ValueError):
        logger.warning("%s is damaged: the source is looked at anew", place)
        return Sight()
    _SEEN[place] = (version, sight)
    return sight


def _version(place: Path) -> Version:
    """Tell a file from those that were in its place before: each is written anew and renamed."""
    try:
        found = place.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def unchanged_mark(state: ModelState) -> Hashable | None:
    """Take a glance at the source, and give what stays the same until it, or what was taken in, changes.

    None where another change could leave the same. A change of an old file of many may be noticed two minutes late.

    Raises
    ------
    SourceError
        A file cannot be read.
    """
    if not state.source.is_as(_read_sight(state.folder / "sight.json")):
        look(state)
    written = state.store.version("cleaned_features")
    if written is None:
        return None
    return _version(state.folder / "sight.json"), written, state.known_first_batch()


def parts(state: ModelState) -> dict[str, Part]:
    """Rows and digest of each batch in the source; see `look`."""
    return state.source.batches_in(look(state))


def all_there(state: ModelState) -> set[str]:
    """Batches that are in the source or were taken in."""
    return {*parts(state), *state.store.batches("cleaned_features")}


def newest_there(state: ModelState) -> str | None:
    """Newest of `all_there`; None where there is none yet."""
    return max(all_there(state), default=None)


def written_since(state: ModelState, moment: datetime) -> bool:
    """Whether a file of the source was written after a moment (in UTC, without a zone), and not in the future."""
    start = moment.replace(tzinfo=UTC).timestamp()
    return any(start < seen.mtime_ns / 1e9 < time.time() for seen in look(state).files.values())


def tokens(state: ModelState, batches: Sequence[str]) -> dict[str, str]:
    """Identity of the content of some batches in the source, and perhaps of others; none of a static table."""
    if state.recipe.batches is None:
        return {}
    until = next_batch(max(batches), state.recipe.batches.period)
    within = state.source.parts_within((min(batches), until))
    return {batch: part.token for batch, part in (parts(state) if within is None else within).items()}


def arrivals(state: ModelState, there: Mapping[str, Part] | None = None) -> list[Arrival]:
    """Batches of which the source has something else than was taken in, oldest first; `there` is what it has."""
    if state.recipe.batches is None:
        return []
    known, there = state.store.origins("cleaned_features"), parts(state) if there is None else there
    taken_in = list(known)
    if there:
        state.begin_with(min(there))
    found = []
    for batch, part in there.items():
        origin = (known[batch] or taken_from(state, batch)) if batch in known else None
        if origin == part.token:
            continue
        late = bool(taken_in) and batch < taken_in[-1]
        found.append(
            Arrival(
                batch=batch,
                kind="changed" if origin else "older" if late else "new",
                rows=part.rows,
                known_rows=int(origin.partition(":")[0]) if origin else None,
                token=part.token,
            )
        )
    return found


def gone(state: ModelState, there: Mapping[str, Part]) -> str:
    """Words for batches that were taken in and that the source has no more; empty where there are none."""
    batches = state.recipe.batches
    if batches is None or not there:
        return ""
    start, end = limits(batches)
    lost = [
        batch
        for batch in state.store.batches("cleaned_features")
        if batch not in there
        and (start or datetime.min) <= batch_start(batch, batches.period) < (end or datetime.max)
    ]
    if not lost:
        return ""
    rows = sum(state.store.rows("cleaned_features", batch) for batch in lost)
    named = ", ".join(lost[:TOLD]) + " …" * (len(lost) > TOLD)
    what = f"batch {named} is" if len(lost) == 1 else f"{len(lost)} batches ({named}) are"
    return (
        f"{what} no longer in the source: the {rows:,} rows that were taken in stay, and are learned while they lie in "
        "the window (training.window, batches.start)"
    )


def taken_from(state: ModelState, batch: str) -> str:
    """Identity of the content that the clean rows of a batch were made from."""
    origin = state.store.origin("cleaned_features", batch)
    if origin is not None:
        return origin
    # Taken in before origins were kept: its rows say what it was.
    import pyarrow as pa

    from ml_assets.sources.digest import digest

    frame = state.store.read_frame("raw_data", batch)
    return Part(len(frame), digest(pa.Table.from_pandas(frame, preserve_index=False))).token


class Data(Record):
    """How what was taken in, and what was learned, stands to the source."""

    waiting: tuple[str, ...] = ()
    """Batches that are new, or have changed, in the source and were not taken in."""
    outdated: tuple[str, ...] = ()
    """Batches of which the champion learned other rows than are known now."""
    notes: tuple[str, ...] = ()
    """Both in words."""


def state_of_data(state: ModelState) -> Data:
    """Compare the source with what was taken in, and that with what the champion learned."""
    from ml_assets.sources.paths import SourceError

    notes: list[str] = []
    found: list[Arrival] = []
    missing = ""
    try:
        if state.recipe.batches is not None:
            there = parts(state)
            found, missing = arrivals(state, there), gone(state, there)
    except SourceError as error:
        notes.append(f"the source cannot be read: {error}")
    if len(found) > TOLD:
        notes.append(f"{len(found)} batches have come or changed since they were taken in")
    else:
        tried = _failed(state)
        notes += [f"{arrival.told}; not taken in yet{tried.get(arrival.batch, '')}" for arrival in found]
    notes += [missing] * bool(missing)
    champion = champions.champion(state.ledger, state.name)
    old = outdated(state, champion.trained.snapshots) if champion is not None else []
    if champion is not None and old:
        listed = ", ".join(old[:TOLD]) + " …" * (len(old) > TOLD)
        notes.append(
            f"champion version {champion.version} learned other rows of {listed} than are known now: "
            "the next training learns these"
        )
    return Data(waiting=tuple(arrival.batch for arrival in found), outdated=tuple(old), notes=tuple(notes))


def outdated(state: ModelState, snapshots: Mapping[str, str]) -> list[str]:
    """Batches whose clean rows are others than those a model learned, by its hash of each; not by an erasure."""
    return [
        batch
        for batch, sha256 in snapshots.items()
        if state.store.has("cleaned_features", batch)
        and (found := state.store.sha256("cleaned_features", batch)) != sha256
        and found != erasures.now(state.ledger, state.name, sha256)
    ]


def revisited(state: ModelState, found: list[Arrival]) -> tuple[list[Arrival], list[Arrival]]:
    """Changed batches that `batches.revisit` takes in anew, and those that it leaves as they are."""
    assert state.recipe.batches is not None
    rule = state.recipe.batches.revisit
    changed = [arrival for arrival in found if arrival.kind == "changed"]
    if rule == "all" or not changed:
        return changed, []
    newest = state.store.batches("cleaned_features")[-1]
    first = None if rule == "never" else state.shifted(newest, 1 - rule)
    taken = [arrival for arrival in changed if first is not None and arrival.batch >= first]
    return taken, [arrival for arrival in changed if arrival not in taken]


def _failed(state: ModelState) -> dict[str, str]:
    """Why the last try to take in a batch came to nothing, by batch, as it was told."""
    told = state.ledger.find(state.name, ["alert"], LOOKED_AT, state="done")
    return {
        each.batch: f": the last try failed, {clipped(each.reason.partition(': ')[2], 400)}"
        for each in sorted(told, key=lambda entry: entry.id)
        if each.batch is not None and each.record.get("event") == "failed_run"
    }


LOOKED_AT = 100
"""Newest alerts among which a failed try is looked for."""
