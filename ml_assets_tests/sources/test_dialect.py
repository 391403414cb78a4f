"""However people save a table as CSV: the same rows are read, or one sentence says what to do."""

import bz2
import gzip
from pathlib import Path

import pandas as pd
import pytest

from ml_assets.recipe.schema import Batches
from ml_assets.sources.paths import SourceError
from ml_assets.sources.source import open_source
from ml_assets.sources.wanted import Columns, Wanted
from ml_assets_tests.support.sources import read_source


def rows(a: str, b: str) -> list[tuple[str, str, str]]:
    return [("1.5", a, "0"), ("2.5", b, "1"), ("3.5", a, "1"), ("4.5", b, "0")]


def written(a: str, b: str) -> dict[str, bytes]:
    """A table of four rows, with two texts in the middle, as people save it."""

    def table(separator: str = ",", end: str = "\n", above: str = "") -> str:
        lines = [separator.join("xcy"), *(separator.join(row) for row in rows(a, b))]
        return above + end.join(lines) + end

    quoted = "".join(f'{x}, "{c}", {y}\n' for x, c, y in rows(a, b))
    from_0, from_1 = (
        [",".join((str(place), *row)) for place, row in enumerate(rows(a, b), start)] for start in (0, 1)
    )
    ended = [",".join((*row, "")) for row in rows(a, b)]
    markdown = "".join(f"| {' | '.join(row)} |\n" for row in ("xcy", ("---", ":--", "---"), *rows(a, b)))
    return {
        "commas": table().encode(),
        "semicolons": table(";").encode(),
        "tabs": table("\t").encode(),
        "bars": table("|").encode(),
        "carriage returns": table(end="\r").encode(),
        "carriage returns and line feeds": table(end="\r\n").encode(),
        "no line end at the end": table().rstrip("\n").encode(),
        "byte order mark": table().encode("utf-8-sig"),
        "UTF-16 with a mark": table("\t").encode("utf-16"),
        "UTF-16, big end first": ("\ufeff" + table(";")).encode("utf-16-be"),
        "UTF-16 without a mark": table("\t").encode("utf-16-le"),
        "a line sep=": table(";", above="sep=;\n").encode(),
        "a line sep= with a tab": table("\t", above="sep=\t\n").encode(),
        "comments": table(above="# exported 2024-01-01\n# by a tool, version 2\n#\n").encode(),
        "a title": table(above="Customers 2024\n\n").encode(),
        "blank lines above": table(above="\n\n").encode(),
        "spaces after the separator": table(", ").encode(),
        "spaces and quotes": f"x, c, y\n{quoted}".encode(),
        "a separator at the end of each line": "\n".join(["x,c,y,", *ended, ""]).encode(),
        "a separator at the end of each row": "\n".join(["x,c,y", *ended, ""]).encode(),
        "row numbers without a name": "\n".join([",x,c,y", *from_0, ""]).encode(),
        "row numbers that the header leaves out": "\n".join(["x,c,y", *from_1, ""]).encode(),
        "a line below the header": table("|").replace("\n", "\n---+---+---\n", 1).encode(),
        "a table of Markdown": markdown.encode(),
        "two files in one": (table() + table().partition("\n")[0] + "\n").encode(),
        "two files in one, each with a mark": (
            "\ufeff" + table().replace(f"\n{rows(a, b)[2][0]}", f"\n\ufeffx,c,y\n{rows(a, b)[2][0]}")
        ).encode(),
        "gzip": gzip.compress(table().encode()),
        "bzip2": bz2.compress(table().encode()),
    }


WRITTEN = written("a", "b")


@pytest.mark.parametrize("name", WRITTEN)
def test_however_a_table_is_written_the_rows_are_the_same(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.csv").write_bytes(WRITTEN[name])
    read = read_source("a.csv", tmp_path)
    assert list(read.columns) == ["x", "c", "y"]
    assert read["x"].tolist() == [1.5, 2.5, 3.5, 4.5]
    assert read["c"].tolist() == ["a", "b", "a", "b"]


WITH_TIMES = written("15.01.2024", "15.02.2024")


@pytest.mark.parametrize("name", WITH_TIMES)
def test_every_question_to_a_table_is_answered_alike(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.csv").write_bytes(WITH_TIMES[name])
    source = open_source(Wanted("a.csv", tmp_path, Batches(column="c", period="monthly")))
    frame, account = source.read()
    assert frame["c"].dt.month.tolist() == [1, 2, 1, 2]
    assert source.filled() == ["2024-01-01", "2024-02-01"]
    assert source.extent() == ("2024-01-01", "2024-02-01")
    assert source.describe().rows_given == account.rows_given == 4


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ('"price, net";z\n1;2\n3;4\n', ["price, net", "z"]),
        ("price, net;z\n1,5;2\n3,5;4\n", ["price, net", "z"]),
        ("a;b|c|d\n1;2|3|4\n4;5|6|7\n", ["a;b", "c", "d"]),
        ("x;z\n0,5;-0,5\n1,5;2,5\n2,5;3,5\n", ["x", "z"]),
        ("only\n1\n2\n", ["only"]),
        ("x,y\n", ["x", "y"]),
        ("2019,2020,2021\n1,2,3\n", ["2019", "2020", "2021"]),
        ("#id,x\n1,2\n", ["#id", "x"]),
    ],
)
def test_the_separator_is_the_one_that_makes_rows(tmp_path: Path, content: str, columns: list[str]) -> None:
    (tmp_path / "a.csv").write_text(content)
    assert list(read_source("a.csv", tmp_path).columns) == columns


