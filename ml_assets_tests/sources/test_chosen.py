"""`loader.where`: a recipe's rows of a larger table are as if they lay in files of their own."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from ml_assets.recipe.loading import parse_recipe
from ml_assets.recipe.schema import Batches
from ml_assets.recipe.written import RecipeError
from ml_assets.settings import Variables
from ml_assets.sources.account import Rows
from ml_assets.sources.paths import SourceError
from ml_assets.sources.sight import Part, Sight, batches_in, look
from ml_assets.sources.source import open_source, source_of
from ml_assets.sources.streamed import streamed
from ml_assets.sources.wanted import Value, Wanted

SHOPS = ("berlin", "paris", "rome")
MONTHLY = Batches(column="day", period="monthly")


def sales(rows: int = 360) -> pd.DataFrame:
    days = pd.date_range("2024-01-01", "2024-03-30", periods=rows).floor("D")
    numbers = [place / 7 if place % 5 else None for place in range(rows)]
    shops = [SHOPS[place * 7 // 5 % 3] for place in range(rows)]
    return pd.DataFrame({"shop": shops, "till": [p % 4 for p in range(rows)], "day": days, "sold": numbers})


def as_csv(frame: pd.DataFrame, folder: Path) -> str:
    frame.to_csv(folder / "all.csv", index=False)
    return "*.csv"


def as_parquet(frame: pd.DataFrame, folder: Path) -> str:
    frame.to_parquet(folder / "all.parquet", row_group_size=50)
    return "*.parquet"


def by_month(frame: pd.DataFrame, folder: Path) -> str:
    for month, part in frame.groupby(frame["day"].dt.month):
        part.to_parquet(folder / f"{month}.parquet")
    return "*.parquet"


def in_folders(frame: pd.DataFrame, folder: Path) -> str:
    for shop, part in frame.groupby("shop"):
        (folder / f"shop={shop}").mkdir()
        part.drop(columns="shop").to_csv(folder / f"shop={shop}" / "part.csv", index=False)
    return "**/*.csv"


WRITTEN = (as_csv, as_parquet, by_month, in_folders)


def wanted(folder: Path, uri: str, batches: Batches | None = None, **where: tuple[Value, ...]) -> Wanted:
    return Wanted(uri, folder, batches, where=where, pieces=folder / "kept" / "pieces.json")


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(["day", "shop", "till", "sold"], ignore_index=True)[sorted(frame)]


@pytest.mark.parametrize("write", WRITTEN)
@pytest.mark.parametrize("batches", [None, MONTHLY])
def test_rows_are_those_of_the_whole(write, batches: Batches | None, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    uri = write(sales(), tmp_path)
    whole = open_source(wanted(tmp_path, uri, batches)).read().frame
    for where in ({"shop": ("paris",)}, {"shop": ("rome", "berlin"), "till": (1, "2")}, {"till": (3.0,)}):
        source = open_source(wanted(tmp_path, uri, batches, **where))
        kept = whole[
            whole["shop"].isin(where.get("shop", SHOPS))
            & whole["till"].isin([int(v) for v in where.get("till", range(4))])
        ]
        for rows in (source.read(), source.read()):  # the second time some files are remembered
            pd.testing.assert_frame_equal(in_order(rows.frame), in_order(kept))
            assert is_accounted(rows)
        assert source.describe().rows_given == len(kept)
        if batches is not None:
            assert source.filled() == sorted({f"{day:%Y-%m}-01" for day in kept["day"]})
            parts = [source.read((first, last)).frame for first, last in MONTHS]
            pd.testing.assert_frame_equal(in_order(pd.concat(parts)), in_order(kept))
        sample = source.sample()
        assert sum(map(len, sample.batches.values())) == len(kept)


MONTHS = [("2024-01-01", "2024-02-01"), ("2024-02-01", "2024-03-01"), ("2024-03-01", "2024-04-01")]


def is_accounted(rows: Rows) -> bool:
    account = rows.account
    return account.rows_in_files == account.rows_given + sum(part.rows for part in account.set_aside)


@pytest.mark.parametrize("write", WRITTEN)
def test_what_is_seen_of_each_shop_adds_up_to_the_whole(write, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    uri = write(sales(), tmp_path)

    def seen(**where: tuple[Value, ...]) -> dict[str, Part]:
        asked = wanted(tmp_path, uri, MONTHLY, **where)
        return batches_in(look(asked, Sight()), asked)

    every = seen()
    shops = [seen(shop=(shop,)) for shop in SHOPS]
    for batch, part in every.items():
        assert sum(shop[batch].rows for shop in shops) == part.rows
        assert sum(shop[batch].digest for shop in shops) % 2**64 == part.digest
        assert len({shop[batch] for shop in shops}) == 3


@pytest.mark.parametrize("write", WRITTEN)
def test_part_by_part_they_are_the_same(write, tmp_path: Path) -> None:
    uri = write(sales(), tmp_path)
    tables = list(streamed(Wanted(uri, tmp_path, where={"shop": ("rome",)}), 50, ["shop"], "day"))
    whole = open_source(Wanted(uri, tmp_path, where={"shop": ("rome",)})).read().frame
    assert sum(table.num_rows for table in tables) == len(whole) > 0
    assert {shop for table in tables for shop in table["shop"].to_pylist()} == {"rome"}


RECIPE = """name: {name}
model:
  loader:
    source_uri: {uri}
    where: {where}
  data_interface: {{task_type: regression, target_col: sold}}
"""


def source(folder: Path, where: str, uri: str = "all.csv"):
    recipe = parse_recipe(RECIPE.format(name="rome", uri=uri, where=where))
    return source_of(recipe, folder, Variables({}))


@pytest.mark.parametrize("write", [as_csv, as_parquet])
@pytest.mark.parametrize("day", ["2024-02-01", "2024-02-01T00:00:00+00:00"])
def test_a_day_is_found_as_it_is_written(write, day: str, tmp_path: Path) -> None:
    rows, uri = sales(), write(sales(), tmp_path)
    (tmp_path / "kept").mkdir()
    for batches in (None, MONTHLY):
        found = open_source(wanted(tmp_path, uri, batches, day=(day,))).read()
        assert len(found.frame) == (rows["day"] == pd.Timestamp("2024-02-01")).sum() > 0


def test_what_fits_no_row_is_told_with_its_key(tmp_path: Path) -> None:
    as_csv(sales(), tmp_path)
    with pytest.raises(
        SourceError, match=r"model\.loader\.where: there is no row of all\.csv where shop is 'Rom': name"
    ):
        source(tmp_path, "{shop: Rom}").read()
    with pytest.raises(
        SourceError, match=r"model\.loader\.where\.shops: .*has no column 'shops'\. Did you mean 'shop'\?"
    ):
        source(tmp_path, "{shops: rome}").read()
    assert len(source(tmp_path, "{shop: rome, till: [1, 2]}").read().frame)


@pytest.mark.parametrize(
    ("uri", "where", "message"),
    [
        ("SELECT * FROM sales", "{shop: rome}", "model.loader.where: is for files; write it into the query"),
        ("all.csv", "{shop: []}", "model.loader.where.shop: is an empty list, which no row fits"),
        ("all.csv", "{shop: null}", "model.loader.where.shop: found nothing"),
    ],
)
def test_what_cannot_be_asked_is_refused(uri: str, where: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(RECIPE.format(name="rome", uri=uri, where=where))
    assert message in str(caught.value)
