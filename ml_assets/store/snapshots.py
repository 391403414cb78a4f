"""Snapshots: every frame and record that an asset made for a batch, kept under its content hash.

A frame is a Parquet blob named by its SHA-256, and a small JSON pointer that says which blob is the current
one. Each is written in one move (`places`), the pointer last: whoever reads sees the old frame or the new one, at any
moment and after any crash.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import quote, unquote

from ml_assets.failures import MendableError
from ml_assets.names import BATCH
from ml_assets.records import Record
from ml_assets.shown import spanned
from ml_assets.store import tally
from ml_assets.store.places import Folder, Place
from ml_assets.store.seal import opened, sealed

if TYPE_CHECKING:
    import pandas as pd

R = TypeVar("R", bound=Record)
FRAME, RECORD = ".frame.json", ".record.json"


class StoreError(MendableError, LookupError):
    """A snapshot is absent or damaged."""


class Snapshot(NamedTuple):
    """What was written: its hash and shape, and whether it differs from what was there."""

    sha256: str
    rows: int
    columns: tuple[str, ...]
    changed: bool


class Store:
    """The snapshots of one recipe, in one folder or bucket.

    Parameters
    ----------
    place : Place or Path
        A folder is made when first written to.
    """

    def __init__(self, place: Place | Path) -> None:
        self.place = Folder(place) if isinstance(place, Path) else place

    def write_frame(
        self,
        asset: str,
        batch: str,
        frame: pd.DataFrame,
        origin: str | None = None,
        recipe: str | None = None,
    ) -> Snapshot:
        """Keep a frame, without its index; the same content again writes nothing.

        `origin` says what it was made from, see `origin`, and `recipe` by which version of the recipe, see `recipes`.
        """
        content = frame_bytes(frame)
        sha256 = hashlib.sha256(content).hexdigest()
        columns = tuple(str(name) for name in frame.columns)
        pointer = _key(asset, batch, FRAME)
        known = self._known(pointer)
        before = known.get("sha256")
        blob = _blob(asset, sha256)
        tally.wrote(rows=len(frame))
        if not self.place.holds(blob, content):
            self._write(blob, content)  # absent, or damaged
        if before != sha256 or (known.get("origin"), known.get("recipe")) != (origin, recipe):
            meaning = {"sha256": sha256, "rows": len(frame), "columns": columns, "origin": origin}
            meaning |= {"recipe": recipe} if recipe is not None else {}
            self._write(pointer, sealed(json.dumps(meaning)))
        return Snapshot(sha256, len(frame), columns, before != sha256)

    def read_frame(self, asset: str, batch: str, columns: list[str] | None = None) -> pd.DataFrame:
        """Read a frame, its hash verified.

        Raises
        ------
        StoreError
            There is none, or its bytes are not those that were written.
        """
        frame: pd.DataFrame = self._table(asset, batch, columns).to_pandas()
        return frame

    def head(self, asset: str, batch: str, rows: int = 1_000) -> pd.DataFrame:
        """Read the first rows of a frame, its hash verified; raises as `read_frame`."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        file = pq.ParquetFile(pa.BufferReader(self.content(asset, batch)))
        first = next(file.iter_batches(batch_size=rows), None)
        table = file.schema_arrow.empty_table() if first is None else pa.Table.from_batches([first])
        frame: pd.DataFrame = table.to_pandas()
        return frame

    def columns(self, asset: str, batch: str) -> list[str]:
        """Names of the columns of a frame, which is not read."""
        return list(self._pointer(asset, batch)["columns"])

    def rows(self, asset: str, batch: str) -> int:
        """Number of rows of a frame, which is not read."""
        return int(self._pointer(asset, batch)["rows"])

    def read_frames(self, asset: str, batches: list[str], columns: list[str] | None = None) -> pd.DataFrame:
        """Read several batches as one frame, in the order given, with the batch label in `batch__`.

        Raises
        ------
        StoreError
            One is absent, or a column's type differs between batches.
        """
        import pyarrow as pa

        if not batches:
            raise StoreError(f"{asset}: no batch was asked for")
        tables = []
        for batch in batches:
            table = self._table(asset, batch, columns)
            tables.append(table.append_column(BATCH, pa.array([batch] * len(table), pa.string())))
        try:
            table = pa.concat_tables(tables, promote_options="permissive")
        except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
            raise StoreError(
                f"{asset}: a column changes its type between {spanned(batches)}: {error}"
            ) from error
        frame: pd.DataFrame = table.to_pandas()
        return frame

    def origins(self, asset: str) -> dict[str, str | None]:
        """What each frame of an asset was made from, by batch, oldest first; see `origin`."""
        return {batch: pointer.get("origin") for batch, pointer in self._pointers(asset).items()}

    def recipes(self, asset: str) -> dict[str, str | None]:
        """By which version of the recipe each frame of an asset was made; None where its writer did not say."""
        return {batch: pointer.get("recipe") for batch, pointer in self._pointers(asset).items()}

    def recipe(self, asset: str, batch: str) -> str | None:
        """By which version of the recipe a frame was made; None where its writer did not say, or there is none."""
        key = _key(asset, batch, FRAME)
        content = self.place.read(key)
        made_by: str | None = (
            None if content is None else self._meaning(key, content, asset, batch).get("recipe")
        )
        return made_by

    def _pointers(self, asset: str) -> dict[str, dict[str, Any]]:
        found = {}
        for name, content in self.place.contents(_safe(asset), FRAME).items():
            batch = unquote(name.removesuffix(FRAME))
            found[batch] = self._meaning(_key(asset, batch, FRAME), content, asset, batch)
        return dict(sorted(found.items()))

    def origin(self, asset: str, batch: str) -> str | None:
        """What a frame was made from, as its writer said; None where it did not."""
        origin: str | None = self._pointer(asset, batch).get("origin")
        return origin

    def write_record(self, asset: str, batch: str, record: Record) -> None:
        """Keep a record as JSON."""
        self._write(_key(asset, batch, RECORD), sealed(record.model_dump_json(indent=1)))

    def read_record(self, asset: str, batch: str, cls: type[R]) -> R:
        """Read a record.

        Raises
        ------
        StoreError
            There is none, or it was changed after it was written.
        """
        key = _key(asset, batch, RECORD)
        content = self._verified(key, asset, batch)
        try:
            return cls.model_validate_json(content)
        except ValueError as error:
            raise self._damaged(key, asset, batch, error) from None

    def write_bytes(self, asset: str, batch: str, name: str, content: bytes) -> Path:
        """Keep a file (report, picture) beside a batch, and return where a browser finds it."""
        key = _file(asset, batch, name)
        self._write(key, content)
        return self.place.file(key)

    def file(self, asset: str, batch: str, name: str) -> Path:
        """Where a browser finds a file beside a batch, if there is one."""
        return self.place.file(_file(asset, batch, name))

    def keep_newest(self, asset: str, name: str, count: int) -> None:
        """Remove the files of this name but for those of the newest batches."""
        found = [key for key in self.place.keys(_safe(asset)) if key.endswith(f".files/{_safe(name)}")]
        for key in found[:-count]:
            self.place.delete(key)

    def has(self, asset: str, batch: str) -> bool:
        """Whether there is a frame or a record."""
        return any(self.place.exists(_key(asset, batch, ending)) for ending in (FRAME, RECORD))

    def batches(self, asset: str) -> list[str]:
        """Batches that have a frame or a record, oldest first."""
        found = {
            unquote(name.removesuffix(ending))
            for name in self.place.names(_safe(asset))
            for ending in (FRAME, RECORD)
            if name.endswith(ending) and not name.startswith(".")
        }
        return sorted(found)

    def version(self, asset: str) -> Hashable | None:
        """What stays the same until a frame or record of an asset is written; None where it cannot be told."""
        return self.place.version(_safe(asset))

    def faults(self) -> Iterator[str]:
        """Say what is not as it was written, of every frame and record; nothing where all is."""
        here = Store(self.place.fresh())
        for folder in self.place.folders():
            asset = unquote(folder)
            for batch in here.batches(asset):
                try:
                    if self.place.exists(_key(asset, batch, FRAME)):
                        here.content(asset, batch)
                    if self.place.exists(record := _key(asset, batch, RECORD)):
                        here._verified(record, asset, batch)
                except StoreError as error:
                    yield str(error)

    def sha256(self, asset: str, batch: str) -> str:
        """Content hash of a frame, or of a record where there is no frame.

        Raises
        ------
        StoreError
            There is neither.
        """
        if self.place.exists(_key(asset, batch, FRAME)):
            return str(self._pointer(asset, batch)["sha256"])
        record = self.place.read(_key(asset, batch, RECORD))
        if record is None:
            raise StoreError(self._absent(asset, batch, "frame or record"))
        return hashlib.sha256(record).hexdigest()

    def _write(self, key: str, content: bytes) -> None:
        self.place.write(key, content)
        tally.wrote(size=len(content))

    def _table(self, asset: str, batch: str, columns: list[str] | None) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pq.read_table(pa.BufferReader(self.content(asset, batch)), columns=columns)
        tally.read(len(table))
        return table

    def content(self, asset: str, batch: str) -> bytes:
        """Give the bytes of a frame, its hash verified; raises as `read_frame`."""
        sha256 = str(self._pointer(asset, batch)["sha256"])
        blob = _blob(asset, sha256)
        content = self.place.read(blob) or b""
        if hashlib.sha256(content).hexdigest() != sha256:
            place = self.place.named(blob)
            raise StoreError(f"{place} is missing or damaged: materialize {asset} of batch {batch} again")
        return content

    def _verified(self, key: str, asset: str, batch: str) -> bytes:
        """Text of a record, its seal verified."""
        content = self.place.read(key)
        if content is None:
            raise StoreError(self._absent(asset, batch, "record"))
        try:
            text = opened(content)
            json.loads(text)
        except ValueError as error:
            raise self._damaged(key, asset, batch, error) from None
        return text

    def _pointer(self, asset: str, batch: str) -> dict[str, Any]:
        key = _key(asset, batch, FRAME)
        content = self.place.read(key)
        if content is None:
            raise StoreError(self._absent(asset, batch, "frame"))
        return self._meaning(key, content, asset, batch)

    def _meaning(self, key: str, content: bytes, asset: str, batch: str) -> dict[str, Any]:
        try:
            pointer: dict[str, Any] = json.loads(opened(content))
            return {"sha256": str(pointer["sha256"]), "columns": list(pointer["columns"]), **pointer}
        except (ValueError, KeyError, TypeError) as error:
            raise self._damaged(key, asset, batch, error) from None

    def _known(self, pointer: str) -> dict[str, Any]:
        """What a pointer says that is about to be replaced; nothing where it is absent or damaged."""
        try:
            return dict(json.loads(opened(self.place.read(pointer) or b"{}")))
        except (ValueError, TypeError):
            return {}

    def _damaged(self, key: str, asset: str, batch: str, error: Exception) -> StoreError:
        found = str(error).partition("\n")[0]
        mend = f"restore it from a backup, or materialize {asset} of batch {batch} again"
        return StoreError(f"{self.place.named(key)} is damaged ({found}): {mend}")

    def _absent(self, asset: str, batch: str, what: str) -> str:
        there = self.batches(asset)
        span = f"there is {there[0]} to {there[-1]}" if there else "there is none yet"
        return f"no {what} of {asset} for batch {batch} ({span}): materialize it first"


def frame_bytes(frame: pd.DataFrame) -> bytes:
    """Give the bytes that a frame is kept as, without its index."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _key(asset: str, batch: str, ending: str) -> str:
    return f"{_safe(asset)}/{_safe(batch)}{ending}"


def _blob(asset: str, sha256: str) -> str:
    return f"{_safe(asset)}/blobs/{sha256}.parquet"


def _file(asset: str, batch: str, name: str) -> str:
    return f"{_key(asset, batch, '.files')}/{_safe(name)}"


def _safe(name: str) -> str:
    """Name as one path part; reversible, and sorts like the name."""
    return quote(name, safe="").replace("..", "%2E%2E")
