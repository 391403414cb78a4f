"""Addresses of the services that an environment rests on; a password travels beside its address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from ml_assets.settings.errors import SettingsError
from ml_assets.settings.keys import KEYS
from ml_assets.settings.layered import Layers, named
from ml_assets.shown import shown

DAGSTER, MLFLOW, LEDGER = "dagster", "mlflow", "ml_assets"
"""Schemas of the database, one each: Dagster and MLflow both have a table `runs`."""

ALLOWED: Final = {
    "database.uri": (("postgresql", "postgres"), "postgresql://USER@HOST:PORT/NAME"),
    "redis.uri": (("redis", "rediss"), "redis://HOST:PORT/0"),
    "warehouse.uri": (
        ("bigquery", "snowflake"),
        "bigquery://PROJECT/DATASET or snowflake://USER@ACCOUNT/DATABASE",
    ),
    "storage.root": (
        ("s3", "gs", "abfs"),
        "s3://BUCKET/FOLDER, gs://BUCKET/FOLDER or abfs://CONTAINER/FOLDER",
    ),
    "dask.scheduler": (("tcp", "tls"), "tcp://HOST:8786 or tls://HOST:8786"),
}
"""Setting → the beginnings that its address may have, and how it is written."""

NEEDED: Final = {
    "local": (),
    "dev": ("database.uri",),
    "prod": ("database.uri", "warehouse.uri", "redis.uri", "storage.root"),
}
"""What an environment does not begin without."""

PATIENCE: Final = 5
"""Seconds that a database may take to let us in."""

PORTS: Final = {"postgresql": 5432, "redis": 6379, "rediss": 6379}


class Address(BaseModel):
    """Where a service is, and who asks there."""

    model_config = ConfigDict(frozen=True)

    uri: str = Field(repr=False)
    """Without a password; with the user."""
    password: SecretStr | None = None

    @property
    def host(self) -> str:
        """Machine of the service."""
        return urlsplit(self.uri).hostname or ""

    @property
    def port(self) -> int | None:
        """Port of the service; None where the kind of service has none of its own."""
        parts = urlsplit(self.uri)
        return parts.port or PORTS.get(parts.scheme)

    @property
    def place(self) -> str:
        """Where it is, for a message: neither user nor password."""
        return shown(self.uri)


class Database(Address):
    """One PostgreSQL database: Dagster's storage, MLflow's store and the ledger, each in a schema of its own."""

    @property
    def user(self) -> str:
        """Who asks; empty where libpq says it."""
        return unquote(urlsplit(self.uri).username or "")

    @property
    def name(self) -> str:
        """Name of the database."""
        return unquote(urlsplit(self.uri).path.strip("/"))

    def params(self, schema: str) -> dict[str, str]:
        """What the address says besides, as `sslmode=require`; how long to wait, and whose tables are meant."""
        given = {"connect_timeout": str(PATIENCE)} | dict(parse_qsl(urlsplit(self.uri).query))
        return given | {"options": f"{given.get('options', '')} -csearch_path={schema}".strip()}

    def at(self, schema: str) -> SecretStr:
        """Whole address for SQLAlchemy, whose tables are those of one schema."""
        user = quote(self.user, safe="")
        if self.password is not None:
            user += f":{quote(self.password.get_secret_value(), safe='')}"
        host = urlsplit(self.uri).netloc.rpartition("@")[2]
        query = urlencode(self.params(schema), quote_via=quote)
        netloc = f"{user}@{host}" if user else host
        return SecretStr(urlunsplit(("postgresql+psycopg", netloc, f"/{quote(self.name)}", query, "")))


def read_services(environ: Mapping[str, str]) -> dict[str, object]:
    """Read the services that an environment rests on.

    Raises
    ------
    SettingsError
        An address is none, or the environment needs one that is not given.
    """
    given = {
        "database": _address(environ, "database", Database),
        "redis": _address(environ, "redis", Address),
        "warehouse": _address(environ, "warehouse", Address),
        "storage_root": _uri(environ, "storage.root"),
        "dask_scheduler": _uri(environ, "dask.scheduler"),
    }
    environment = environ.environment if isinstance(environ, Layers) else "local"
    lacking = [key for key in NEEDED[environment] if not environ.get(KEYS[key].variable)]
    if lacking:
        told = "; ".join(f"{key}: set {KEYS[key].variable}, as {ALLOWED[key][1]}" for key in lacking)
        raise SettingsError(f"APP_ENV={environment} is not complete: {told}")
    return given | {
        "environment": environment,
        "serving": _yes_or_no(environ, "serving.enabled"),
        "approval_tag": _yes_or_no(environ, "approval.mlflow_tag"),
        "prediction_log": _yes_or_no(environ, "serving.log", default="true"),
    }


def _address(environ: Mapping[str, str], section: str, kind: type[Address]) -> Address | None:
    """Read an address; a password in it is taken out, and stands before that of the variable for it."""
    uri = _uri(environ, f"{section}.uri")
    if uri is None:
        return None
    parts = urlsplit(uri)
    user, at, host = parts.netloc.rpartition("@")
    user, _, within = user.partition(":")
    password = unquote(within) or environ.get(KEYS[f"{section}.password"].variable)
    scheme = "postgresql" if kind is Database else parts.scheme
    whole = urlunsplit((scheme, f"{user}{at}{host}" if user else host, parts.path, parts.query, ""))
    values: dict[str, Any] = {"uri": whole, "password": password or None}
    return kind.model_validate(values)


def _uri(environ: Mapping[str, str], key: str) -> str | None:
    variable = KEYS[key].variable
    text = environ.get(variable)
    if not text:
        return None
    beginnings, written = ALLOWED[key]
    try:
        parts = urlsplit(text)
        whole = bool(parts.netloc) and (parts.port or 1) > 0
    except ValueError:  # the port is no number
        whole = False
    named_database = key != "database.uri" or (whole and len(parts.path.strip("/")) > 0)
    if not whole or parts.scheme.partition("+")[0] not in beginnings or not named_database:
        raise SettingsError(f"{named(environ, variable)}: found {shown(text, 80)!r}; allowed: {written}")
    return text


def _yes_or_no(environ: Mapping[str, str], key: str, default: str = "false") -> bool:
    variable = KEYS[key].variable
    text = (environ.get(variable) or default).lower()
    if text not in ("true", "false"):
        raise SettingsError(f"{named(environ, variable)}: found {shown(text, 40)!r}; allowed: true, false")
    return text == "true"