def test_a_header_may_be_longer_than_what_is_looked_at_first(tmp_path: Path) -> None:
    names = [f"a_name_of_many_letters_{place:05d}" for place in range(4_000)]
    row = ",".join("1" for _ in names)
    (tmp_path / "a.csv").write_text("\n".join([",".join(names), *[row] * 3]) + "\n")
    assert read_source("a.csv", tmp_path).shape == (3, 4_000)


def test_a_row_may_be_longer_than_a_block(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,c\n1,a\n2," + "b" * 3_000_000 + "\n3,c\n")
    assert read_source("a.csv", tmp_path)["c"].str.len().tolist() == [1, 3_000_000, 1]


BROKEN = {
    "a fraction as name": (b"0.5,1\n1.5,2\n", r"a\.csv: the first line looks like data, as '0\.5'"),
    "whole numbers in no order": (b"39,State,77516,13\n40,b,1,2\n", r"looks like data, as '39'"),
    "an archive": (b"PK\x03\x04....", r"a\.csv is a ZIP archive or an Excel workbook: unpack it"),
    "a web page": (b"<!DOCTYPE html>\n<html></html>\n", r"a\.csv is a web page: was the download refused"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\noid 1\n", r"a\.csv is a pointer of Git LFS"),
    "JSON": (b'[{"x": 1, "y": 2}]', r"a\.csv is JSON: save it as CSV"),
    "JSON lines": (b'{"x": 1, "y": 2}\n{"x": 1, "y": 2}\n', r"a\.csv is JSON: save it as CSV"),
    "columns of spaces": (b"x    y\n1.5   a\n2.5   b\n", r"line 1: nothing but spaces between 'x' and 'y'"),
    "a quote in the header": (b'x,"y\n1,2\n3,4\n', r"line 1: a quote is opened in the header and not closed"),
    "a quote in the last row": (b'x,y,z\n1,2,a\n3,"4,b', r"line 3: a quote is opened and not closed"),
    "a footer": (b"x,y\n1,2\n(1 row)\n", r"line 3: 1 cell, .*: '\(1 row\)'\. Complete the row, or remove the line"),
    "other quotes": (b"x,y\n1,'a,b'\n", r"line 2: 3 cells, the header has 2: .* in double quotes"),
    "names in other quotes": (b"'x','y'\n1,2\n", r"line 1: names in other quotes than \", as 'x'\. Write"),
    "colons": (b"x:y\n1:2\n3:4\n", r"line 1: the cells are kept apart by ':', which is not read"),
    "colons, two by two": (b"x::y\n1::2\n3::4\n", r"the cells are kept apart by '::', .*read_csv\(…, sep='::'"),
    "Feather": (b"ARROW1\0\0....", r"a\.csv is an Arrow or Feather file: save it as CSV or Parquet"),
    "a database": (b"SQLite format 3\0....", r"is a database of SQLite: set connection_uri"),
    "a database of DuckDB": (b"\0" * 8 + b"DUCK....", r"is a database of DuckDB: set connection_uri"),
    "a pickle": (b"\x80\x05\x95....", r"a\.csv is a pickle"),
    "ARFF": (b"% a\n@RELATION d\n@attribute x numeric\n@data\n1\n", r"a\.csv is an ARFF file of Weka"),
    "packed and cut off": (gzip.compress(b"x,y\n1,2\n" * 999)[:40], r"a\.csv is packed and cut off, or damaged"),
    "Parquet": (b"PAR1....", r"a\.csv is a Parquet file: give it a name that ends in \.parquet"),
    "cut off in UTF-16": (
        b"\xff\xfe" + "x;y\n1;2\n".encode("utf-16-le") + b"1", r"is not UTF-16 to its end|is not UTF-8"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_table_is_said_in_one_sentence(tmp_path: Path, name: str) -> None:
    content, message = BROKEN[name]
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(SourceError, match=message):
        read_source("a.csv", tmp_path)


def test_lines_that_are_left_out_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("# one\n# two\nx,y\n1,2\n")
    account = open_source(Wanted("a.csv", tmp_path)).read().account
    assert account.notes == ("a.csv: 2 lines beside the header left out",)


def test_a_header_that_stands_again_is_no_row_and_changes_no_type(tmp_path: Path) -> None:
    table = "x,c,2021,none\n" + "7,c,1.5,\n" * 3
    (tmp_path / "a.csv").write_text(table)
    (tmp_path / "b.csv").write_text(table + table.replace("x,c", "\ufeffx,c"))
    (tmp_path / "c.csv").write_text("x,c\na,c\nc,x\n")
    once, account = open_source(Wanted("a.csv", tmp_path)).read()
    twice, told = open_source(Wanted("b.csv", tmp_path)).read()
    pd.testing.assert_frame_equal(twice[:3], once)
    assert (len(twice), told.rows_in_files, account.notes) == (6, 6, ())
    assert told.notes == ("b.csv: the header stands again in row 4: left out",)
    assert len(read_source("c.csv", tmp_path)) == 2


def test_numbers_that_are_written_as_codes_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("zip,code,day,half,y\n1234,12E3,01,0.5,1\n01234,120E2,02,00,1\n")
    columns = Columns(texts=frozenset({"y"}))
    notes = open_source(Wanted("a.csv", tmp_path, columns=columns)).read().account.notes
    assert [note.partition(";")[0] for note in notes] == [
        "column 'zip': '01234' read as the number 1234",
        "column 'code': '12E3' read as the number 12000",
    ]
