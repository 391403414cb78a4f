"""Several files become one Arrow table, and every row of them is accounted for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.shown import listed
from ml_assets.sources import account
from ml_assets.sources.account import Account, SetAside
from ml_assets.sources.arrow import TIME, Piece, cast, common_type
from ml_assets.sources.chosen import chosen
from ml_assets.sources.formats import format_of
from ml_assets.sources.index import ENOUGH, REASON
from ml_assets.sources.marks import Window
from ml_assets.sources.numbers import DECIMAL_COMMA, THOUSANDS, unspoiled
from ml_assets.sources.paths import File, SourceError
from ml_assets.sources.times import near, rows_between, with_times
from ml_assets.sources.wanted import Wanted


def read_piece(file: File, wanted: Wanted, window: Window = (None, None)) -> Piece:
    """Read the rows of one file whose time is in `window` (start included, end not).

    Raises
    ------
    SourceError
        The file is broken, or a time is missing or cannot be read.
    """
    piece = read_near(file, wanted, window)
    if wanted.batches is None:
        return piece
    return piece._replace(table=rows_between(piece.table, wanted.batches.column, window))


def read_near(file: File, wanted: Wanted, window: Window) -> Piece:
    """Read the rows of one file in the window, and all others where they are read anyway."""
    column = wanted.batches.column if wanted.batches is not None else None
    inside = column if column not in file.folders else None
    piece = format_of(file.path).read(file.path, wanted, inside, window)
    if wanted.batches is not None and wanted.batches.drops and column in piece.table.column_names:
        raise SourceError(
            f"{file.path} has a column '{column}' itself: leave out batches.drops, or write a name in batches.column "
            "that no column has"
        )
    table = with_folders(piece.table, file)
    given = chosen(table, wanted.where, file.path)
    piece = piece._replace(table=given, rows=piece.rows - (table.num_rows - given.num_rows))
    return piece if column is None else piece._replace(table=with_times(given, file.path, column))


def join(pieces: list[Piece], *, alike: bool = True) -> pa.Table:
    """One table of all rows; types agree between files and do not depend on which rows are asked for.

    Parameters
    ----------
    pieces : list of Piece
    alike : bool
        Whether the files must have the same columns; else a column is empty where a file does not have it.

    Raises
    ------
    SourceError
        Files differ in their columns, or a comma means thousands in one and fractions in another.
    """
    aside = {name for piece in pieces for name in piece.aside} | _indexes(pieces)
    pieces = [piece._replace(table=_without(piece.table, aside)) for piece in pieces]
    see_forms(pieces)
    filled = [piece for piece in pieces if piece.table.num_rows] or pieces[:1]
    see_signs(pieces, filled)
    if alike:
        _check_alike(filled)
    names = list(dict.fromkeys(name for piece in filled for name in piece.table.column_names))
    columns = {}
    # `column_names` is a new list each time: asked for each of thousands of columns it would take seconds.
    types = [dict(zip(piece.table.schema.names, piece.table.schema.types, strict=True)) for piece in pieces]
    there = [(piece, set(piece.table.column_names)) for piece in filled]
    for name in names:
        everywhere = [known[name] for known in types if name in known]
        parts = [
            (unspoiled(piece.table[name]) if name in piece.forms else piece.table[name])
            if name in known
            else pa.chunked_array([pa.nulls(piece.table.num_rows)])
            for piece, known in there
        ]
        kind = common_type([part.type for part in parts], everywhere)
        chunks = [chunk for part in parts for chunk in cast(part, kind).chunks]
        columns[name] = pa.chunked_array(chunks, type=kind)
    return pa.table(columns)


def without_far_times(
    table: pa.Table, column: str, window: Window, today: datetime
) -> tuple[pa.Table, Window]:
    """Rows whose time is no mark for "never" or "unknown", and the window they lie in."""
    limits = near([table[column]], window, today)
    return (table if limits == window else rows_between(table, column, limits)), limits


def account_of(
    files: list[File], pieces: list[Piece], table: pa.Table, given: pa.Table, column: str | None
) -> Account:
    """What became of the rows of all files: `table` was read of them, `given` is given on."""
    rows = sum(piece.rows for piece in pieces)
    copies = sum(len(file.copies) * piece.rows for file, piece in zip(files, pieces, strict=True))
    example = next((str(copy) for file in files for copy in file.copies), "")
    far = table.num_rows - given.num_rows
    where = _first_far(pieces, given, column) if far and column is not None else ""
    return Account(
        rows_in_files=rows + copies,
        rows_given=given.num_rows,
        set_aside=account.set_aside([
            SetAside(reason=account.SENT_TWICE, rows=copies, example=example),
            SetAside(reason=account.OTHER_BATCHES, rows=rows - table.num_rows),
            SetAside(reason=account.FAR_TIME, rows=far, example=where),
        ]),
        columns_set_aside={name: reason for piece in pieces for name, reason in piece.aside.items()}
        | dict.fromkeys(sorted(_indexes(pieces)), REASON),
        notes=tuple(dict.fromkeys(note for piece in pieces for note in piece.notes)),
    )  # fmt: skip


def account_of_times(files: list[File], wanted: Wanted, window: Window) -> Account:
    """What becomes of the rows of all files, by their times alone."""
    assert wanted.batches is not None
    column = wanted.batches.column
    tables = [time_table(file, wanted) for file in files]
    inside = [rows_between(table, column, window) for table in tables]
    limits = near([table[column] for table in inside], window, wanted.today)
    given = [rows_between(table, column, limits) for table in inside]
    pieces = [
        Piece(file.path, table, whole.num_rows, {}, {})
        for file, table, whole in zip(files, inside, tables, strict=True)
    ]
    together = [
        pa.table(
            {column: pa.chunked_array([part for table in tables for part in table[column].chunks], TIME)}
        )
        for tables in (inside, given)
    ]
    return account_of(files, pieces, together[0], together[1], column)


def extent(
    files: list[File], wanted: Wanted, window: Window = (None, None)
) -> tuple[datetime, datetime] | None:
    """Oldest and newest time inside the window, but for times far from all others; None without a row."""
    found = []
    for times in times_of(files, wanted, window):
        ends = pc.min_max(times)
        found.append((ends["min"].as_py(), ends["max"].as_py()))
    return (min(a for a, _ in found), max(b for _, b in found)) if found else None


def days(files: list[File], wanted: Wanted, window: Window, unit: str) -> list[datetime]:
    """Distinct times inside the window, cut to the unit, sorted."""
    found: set[datetime] = set()
    for times in times_of(files, wanted, window):
        found.update(pc.unique(pc.floor_temporal(times, unit=unit)).to_pylist())
    return sorted(found)


def times_of(files: list[File], wanted: Wanted, window: Window) -> Iterator[pa.ChunkedArray]:
    """Times of each file's rows that are in the window and not far from all others."""
    assert wanted.batches is not None
    column = wanted.batches.column
    tables = [rows_between(time_table(file, wanted), column, window) for file in files]
    limits = near([table[column] for table in tables], window, wanted.today)
    for table in tables:
        times = (table if limits == window else rows_between(table, column, limits))[column]
        if len(times):
            yield times


