"""DuckDB: a database in a file, or a folder whose files are the tables; nothing else of the machine is within reach."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_assets.recipe.readable import ENDINGS
from ml_assets.sources.paths import SourceError, file_type, files_inside
from ml_assets.sources.sql.kinds import Kind
from ml_assets.sources.sql.link import CHUNK, Address, Cells, Link, found_file, words

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ml_assets.sources.sql.databases import Database

READERS = {
    "Parquet": "read_parquet([{files}], union_by_name = true)",
    "CSV": "read_csv([{files}], union_by_name = true{more})",
}
"""By the types of files."""
SETTINGS = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
    "python_enable_replacements": "false",  # a name in a query never means a variable of this program
}
OWN = ("memory", "system", "temp")
"""Names of DuckDB's own databases."""
KEY = "model.loader.connection_uri"

NO_TEXT = "conversion error"
"""What DuckDB's module for Python says of bytes that are no text."""


class Duck:
    """A connection of DuckDB; a large answer comes as Arrow's columns, some rows at a time."""

    def __init__(self, connection: DuckDBPyConnection) -> None:
        self.connection = connection

    def columns(self, sql: str, values: Mapping[str, object]) -> list[tuple[str, Kind | None]]:
        """Names and kinds of the columns: the query is bound to its tables, and not run."""
        from ml_assets.sources.sql import kinds

        found = self._asked(sql, values)
        return [
            (name, kinds.in_duckdb(kind.id)) for name, kind in zip(found.columns, found.types, strict=True)
        ]

    def rows(self, sql: str, values: Mapping[str, object]) -> list[Any]:
        """Rows of a small answer."""
        return list(self._asked(sql, values).fetchall())

    def parts(self, sql: str, values: Mapping[str, object]) -> Iterator[Sequence[Cells]]:
        """Rows of a large answer, as the values of each column."""
        with self._asked(sql, values).to_arrow_reader(CHUNK) as reader:
            for batch in reader:
                yield batch.columns

    def quoted(self, name: str) -> str:
        """Name as a statement has it."""
        return _name(name).replace(":", r"\:")

    def _asked(self, sql: str, values: Mapping[str, object]) -> Any:
        from sqlalchemy import text
        from sqlalchemy.engine.default import DefaultDialect

        compiled = text(sql).compile(dialect=DefaultDialect(paramstyle="numeric_dollar"))
        return self.connection.sql(
            str(compiled), params=[values[name] for name in compiled.positiontup or ()]
        )


@contextmanager
def connected(address: Address, database: Database) -> Iterator[Link]:
    """Open a database, or the files of a folder, for reading alone.

    Raises
    ------
    SourceError
        DuckDB is not installed, there is no such file or table, or it refuses what it is asked.
    """
    try:
        import duckdb
    except ModuleNotFoundError:
        raise SourceError(
            f"duckdb is not installed: pip install 'ml_assets[{database.extra}]'", key=KEY
        ) from None

    place = _place(address)
    with tempfile.TemporaryDirectory(prefix="ml_assets_duckdb_") as spilled:
        try:
            with duckdb.connect(":memory:", config={**SETTINGS, "temp_directory": spilled}) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                _open(connection, place, address.tables)
                connection.execute("SET enable_external_access = false")
                connection.execute("SET lock_configuration = true")
                yield Duck(connection)
        except duckdb.IOException as error:
            busy = ": another program has it open for writing: close it there, or read a copy"
            hint = busy if "lock" in str(error) else ""
            raise SourceError(f"{place}: {words(error).partition('. See also')[0]}{hint}", key=KEY) from None
        except duckdb.CatalogException as error:
            raise SourceError(words(error) + _beside(place)) from None
        except duckdb.Error as error:
            raise SourceError(words(error)) from None
        except RuntimeError as error:
            if NO_TEXT not in str(error):
                raise
            raise SourceError(
                f"{place}: the name of a column, or a text, is damaged (no UTF-8): write the file again",
                key=KEY,
            ) from None


def files(address: Address, database: Database) -> list[Path]:
    """Files that the rows come from, and what was not yet written into a database."""
    place = _place(address)
    if place.is_dir():
        return sorted(
            file for name, of_table in _tables(place).items() if name in address.tables for file in of_table
        )
    return [file for file in (place, place.with_name(f"{place.name}.wal")) if file.exists()]


def _place(address: Address) -> Path:
    """File of a database, or a folder of files."""
    from sqlalchemy.engine import make_url

    url = make_url(address.uri)
    if url.host or url.query:
        raise SourceError("'duckdb://' takes a path alone: duckdb:///shop.duckdb, or a folder", key=KEY)
    if not url.database or url.database.startswith(":memory:"):
        raise SourceError("a DuckDB database in memory has no rows: name its file, or a folder", key=KEY)
    found = found_file(url.database, address.bases)
    if found is None:
        raise SourceError(f"there is no file or folder {url.database}", key=KEY)
    return found.absolute()


def _open(connection: DuckDBPyConnection, place: Path, tables: frozenset[str]) -> None:
    """Attach a database, or make tables of those files that the query names: no other file can be read."""
    if place.is_file():
        name = "shop" if place.stem.lower() in OWN else place.stem
        connection.execute(f"ATTACH {_text(place)} AS {_name(name)} (READ_ONLY, TYPE duckdb)")
        connection.execute(f"USE {_name(name)}")
        return
    allowed = []
    for name, found in _tables(place).items():
        if name in tables:
            reader = _reader(connection, found)
            connection.execute(f"CREATE VIEW {_name(name)} AS SELECT * FROM {reader}")  # noqa: S608 - names are quoted
            allowed += found
    connection.execute(f"SET allowed_paths = [{', '.join(map(_text, allowed))}]")


def _reader(connection: DuckDBPyConnection, files: list[Path]) -> str:
    """What reads the files of a table; the types of a CSV file's columns follow from all rows, never from the first."""
    types = {file_type(file) for file in files}
    if len(types) > 1:
        raise SourceError(
            f"{files[0].parent} holds {' and '.join(sorted(types))} files: a table is of one type", key=KEY
        )
    reader, listed = READERS[types.pop()], ", ".join(map(_text, files))
    if "{more}" not in reader:
        return reader.format(files=listed)
    whole = reader.format(files=listed, more=", sample_size = -1")
    found = connection.execute(f"DESCRIBE SELECT * FROM {whole}").fetchall()  # noqa: S608 - paths are quoted
    kinds = ", ".join(f"{_name(name)}: {_text(kind)}" for name, kind, *_ in found)
    return reader.format(files=listed, more=f", types = {{{kinds}}}")


def _tables(folder: Path) -> dict[str, list[Path]]:
    """Tables of a folder, by name in small letters: `orders.parquet`, or all files in `orders/`."""
    known: dict[str, list[Path]] = {}
    for file in files_inside(folder):
        first, *more = file.relative_to(folder).parts
        ending = next(
            ending for ending in sorted(ENDINGS, key=len, reverse=True) if file.name.lower().endswith(ending)
        )
        name = (first if more else first[: -len(ending)]).lower()
        if not more and name in known:
            raise SourceError(
                f"two files of {folder} would be the table '{name}' ({known[name][0].name}, {first}): rename one",
                key=KEY,
            )
        known.setdefault(name, []).append(file)
    return known


def _beside(place: Path) -> str:
    """Tables of a folder, for a query that names another."""
    if place.is_file():
        return ""
    names = list(_tables(place))
    listed = ", ".join(names[:12]) + (" …" if len(names) > 12 else "") or "there is none"
    return f" (tables are the files of {place}: {listed})"


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
