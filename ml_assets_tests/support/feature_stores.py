"""Feature repositories for tests: declared over files or over PostgreSQL, and one that Feast itself has applied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pandas as pd
import sqlalchemy as sa
from pandas.api.types import is_integer_dtype
from pydantic import SecretStr

from ml_assets.recipe import Recipe
from ml_assets.recipe.loading import parse_recipe
from ml_assets.settings import Settings
from ml_assets.settings.services import Address, Database
from ml_assets_tests.support.databases import REDIS, absent, database

KINDS = ("files", "feast", "postgresql")
"""Declared over Parquet files; Feast's own over the same; declared over tables of a server."""


def recipe_of(features: Mapping[str, list[str]], more: str = "") -> Recipe:
    """A recipe that joins some features."""
    listed = ", ".join(
        f"{{feature_namespace: {name}, features: [{', '.join(names)}]}}" for name, names in features.items()
    )
    return parse_recipe(
        "name: shop\n"
        "model:\n"
        "  class_path: sklearn.linear_model.LogisticRegression\n"
        "  loader: {source_uri: rows.parquet}\n"
        f"  augmenter: {{type: feature_store, features: [{listed}]}}\n"
        "  data_interface: {task_type: classification, target_col: bought}\n" + more
    )


def declaration_of(tables: Mapping[str, pd.DataFrame], keys: Mapping[str, list[str]]) -> str:
    """Text of a `features.yaml`; a table with a column `created` is declared with it."""
    lines = ["project: tests", "namespaces:"]
    for name, frame in tables.items():
        created = ", created: created" if "created" in frame else ""
        lines.append(f"  {name}: {{keys: [{', '.join(keys[name])}]{created}}}")
    return "\n".join(lines) + "\n"


def write_files(folder: Path, tables: Mapping[str, pd.DataFrame], keys: Mapping[str, list[str]]) -> Path:
    """A declared repository over Parquet files."""
    folder.mkdir(exist_ok=True)
    for name, frame in tables.items():
        frame.to_parquet(folder / f"{name}.parquet", index=False)
    (folder / "features.yaml").write_text(declaration_of(tables, keys))
    return folder


FEAST = """\
project: tests
registry: registry.db
provider: local
offline_store: {type: duckdb}
online_store: {type: sqlite, path: online.db}
entity_key_serialization_version: 3
"""


def write_feast(folder: Path, tables: Mapping[str, pd.DataFrame], keys: Mapping[str, list[str]]) -> Path:
    """A repository of Feast's own over Parquet files, applied as `feast apply` does."""
    import feast

    folder.mkdir(exist_ok=True)
    (folder / "feature_store.yaml").write_text(FEAST)
    entities, views = {}, []
    for name, frame in tables.items():
        frame.to_parquet(folder / f"{name}.parquet", index=False)
        for key in keys[name]:
            kind = feast.ValueType.INT64 if is_integer_dtype(frame[key]) else feast.ValueType.STRING
            entities[key] = feast.Entity(name=key, join_keys=[key], value_type=kind)
        source = feast.FileSource(
            name=name,
            path=f"{name}.parquet",
            timestamp_field="event_timestamp",
            created_timestamp_column="created" if "created" in frame else "",
        )
        views.append(
            feast.FeatureView(name=name, entities=[entities[key] for key in keys[name]], source=source)
        )
    with chdir(folder):
        feast.FeatureStore(repo_path=".").apply([*entities.values(), *views])
    return folder


@contextmanager
def repository(
    kind: str,
    folder: Path,
    tables: Mapping[str, pd.DataFrame],
    keys: Mapping[str, list[str]],
    redis: str | None = None,
) -> Iterator[Settings]:
    """Settings that name a feature repository with these tables."""
    address = None if redis is None else Address(uri=redis)
    home = folder / "home"
    if kind == "feast":
        yield Settings(
            home=home, feature_store=write_feast(folder / "repository", tables, keys), redis=address
        )
        return
    place = write_files(folder / "repository", tables, keys)
    if kind == "files":
        yield Settings(home=home, feature_store=place, redis=address)
        return
    with database("postgresql", folder) as server:
        engine = sa.create_engine(server, poolclass=sa.NullPool)
        for name, frame in tables.items():
            (place / f"{name}.parquet").unlink()
            frame.to_sql(name, engine, index=False)
        yield Settings(home=home, feature_store=place, redis=address, database=of_server(server))


def of_server(address: str) -> Database:
    """Address of a test's database as the settings have it."""
    parts = urlsplit(address)
    password = SecretStr(parts.password) if parts.password else None
    host = f"{parts.username}@{parts.hostname}:{parts.port}"
    return Database(uri=urlunsplit(("postgresql", host, parts.path, "", "")), password=password)


@contextmanager
def redis_of(project: str | None) -> Iterator[str | None]:
    """Address of a Redis, in which a project's values are gone afterwards; None for None, skip where none answers."""
    if project is None:
        yield None
        return
    import redis

    server = redis.Redis.from_url(REDIS)
    with server:
        try:
            server.ping()
        except redis.ConnectionError as error:
            absent("redis", f"no Redis at {REDIS}: {error}")
        try:
            yield REDIS
        finally:
            for key in server.scan_iter(match=f"*{project}"):
                server.delete(key)
