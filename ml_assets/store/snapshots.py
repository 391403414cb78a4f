"""Snapshots: every frame and record that an asset made for a batch, kept under its content hash.

A frame is a Parquet blob named by its SHA-256, and a small JSON pointer that says which blob is the current
one. Everything is written to a temporary file, flushed to disk and renamed, the pointer last: whoever reads
sees the old frame or the new one, at any moment and after any crash.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import quote, unquote

from ml_assets.failures import MendableError
from ml_assets.names import BATCH
from ml_assets.records import Record
from ml_assets.shown import spanned
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
    """The snapshots of one recipe, in one folder.

    Parameters
    ----------
    root : Path
        Made when first written to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def write_frame(self, asset: str, batch: str, frame: pd.DataFrame, origin: str | None = None) -> Snapshot:
        """Keep a frame, without its index; the same content again writes nothing.

        `origin` says what it was made from; see `origin`.
        """
        content = _to_parquet(frame)
        sha256 = hashlib.sha256(content).hexdigest()
        columns = tuple(str(name) for name in frame.columns)
        pointer = self._path(asset, batch, FRAME)
        known = self._known(pointer)
        before = known.get("sha256")
        blob = self._blob(asset, sha256)
        if not blob.exists() or hashlib.sha256(blob.read_bytes()).hexdigest() != sha256:
            atomic_write(blob, content)  # absent, or damaged on disk
        if before != sha256 or known.get("origin") != origin:
            meaning = {"sha256": sha256, "rows": len(frame), "columns": columns, "origin": origin}
            atomic_write(pointer, sealed(json.dumps(meaning)))
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

        file = pq.ParquetFile(pa.BufferReader(self._content(asset, batch)))
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

    def origin(self, asset: str, batch: str) -> str | None:
        """What a frame was made from, as its writer said; None where it did not."""
        origin: str | None = self._pointer(asset, batch).get("origin")
        return origin

    def write_record(self, asset: str, batch: str, record: Record) -> None:
        """Keep a record as JSON."""
        atomic_write(self._path(asset, batch, RECORD), sealed(record.model_dump_json(indent=1)))

    def read_record(self, asset: str, batch: str, cls: type[R]) -> R:
        """Read a record.

        Raises
        ------
        StoreError
            There is none, or it was changed after it was written.
        """
        path = self._path(asset, batch, RECORD)
        if not path.exists():
            raise StoreError(self._absent(asset, batch, "record"))
        content = self._verified(path, asset, batch)
        try:
            return cls.model_validate_json(content)
        except ValueError as error:
            raise self._damaged(path, asset, batch, error) from None

    def write_bytes(self, asset: str, batch: str, name: str, content: bytes) -> Path:
        """Keep a file (report, picture) beside a batch, and return where it lies."""
        path = self.file(asset, batch, name)
        atomic_write(path, content)
        return path

    def file(self, asset: str, batch: str, name: str) -> Path:
        """Where a file beside a batch lies, if there is one."""
        return self._path(asset, batch, ".files") / _safe(name)

    def has(self, asset: str, batch: str) -> bool:
        """Whether there is a frame or a record."""
        return any(self._path(asset, batch, ending).exists() for ending in (FRAME, RECORD))

    def batches(self, asset: str) -> list[str]:
        """Batches that have a frame or a record, oldest first."""
        try:
            names = os.listdir(self._folder(asset))  # noqa: PTH208 - a look lists thousands; paths cost ten times as much
        except (FileNotFoundError, NotADirectoryError):
            return []
        found = {
            unquote(name.removesuffix(ending))
            for name in names
            for ending in (FRAME, RECORD)
            if name.endswith(ending) and not name.startswith(".")
        }
        return sorted(found)

    def changed_at(self, asset: str) -> int:
        """When a frame or record was written last, in nanoseconds; 0 before the first.

        Each write is a rename in the asset's folder, which sets the folder's time.
        """
        try:
            return self._folder(asset).stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def faults(self) -> Iterator[str]:
        """Say what is not as it was written, of every frame and record; nothing where all is."""
        for folder in sorted(self.root.glob("*/")):
            asset = unquote(folder.name)
            for batch in self.batches(asset):
                try:
                    if self._path(asset, batch, FRAME).exists():
                        self._content(asset, batch)
                    if (record := self._path(asset, batch, RECORD)).exists():
                        self._verified(record, asset, batch)
                except StoreError as error:
                    yield str(error)

    def sha256(self, asset: str, batch: str) -> str:
        """Content hash of a frame, or of a record where there is no frame.

        Raises
        ------
        StoreError
            There is neither.
        """
        if self._path(asset, batch, FRAME).exists():
            return str(self._pointer(asset, batch)["sha256"])
        record = self._path(asset, batch, RECORD)
        if not record.exists():
            raise StoreError(self._absent(asset, batch, "frame or record"))
        return hashlib.sha256(record.read_bytes()).hexdigest()

    def _table(self, asset: str, batch: str, columns: list[str] | None) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        return pq.read_table(pa.BufferReader(self._content(asset, batch)), columns=columns)

    def _content(self, asset: str, batch: str) -> bytes:
        """Bytes of a frame, verified."""
        sha256 = str(self._pointer(asset, batch)["sha256"])
        blob = self._blob(asset, sha256)
        content = blob.read_bytes() if blob.exists() else b""
        if hashlib.sha256(content).hexdigest() != sha256:
            raise StoreError(f"{blob} is missing or damaged: materialize {asset} of batch {batch} again")
        return content

    def _verified(self, path: Path, asset: str, batch: str) -> bytes:
        """Text of a record, its seal verified."""
        try:
            text = opened(path.read_bytes())
            json.loads(text)
        except ValueError as error:
            raise self._damaged(path, asset, batch, error) from None
        return text

    def _pointer(self, asset: str, batch: str) -> dict[str, Any]:
        path = self._path(asset, batch, FRAME)
        if not path.exists():
            raise StoreError(self._absent(asset, batch, "frame"))
        try:
            pointer: dict[str, Any] = json.loads(opened(path.read_bytes()))
            return {"sha256": str(pointer["sha256"]), "columns": list(pointer["columns"]), **pointer}
        except (ValueError, KeyError, TypeError) as error:
            raise self._damaged(path, asset, batch, error) from None

    def _known(self, pointer: Path) -> dict[str, Any]:
        """What a pointer says that is about to be replaced; nothing where it is absent or damaged."""
        try:
            return dict(json.loads(opened(pointer.read_bytes())))
        except (FileNotFoundError, ValueError, TypeError):
            return {}

    def _damaged(self, path: Path, asset: str, batch: str, error: Exception) -> StoreError:
        found = str(error).partition("\n")[0]
        return StoreError(
            f"{path} is damaged ({found}): restore it from a backup, or materialize {asset} of batch {batch} again"
        )

    def _folder(self, asset: str) -> Path:
        return self.root / _safe(asset)

    def _path(self, asset: str, batch: str, ending: str) -> Path:
        return self._folder(asset) / f"{_safe(batch)}{ending}"

    def _blob(self, asset: str, sha256: str) -> Path:
        return self.root / _safe(asset) / "blobs" / f"{sha256}.parquet"

    def _absent(self, asset: str, batch: str, what: str) -> str:
        there = self.batches(asset)
        span = f"there is {there[0]} to {there[-1]}" if there else "there is none yet"
        return f"no {what} of {asset} for batch {batch} ({span}): materialize it first"


def atomic_write(path: Path, content: bytes) -> None:
    """Write a file so that it has its old content or all of the new one, whatever happens.

    The temporary file lies in the same folder and begins with a dot; one that a crash left behind is never
    read.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:80]}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)  # noqa: PTH105 - the one call that swaps, named for what it does
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _to_parquet(frame: pd.DataFrame) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _safe(name: str) -> str:
    """Name as one path part; reversible, and sorts like the name."""
    return quote(name, safe="").replace("..", "%2E%2E")
