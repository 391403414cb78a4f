"""How a CSV file is written: bytes, lines above the header, separator, and the names of its columns."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from ml_assets.names import composed
from ml_assets.sources.foreign import check_foreign
from ml_assets.sources.header import check_cut
from ml_assets.sources.paths import SourceError

HEAD = 1 << 16
"""Bytes that are looked at; more where the header is longer."""
LONGEST_HEAD = 1 << 26
SAMPLE = 60
"""Lines that have to agree about the separator."""
LONGEST_LINE = 100_000
"""Characters; in longer lines nothing is looked for."""
LONGEST_TITLE = 10
"""Lines."""
BESIDE = 20
"""Bytes that are shown before and after one that is no UTF-8."""
SEPARATORS = ",;\t|^~\x01"
COMPRESSIONS = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd"}
"""First bytes of files that are unpacked while they are read."""
BYTE_ORDER_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8"),
)
SEP_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
COMMENTS = ("#", "//", "%", "!")
CODE = re.compile(r"0\d{2,}|\d+[eE]\d+")
"""A number to a machine, and a name to most people."""
RULE = re.compile(r"[\s|+:,;=-]*(-{3}|={3})[\s|+:,;=-]*")
"""A line between header and rows, as databases and Markdown draw it."""


class Dialect(NamedTuple):
    """How the rows of one file are to be cut into cells."""

    compression: str | None
    encoding: str
    carriage_returns: bool
    """Lines end in CR alone, as those of old Macintosh files."""
    skip: int
    """Physical lines before the first row: the header, and what stands above it."""
    left_out: int
    """Of these, lines that are neither header nor blank: titles, comments, a line drawn below the header."""
    delimiter: str
    padded: bool
    """A space follows each separator."""
    names: list[str]
    codes: dict[str, str]
    """Columns in which a cell of the first rows is written as a code, as 007 or 12E3, and that cell."""


def dialect_of(path: Path) -> Dialect:
    """Find out how a CSV file is written.

    Raises
    ------
    SourceError
        It cannot be read, is empty, is no text, or has no header.
    """
    compression, head, whole = _head(path)
    encoding = _encoding(head)
    if encoding == "utf-8" and b"\0" in head:
        raise SourceError(f"{path} is not a CSV file: it holds binary data. Is its name right?")
    try:
        text = head.decode("utf-8-sig" if encoding == "utf-8" else encoding, "strict" if whole else "ignore")
    except UnicodeDecodeError as error:
        raise SourceError(not_utf8(path) if encoding == "utf-8" else _cut_off(path, encoding)) from error
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise SourceError(f"{path} is empty: a CSV file starts with a line of column names")
    carriage_returns = "\n" not in text and "\r" in text.rstrip("\r")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not whole and len(lines) > 1:
        lines.pop()  # cut off in its middle
    start, left_out, given = _above(lines)
    delimiter, titles = (given, 0) if given else _delimiter(lines[start:])
    skipped = lines[start : start + titles]
    below = lines[start + titles :]
    below = [below[0], *(line for line in below[1 : 4 * SAMPLE] if len(line) < LONGEST_LINE)]
    rows = cut("\n".join(below) + "\n", delimiter)
    header = next(rows, None)
    if header is None:
        raise SourceError(
            f"{path}: the first line has a cell of more than {csv.field_size_limit():,} characters, which is no "
            "name of a column. Write a line of names above it, and close each quote"
        )
    header_lines = 1 + sum(name.count("\n") for name in header)
    names = [composed(name.strip()) for name in header]
    drawn = header_lines < len(below) and RULE.fullmatch(below[header_lines]) is not None
    sample = list(islice((row for row in rows if row), drawn, SAMPLE))
    check_cut(names, sample, path)
    names = _with_index(names, sample)
    spaces = {cell.startswith(" ") for row in sample or [names] for cell in row[1:] if cell}
    return Dialect(
        compression,
        encoding,
        carriage_returns,
        start + titles + header_lines + drawn,
        left_out + sum(1 for line in skipped if line.strip()) + drawn,
        delimiter,
        spaces == {True},
        names,
        _codes(names, sample),
    )


def opened(path: Path, dialect: Dialect) -> pa.NativeFile:
    """Open the bytes of the file as UTF-8 with line feeds.

    Raises
    ------
    SourceError
        The file is cut off, or is not in its encoding.
    """
    stream = pa.input_stream(str(path), compression=dialect.compression)
    if dialect.encoding == "utf-8" and not dialect.carriage_returns and not dialect.padded:
        return stream
    with stream:
        content = stream.read()
    if dialect.encoding != "utf-8":
        try:
            content = content.decode(dialect.encoding).removeprefix("\ufeff").encode()
        except UnicodeDecodeError as error:
            raise SourceError(_cut_off(path, dialect.encoding)) from error
    if dialect.carriage_returns:
        content = content.replace(b"\r", b"\n")
    if dialect.padded:  # a quote counts only where it is the first character of a cell
        mark = dialect.delimiter.encode()
        content = re.sub(re.escape(mark) + rb' +"', mark + b'"', content)
    return pa.BufferReader(content)


def cut(text: str, mark: str) -> Iterator[list[str]]:
    """Rows of a text, until one has a cell that is longer than a look at a few rows need take."""
    try:
        yield from csv.reader(io.StringIO(text.replace("\r", " ")), delimiter=mark)
    except csv.Error:
        return


def not_utf8(path: Path) -> str:
    """Words for bytes that are no UTF-8: where the first of them are, and how Windows would read them."""
    with pa.input_stream(str(path), compression=_compression(path)) as stream:
        for number, line in enumerate(io.BufferedReader(stream), 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                around = line[max(0, error.start - BESIDE) : error.start + BESIDE].decode("cp1252", "replace")
                return (
                    f"{path}, line {number}: not UTF-8 text; read as Windows-1252 it is '{around.strip()}'. "
                    "Save the file as UTF-8"
                )
    return f"{path} is not UTF-8 text: save it as UTF-8"


def _cut_off(path: Path, encoding: str) -> str:
    return f"{path} is not {encoding.upper()} to its end: save it as UTF-8"


def _compression(path: Path) -> str | None:
    with path.open("rb") as raw:
        magic = raw.read(16)
    check_foreign(path, magic)
    return next((kind for start, kind in COMPRESSIONS.items() if magic.startswith(start)), None)


def _head(path: Path) -> tuple[str | None, bytes, bool]:
    """Compression, first bytes with the whole header in them, and whether that is all."""
    try:
        compression = _compression(path)
        with pa.input_stream(str(path), compression=compression) as stream:
            head, size = stream.read(HEAD), HEAD
            while len(head) == size < LONGEST_HEAD and len(re.findall(rb"[\r\n]+", head)) < SAMPLE // 4:
                size *= 4
                head += stream.read(size - len(head))
    except (OSError, pa.ArrowInvalid) as error:
        if compression is not None:
            raise SourceError(f"{path} is packed and cut off, or damaged ({error}): fetch it anew") from error
        raise SourceError(f"{path} cannot be read: {error}") from error
    check_foreign(path, head)
    return compression, head, len(head) < size


def _encoding(head: bytes) -> str:
    for mark, encoding in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return encoding
    start = head[:2_000]
    even, odd = start[::2].count(0), start[1::2].count(0)
    if odd > 0.4 * len(start) and not even:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * len(start) and not odd else "utf-8"


def _above(lines: list[str]) -> tuple[int, int, str | None]:
    """Lines above the header: how many, how many of them are not blank, and the separator they name."""
    start = left_out = 0
    given = None
    while start < len(lines) - 1:
        line = lines[start].strip(" ")
        named = SEP_LINE.fullmatch(line)
        below = next((other for other in lines[start + 1 :] if other.strip()), "")
        marks = [line.count(mark) for mark in SEPARATORS]
        is_comment = line.startswith(COMMENTS) and (
            not any(marks)
            or marks != [below.count(mark) for mark in SEPARATORS]
            or below.startswith(COMMENTS)
        )
        if named and not given:
            given = named.group(1)
        elif is_comment or not line.strip():
            left_out += bool(line.strip())
        else:
            break
        start += 1
    return start, left_out, given


def _delimiter(lines: list[str]) -> tuple[str, int]:
    """Separator that cuts the lines into equally many cells, and the lines of a title above the header."""
    filled = [line for line in lines if line.strip() and len(line) < LONGEST_LINE][: SAMPLE + 1]
    best: tuple[bool, float, int, bool] = (False, 0.0, 1, False)
    found, titles = "", 0
    for mark in SEPARATORS:
        rows = [row for row in cut("\n".join(filled), mark) if row]
        counts = [len(row) for row in rows]
        above = _titles(counts)
        header, body = counts[above] if counts else 0, counts[above:]
        usual = Counter(body).most_common(1)[0][0] if body else 0
        if header < 2 or header not in (usual, usual - 1):
            continue
        spaced = any(cell.startswith(" ") for cell in rows[above][1:])  # as in "price, net"
        fit = (above == 0, body.count(usual) / len(body), usual, not spaced)
        if fit > best:
            best, found, titles = fit, mark, above
    if not found:
        return next((mark for mark in SEPARATORS if lines and mark in lines[0]), ","), 0
    places = [place for place, line in enumerate(lines) if line.strip()]
    return found, places[titles] if titles else 0


def _titles(counts: list[int]) -> int:
    """Lines of one cell above at least three lines of one and the same larger number of cells."""
    title = next((place for place, cells in enumerate(counts) if cells > 1), 0)
    body = counts[title:]
    return title if 0 < title <= LONGEST_TITLE and len(body) > 2 and len(set(body)) == 1 else 0


def _codes(names: list[str], sample: list[list[str]]) -> dict[str, str]:
    cells = ((name, cell.strip()) for row in sample for name, cell in zip(names, row, strict=False))
    found = {name: cell for name, cell in reversed([*cells]) if CODE.fullmatch(cell)}
    return {name: found[name] for name in names if name in found}


def _with_index(names: list[str], sample: list[list[str]]) -> list[str]:
    """Names with one for a column that only the rows have: row numbers, or what a last separator makes."""
    if len(sample) < 3 or any(len(row) != len(names) + 1 for row in sample):
        return names
    if not any(row[-1].strip() for row in sample):
        return [*names, ""]
    first = [row[0].strip() for row in sample]
    counted = [str(place) for place in range(len(first))], [str(place + 1) for place in range(len(first))]
    return ["", *names] if first in counted else names
