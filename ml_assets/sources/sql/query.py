"""A query as a source: the rows of one SELECT, of a window only those where the database knows times."""

from __future__ import annotations

import hashlib
import time
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.names import STATIC
from ml_assets.recipe.periods import PERIODS
from ml_assets.sources import account, sight, tables
from ml_assets.sources.account import Account, Rows, SetAside
from ml_assets.sources.arrow import Piece, check_named, plain, to_pandas
from ml_assets.sources.calendar import batch_of, limits, moments, named, next_batch, recipe_start
from ml_assets.sources.codes import exact, rounded
from ml_assets.sources.index import REASON, is_index, may_be_index
from ml_assets.sources.marks import Window, near_days
from ml_assets.sources.missing import without_values
from ml_assets.sources.paths import File, SourceError
from ml_assets.sources.sampled import MOST_FILES, Sampled, of_pieces, spread
from ml_assets.sources.sight import Part, Seen, Sight
from ml_assets.sources.sql.kinds import joined
from ml_assets.sources.sql.session import Session, address_of, opened, path_of, prepared, text_of
from ml_assets.sources.times import bad_time, rows_between, with_times
from ml_assets.sources.wanted import Labels, Wanted

CELLS = 4_000_000
"""Values up to which a query is looked at whole."""


class Query:
    """One SELECT; its rows are one table."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted

    @property
    def place(self) -> str:
        """The file of the query, or that it is in the recipe."""
        return str(path_of(self.wanted))

    def read(self, window: Labels = (None, None)) -> Rows:
        """Rows of the batches from the first label until (without) the second.

        Raises
        ------
        SourceError
            The query cannot be carried out, a time is missing or none, or the window has no row.
        """
        batches = self.wanted.batches
        with opened(self.wanted) as session:
            if batches is None:
                if window != (None, None):
                    raise ValueError("a window needs `batches`: the column that holds the time")
                return self._rows(session, [self._piece(session, (None, None))], None)
            span = moments(window, batches)
            piece = self._piece(session, span)
            if not piece.table.num_rows:
                raise SourceError(
                    f"{self.place}: no rows for {named(window, batches)}; {self._covered(session)}"
                )
            return self._rows(session, [piece], span if None in window else None)

    def columns(self) -> dict[str, str | None]:
        """Names and kinds of the columns: the database is asked for no row; SQLite has kinds of values alone."""
        with opened(self.wanted) as session:
            return dict(session.told)

    def extent(self) -> tuple[str, str] | None:
        """First and last batch there is data for; None while there is no row."""
        batches = self.wanted.batches
        if batches is None:
            return STATIC, STATIC
        filled = self.filled()
        return (recipe_start(batches) or filled[0], filled[-1]) if filled else None

    def filled(self) -> list[str]:
        """Batches that there are rows for."""
        batches = self.wanted.batches
        if batches is None:
            return [STATIC]
        with opened(self.wanted) as session:
            days = self._days(session)
        low, high = near_days(_inside(days, limits(batches)), limits(batches), self.wanted.today)
        found = (batch_of(day, batches.period) for day in _inside(days, (low, high)))
        return sorted(set(found))

    def describe(self) -> Account:
        """Account of all rows: the database counts them by their times."""
        batches = self.wanted.batches
        if batches is None:
            return self.read().account
        with opened(self.wanted) as session:
            days = self._days(session)
        inside = _inside(days, limits(batches))
        near = _inside(inside, near_days(inside, limits(batches), self.wanted.today))
        rows, within, given = (sum(found.values()) for found in (days, inside, near))
        example = next((f"{day:%Y-%m-%d}" for day in sorted(inside) if day not in near), "")
        return Account(
            rows_in_files=rows,
            rows_given=given,
            set_aside=account.set_aside([
                SetAside(reason=account.OTHER_BATCHES, rows=rows - within),
                SetAside(reason=account.FAR_TIME, rows=within - given, example=example),
            ]),
        )  # fmt: skip

    def look(self, before: Sight) -> Sight:
        """Ask the database for the rows and the digest of each batch; SQLite's file is read where it has changed."""
        batches = self.wanted.batches
        assert batches is not None
        reading = f"{sight.reading_of(self.wanted)} {self._asked()}"
        known = before if before.reading == reading else Sight()
        stats = {str(place): sight.stat(place) for place in self._files()}
        if stats and known.same_files(stats):
            return known
        with opened(self.wanted) as session:
            if self._typed(session):
                parts = self._parts_by_database(session, limits(batches))
            else:
                parts = sight.parts_in(self._piece(session, limits(batches)), self.wanted)
            of_server = not stats and self._typed(session)
        seen = _each(parts, known) if of_server else _one(stats or {"query": (0, 0)}, parts)
        now = Sight(reading=reading, files=seen)
        return known if now == known else now

    def is_as(self, seen: Sight) -> bool:
        """The database is asked."""
        return False

    def parts_within(self, window: Labels) -> dict[str, Part] | None:
        """A server is asked for the rows of the window alone; files are looked at where they have changed."""
        batches = self.wanted.batches
        if batches is None or self._files():
            return None
        with opened(self.wanted) as session:
            if not self._typed(session):
                return None
            return self._parts_by_database(session, moments(window, batches))

    def batches_in(self, seen: Sight) -> dict[str, Part]:
        """Rows and digest of each batch that was seen."""
        return sight.batches_in(seen, self.wanted)

    def sample(self) -> Sampled:
        """All rows of a small query; of a large one the first of some batches."""
        batches = self.wanted.batches
        with opened(self.wanted) as session:
            rows = session.count()
            whole = rows * len(session.names) <= CELLS
            span: Window = (None, None) if batches is None else limits(batches)
            of_query = "" if whole else f", from parts of a query of {rows:,} rows"
            if whole:
                pieces = [self._piece(session, span)]
            else:
                most = max(1, CELLS // len(session.names))
                pieces = self._parts(session, most)
        return of_pieces(pieces, [self._file] * len(pieces), self.wanted, whole, of_query)

    def _parts(self, session: Session, most: int) -> list[Piece]:
        """Rows of a large query, at most so many: of the first, the newest and some batches between."""
        batches = self.wanted.batches
        if batches is None or not self._typed(session):
            return [self._piece(session, (None, None), most)]
        filled = sorted(
            {batch_of(day, batches.period) for day in _inside(self._days(session), limits(batches))}
        )
        chosen = spread(filled, MOST_FILES)
        spans = [moments((label, next_batch(label, batches.period)), batches) for label in chosen]
        return [self._piece(session, span, most // len(chosen) + 1) for span in spans]

    def _piece(self, session: Session, span: Window, most: int | None = None) -> Piece:
        """Rows whose time lies in the window."""
        wanted, column = self.wanted, self._column
        path, columns = session.path, wanted.columns
        if column is not None:
            check_named(column, session.names, path)
        aside = {
            name: REASON
            for name in session.names
            if name not in columns.named and may_be_index(name) and is_index(name, _values(session, name))
        }
        names = [name for name in session.names if name not in aside]
        where, values, rows = "", dict[str, object](), None
        if column is not None and self._typed(session):
            where, values = session.within(column, span)
            rows = _rows_with_times(session, column)
        table = joined(session.tables(names, where, values, most))
        if rows is None or most is not None:
            rows = table.num_rows
        table = without_values(exact(plain(table, path, columns.texts), columns.categories), wanted.na_values)
        if column is not None:
            table = rows_between(with_times(table, path, column), column, span)
        return Piece(path, table, rows, {}, aside, notes=tuple(rounded(table, columns)))

    def _rows(self, session: Session, pieces: list[Piece], span: Window | None) -> Rows:
        column = self._column
        table = given = tables.join(pieces)
        if span is not None and column is not None:
            given, _ = tables.without_far_times(table, column, span, self.wanted.today)
        return Rows(to_pandas(given), tables.account_of([self._file], pieces, table, given, column))

    @property
    def _column(self) -> str | None:
        return None if self.wanted.batches is None else self.wanted.batches.column

    @property
    def _file(self) -> File:
        return File(path_of(self.wanted), {})

    def _typed(self, session: Session) -> bool:
        """Whether the database knows the times as times."""
        batches = self.wanted.batches
        assert batches is not None
        check_named(batches.column, session.names, session.path)
        return session.database.cut is not None and session.kinds[batches.column] == "time"

    def _days(self, session: Session) -> dict[datetime, int]:
        """Rows by time, cut to the largest unit that batches hold whole."""
        batches = self.wanted.batches
        assert batches is not None
        column, unit = batches.column, PERIODS[batches.period].unit
        if self._typed(session):
            found = {cut: int(rows) for cut, rows in session.days(column, unit)}
            if None in found:
                raise SourceError(bad_time(session.path, column, 0, None, pa.null()))
            return found
        table = with_times(joined(session.tables([column])), session.path, column)
        cuts = pc.value_counts(pc.floor_temporal(table[column], unit=unit).combine_chunks())
        return {pair["values"]: pair["counts"] for pair in cuts.to_pylist()}

    def _files(self) -> list[Path]:
        """Files of this machine that the database lies in; a server has none."""
        database, statement = prepared(self.wanted)
        return database.files(address_of(self.wanted, statement), database)

    def _parts_by_database(self, session: Session, span: Window) -> dict[str, Part]:
        """Rows and digest of each batch of a window, which the database sums up."""
        batches = self.wanted.batches
        assert batches is not None and session.database.hashed is not None
        hashed = session.database.hashed([session.quoted(name) for name in session.names])
        together: dict[str, Part] = {}
        for cut, rows, digest in session.days(
            batches.column, PERIODS[batches.period].unit, f", SUM({hashed})", span
        ):
            if cut is None:
                raise SourceError(bad_time(session.path, batches.column, 0, None, pa.null()))
            label = batch_of(cut, batches.period)
            part = together.get(label, Part(0, 0))
            together[label] = Part(part.rows + int(rows), (part.digest + int(digest)) % 2**64)
        return together

    def _covered(self, session: Session) -> str:
        batches = self.wanted.batches
        assert batches is not None
        days = self._days(session)
        if not days:
            return "there are no rows at all yet"
        return f"data covers {batch_of(min(days), batches.period)} to {batch_of(max(days), batches.period)}"

    def _asked(self) -> str:
        """Digest of the SQL and its parameters: another query is looked at anew."""
        sql = self.wanted.sql
        said = (text_of(self.wanted), None if sql is None else (sorted(sql.params.items()), sql.identifiers))
        return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


def _inside(days: dict[datetime, int], window: Window) -> dict[datetime, int]:
    start, end = window
    return {
        day: rows
        for day, rows in days.items()
        if (start is None or day >= start) and (end is None or day < end)
    }


def _rows_with_times(session: Session, column: str) -> int:
    """Rows of the whole query, each of which has a time."""
    rows, times = session.all(f"COUNT(*), COUNT({session.quoted(column)})")[0]
    if times < rows:
        raise SourceError(
            f"{session.path}: the time '{column}' (batches.column) is missing in {rows - times:,} rows, which belong "
            f"to no batch: leave them out (WHERE {column} IS NOT NULL)"
        )
    return int(rows)


def _values(session: Session, name: str) -> pa.ChunkedArray:
    return joined(session.tables([name]))[name]


def _each(parts: dict[str, Part], before: Sight) -> dict[str, Seen]:
    """Each batch by itself; what is as it was keeps the time at which it was seen first."""
    found: dict[str, Seen] = {}
    for label, part in parts.items():
        known = before.files.get(label)
        same = known is not None and known.parts == {label: part}
        found[label] = known if known is not None and same else Seen(
            size=part.rows, mtime_ns=time.time_ns(), parts={label: part}
        )  # fmt: skip
    return found


def _one(stats: dict[str, tuple[int, int]], parts: dict[str, Part]) -> dict[str, Seen]:
    """All parts as those of the first file."""
    return {
        name: Seen(size=size, mtime_ns=mtime_ns, parts=None if place else parts)
        for place, (name, (size, mtime_ns)) in enumerate(stats.items())
    }
