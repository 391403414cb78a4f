"""Where files lie: home folders, brackets, and folders that tell a column."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ml_assets.recipe.schema import Batches
from ml_assets.sources.paths import SourceError
from ml_assets.sources.source import open_source
from ml_assets.sources.wanted import Columns, Wanted
from ml_assets_tests.support.sources import read_source


@pytest.mark.parametrize("uri", ["~/a.csv", "$HOME/a.csv", "file://{home}/a.csv"])
def test_the_home_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(read_source(uri.format(home=tmp_path), Path("/"))) == 1


@pytest.mark.parametrize("folder", ["data [x]", "a[1]", "päth (2) & co", "[!a]"])
@pytest.mark.parametrize("pattern", ["*.csv", "a.csv", "", "**/*.csv"])
def test_what_is_there_as_it_is_written_is_no_pattern(tmp_path: Path, folder: str, pattern: str) -> None:
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "a.csv").write_text("x\n1\n")
    assert len(read_source(f"{folder}/{pattern}", tmp_path)) == 1
    assert len(read_source(f"{tmp_path}/{folder}/{pattern}", Path("/"))) == 1


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("written", ["2024-0{}", "2024-0{}-01", "20240{}01"])
def test_folders_tell_the_time(tmp_path: Path, ending: str, written: str) -> None:
    for month in (1, 2, 3):
        folder = tmp_path / "rows" / f"month={written.format(month)}"
        folder.mkdir(parents=True)
        frame = pd.DataFrame({"x": [month, month], "y": [0, 1]})
        path = folder / f"part.{ending}"
        frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    source = open_source(Wanted("rows", tmp_path, Batches(column="month", period="monthly")))
    assert source.filled() == ["2024-01-01", "2024-02-01", "2024-03-01"]
    assert source.read(("2024-02-01", "2024-03-01")).frame["x"].tolist() == [2, 2]


def test_folders_tell_categories_and_equal_files_in_two_of_them_are_two(tmp_path: Path) -> None:
    for region in ("north", "south%20east", "__HIVE_DEFAULT_PARTITION__"):
        folder = tmp_path / "rows" / f"region={region}"
        folder.mkdir(parents=True)
        (folder / "a.csv").write_text("x\n1\n")
    assert read_source("rows/**/*.csv", tmp_path)["region"].tolist() == [None, "north", "south east"]


def test_folders_of_two_kinds_are_refused(tmp_path: Path) -> None:
    for folder in ("region=north", "area=south"):
        (tmp_path / "rows" / folder).mkdir(parents=True)
        (tmp_path / "rows" / folder / "a.csv").write_text(f"x\n{len(folder)}\n")
    with pytest.raises(SourceError, match=r"lies in folders that tell other columns \(region\)"):
        read_source("rows", tmp_path)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("$NOWHERE/a.csv", r"\$NOWHERE was not filled in: write \$\{NOWHERE\}"),
        ("C:\\data\\a.csv", "looks like a path of Windows"),
        ("a.csv.zip", "no .+ file by its name.*unpack it"),
    ],
)
def test_a_path_that_cannot_be_read_is_answered_with_what_to_write(
    tmp_path: Path, uri: str, message: str
) -> None:
    (tmp_path / "a.csv.zip").write_bytes(b"PK")
    with pytest.raises(SourceError, match=message):
        read_source(uri, tmp_path)


@pytest.mark.parametrize(
    "values",
    [["12E3", "120E2", "12000"], ["007", "07", "7"], [2**53, 2**53 + 1, 2**64], ["1.10", "1.1", "01"]],
)
def test_entities_are_kept_digit_for_digit(tmp_path: Path, values: list[object]) -> None:
    (tmp_path / "a.csv").write_text("\n".join(["id,x", *(f"{value},1" for value in values)]) + "\n")
    columns = Columns(texts=frozenset({"id"}))
    read = open_source(Wanted("a.csv", tmp_path, columns=columns)).read().frame
    assert read["id"].tolist() == [str(value) for value in values]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pd.Series([2**53 + 1], dtype="int64"), pd.Series([2**63 + 5], dtype="uint64")),
        (pd.Series([2**53 + 1], dtype="int64"), pd.Series([12.5, None])),
    ],
)
def test_entities_of_two_types_never_meet_as_floats(
    tmp_path: Path, first: "pd.Series[Any]", second: "pd.Series[Any]"
) -> None:
    pd.DataFrame({"id": first}).to_parquet(tmp_path / "a.parquet")
    pd.DataFrame({"id": second}).to_parquet(tmp_path / "b.parquet")
    columns = Columns(texts=frozenset({"id"}))
    read = open_source(Wanted("*.parquet", tmp_path, columns=columns)).read().frame
    assert read["id"][0] == str(2**53 + 1)


def test_entities_of_every_type_and_file_are_the_same(tmp_path: Path) -> None:
    from decimal import Decimal

    wide = [2**53 + 1, 2**53 + 3]
    pd.DataFrame({"id": wide}).to_parquet(tmp_path / "a.parquet")
    pd.DataFrame({"id": [Decimal(number) for number in wide]}).to_parquet(tmp_path / "b.parquet")
    pd.DataFrame({"id": pd.array([wide[0], None], "Int64")}).to_parquet(tmp_path / "c.parquet")
    pd.DataFrame({"id": [12.0, 13.0]}).to_parquet(tmp_path / "d.parquet")
    columns = Columns(texts=frozenset({"id"}))
    read = open_source(Wanted("*.parquet", tmp_path, columns=columns)).read().frame
    first, second = map(str, wide)
    assert read["id"].tolist() == [first, second, first, second, first, None, "12", "13"]


@pytest.mark.parametrize(("spelled", "classes"), [
    (["1", "1.0", "0", "0.0"], ["1", "1", "0", "0"]),
    (["true", "TRUE", "False", "false"], ["True", "True", "False", "False"]),
    (["None", "some", "all", "none"], ["None", "some", "all", "none"]),
    (["yes ", "yes", " no", "no"], ["yes", "yes", "no", "no"]),
])  # fmt: skip
def test_classes_are_one_however_they_are_spelled(
    tmp_path: Path, spelled: list[str], classes: list[str]
) -> None:
    (tmp_path / "a.csv").write_text("\n".join(["y,x", *(f"{value},1" for value in spelled)]) + "\n")
    columns = Columns(texts=frozenset({"y"}), classes=frozenset({"y"}))
    assert open_source(Wanted("a.csv", tmp_path, columns=columns)).read().frame["y"].tolist() == classes


@pytest.mark.parametrize("values", [[b"\xff\x00", b"\xfe"], [[1], [2]], [{"a": 1}, {"a": 2}]])
def test_an_excluded_column_may_hold_anything(tmp_path: Path, values: list[object]) -> None:
    pd.DataFrame({"x": [1, 2], "raw": values}).to_parquet(tmp_path / "a.parquet")
    columns = Columns(excluded=frozenset({"raw"}))
    rows, account = open_source(Wanted("a.parquet", tmp_path, columns=columns)).read()
    assert (list(rows.columns), list(account.columns_set_aside)) == (["x"], ["raw"])


def test_bytes_that_are_text_are_text_and_others_name_the_column(tmp_path: Path) -> None:
    pd.DataFrame({"c": [b"a", "ü".encode()]}).to_parquet(tmp_path / "a.parquet")
    assert read_source("a.parquet", tmp_path)["c"].tolist() == ["a", "ü"]
    pd.DataFrame({"c": [b"\xff", b"b"]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(SourceError, match=r"column 'c' holds bytes.*exclude_cols"):
        read_source("a.parquet", tmp_path)


@pytest.mark.parametrize("uri", ["data", "data/*.csv"])
def test_a_link_that_leads_nowhere_is_named(tmp_path: Path, uri: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "data" / "b.csv").symlink_to("gone.csv")
    with pytest.raises(SourceError, match=r"b\.csv is a link to gone\.csv, where nothing is"):
        read_source(uri, tmp_path)


@pytest.mark.parametrize("uri", ["rows", "rows/**/*.csv"])
def test_what_programs_put_aside_is_no_part_of_a_folder(tmp_path: Path, uri: str) -> None:
    """Jupyter keeps old copies, Spark and Delta what is half written; each would double rows without a word."""
    for place in ("a.csv", ".ipynb_checkpoints/a.csv", "_temporary/0/a.csv", "b/_c.csv", "b/._a.csv"):
        path = tmp_path / "rows" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"x\n{len(place)}\n")
    assert read_source(uri, tmp_path)["x"].tolist() == [len("a.csv")]
    for named in ("rows/_temporary/**/*.csv", "rows/*/_c.csv", "rows/b/._a.csv"):
        assert len(read_source(named, tmp_path)) == 1
