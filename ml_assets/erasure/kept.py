"""Frames, records and pages of a model without the rows of an entity."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from ml_assets.erasure.entity import Entity
from ml_assets.lifecycle.erased import FOLDER
from ml_assets.lifecycle.joined import ASSET as FEATURES
from ml_assets.lifecycle.joined import origin_of
from ml_assets.names import ROW_ID
from ml_assets.store.places import Folder
from ml_assets.store.seal import opened, sealed
from ml_assets.store.snapshots import FRAME, frame_bytes

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.lifecycle.state import ModelState

RAW: Final = "raw_data"
FIRST: Final = (FEATURES,)
"""Assets that are rewritten before the others: their rows are found beside the raw ones."""
TEXTS: Final = (".html", ".md", ".json", ".txt", ".csv", ".ipynb", ".svg", ".yaml")


@dataclass(frozen=True)
class Rewritten:
    """A frame with fewer rows."""

    asset: str
    batch: str
    before: str
    now: str
    rows: int


def ids_of(state: ModelState, entity: Entity) -> frozenset[int]:
    """Find the names of the rows of an entity, in every frame that has both."""
    found: set[int] = set()
    for asset, batch in frames_of(state):
        columns = state.store.columns(asset, batch)
        if entity.column in columns and ROW_ID in columns:
            frame = state.store.read_frame(asset, batch, [entity.column, ROW_ID])
            rows = frame.loc[entity.rows_of(frame), ROW_ID]
            found.update(int(each) for each in rows if not isinstance(each, str))
    return frozenset(found)


def frames_of(state: ModelState) -> Iterator[tuple[str, str]]:
    """Name every frame that is kept, by asset and batch; features before the raw rows that tell whose they are."""
    store = state.store
    assets = [unquote(folder) for folder in store.place.folders() if folder != FOLDER]
    for asset in sorted(assets, key=lambda each: (each not in FIRST, each)):
        yield from ((asset, batch) for batch in store.origins(asset))


def rewritten(state: ModelState, entity: Entity) -> Iterator[Rewritten]:
    """Tell which frames would become others, and by which hash; nothing is written."""
    for asset, batch in frames_of(state):
        found = _without(state, entity, asset, batch)
        if found is not None:
            frame, rows = found
            now = hashlib.sha256(frame_bytes(frame)).hexdigest()
            yield Rewritten(asset, batch, state.store.sha256(asset, batch), now, rows)


def rewrite(state: ModelState, entity: Entity) -> None:
    """Write each frame that holds rows of the entity without them; what it was made from stays what it was."""
    store = state.store
    for asset, batch in frames_of(state):
        found = _without(state, entity, asset, batch)
        if found is None:
            continue
        origin = store.origin(asset, batch)
        if asset == FEATURES:
            raw = _without(state, entity, RAW, batch)
            assert raw is not None
            origin = origin_of(state, hashlib.sha256(frame_bytes(raw[0])).hexdigest())
        store.write_frame(asset, batch, found[0], origin, store.recipe(asset, batch))


def _without(state: ModelState, entity: Entity, asset: str, batch: str) -> tuple[pd.DataFrame, int] | None:
    """Give a frame without the entity's rows, and how many they were; None where it has none."""
    frame = state.store.read_frame(asset, batch)
    rows = entity.rows_of(frame)
    if asset == FEATURES and state.store.has(RAW, batch):
        raw = entity.rows_of(state.store.read_frame(RAW, batch))
        if len(raw) == len(rows):  # else it was rewritten before a kill
            rows |= raw
    if not rows.any():
        return None
    return frame[~rows].reset_index(drop=True), int(rows.sum())


def forget(state: ModelState, entity: Entity) -> None:
    """Remove frames that nothing points at any more, and take the entity out of records and pages."""
    place = state.store.place
    ids = {str(each) for each in entity.ids}
    for folder in place.folders():
        if folder == FOLDER:
            continue
        pointers = place.contents(folder, FRAME).values()
        current = {json.loads(opened(content))["sha256"] for content in pointers}
        for key in place.keys(folder):
            if "/blobs/" in key:
                if key.rpartition("/")[2].removesuffix(".parquet") not in current and holds(
                    place.read(key), entity
                ):
                    place.delete(key)
            elif key.endswith(TEXTS) and not key.endswith(FRAME) and (content := place.read(key)) is not None:
                new = cleaned(key, content, entity, ids)
                if new is None:
                    place.delete(key)
                elif new != content:
                    place.write(key, new)
    if not isinstance(place, Folder):
        _forget_copies(Folder(place.folder), entity, ids)


def _forget_copies(copies: Folder, entity: Entity, ids: set[str]) -> None:
    """Drop what this machine has copied of a bucket and shows the entity: it is fetched anew when it is wanted."""
    for key in copies.keys(""):
        content = copies.read(key)
        # What lies beside the folders of the assets is this machine's own.
        if content is None or "/" not in key:
            continue
        if "/blobs/" in key:
            shows = holds(content, entity)
        else:
            shows = key.endswith(TEXTS) and cleaned(key, content, entity, ids) != content
        if shows:
            copies.delete(key)


def holds(content: bytes | None, entity: Entity) -> bool:
    """Whether a frame has rows of the entity."""
    import io

    import pandas as pd

    return content is not None and bool(entity.rows_of(pd.read_parquet(io.BytesIO(content))).any())


def cleaned(name: str, content: bytes, entity: Entity, ids: set[str]) -> bytes | None:
    """Take an entity out of a file of text; None where a page shows a row of it: it goes as a whole."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return content
    if name.endswith(".json"):
        return _cleaned_json(content, entity)
    if entity.shows_rows(text, ids):
        return None
    new = entity.out_of_text(text)
    return content if new == text else new.encode()


def _cleaned_json(content: bytes, entity: Entity) -> bytes:
    try:
        text = opened(content)
        value: Any = json.loads(text)
    except ValueError:
        return content
    new = entity.out_of_json(value)
    if new == value:
        return content
    return sealed(json.dumps(new, indent=1)) if text != content else json.dumps(new, indent=1).encode()
