"""Predictions that were erased: their lines are taken out of a log, and their ids stay, so that a replay says why."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from ml_assets.serving.logged import REQUEST
from ml_assets.serving.segments import Segment, parquet
from ml_assets.store.seal import opened, sealed

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.store.places import Place

ERASED: Final = "erased/requests.json"
"""Object beside the days of a log: id of a request → when it was erased."""

Rows = Callable[["pd.DataFrame"], Any]
"""From lines of a log to a mask of those that are of an entity."""


def erased_at(place: Place, number: str) -> str | None:
    """When a request was erased; None where it was not."""
    return _known(place).get(number)


def _known(place: Place) -> dict[str, str]:
    content = place.read(ERASED)
    return {} if content is None else dict(json.loads(opened(content)))


def logged_rows(place: Place, rows: Rows) -> int:
    """Count the lines of an entity."""
    return sum(int(rows(_frame(content)).sum()) for _, content in _segments(place))


def erase_rows(place: Place, rows: Rows, at: str) -> int:
    """Take the lines of an entity out of each file, in one move each; ids of their requests are kept first."""
    import pyarrow.parquet as pq

    count = 0
    for segment, content in _segments(place):
        mask = rows(_frame(content))
        if not mask.any():
            continue
        table = pq.read_table(io.BytesIO(content))
        _remember(place, table.filter(mask)[REQUEST].to_pylist(), at)
        place.write(segment.key, parquet(table.filter(~mask)))
        count += int(mask.sum())
    return count


def _remember(place: Place, numbers: Iterable[str], at: str) -> None:
    known = dict.fromkeys(numbers, at) | _known(place)
    place.write(ERASED, sealed(json.dumps(known)))


def _segments(place: Place) -> Iterable[tuple[Segment, bytes]]:
    for key in place.keys(""):
        segment, content = Segment.of(key), place.read(key)
        if segment is not None and content is not None:
            yield segment, content


def _frame(content: bytes) -> pd.DataFrame:
    import pandas as pd

    return pd.read_parquet(io.BytesIO(content))
