"""Where things are and what the operator allows; read from the environment, once, at the edges."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

DEMO_RECIPES = Path(__file__).parent / "recipes"


class SettingsError(ValueError):
    """An environment variable that cannot be used; the message names it."""


class Alerts(BaseModel):
    """Where alerts go besides the log. Addresses that let anybody post are never printed."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    webhook: SecretStr | None = None
    """`ML_ASSETS_ALERT_WEBHOOK`: gets each alert as a JSON object by POST."""
    slack: SecretStr | None = None
    """`ML_ASSETS_ALERT_SLACK`: address of a Slack incoming webhook."""
    email_to: tuple[str, ...] = ()
    """`ML_ASSETS_ALERT_EMAIL`: recipients, separated by commas."""
    email_from: str = "ml-assets@localhost"
    """`ML_ASSETS_ALERT_EMAIL_FROM`."""
    smtp_host: str = "localhost"
    """`ML_ASSETS_SMTP_HOST`."""
    smtp_port: int = Field(25, ge=1, le=65535)
    """`ML_ASSETS_SMTP_PORT`."""
    smtp_user: str | None = None
    """`ML_ASSETS_SMTP_USER`."""
    smtp_password: SecretStr | None = None
    """`ML_ASSETS_SMTP_PASSWORD`."""
    smtp_security: Literal["none", "starttls", "tls"] = "none"
    """`ML_ASSETS_SMTP_SECURITY`; a password needs `starttls` or `tls`."""
    timeout: float = Field(5.0, gt=0, le=60)
    """`ML_ASSETS_ALERT_TIMEOUT`: seconds to wait for a channel."""

    @field_validator("webhook", "slack")
    @classmethod
    def _address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value

    @field_validator("email_to", "email_from")
    @classmethod
    def _mail(cls, value: tuple[str, ...] | str) -> tuple[str, ...] | str:
        for address in (value,) if isinstance(value, str) else value:
            if "@" not in address or any(c.isspace() for c in address):
                raise ValueError("must be an e-mail address")
        return value

    @model_validator(mode="after")
    def _sealed(self) -> Alerts:
        if self.smtp_password is not None and self.smtp_security == "none":
            raise ValueError(
                "a password is not sent in the clear: set ML_ASSETS_SMTP_SECURITY to starttls or tls"
            )
        return self


ALERT_VARIABLES = {
    "webhook": "ML_ASSETS_ALERT_WEBHOOK",
    "slack": "ML_ASSETS_ALERT_SLACK",
    "email_to": "ML_ASSETS_ALERT_EMAIL",
    "email_from": "ML_ASSETS_ALERT_EMAIL_FROM",
    "smtp_host": "ML_ASSETS_SMTP_HOST",
    "smtp_port": "ML_ASSETS_SMTP_PORT",
    "smtp_user": "ML_ASSETS_SMTP_USER",
    "smtp_password": "ML_ASSETS_SMTP_PASSWORD",
    "smtp_security": "ML_ASSETS_SMTP_SECURITY",
    "timeout": "ML_ASSETS_ALERT_TIMEOUT",
}


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
    alerts: Alerts = Alerts()
    """Where alerts go besides the log."""
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
    values["alerts"] = _read_alerts(environ)
    try:
        return Settings.model_validate(values)
    except ValueError as error:
        raise SettingsError(f"environment: {error}") from None


def _read_alerts(environ: Mapping[str, str]) -> Alerts:
    given: dict[str, object] = {
        field: environ[name] for field, name in ALERT_VARIABLES.items() if environ.get(name)
    }
    if recipients := given.get("email_to"):
        given["email_to"] = tuple(text.strip() for text in str(recipients).split(",") if text.strip())
    try:
        return Alerts.model_validate(given)
    except ValidationError as error:
        faults = [
            f"{ALERT_VARIABLES[str(fault['loc'][0])] if fault['loc'] else 'alerts'}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        ]
        raise SettingsError("; ".join(faults)) from None
