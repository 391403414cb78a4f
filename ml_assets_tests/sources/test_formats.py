"""Whatever the type of a file, its rows are the same: read whole, by a column, counted, or in part."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from ml_assets.recipe import planned
from ml_assets.recipe.readable import ENDINGS, FILE_TYPES, SCHEMES
from ml_assets.recipe.schema import Batches
from ml_assets.sources.arrow import to_pandas
from ml_assets.sources.formats import FORMATS, format_of
from ml_assets.sources.paths import File
from ml_assets.sources.tables import read_piece
from ml_assets.sources.wanted import Wanted


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    with pa.output_stream(str(path)) as packed:  # by the ending of its name
        packed.write(frame.to_csv(index=False).encode())


WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    "CSV": write_csv,
    "Parquet": lambda frame, path: frame.to_parquet(path, index=False, row_group_size=100),
}
ROWS = pd.DataFrame({
    "day": pd.date_range("2024-01-01", periods=400, freq="6h"),
    "amount": [place / 8 for place in range(400)],
    "shop": ["north", "south", None, "east"] * 100,
}).assign(amount=lambda rows: rows["amount"].mask(rows.index % 7 == 0))  # fmt: skip
DAILY = Batches(column="day", period="daily")


def test_every_type_that_recipes_may_name_is_read() -> None:
    assert FORMATS.keys() == FILE_TYPES.keys() == WRITERS.keys()
    assert not set(planned.UNREADABLE) & set(ENDINGS) and not set(planned.SCHEMES) & set(SCHEMES)
    assert all(set(FORMATS[name].plain) <= set(FILE_TYPES[name]) for name in FORMATS)


@pytest.mark.parametrize("ending", ENDINGS)
def test_rows_do_not_depend_on_the_type_of_their_file(tmp_path: Path, ending: str) -> None:
    path, part = tmp_path / f"rows{ending}", tmp_path / f"part{ending}"
    WRITERS[ENDINGS[ending]](ROWS, path)
    wanted, kind = Wanted(path.name, tmp_path, DAILY), format_of(path)
    for window in ((None, None), (datetime(2024, 1, 9), datetime(2024, 2, 1))):
        start, end = (moment or datetime(2024, 1 + 11 * last, 1) for last, moment in enumerate(window))
        inside = ROWS[(ROWS["day"] >= start) & (ROWS["day"] < end)].reset_index(drop=True)
        read = to_pandas(read_piece(File(path, {}), wanted, window).table)
        pd.testing.assert_frame_equal(read[list(ROWS)], inside.astype({"day": "datetime64[us]"}))
    amounts = kind.read_column(path, wanted, "amount")["amount"].to_pandas()
    assert amounts.equals(ROWS["amount"]) and kind.count(path) == len(ROWS)
    kind.part(path, part, 500)
    some = to_pandas(read_piece(File(part, {}), wanted).table)
    assert len(some) > 0 and len(some.merge(ROWS, on=list(ROWS))) == len(some)
