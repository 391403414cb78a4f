"""The settings themselves, and every place below the home: no other module puts such a path together."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from ml_assets.recipe.own import allow
from ml_assets.settings.alerts import Alerts, read_alerts
from ml_assets.settings.errors import SettingsError
from ml_assets.settings.home import addressed, read_folder, read_home
from ml_assets.settings.layered import Environment, Layers, named
from ml_assets.settings.layers import read_layers
from ml_assets.settings.services import LEDGER, MLFLOW, Address, Database, read_services
from ml_assets.settings.variables import Variables, read_modules, read_variables
from ml_assets.settings.wandb import WandB, read_wandb
from ml_assets.shown import without_user

MLFLOW_SCHEMES = ("s3://", "gs://")
"""Beginnings of a `storage.root` that MLflow writes to by itself."""
DEMO_RECIPES = Path(__file__).parents[1] / "recipes"


class Settings(BaseModel):
    """The operator's side of things; a recipe knows nothing of it."""

    model_config = ConfigDict(frozen=True)

    home: Path
    """All state: Dagster's, MLflow's, batches, ledger. `ML_ASSETS_HOME`, default `.ml_assets`."""
    environment: Environment = "local"
    """Which layers of settings were read. `APP_ENV`."""
    database: Database | None = None
    """PostgreSQL for Dagster's storage, MLflow's store and the ledger; None: SQLite in the home."""
    redis: Address | None = None
    """`ML_ASSETS_REDIS_URI`."""
    warehouse: Address | None = None
    """`ML_ASSETS_WAREHOUSE_URI`."""
    storage_root: str | None = None
    """Where frames, records and the files of MLflow's runs lie instead of the home. `ML_ASSETS_STORAGE_ROOT`."""
    feature_store: Path | None = None
    """Folder of the feature repository. `ML_ASSETS_FEATURE_STORE`."""
    dask_scheduler: str | None = None
    """Scheduler of the Dask cluster; None: processes of this machine. `ML_ASSETS_DASK_SCHEDULER`."""
    serving: bool = False
    """Whether models may be served by HTTP. `ML_ASSETS_SERVING_ENABLED`."""
    api_keys: tuple[str, ...] = Field((), repr=False)
    """Hashes of the keys of the HTTP API, each `SCOPE:SHA256`. `ML_ASSETS_API_KEYS`, separated by commas."""
    prediction_log: bool = True
    """Whether a server keeps what it answers. `ML_ASSETS_PREDICTION_LOG`."""
    prediction_log_days: int = Field(90, ge=1)
    """Days that it is kept. `ML_ASSETS_PREDICTION_LOG_DAYS`."""
    requests_per_minute: int = Field(6_000, ge=1)
    """Requests of one caller over HTTP. `ML_ASSETS_REQUESTS_PER_MINUTE`."""
    proxy_header: str | None = Field(None, pattern=r"^[A-Za-z0-9-]+$")
    """Header by which a trusted proxy says who looks at the pages. `ML_ASSETS_PROXY_HEADER`."""
    proxy_from: tuple[str, ...] = ()
    """Addresses that it asks from; default: this machine. `ML_ASSETS_PROXY_FROM`, separated by commas."""
    deciders: tuple[str, ...] = ()
    """Who of those that it names may decide; `*`: everybody. `ML_ASSETS_DECIDERS`, separated by commas."""
    approval_tag: bool = False
    """Whether who may write the tag `approved` of a version in MLflow may approve it. `ML_ASSETS_APPROVAL_TAG`."""
    batch_size: int = Field(50_000, ge=1)
    """Rows that batch inference has in memory at once. `BATCH_SIZE`."""
    recipes: tuple[Path, ...] = (DEMO_RECIPES,)
    """Folders with recipes. `ML_ASSETS_RECIPES`, separated like PATH; default: the demo recipes."""
    mlflow_tracking_uri: str | None = Field(None, repr=False)
    """A shared MLflow server. `MLFLOW_TRACKING_URI`; default: a database in the home."""
    mlflow_user: str | None = None
    """User at that server. `MLFLOW_TRACKING_USERNAME`, or before the host in `MLFLOW_TRACKING_URI`."""
    mlflow_password: SecretStr | None = None
    """The user's password. `MLFLOW_TRACKING_PASSWORD`, or before the host in `MLFLOW_TRACKING_URI`."""
    wandb: WandB | None = None
    """Weights & Biases, where trainings are told there too. `ML_ASSETS_WANDB_PROJECT`."""
    sensor_seconds: int = Field(30, ge=1)
    """Seconds between two looks of a retrain sensor. `ML_ASSETS_SENSOR_SECONDS`."""
    tuning_timeout: float = Field(3600.0, gt=0)
    """Seconds a search may take at most; a recipe can only ask for less. `ML_ASSETS_TUNING_TIMEOUT`."""
    mlflow_url: str | None = None
    """Where a browser finds MLflow. `ML_ASSETS_MLFLOW_URL`; default: the server, or the page of `ml-assets ui`."""
    alerts: Alerts = Alerts()
    """Where alerts go besides the log."""
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    """`LOG_LEVEL`."""
    demo_data: Path = Path("data")
    """Folder of the demo's data. `ML_ASSETS_DEMO_DATA`; default: `data` in the current folder."""
    variables: Variables = Variables()
    """What `${NAME}` in recipes may read: `ML_ASSETS_RECIPE_…`, and the names in `ML_ASSETS_RECIPE_VARIABLES`."""

    @property
    def addressed_home(self) -> Path:
        """The home by a path that the address of a database can hold: a link, where there is a `?` in its own."""
        return addressed(self.home)

    @property
    def dagster_home(self) -> Path:
        """Folder of Dagster's own state; Dagster makes the addresses of its databases from it."""
        return self.addressed_home / "dagster"

    @property
    def ledger_file(self) -> Path:
        """The ledger where it is a file."""
        return self.home / "ledger.db"

    @property
    def ledger(self) -> Path | SecretStr:
        """Where the ledger is: its file, or the address of its tables."""
        return self.ledger_file if self.database is None else self.database.at(LEDGER)

    @property
    def has_ledger(self) -> bool:
        """Whether there may be entries: a file that is not there has none."""
        return self.database is not None or self.ledger_file.exists()

    @property
    def ledger_place(self) -> str:
        """Where the ledger is, for a message."""
        return str(self.ledger_file) if self.database is None else self.database.place

    @property
    def store(self) -> Path:
        """Folder of frames and records, with one folder for each model."""
        return self.home / "batches"

    @property
    def predictions(self) -> Path:
        """Folder of the logs of predictions, with one folder for each model."""
        return self.home / "predictions"

    @property
    def inference(self) -> Path:
        """Folder of what batch inferences that are under way keep, with one folder for each output."""
        return self.home / "inference"

    @property
    def identity(self) -> Path:
        """Name of this home, its own wherever it is moved to: whose state lies below `storage.root`."""
        return self.home / "identity"

    @property
    def mirror(self) -> Path:
        """Folder of copies of what lies in object storage, with one folder for each address."""
        return self.home / "mirror"

    @property
    def online_features(self) -> Path:
        """Newest values of features by entity, where no Redis keeps them."""
        return self.home / "feature_store" / "online.db"

    @property
    def studies(self) -> Path:
        """Folder of the hyperparameter searches, with one folder for each model."""
        return self.home / "studies"

    @property
    def backtests(self) -> Path:
        """Folder of what backtests keep, with one folder for each model."""
        return self.home / "backtests"

    @property
    def locks(self) -> Path:
        """Folder of the lock files."""
        return self.home / "locks"

    @property
    def known_recipes(self) -> Path:
        """List of the recipe files outside the recipe folders."""
        return self.home / "recipes.json"

    @property
    def wandb_runs(self) -> Path:
        """Folder of the runs of Weights & Biases, as its library writes them."""
        return self.home.absolute() / "wandb"

    @property
    def own_mlflow(self) -> bool:
        """Whether MLflow's database is ours to make and to ask: no address of another one is given."""
        return self.mlflow_tracking_uri is None

    @property
    def mlflow_database(self) -> Path | None:
        """MLflow's database where it is a file; None where a server has it."""
        return self.home.absolute() / "mlflow.db" if self.own_mlflow and self.database is None else None

    @property
    def mlflow_place(self) -> str:
        """Where MLflow's database is, for a message."""
        if self.own_mlflow:
            return str(self.mlflow_database) if self.database is None else self.database.place
        return "the server at MLFLOW_TRACKING_URI"

    @property
    def mlflow_artifacts(self) -> Path:
        """Folder of the files of MLflow's runs and models; with a server, the server has them."""
        return self.home.absolute() / "artifacts"

    @property
    def artifacts_uri(self) -> str:
        """Address of the files of MLflow's runs and models: that folder, or below `storage.root`."""
        if self.storage_root is not None and self.storage_root.startswith(MLFLOW_SCHEMES):
            return f"{self.storage_root.rstrip('/')}/artifacts"
        return self.mlflow_artifacts.as_uri()

    @property
    def tracking_uri(self) -> str:
        """Address of MLflow's tracking store and registry, with the password of a database: never to be shown."""
        if self.mlflow_tracking_uri is None and self.database is not None:
            return self.database.at(MLFLOW).get_secret_value()
        return self.mlflow_tracking_uri or f"sqlite:///{self.addressed_home.absolute()}/mlflow.db"


