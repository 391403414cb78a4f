"""Where a declared feature repository keeps its tables and its newest values, by the environment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from ml_assets.recipe.faults import did_you_mean
from ml_assets.settings.services import LEDGER
from ml_assets.sources.feature_store.declared import FILE
from ml_assets.sources.paths import SourceError

if TYPE_CHECKING:
    from ml_assets.settings import Settings
    from ml_assets.settings.services import Address, Database
    from ml_assets.sources.feature_store.declared import Declared

TIMEOUTS: Final = ("socket_connect_timeout=2", "socket_timeout=10")
"""Seconds after which a Redis that does not answer is given up, as Feast passes them on."""


class Table(NamedTuple):
    """A namespace's table, as Feast is told of it.

    Parameters
    ----------
    source : feast.data_source.DataSource
    schema : list of feast.Field or None
        Keys and features; None: Feast asks the server.
    unfit : tuple of str
        Columns of types that no feature has.
    """

    source: Any
    schema: list[Any] | None = None
    unfit: tuple[str, ...] = ()


def table_of(name: str, declared: Declared, folder: Path, settings: Settings) -> Table:
    """Table of a namespace: Parquet files without a database, else a table of PostgreSQL.

    Raises
    ------
    SourceError
        There is no such file, or a column that is declared is not in it.
    """
    times = {"timestamp_field": declared.timestamp, "created_timestamp_column": declared.created or ""}
    if settings.database is not None:
        from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource

        table = ".".join(f'"{part}"' for part in (declared.table or name).split("."))
        return Table(PostgreSQLSource(name=name, query=f"SELECT * FROM {table}", **times))  # noqa: S608 - letters, digits, _
    from feast import Field, FileSource
    from feast.data_format import ParquetFormat

    place = folder / (declared.file or f"{name}.parquet")
    if not place.exists():
        raise SourceError(
            f"{folder / FILE}: namespaces.{name}: there is no file {place}: write it, or name it (file)"
        )
    path = str(place / "*.parquet") if place.is_dir() else str(place)
    source = FileSource(name=name, path=path, file_format=ParquetFormat(), **times)
    columns = _columns(place)
    where = f"{folder / FILE}: namespaces.{name}"
    for key in (*declared.keys, declared.timestamp, *([declared.created] if declared.created else [])):
        if key not in columns:
            raise SourceError(
                f"{where}: {key!r} is not a column of {place} (found {', '.join(list(columns)[:12])})."
                f"{did_you_mean(key, list(columns))}"
            )
    features = {
        key: kind for key, kind in columns.items() if key not in (declared.timestamp, declared.created)
    }
    schema = [Field(name=key, dtype=kind) for key, kind in features.items() if kind is not None]
    return Table(source, schema, tuple(key for key, kind in features.items() if kind is None))


def _columns(place: Path) -> dict[str, Any]:
    """Columns of Parquet files with Feast's type of each; None where a table of features cannot have it.

    Raises
    ------
    SourceError
        They cannot be read.
    """
    import pyarrow as pa
    import pyarrow.dataset as ds
    from feast.types import Bool, Float64, Int64, String, UnixTimestamp
    from pyarrow import types

    def kind(of: Any) -> Any:
        of = of.value_type if types.is_dictionary(of) else of
        if types.is_boolean(of):
            return Bool
        if types.is_integer(of):
            return Int64
        if types.is_floating(of) or types.is_decimal(of):
            return Float64
        if types.is_string(of) or types.is_large_string(of):
            return String
        return UnixTimestamp if types.is_timestamp(of) or types.is_date(of) else None

    try:
        return {field.name: kind(field.type) for field in ds.dataset(str(place), format="parquet").schema}
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"{place}: no Parquet file: {next(iter(str(error).splitlines()), '')}") from None


def offline_store(settings: Settings) -> dict[str, Any]:
    """Feast's section for the store that joins: DuckDB on files, or the environment's PostgreSQL."""
    return {"type": "duckdb"} if settings.database is None else _postgres(settings.database)


def online_store(settings: Settings) -> dict[str, Any]:
    """Feast's section for the newest values: the environment's Redis, or a file in the home."""
    if settings.redis is not None:
        return {"type": "redis", "connection_string": _redis(settings.redis)}
    settings.online_features.parent.mkdir(parents=True, exist_ok=True)
    return {"type": "sqlite", "path": str(settings.online_features)}


def _postgres(database: Database) -> dict[str, Any]:
    params = dict(parse_qsl(urlsplit(database.uri).query))
    files = {f"{name}_path": params[name] for name in ("sslkey", "sslcert", "sslrootcert") if name in params}
    return {
        "type": "postgres",
        "host": database.host or "localhost",
        "port": database.port,
        "database": database.name,
        "user": database.user,
        "db_schema": LEDGER,  # where the rows that ask lie for a moment: there we may make tables
        "password": database.password.get_secret_value() if database.password is not None else "",
        "sslmode": params.get("sslmode", "prefer"),
        **files,
    }


def _redis(address: Address) -> str:
    """Address as Feast reads it: parts separated by commas.

    Raises
    ------
    SourceError
        The password has a comma, at which Feast would cut it.
    """
    parts = urlsplit(address.uri)
    password = address.password.get_secret_value() if address.password is not None else ""
    if "," in password:
        raise SourceError("Feast cannot read a password of Redis with a comma in it: choose another one")
    said = [f"{address.host}:{address.port}", f"db={parts.path.strip('/') or 0}", *TIMEOUTS]
    said += [f"username={unquote(parts.username)}"] if parts.username else []
    said += [f'password="{password}"'] if password else []
    said += ["ssl=true"] if parts.scheme == "rediss" else []
    return ",".join(said)
