"""Where things are and what the operator allows; read from the environment, once, at the edges."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

DEMO_RECIPES = Path(__file__).parent / "recipes"


class SettingsError(ValueError):
    """An environment variable that cannot be used; the message names it."""


class Settings(BaseModel):
    """The operator's side of things; a recipe knows nothing of it."""

    model_config = ConfigDict(frozen=True)

    home: Path
    """All state: Dagster's, MLflow's, batches, ledger. `ML_ASSETS_HOME`, default `.ml_assets`."""
    recipes: tuple[Path, ...] = (DEMO_RECIPES,)
    """Folders with recipes. `ML_ASSETS_RECIPES`, separated like PATH; default: the demo recipes."""
    mlflow_tracking_uri: str | None = None
    """A shared MLflow server. `MLFLOW_TRACKING_URI`; default: a database in the home."""
    sensor_seconds: int = Field(30, ge=1)
    """Seconds between two looks of a retrain sensor. `ML_ASSETS_SENSOR_SECONDS`."""
    tuning_timeout: float = Field(3600.0, gt=0)
    """Seconds a search may take at most; a recipe can only ask for less. `ML_ASSETS_TUNING_TIMEOUT`."""
    mlflow_url: str = "http://127.0.0.1:5000"
    """Where a browser finds MLflow. `ML_ASSETS_MLFLOW_URL`; default: the page that `ml-assets ui` opens."""
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    """`LOG_LEVEL`."""

    @property
    def dagster_home(self) -> Path:
        """Folder of Dagster's own state."""
        return self.home / "dagster"


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from environment variables.

    Raises
    ------
    SettingsError
        If a value does not fit; the message names the variable.
    """
    values: dict[str, object] = {
        "home": Path(environ.get("ML_ASSETS_HOME") or ".ml_assets").expanduser().absolute()
    }
    if folders := environ.get("ML_ASSETS_RECIPES"):
        values["recipes"] = tuple(
            Path(folder).expanduser().absolute() for folder in folders.split(os.pathsep) if folder
        )
    if uri := environ.get("MLFLOW_TRACKING_URI"):
        values["mlflow_tracking_uri"] = uri
        values["mlflow_url"] = uri
    if url := environ.get("ML_ASSETS_MLFLOW_URL"):
        values["mlflow_url"] = url
    if level := environ.get("LOG_LEVEL"):
        values["log_level"] = level.upper()
    for field, variable, kind in (
        ("sensor_seconds", "ML_ASSETS_SENSOR_SECONDS", int),
        ("tuning_timeout", "ML_ASSETS_TUNING_TIMEOUT", float),
    ):
        if text := environ.get(variable):
            try:
                values[field] = kind(text)
            except ValueError:
                raise SettingsError(f"{variable}: {text!r} is not a number") from None
    try:
        return Settings.model_validate(values)
    except ValueError as error:
        raise SettingsError(f"environment: {error}") from None
