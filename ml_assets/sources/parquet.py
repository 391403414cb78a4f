"""Parquet files: of a window only the row groups that can hold it are read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.sources.arrow import TIME, check_header, check_named, plain
from ml_assets.sources.paths import SourceError
from ml_assets.sources.times import Window, bad_time, rows_between


def read_parquet(path: Path, column: str | None, window: Window) -> pa.Table:
    """Table of the rows in the window."""
    import pyarrow.dataset as ds

    schema = checked_schema(path, column)
    try:
        if column is None:
            return open_parquet(path).read()
        field = schema.field(column)
        if not (pa.types.is_timestamp(field.type) or pa.types.is_date(field.type)):
            return rows_between(plain(open_parquet(path).read(), path), path, column, window)
        data = ds.dataset([str(path)], format="parquet")
        name = ds.field(column)
        if data.count_rows(filter=name.is_null()):
            times = data.to_table(columns=[column])[column]
            raise SourceError(
                bad_time(path, column, pc.index(times.is_null(), True).as_py(), None, field.type)
            )
        start, end = (_literal(moment, field.type) for moment in window)
        wanted = None if start is None else name >= start
        if end is not None:
            wanted = name < end if wanted is None else wanted & (name < end)
        return data.to_table(filter=wanted)
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceError(f"{path} is damaged: {error}") from error


def checked_schema(path: Path, column: str | None) -> pa.Schema:
    """Schema of a file whose names are fit for use."""
    schema = open_parquet(path).schema_arrow
    check_header(schema.names, path)
    if column is not None:
        check_named(column, schema.names, path)
    return schema


def open_parquet(path: Path) -> Any:
    """Open a file, with one message where it is none."""
    import pyarrow.parquet as pq

    if path.stat().st_size == 0:
        raise SourceError(f"{path} is empty (0 bytes), not a Parquet file")
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceError(f"{path} is not a Parquet file that can be read: {error}") from error


def _literal(moment: datetime | None, kind: pa.DataType) -> pa.Scalar | None:
    if moment is None:
        return None
    if pa.types.is_timestamp(kind) and kind.tz:
        return pa.scalar(moment.replace(tzinfo=UTC), pa.timestamp("us", kind.tz))
    return pa.scalar(moment, TIME)