def time_table(file: File, wanted: Wanted) -> pa.Table:
    """The times of all rows of one file that are wanted, and no other column that would have to be read."""
    assert wanted.batches is not None
    path, column = file.path, wanted.batches.column
    inside = [name for name in dict.fromkeys((column, *wanted.where)) if name not in file.folders]
    if inside:
        table = pa.table({name: format_of(path).read_column(path, wanted, name)[name] for name in inside})
    else:
        table = pa.table({"": pa.nulls(format_of(path).count(path))})
    return with_times(chosen(with_folders(table, file), wanted.where, path), path, column)


def with_folders(table: pa.Table, file: File) -> pa.Table:
    """Table with the columns that the names of its folders tell, as in month=2024-01."""
    for name, value in file.folders.items():
        if name not in table.column_names:
            table = table.append_column(
                name, pa.chunked_array([pa.array([value] * table.num_rows, pa.string())])
            )
    return table


def _check_alike(pieces: list[Piece]) -> None:
    first = pieces[0]
    names = dict.fromkeys(first.table.column_names)
    for piece in pieces[1:]:
        here = dict.fromkeys(piece.table.column_names)
        absent = [name for name in names if name not in here]
        extra = [name for name in here if name not in names]
        if absent or extra:
            lacks, adds = (
                [f"{verb} {listed(names)}"] * bool(names)
                for verb, names in (("lacks", absent), ("adds", extra))
            )
            differences = [*lacks, *adds]
            raise SourceError(
                f"{piece.path} {' and '.join(differences)}, compared with {first.path.name}: "
                "files of one source must have the same columns"
            )


def _indexes(pieces: list[Piece]) -> set[str]:
    """Columns that look like an index in all files that have them and enough rows to tell."""
    telling = [piece for piece in pieces if piece.rows >= ENOUGH] or [piece for piece in pieces if piece.rows]
    return {
        name
        for name in {name for piece in pieces for name in piece.counts}
        if all(name in piece.counts for piece in telling if name in piece.table.column_names)
    }


def see_forms(pieces: list[Piece]) -> None:
    """Refuse 1,125 beside 1,5 of another file: nobody can tell whether it is 1125 or 1.125."""
    for name in dict.fromkeys(name for piece in pieces for name in piece.forms):
        found = {
            piece.forms[name].name: (piece.path, piece.forms[name]) for piece in pieces if name in piece.forms
        }
        if {THOUSANDS, DECIMAL_COMMA} <= found.keys():
            (path, form), (other, decimal) = found[THOUSANDS], found[DECIMAL_COMMA]
            raise SourceError(
                f"{path}, row {form.row + 1}, column '{name}': '{form.cell}' has its comma between thousands, and in "
                f"{other}, row {decimal.row + 1}, '{decimal.cell}' has it before a fraction. Write both alike, as 1.5"
            )


def see_signs(pieces: list[Piece], filled: list[Piece]) -> None:
    """Refuse rows in another currency than that of the first file: numbers alone would not tell."""
    first: dict[str, tuple[Path, str]] = {}
    for piece in pieces:
        for name, form in piece.forms.items():
            if form.sign:
                first.setdefault(name, (piece.path, form.sign))
    for piece in filled:
        for name, (path, sign) in first.items():
            other = piece.forms[name].sign if name in piece.forms else ""
            if other not in ("", sign):
                raise SourceError(
                    f"{piece.path}, column '{name}': numbers with '{other}', and in {path.name} with '{sign}'. Convert "
                    "them into one, or exclude the column (exclude_cols)"
                )


def _without(table: pa.Table, names: set[str]) -> pa.Table:
    return table.drop_columns([name for name in table.column_names if name in names])


def _first_far(pieces: list[Piece], given: pa.Table, column: str) -> str:
    ends = pc.min_max(given[column])
    for piece in pieces:
        times = piece.table[column]
        far = pc.or_(pc.less(times, ends["min"]), pc.greater(times, ends["max"]))
        place = pc.index(far, True).as_py()
        if place >= 0:
            return f"{piece.path.name}: {times[place].as_py():%Y-%m-%d}"
    return ""
