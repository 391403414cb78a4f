"""Every setting by name: its key in a file of settings, and the variable of the environment that overrides it."""

from __future__ import annotations

import os
from typing import Final, Literal, NamedTuple

from ml_assets.settings.alerts import ALERT_SECRETS, ALERT_VARIABLES

LISTS: Final = {"ML_ASSETS_ALERT_EMAIL": ","}
"""Variables of alerts that hold several values, with what stands between."""


class Key(NamedTuple):
    """What a setting is called in the environment, and what a file may say of it."""

    variable: str
    kind: Literal["value", "list", "address", "mapping", "secret"] = "value"
    """`address`: a password in it is refused in a file; `secret`: only the environment may say it."""
    between: str = ""
    """What stands between the values of a list in the variable."""
    password: str = ""
    """Variable for the password of an address."""


KEYS: Final[dict[str, Key]] = {
    "home": Key("ML_ASSETS_HOME"),
    "recipes": Key("ML_ASSETS_RECIPES", "list", os.pathsep),
    "log_level": Key("LOG_LEVEL"),
    "sensor_seconds": Key("ML_ASSETS_SENSOR_SECONDS"),
    "tuning_timeout": Key("ML_ASSETS_TUNING_TIMEOUT"),
    "demo_data": Key("ML_ASSETS_DEMO_DATA"),
    "modules": Key("ML_ASSETS_MODULES", "list", ","),
    "recipe_variables": Key("ML_ASSETS_RECIPE_VARIABLES", "list", ","),
    "connection_uri": Key("ML_ASSETS_CONNECTION_URI", "address", password="ML_ASSETS_CONNECTION_URI"),
    "context_params": Key("ML_ASSETS_CONTEXT_PARAMS", "mapping"),
    "mlflow.tracking_uri": Key("MLFLOW_TRACKING_URI", "address", password="MLFLOW_TRACKING_PASSWORD"),
    "mlflow.user": Key("MLFLOW_TRACKING_USERNAME"),
    "mlflow.password": Key("MLFLOW_TRACKING_PASSWORD", "secret"),
    "mlflow.token": Key("MLFLOW_TRACKING_TOKEN", "secret"),
    "wandb.project": Key("ML_ASSETS_WANDB_PROJECT"),
    "wandb.entity": Key("WANDB_ENTITY"),
    "wandb.mode": Key("WANDB_MODE"),
    "wandb.api_key": Key("WANDB_API_KEY", "secret"),
    "mlflow.url": Key("ML_ASSETS_MLFLOW_URL", "address", password="MLFLOW_TRACKING_PASSWORD"),
    "database.uri": Key("ML_ASSETS_DATABASE_URI", "address", password="ML_ASSETS_DATABASE_PASSWORD"),
    "database.password": Key("ML_ASSETS_DATABASE_PASSWORD", "secret"),
    "redis.uri": Key("ML_ASSETS_REDIS_URI", "address", password="ML_ASSETS_REDIS_PASSWORD"),
    "redis.password": Key("ML_ASSETS_REDIS_PASSWORD", "secret"),
    "warehouse.uri": Key("ML_ASSETS_WAREHOUSE_URI", "address", password="ML_ASSETS_WAREHOUSE_PASSWORD"),
    "warehouse.password": Key("ML_ASSETS_WAREHOUSE_PASSWORD", "secret"),
    "storage.root": Key("ML_ASSETS_STORAGE_ROOT", "address"),
    "feature_store.folder": Key("ML_ASSETS_FEATURE_STORE"),
    "dask.scheduler": Key("ML_ASSETS_DASK_SCHEDULER"),
    "serving.enabled": Key("ML_ASSETS_SERVING_ENABLED"),
    "serving.api_keys": Key("ML_ASSETS_API_KEYS", "secret"),
    "batch_size": Key("BATCH_SIZE"),
    "serving.log": Key("ML_ASSETS_PREDICTION_LOG"),
    "serving.log_days": Key("ML_ASSETS_PREDICTION_LOG_DAYS"),
    "serving.requests_per_minute": Key("ML_ASSETS_REQUESTS_PER_MINUTE"),
    "dashboard.proxy_header": Key("ML_ASSETS_PROXY_HEADER"),
    "dashboard.proxy_from": Key("ML_ASSETS_PROXY_FROM", "list", ","),
    "dashboard.deciders": Key("ML_ASSETS_DECIDERS", "list", ","),
    "approval.mlflow_tag": Key("ML_ASSETS_APPROVAL_TAG"),
} | {
    f"alerts.{name}": Key(variable, "secret")
    if variable in ALERT_SECRETS
    else Key(variable, "list" if variable in LISTS else "value", LISTS.get(variable, ""))
    for name, variable in ALERT_VARIABLES.items()
}
"""Key → its variable. Sections are what stands before the dot."""

SECRETS: Final = {key.variable for key in KEYS.values() if key.kind in ("secret", "address")}
"""Variables that are, or may hold, a password: no recipe may read them."""

OTHERS: Final = ("ML_ASSETS_CONFIG", "ML_ASSETS_RECIPE_", "ML_ASSETS_BENCHMARK_DATA", "ML_ASSETS_TEST_")
"""Variables that are no setting: the operator's file, and what recipes, benchmarks and tests read."""


def is_unknown(variable: str) -> bool:
    """
    Whether a variable looks like a setting and is none: a misspelt one would be passed over in silence.

    >>> is_unknown("ML_ASSETS_HOMES"), is_unknown("ML_ASSETS_HOME"), is_unknown("HOMES")
    (True, False, False)
    """
    known = {key.variable for key in KEYS.values()}
    return variable.startswith("ML_ASSETS_") and variable not in known and not variable.startswith(OTHERS)