def current_layers(environ: Mapping[str, str] = os.environ) -> Layers:
    """Read the layers that the settings are made of.

    Raises
    ------
    SettingsError
        A file says what it may not.
    """
    return read_layers(environ)


def allowed_modules(environ: Mapping[str, str] = os.environ) -> frozenset[str]:
    """Read which modules may be imported by name, where there are no other settings: a client of a model.

    Raises
    ------
    SettingsError
        One is no name of a module.
    """
    return read_modules(environ)


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from the files of the environment and from environment variables.

    Raises
    ------
    SettingsError
        If a value does not fit; the message names the variable, or the file, the line and the key.
    """
    given = read_layers(environ)
    values: dict[str, object] = {
        "home": read_home(named(given, "ML_ASSETS_HOME"), given.get("ML_ASSETS_HOME") or ".ml_assets")
    } | read_services(given)
    if folders := given.get("ML_ASSETS_RECIPES"):
        place = named(given, "ML_ASSETS_RECIPES")
        values["recipes"] = tuple(
            read_folder(place, folder) for folder in folders.split(os.pathsep) if folder
        )
    if entries := given.get("ML_ASSETS_API_KEYS"):
        values["api_keys"] = tuple(entry.strip() for entry in entries.split(",") if entry.strip())
    for name, variable in (("proxy_from", "ML_ASSETS_PROXY_FROM"), ("deciders", "ML_ASSETS_DECIDERS")):
        if entries := given.get(variable):
            values[name] = tuple(entry.strip() for entry in entries.split(",") if entry.strip())
    if header := given.get("ML_ASSETS_PROXY_HEADER"):
        values["proxy_header"] = header
    if uri := given.get("MLFLOW_TRACKING_URI"):
        values |= _read_server(uri, given)
    if url := given.get("ML_ASSETS_MLFLOW_URL"):
        values["mlflow_url"] = without_user(url)
    if level := given.get("LOG_LEVEL"):
        values["log_level"] = level.upper()
    for field, variable, kind in (
        ("sensor_seconds", "ML_ASSETS_SENSOR_SECONDS", int),
        ("tuning_timeout", "ML_ASSETS_TUNING_TIMEOUT", float),
        ("prediction_log_days", "ML_ASSETS_PREDICTION_LOG_DAYS", int),
        ("requests_per_minute", "ML_ASSETS_REQUESTS_PER_MINUTE", int),
        ("batch_size", "BATCH_SIZE", int),
    ):
        if text := given.get(variable):
            try:
                values[field] = kind(text)
            except ValueError:
                raise SettingsError(f"{named(given, variable)}: {text!r} is not a number") from None
    for field, variable in (
        ("demo_data", "ML_ASSETS_DEMO_DATA"),
        ("feature_store", "ML_ASSETS_FEATURE_STORE"),
    ):
        if folder := given.get(variable):
            values[field] = read_folder(named(given, variable), folder)
    values |= {"alerts": read_alerts(given), "wandb": read_wandb(given)}
    variables = read_variables(given)
    allow(variables.modules)
    values["variables"] = variables
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        faults = []
        for fault in error.errors():
            variable, allowed = VARIABLES[str(fault["loc"][0])]
            faults.append(f"{named(given, variable)}: found {str(fault['input'])!r}; allowed: {allowed}")
        raise SettingsError("; ".join(faults)) from None


VARIABLES = {
    "proxy_header": ("ML_ASSETS_PROXY_HEADER", "the name of a header, as X-Forwarded-User"),
    "log_level": ("LOG_LEVEL", "DEBUG, INFO, WARNING, ERROR"),
    "sensor_seconds": ("ML_ASSETS_SENSOR_SECONDS", "a whole number, 1 or more"),
    "tuning_timeout": ("ML_ASSETS_TUNING_TIMEOUT", "seconds, more than 0"),
    "batch_size": ("BATCH_SIZE", "a whole number of rows, 1 or more"),
    "prediction_log_days": ("ML_ASSETS_PREDICTION_LOG_DAYS", "a whole number, 1 or more"),
    "requests_per_minute": ("ML_ASSETS_REQUESTS_PER_MINUTE", "a whole number, 1 or more"),
}
"""Setting that may not fit → its variable, and what is allowed."""


def _read_server(uri: str, environ: Mapping[str, str]) -> dict[str, object]:
    """Read a server's address; who asks travels beside it, so that no message and no link can show it."""
    if uri.startswith("file:") or not re.match(r"[a-z][a-z0-9+]*://|databricks", uri):
        allowed = "https://HOST, http://HOST or the address of a database, as postgresql://HOST/NAME"
        raise SettingsError(
            f"{named(environ, 'MLFLOW_TRACKING_URI')}: {without_user(uri)!r} is not supported; allowed: {allowed}"
        )
    user, password = environ.get("MLFLOW_TRACKING_USERNAME"), environ.get("MLFLOW_TRACKING_PASSWORD")
    page: dict[str, object] = {}
    if uri.startswith(("http://", "https://")):
        shown = without_user(uri)
        if shown != uri:
            given = uri.partition("://")[2].removesuffix(shown.partition("://")[2]).removesuffix("@")
            user, _, password = (unquote(part) for part in given.partition(":"))
        uri, page = shown, {"mlflow_url": shown}
    return page | {
        "mlflow_tracking_uri": uri,
        "mlflow_user": user or None,
        "mlflow_password": password or None,
    }
