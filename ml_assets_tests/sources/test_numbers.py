"""Numbers however they are written; cells that mean no value; texts that are no numbers stay and are named."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.recipe.schema import Batches
from ml_assets.sources.numbers import form_of, mend
from ml_assets.sources.paths import SourceError
from ml_assets.sources.source import open_source
from ml_assets.sources.wanted import Columns, Wanted
from ml_assets_tests.support.sources import read_source

WRITTEN = {
    # name: (separator, cells, numbers)
    "thousands by commas": (";", ["1,234,567", "999", "-1,000.5"], [1234567, 999, -1000.5]),
    "thousands by commas, in quotes": (",", ['"1,234"', '"56,789"', "7"], [1234, 56789, 7]),
    "decimal commas": (";", ["1,5", "-0,25", "12"], [1.5, -0.25, 12]),
    "decimal commas, in quotes": (",", ['"1,5"', '"0,25"', '"0,125"'], [1.5, 0.25, 0.125]),
    "three decimals in a file of semicolons": (";", ["1,234", "5,678", "9,100"], [1.234, 5.678, 9.1]),
    "thousands by points": (";", ["1.234.567,5", "2.345,25", "3,5"], [1234567.5, 2345.25, 3.5]),
    "thousands by points alone": (";", ["1.234.567", "2.345.678", "999.000"], [1234567, 2345678, 999000]),
    "thousands by spaces": (",", ["1 234", "56 789", "7"], [1234, 56789, 7]),
    "thousands by no-break spaces": (",", ["1\u00a0234", "56\u202f789", "7"], [1234, 56789, 7]),
    "thousands by apostrophes": (",", ["1'234.5", "56'789", "7"], [1234.5, 56789, 7]),
    "dollars": (",", ["$1.50", "-$2", "$3"], [1.5, -2, 3]),
    "euros behind, decimal commas": (";", ["1,50 €", "2,25 €", "3,00 €"], [1.5, 2.25, 3]),
    "percent": (",", ["12.5%", "3%", "-1 %"], [12.5, 3, -1]),
    "a currency by its code": (",", ["12.50 EUR", "3 EUR", "-1 EUR"], [12.5, 3, -1]),
    "a currency by its code, before": (";", ["EUR 12,50", "EUR 3,25", "EUR 4,00"], [12.5, 3.25, 4]),
    "thousands and hundred thousands, as in India": (
        ",",
        ['"1,23,456"', '"12,34,567"', '"1,234"'],
        [123456, 1234567, 1234],
    ),
    "exponents behind decimal commas": (";", ["1,5E+03", "2,25E-01", "3,0E0"], [1500, 0.225, 3]),
    "digits of full width": (",", ["\uff11\uff0e\uff15", "\uff0d\uff12", "3"], [1.5, -2, 3]),
    "Arabic digits": (
        ";",
        ["\u0661\u066c\u0662\u0663\u0664", "\u0665\u066b\u0665", "\u0667"],
        [1234, 5.5, 7],
    ),
    "Persian and Hindi digits": (",", ["\u06f1.\u06f5", "-\u0968", "3"], [1.5, -2, 3]),
    "a minus behind": (",", ["1.5-", "2.5", "3"], [-1.5, 2.5, 3]),
    "apostrophes before": (",", ["'1.5", "'-2", "3"], [1.5, -2, 3]),
    "negative in parentheses": (",", ["(1.5)", "2", "3"], [-1.5, 2, 3]),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_numbers_are_numbers_however_they_are_written(tmp_path: Path, name: str) -> None:
    separator, cells, numbers = WRITTEN[name]
    lines = [separator.join(["x", "y"]), *(separator.join([cell, "a"]) for cell in cells)]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    account = open_source(Wanted("a.csv", tmp_path)).read().account
    assert read_source("a.csv", tmp_path)["x"].tolist() == numbers
    assert any("column 'x'" in note for note in account.notes)


@pytest.mark.parametrize(
    "cells",
    [
        ["red", "blue", "5"],
        ["1-2", "3-4", "5-6"],
        ["2024-01", "2024-02", "2024-03"],
        ["1,2,3", "4,5,6", "7,8,9"],
        ["12a", "13b", "14c"],
        ["$1", "€2", "$3"],
        ["1.2.3", "1.2.4", "2.0.1"],
        ["10h30", "11h45", "12h00"],
        ["12 EUR", "13 USD", "14 EUR"],
        ["12-", "13-15", "18-"],
        ["'a'", "'b'", "'1'"],
        ["+49 171 123", "+49 30 901820", "+1 212 555"],
        ["+49 171 123", "+49 172 456", "+49 173 789"],
    ],
)
def test_text_stays_text(tmp_path: Path, cells: list[str]) -> None:
    (tmp_path / "a.csv").write_text("\n".join(["x;y", *(f"{cell};a" for cell in cells)]) + "\n")
    assert read_source("a.csv", tmp_path)["x"].tolist() == cells


BLANKS = [" ", "-", "--", "NA", "N/A", "n.a.", "?", "null", "NULL", "None", "#DIV/0!", "\\N", "nan", ""]


@pytest.mark.parametrize("blank", BLANKS)
def test_a_blank_in_a_column_of_numbers_is_missing(tmp_path: Path, blank: str) -> None:
    cells = ["1", "2", blank, "4", "5", blank, "7", "8", "9", "10"]
    (tmp_path / "a.csv").write_text("\n".join(["x,y", *(f"{cell},a" for cell in cells)]) + "\n")
    rows, account = open_source(Wanted("a.csv", tmp_path)).read()
    assert str(rows["x"].dtype) == "Int64"
    assert rows["x"].isna().tolist() == [cell == blank for cell in cells]
    assert (blank == "") == (account.notes == ())
    assert blank == "" or "column 'x': 2 cells read as missing" in account.notes[0]


def test_a_blank_in_a_column_of_text_is_a_value(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("alley,y\nNone,1\n-,2\nGravel,3\n")
    assert read_source("a.csv", tmp_path)["alley"].tolist() == ["None", "-", "Gravel"]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_recipe_names_cells_that_mean_no_value(tmp_path: Path, ending: str) -> None:
    import pandas as pd

    frame = pd.DataFrame({"x": [1, -999, 3], "c": ["a", "unknown", "b"]})
    path = tmp_path / f"a.{ending}"
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    read = open_source(Wanted(path.name, tmp_path, na_values=("-999", "unknown"))).read().frame
    assert read["x"].isna().tolist() == read["c"].isna().tolist() == [False, True, False]


def test_whole_numbers_beyond_a_float_are_compared_as_they_are(tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame({"x": [2**53 + 1, 2**53, -999], "u": pd.array([2**64 - 1, 0, 7], dtype="UInt64")})
    frame.to_parquet(tmp_path / "a.parquet")
    words = ("-999.0", str(2**53), str(2**64 - 1), "1e400", "nan", "unknown")
    read = open_source(Wanted("a.parquet", tmp_path, na_values=words)).read().frame
    assert read["x"].isna().tolist() == [False, True, True]
    assert read["u"].isna().tolist() == [True, False, False]


def test_wrong_cells_stay_among_plainly_written_numbers(tmp_path: Path) -> None:
    cells = ["1,5", "low", "-", *(f"{place},25" for place in range(20))]
    (tmp_path / "a.csv").write_text("\n".join(["x;y", *(f"{cell};a" for cell in cells)]) + "\n")
    assert read_source("a.csv", tmp_path)["x"].tolist()[:4] == ["1.5", "low", None, "0.25"]


def test_categories_of_the_recipe_are_left_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("size;y\n1,5;a\n2,5;b\n3,5;a\n")
    columns = Columns(categories=frozenset({"size"}))
    read = open_source(Wanted("a.csv", tmp_path, columns=columns)).read().frame
    assert read["size"].tolist() == ["1,5", "2,5", "3,5"]


def test_digits_that_were_written_as_text_into_a_typed_file_are_codes(tmp_path: Path) -> None:
    import pandas as pd

    pd.DataFrame(
        {"code": ["10115", "20095", "-"], "zip": ["01067", "-", "20095"], "n": ["1,5", "2,5", "-"]}
    ).to_parquet(tmp_path / "a.parquet")
    read = read_source("a.parquet", tmp_path)
    assert read["zip"].tolist() == ["01067", "-", "20095"]
    assert read["n"].tolist()[:2] == [1.5, 2.5]


def test_fractions_that_were_written_as_text_into_a_typed_file_are_numbers(tmp_path: Path) -> None:
    """As pandas writes a table that was read with `dtype=str`; what two texts would become one number stays text."""
    columns = {
        "size": ["0.126", "-1.2", "3"], "change": ["-1", "2", "+3"], "chapter": ["1.1", "1.10", "2.3"],
        "zip": ["1067", "20095", "99"], "code": ["01.5", "2.5", "3.5"],
    }  # fmt: skip
    write(tmp_path / "a.parquet", **columns)
    rows = open_source(Wanted("a.parquet", tmp_path)).read()
    numbers = {"size": [0.126, -1.2, 3], "change": [-1, 2, 3]}
    assert {name: rows.frame[name].tolist() for name in columns} == {**columns, **numbers}
    assert [note for note in rows.account.notes if "kept as text" in note] == [
        f"column '{name}': numbers kept as text read as numbers" for name in numbers
    ]


def write(path: Path, **columns: list[str]) -> None:
    import pandas as pd

    frame = pd.DataFrame(columns)
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_one_decimal_comma_makes_all_commas_of_a_file_decimal(tmp_path: Path, ending: str) -> None:
    write(tmp_path / f"a.{ending}", x=["1,125", "2,250", "3,375"], z=["1,5", "2,5", "3,5"])
    assert read_source(f"a.{ending}", tmp_path)["x"].tolist() == [1.125, 2.25, 3.375]


def test_a_minus_of_typesetters_is_a_minus(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x;y\n\u22121.5;a\n\u20132;b\n3;a\n")
    assert read_source("a.csv", tmp_path)["x"].tolist() == [-1.5, -2, 3]


@pytest.mark.parametrize(
    ("content", "numbers"),
    [
        ("x;z\n1.234;1,5\n987;2,5\n-12.345;3,5\n", [1234, 987, -12345]),
        ("x,z\n1.234,'1,5'\n987,'2,5'\n".replace("'", '"'), [1234, 987]),
        ("x;z\n1.234 €;1,5\n987 €;2,5\n-12.345 €;3,5\n", [1234, 987, -12345]),
        ("x;z\n1.25 €;1,5\n987 €;2,5\n", [1.25, 987]),
        ("x;z\n1.234;1,5\n0.987;2,5\n", [1.234, 0.987]),
        ("x;z\n1.25;1,5\n987;2,5\n", [1.25, 987]),
        ("x;z\n1.234;1\n987;2\n", [1.234, 987]),
        ("x;z\n" + "1.234;1\n" * 60 + "987;2\n", [*[1234] * 60, 987]),
        ("x,z\n" + "1.234,1\n" * 60 + "987,2\n", [*[1.234] * 60, 987]),
    ],
)
def test_a_point_between_thousands_is_no_fraction(tmp_path: Path, content: str, numbers: list[float]) -> None:
    (tmp_path / "a.csv").write_text(content)
    rows, account = open_source(Wanted("a.csv", tmp_path)).read()
    assert rows["x"].tolist() == numbers
    told = "column 'x': thousands separated by points read as numbers" in account.notes
    assert told == (max(numbers) > 1000)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize(("first", "second"), [("${}", "€ {}"), ("{} EUR", "{} USD"), ("{}%", "{} £")])
def test_amounts_of_two_currencies_are_no_one_column(
    tmp_path: Path, ending: str, first: str, second: str
) -> None:
    """The batches of the first file stay; of the other, each says what differs."""
    for month, form in ((1, first), (2, second), (3, "{}")):
        cells = [form.format(cell) for cell in ("1.50", "2.25", "3.75")]
        write(tmp_path / f"{month}.{ending}", price=cells, day=[f"2024-0{month}-05"] * 3)
    source = open_source(Wanted(f"*.{ending}", tmp_path, Batches(column="day", period="monthly")))
    assert source.read(("2024-01-01", "2024-02-01")).frame["price"].tolist() == [1.5, 2.25, 3.75]
    assert len(source.read(("2024-03-01", "2024-04-01")).frame) == 3
    for window in (("2024-02-01", "2024-03-01"), (None, None)):
        with pytest.raises(
            SourceError, match=rf"2\.{ending}, column 'price': numbers with .*, and in 1\.{ending} with"
        ):
            source.read(window)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_comma_does_not_mean_two_things_in_two_files(tmp_path: Path, ending: str) -> None:
    write(tmp_path / f"a.{ending}", x=["1,5", "2,5", "3,5"])
    write(tmp_path / f"b.{ending}", x=["7", "1,125", "2,250"])
    message = rf"b\.{ending}, row 2, column 'x': '1,125' .*a\.{ending}, row 1, '1,5'"
    with pytest.raises(SourceError, match=message):
        read_source(f"*.{ending}", tmp_path)


@given(st.lists(st.decimals(-(10**9), 10**9, places=2), min_size=3, max_size=30))
def test_numbers_with_commas_are_the_numbers_with_points(numbers: list[object]) -> None:
    texts = [str(number).replace(".", ",") for number in numbers]
    column = pa.chunked_array([texts])
    form = form_of(column)
    assert form is not None
    assert mend(column, form).column.to_pylist() == [float(str(number)) for number in numbers]
