"""CSV files: rows of as many cells as the header has, numbers however they are written."""

from __future__ import annotations

import io
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from ml_assets.sources.arrow import Piece, check_named, is_unusable, named_alike, plain
from ml_assets.sources.codes import rounded, with_codes
from ml_assets.sources.dialect import Dialect, dialect_of, not_utf8, opened
from ml_assets.sources.header import NAMED, check_header
from ml_assets.sources.index import REASON, is_index, may_be_index
from ml_assets.sources.missing import without_values
from ml_assets.sources.numbers import (
    DECIMAL_COMMA,
    MISSING,
    POINTS,
    forms_of,
    may_hide_thousands,
    mend_columns,
    missing_words,
    thousands_by_points,
)
from ml_assets.sources.paths import SourceError
from ml_assets.sources.quotes import check_quotes, unclosed
from ml_assets.sources.repeated import headers_in, told
from ml_assets.sources.wanted import Columns

BLOCK = 1 << 20
"""Bytes that are read at once; a row must fit in."""
LARGEST_BLOCK = 1 << 30
COUNTED = 1 << 26
"""Bytes of a file up to which it is counted which cells are missing in which words."""


def read_csv(path: Path, columns: Columns, na_values: Collection[str], *, commas: bool = False) -> Piece:
    """All rows of a CSV file.

    Parameters
    ----------
    path : Path
    columns : Columns
    na_values : collection of str
    commas : bool
        Whether commas are known to be decimal, by rows that came before.

    Raises
    ------
    SourceError
        It is no CSV file, rows have more or fewer cells than the header, or a quote is not closed.
    """
    dialect = dialect_of(path)
    names = _names(dialect)
    check_header(dialect.names, path)
    missing = [*MISSING, *na_values]
    table, again = _rows(path, dialect, names, columns.texts, missing)
    check_quotes(table, path, dialect)
    # `column_names` is a new list each time: asked for each of thousands of columns it would take seconds.
    there = set(table.column_names)
    aside = {
        name: "left out by the recipe, and neither numbers nor text"
        for name in columns.excluded
        if name in there and is_unusable(table[name].type)
    }
    table = plain(table.drop_columns(list(aside)), path)
    table = named_alike(table, columns)
    table = with_codes(
        table,
        columns.categories - columns.texts,
        lambda wanted: _rows(path, dialect, names, wanted, missing, only=wanted)[0],
    )
    table = without_values(table, na_values)
    aside |= _without_name(table, names, dialect, path, columns)
    counts = frozenset(
        name
        for name in there.intersection(dialect.names).difference(aside, columns.named)
        if may_be_index(name) and is_index(name, table[name])
    )
    table = table.select([name for name in table.column_names if name not in aside])
    lines = "line" if dialect.left_out == 1 else "lines"
    notes = [f"{path.name}: {dialect.left_out:,} {lines} beside the header left out"] * bool(dialect.left_out)
    notes += [f"{path.name}: {told(again)}"] if again else []
    notes += _missing(path, dialect, names, table, na_values)
    notes += [*_codes(dialect, table), *rounded(table, columns)]
    texts = [
        field.name
        for field in table.schema
        if pa.types.is_string(field.type) and field.name not in columns.texts | columns.categories
    ]
    semicolons = dialect.delimiter == ";"
    forms = forms_of(table.select(texts), commas=semicolons or commas)
    decimal_commas = commas or any(form.name == DECIMAL_COMMA for form in forms.values())
    if semicolons or decimal_commas:
        hidden = [
            field.name
            for field in table.schema
            if pa.types.is_floating(field.type)
            and field.name not in columns.categories
            and may_hide_thousands(table[field.name])
        ]
        written, _ = _rows(path, dialect, names, hidden, missing, only=hidden)
        for name in hidden:
            form = thousands_by_points(written[name], decimal_commas=decimal_commas)
            if form is not None:
                table = table.set_column(table.column_names.index(name), name, written[name])
                forms[name] = form
        for name, form in forms.items():  # with a currency beside, as 1.234 €
            if form.name == "plain" and thousands_by_points(table[name], decimal_commas=decimal_commas):
                forms[name] = form._replace(name=POINTS)
    table, more = mend_columns(table, forms)
    return Piece(
        path, table, table.num_rows if table.num_columns else 0, forms, aside, counts, (*notes, *more)
    )


def read_csv_column(path: Path, column: str, na_values: Collection[str] = ()) -> pa.Table:
    """One column of a CSV file."""
    dialect = dialect_of(path)
    check_header(dialect.names, path)
    check_named(column, dialect.names, path)
    table, _ = _rows(path, dialect, _names(dialect), (), [*MISSING, *na_values], only=[column])
    return plain(table, path)


def count_csv_rows(path: Path) -> int:
    """Rows of a CSV file."""
    dialect = dialect_of(path)
    names = _names(dialect)
    table = _table(path, dialect, names, names[:1], [""], only=names[:1])
    if headers_in(table) is not None:  # a cell may well be called as its column: the whole row tells
        table, _ = _rows(path, dialect, names, names, [""])
    return int(table.num_rows)


def _names(dialect: Dialect) -> list[str]:
    """Names of the columns; one without a name is called as pandas calls it."""
    return [name or f"Unnamed: {place}" for place, name in enumerate(dialect.names)]


