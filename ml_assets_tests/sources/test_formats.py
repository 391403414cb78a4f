"""Whatever the type of a file, its rows are the same: read whole, by a column, counted, or in part."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from ml_assets.recipe import planned
from ml_assets.recipe.loading import parse_recipe
from ml_assets.recipe.readable import ENDINGS, FILE_TYPES, SCHEMES
from ml_assets.recipe.schema import Batches
from ml_assets.sources.arrow import to_pandas
from ml_assets.sources.formats import FORMATS, format_of
from ml_assets.sources.paths import File
from ml_assets.sources.source import open_source
from ml_assets.sources.tables import read_piece
from ml_assets.sources.wanted import Sql, Wanted, columns_of


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


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".db"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_an_accent_is_no_other_name_and_no_other_value(tmp_path: Path, ending: str, form: str) -> None:
    """As macOS writes it and as Windows does, names, cells and folders look alike and are the same."""
    import sqlite3

    cells = {
        "größe": [0.5, 1.5],
        "café": ["Köln", "Zürich"],
        "tag": ["2024-01-01", "2024-02-01"],
        "ünit": ["a", "b"],
    }
    frame = pd.DataFrame({
        unicodedata.normalize(form, name): [
            unicodedata.normalize(form, cell) if isinstance(cell, str) else cell for cell in column
        ]
        for name, column in cells.items()
    })  # fmt: skip
    text = "\n".join([
        "name: accents", "model:", "  loader: {source_uri: URI}",
        "  data_interface: {task_type: classification, target_col: café, entity_cols: [ünit]}",
        "batches: {column: tag, period: monthly}",
    ])  # fmt: skip
    uri, sql = f"rows{ending}", None
    if ending == ".db":
        with sqlite3.connect(tmp_path / "rows.db") as connection:
            frame.to_sql("rows", connection, index=False)
        uri, sql = "SELECT * FROM rows", Sql(f"sqlite:///{tmp_path}/rows.db")
    else:
        WRITERS[ENDINGS[ending]](frame, tmp_path / uri)
    for written in ("NFC", "NFD"):
        recipe = parse_recipe(unicodedata.normalize(written, text).replace("URI", uri))
        wanted = Wanted(uri, tmp_path, recipe.batches, columns=columns_of(recipe), sql=sql)
        source = open_source(wanted)
        assert source.extent() == ("2024-01-01", "2024-02-01")
        read = source.read().frame
        assert list(read) == list(cells)
        assert read["größe"].tolist() == cells["größe"] and read["café"].tolist() == cells["café"]
