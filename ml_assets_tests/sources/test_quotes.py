"""An unclosed quote never swallows rows; honest text of several lines is read."""

from pathlib import Path

import pytest

from ml_assets.sources.paths import SourceError
from ml_assets_tests.support.sources import read_source

GOOD = ["x,note,y", *(f"{place}.5,fine,1" for place in range(30))]


def with_lines(**changed: str) -> str:
    lines = list(GOOD)
    for name, text in changed.items():
        lines[int(name.removeprefix("line")) - 1] = text
    return "\n".join(lines) + "\n"


OPEN = {
    "closed by another in the next row": (with_lines(line11='9.5,"left,1', line12='10.5,open",1'), 11),
    "closed many rows below": (with_lines(line11='9.5,"left,1', line21='19.5,open",1'), 11),
    "never closed": (with_lines(line25='23.5,"left,1'), 25),
    "in the first cell": ("\n".join(["note,x,y", '"5 inch,1.5,0', "b,2.5,1", '"6 inch,3.5,1', "c,1,1"]), 2),
    "in the last cell": (
        "\n".join(["x,y,note", "1.5,0,a", '2.5,1,"b', "3.5,1,c", "4.5,1,d", '5.5,1,"e', "6,1,f"]),
        3,
    ),
}


@pytest.mark.parametrize("name", OPEN)
def test_an_unclosed_quote_is_named_with_its_line(tmp_path: Path, name: str) -> None:
    content, line = OPEN[name]
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(SourceError, match=rf"a\.csv, line {line}: a quote is opened and not closed"):
        read_source("a.csv", tmp_path)


@pytest.mark.parametrize(
    "cell",
    ["two\nlines", "one, two\nthree, four", "a, b, c\nd, e, f\ng, h, i", 'she said ""no""\nand left', "\n\n"],
)
def test_text_of_several_lines_is_text(tmp_path: Path, cell: str) -> None:
    (tmp_path / "a.csv").write_text(with_lines(line11=f'9.5,"{cell}",1'))
    read = read_source("a.csv", tmp_path)
    assert (len(read), read["note"][9]) == (30, cell.replace('""', '"'))


@pytest.mark.parametrize(
    "cell", ["a" * 140_000, "two\nlines " + "a" * 140_000, ("a" * 90_000 + "\n") * 3, "two\nli\rnes", "a\rb"]
)
def test_a_cell_may_be_long_or_hold_a_carriage_return(tmp_path: Path, cell: str) -> None:
    (tmp_path / "a.csv").write_text(with_lines(line11=f'9.5,"{cell}",1'), newline="")
    read = read_source("a.csv", tmp_path)
    assert (len(read), read["note"][9]) == (30, cell)


@pytest.mark.parametrize("row", [1, 2])
def test_what_stands_in_the_first_rows_may_be_long(tmp_path: Path, row: int) -> None:
    lines = {f"line{row + 1}": f'{row - 1}.5,"' + ("a" * 90_000 + "\n") * 3 + '",1'}
    (tmp_path / "a.csv").write_text(with_lines(**lines))
    assert list(read_source("a.csv", tmp_path).columns) == ["x", "note", "y"]


def test_a_header_that_is_too_long_is_told(tmp_path: Path) -> None:
    for content in ("a" * 140_000 + ",y\n1,2\n", '"' + ("a" * 90_000 + "\n") * 2 + '",y\n1,2\n'):
        (tmp_path / "a.csv").write_text(content)
        with pytest.raises(SourceError, match=r"a\.csv: the first line has a cell of more than 131,072"):
            read_source("a.csv", tmp_path)