def _rows(
    path: Path,
    dialect: Dialect,
    names: list[str],
    texts: Collection[str],
    missing: list[str],
    only: list[str] | None = None,
) -> tuple[pa.Table, list[int]]:
    """Rows, and the places among them in which the header stood again."""
    table = _table(path, dialect, names, texts, missing, only)
    found = headers_in(table)
    if found is None:
        return table, []
    kept = io.BytesIO()
    pa_csv.write_csv(table.filter(pc.invert(found)), kept)
    options = _converted(table.column_names, texts, missing, only)
    table = pa_csv.read_csv(
        pa.py_buffer(kept.getvalue()),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=options,
    )
    return table, pc.indices_nonzero(found).to_pylist()


def _converted(
    names: list[str], texts: Collection[str], missing: list[str], only: list[str] | None
) -> pa_csv.ConvertOptions:
    return pa_csv.ConvertOptions(
        null_values=missing,
        strings_can_be_null=True,
        include_columns=only,
        column_types={name: pa.string() for name in texts if name in names},
    )


def _table(
    path: Path,
    dialect: Dialect,
    names: list[str],
    texts: Collection[str],
    missing: list[str],
    only: list[str] | None = None,
) -> pa.Table:
    ragged: list[Any] = []

    def remember(row: Any) -> str:
        ragged.append(row)
        return "skip"

    def read(block: int, threads: bool) -> pa.Table:
        with opened(path, dialect) as stream:
            return pa_csv.read_csv(
                stream,
                read_options=pa_csv.ReadOptions(
                    use_threads=threads, block_size=block, skip_rows=dialect.skip, column_names=names
                ),
                parse_options=pa_csv.ParseOptions(
                    delimiter=dialect.delimiter, newlines_in_values=True, invalid_row_handler=remember
                ),
                convert_options=_converted(names, texts, missing, only),
            )

    block = BLOCK
    while True:
        ragged.clear()
        try:
            table = read(block, threads=True)
            if ragged:
                ragged.clear()
                read(block, threads=False)  # only then do rows have numbers
            break
        except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
            if "straddl" in str(error) and block < LARGEST_BLOCK:
                block *= 8
                continue
            if "Empty CSV" in str(error):
                return pa.table({name: pa.array([], pa.null()) for name in only or names})
            if "UTF8" in str(error):
                raise SourceError(not_utf8(path)) from error
            raise SourceError(f"{path} is not a CSV file that can be read: {error}") from error
    if ragged:
        raise SourceError(_ragged(path, dialect, ragged))
    return _trimmed(table) if dialect.padded else table


def _ragged(path: Path, dialect: Dialect, rows: list[Any]) -> str:
    row = rows[0]
    above = row.text.partition("\n")[0]
    is_short = row.actual_columns < row.expected_columns
    if above.count('"') % 2 and (above != row.text or is_short):
        return unclosed(path, dialect, above[above.rindex('"') + 1 :])
    more = f" (and {len(rows) - 1} more such rows)" if len(rows) > 1 else ""
    remedy = (
        "Complete the row, or remove the line if it is none"
        if is_short
        else 'Put cells that hold the separator in double quotes, and write "" for a quote within them'
    )
    cells = "cell" if row.actual_columns == 1 else "cells"
    return (
        f"{path}, line {row.number}: {row.actual_columns} {cells}, the header has {row.expected_columns}"
        f"{more}: '{row.text[:60]}'. {remedy}"
    )


def _trimmed(table: pa.Table) -> pa.Table:
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            table = table.set_column(place, field.name, pc.utf8_trim_whitespace(table[field.name]))
    return table


def _codes(dialect: Dialect, table: pa.Table) -> list[str]:
    """Words for what was read as a number and may be a name."""
    there = dict(zip(table.schema.names, table.schema.types, strict=True))
    found = {
        name: cell
        for name, cell in dialect.codes.items()
        if name in there and (pa.types.is_integer(there[name]) or pa.types.is_floating(there[name]))
    }
    return [
        f"column '{name}': '{cell}' read as the number {float(cell):g}; if it is a name, name '{name}' in "
        "categorical_features of custom_preprocessor"
        for name, cell in list(found.items())[:NAMED]
    ]


def _without_name(
    table: pa.Table, names: list[str], dialect: Dialect, path: Path, columns: Columns
) -> dict[str, str]:
    """Columns without a name: an index, or without values, too.

    Raises
    ------
    SourceError
        A column has no name, but values.
    """
    aside: dict[str, str] = {}
    given, there = dialect.names, set(table.column_names)
    for place, name in enumerate(names):
        if given[place] or name not in there or name in columns.named:
            continue
        column = table[name]
        if column.null_count == len(column):
            aside[name] = "neither a name nor a value"
        elif is_index("index", column):
            aside[name] = REASON
        else:
            raise SourceError(
                f"{path}: column {place + 1} has no name. Name it; if it is a row number, write the "
                "file without it (pandas: to_csv(…, index=False))"
            )
    return aside


def _missing(
    path: Path, dialect: Dialect, names: list[str], table: pa.Table, na_values: Collection[str]
) -> list[str]:
    """Words for the cells that were read as missing, other than empty ones."""
    known = set(names)
    holed = [name for name in table.column_names if name in known and table[name].null_count]
    if not holed or path.stat().st_size > COUNTED:
        return []
    words = pa.array([*(word for word in MISSING if word), *na_values])
    texts = _table(path, dialect, names, holed, [""], only=holed)
    notes = []
    for name in holed:
        text = texts[name]
        whole = pc.replace_substring_regex(text, r"^([+-]?\d+)\.0*$", r"\1")  # -999.0 is -999
        counted = pc.value_counts(whole.filter(pc.is_in(whole, value_set=words)).combine_chunks())
        found = {part["values"]: part["counts"] for part in counted.to_pylist()}
        notes += [missing_words(name, found)] * bool(found)
    return notes
