"""Looking into a log of predictions: one request, or all lines of the arms of an experiment."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from ml_assets.records.experiments import SHADOW
from ml_assets.serving.logged import ARM, AT, REQUEST, Logged, request_of
from ml_assets.serving.segments import Segment, segments

if TYPE_CHECKING:
    import pyarrow as pa

    from ml_assets.store.places import Place

NEAR: Final = 8
"""Files that are looked through for other rows of a request, once some were found."""


def find(place: Place, number: str) -> Logged | None:
    """Find a request in a log; None where it is not there, any more or yet.

    Near the time that its id begins with first; then everywhere.
    """
    began = _time(number)
    days = sorted(place.folders(), reverse=True)
    if began is not None:
        near = [f"{began + timedelta(days=more):%Y-%m-%d}" for more in (0, 1)]
        days = [day for day in near if day in days] + [day for day in days if day not in near]
    for day in days:
        found = request_of(_rows(place, _nearest(segments(place, day), began), number))
        if found is not None:
            return found
    return None


def lines(place: Place, since: datetime, until: datetime, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Read the lines of arms between two moments, file by file; of columns that a file lacks none."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    first, last = since.replace(tzinfo=None), until.replace(tzinfo=None)
    for day in sorted(place.folders()):
        if not f"{since:%Y-%m-%d}" <= day <= f"{until:%Y-%m-%d}":
            continue
        for segment in segments(place, day):
            content = place.read(segment.key)
            if content is None:
                continue
            file = pq.ParquetFile(io.BytesIO(content))
            table = file.read([name for name in columns if name in file.schema_arrow.names])
            there = pc.and_(pc.greater_equal(table[AT], first), pc.less_equal(table[AT], last))
            table = table.filter(pc.and_(pc.is_valid(table[ARM]), there))
            if table.num_rows:
                yield table


def _nearest(found: list[Segment], began: datetime | None) -> list[Segment]:
    """Files that begin before a moment, newest first, then those that begin after it."""
    if began is None:
        return found[::-1]
    moment = (f"{began:%Y-%m-%d}", f"{began:%H%M%S}{began.microsecond // 1000:03d}")
    after = [segment for segment in found if (segment.day, segment.began) > moment]
    before = [segment for segment in found if (segment.day, segment.began) <= moment]
    return [*after[:3], *before[::-1], *after[3:]]


def _rows(place: Place, found: Sequence[Segment], number: str) -> Iterator[pa.Table]:
    """Rows of one request, from the first file that has some: a request is written at once.

    Where versions are compared, those of another version are in another file near it; a shadow's are no answer.
    """
    import pyarrow.parquet as pq

    left = len(found)
    for segment in found:
        left -= 1
        if left < 0:
            return
        content = place.read(segment.key)
        if content is None:  # joined with others since it was listed
            continue
        table = pq.read_table(io.BytesIO(content), filters=[(REQUEST, "=", number)])
        arms = table[ARM].to_pylist()
        answers = [not str(arm).partition("/")[2].startswith(SHADOW) for arm in arms]
        if any(answers):
            table = table.filter(answers)
            yield table
            if not any(arms):
                return
            left = min(left, NEAR)


def _time(number: str) -> datetime | None:
    """When an id was made, if it tells."""
    try:
        made = datetime.fromtimestamp(int(number[:12], 16) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return made if 2020 < made.year < 2200 else None
