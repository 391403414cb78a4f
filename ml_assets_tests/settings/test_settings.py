"""The environment is read once; every place below the home is named by the settings alone."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from ml_assets.settings import Settings, SettingsError, read_settings

PACKAGE = Path(__file__).parents[2] / "ml_assets"
# What reads or writes the environment besides the settings: for other libraries, and for child processes.
FOR_OTHERS = {
    "orchestration/runs.py",
    "orchestration/mlflow_run.py",
    "registry/database.py",
    "registry/wandb_run.py",
    "cli/ui.py",
    "cli/context_params.py",
    "sources/feature_store/quiet.py",
    "networks/keras_modules.py",
    "serving/export/on_tensorflow.py",
}


@pytest.mark.parametrize(
    ("environ", "field", "expected"),
    [
        ({"ML_ASSETS_HOME": "/there"}, "home", Path("/there")),
        ({}, "home", Path.cwd() / ".ml_assets"),
        ({"ML_ASSETS_RECIPES": "/a:/b"}, "recipes", (Path("/a"), Path("/b"))),
        ({"ML_ASSETS_DEMO_DATA": "/data"}, "demo_data", Path("/data")),
        ({"ML_ASSETS_DEMO_DATA": "~/d"}, "demo_data", Path.home() / "d"),
        ({"ML_ASSETS_DEMO_DATA": "d"}, "demo_data", Path.cwd() / "d"),
        ({}, "demo_data", Path("data")),
        ({"ML_ASSETS_SENSOR_SECONDS": "5"}, "sensor_seconds", 5),
        ({"ML_ASSETS_TUNING_TIMEOUT": "2.5"}, "tuning_timeout", 2.5),
        ({"LOG_LEVEL": "debug"}, "log_level", "DEBUG"),
        ({"MLFLOW_TRACKING_URI": "http://mlflow:5000"}, "mlflow_url", "http://mlflow:5000"),
        ({"MLFLOW_TRACKING_URI": "postgresql://db/mlflow"}, "mlflow_url", None),
        ({"MLFLOW_TRACKING_URI": "databricks"}, "mlflow_url", None),
        ({"ML_ASSETS_MLFLOW_URL": "https://me:hunter2@mlflow/x"}, "mlflow_url", "https://mlflow/x"),
        ({"ML_ASSETS_HOME": "/h"}, "ledger", Path("/h/ledger.db")),
        ({"ML_ASSETS_HOME": "/h"}, "store", Path("/h/batches")),
        ({"ML_ASSETS_HOME": "/h"}, "locks", Path("/h/locks")),
        ({"ML_ASSETS_HOME": "/h"}, "mlflow_database", Path("/h/mlflow.db")),
        ({"MLFLOW_TRACKING_URI": "http://mlflow:5000"}, "mlflow_database", None),
        ({"ML_ASSETS_HOME": "/h"}, "tracking_uri", "sqlite:////h/mlflow.db"),
        ({"MLFLOW_TRACKING_URI": "http://mlflow:5000"}, "tracking_uri", "http://mlflow:5000"),
        ({"ML_ASSETS_DASK_SCHEDULER": "tls://there:8786"}, "dask_scheduler", "tls://there:8786"),
    ],
)
def test_settings_are_read_from_the_environment(
    environ: dict[str, str], field: str, expected: object
) -> None:
    assert getattr(read_settings(environ), field) == expected


@pytest.mark.parametrize(
    ("uri", "shown", "user", "password"),
    [
        ("https://me:hunter2@mlflow:5000/x", "https://mlflow:5000/x", "me", "hunter2"),
        ("https://me:hunter2%40@mlflow", "https://mlflow", "me", "hunter2@"),
        ("https://token@mlflow", "https://mlflow", "token", None),
        ("https://mlflow", "https://mlflow", "from", "outside"),
    ],
)
def test_the_password_of_a_server_travels_beside_its_address(
    uri: str, shown: str, user: str, password: str | None
) -> None:
    beside = {"MLFLOW_TRACKING_USERNAME": "from", "MLFLOW_TRACKING_PASSWORD": "outside"}
    settings = read_settings({"MLFLOW_TRACKING_URI": uri, **beside})
    assert settings.tracking_uri == settings.mlflow_url == shown
    assert settings.mlflow_user == user
    kept = settings.mlflow_password
    assert (kept.get_secret_value() if kept else None) == password
    assert password is None or password not in repr(settings)


def test_the_password_of_a_database_is_not_shown() -> None:
    settings = read_settings({"MLFLOW_TRACKING_URI": "postgresql://me:hunter2@db/mlflow"})
    assert settings.tracking_uri == "postgresql://me:hunter2@db/mlflow"
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ML_ASSETS_SENSOR_SECONDS", "often"),
        ("ML_ASSETS_SENSOR_SECONDS", "0"),
        ("ML_ASSETS_TUNING_TIMEOUT", "long"),
        ("ML_ASSETS_TUNING_TIMEOUT", "-1"),
        ("ML_ASSETS_TUNING_TIMEOUT", "nan"),
        ("LOG_LEVEL", "LOUD"),
        ("MLFLOW_TRACKING_URI", "mlflow:5000"),
        ("MLFLOW_TRACKING_URI", "file:///mlruns"),
        ("ML_ASSETS_DASK_SCHEDULER", "http://scheduler:8787"),
    ],
)
def test_a_value_that_does_not_fit_names_its_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{variable}.*{value}") as caught:
        read_settings({variable: value})
    assert "\n" not in str(caught.value)


def test_the_environment_is_read_by_the_settings_alone() -> None:
    readers = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if re.search(r"\bos\.(environ|getenv)\b", path.read_text("utf-8"))
    }
    assert readers - FOR_OTHERS == {"settings/settings.py"}


def test_manual_names_the_variables_that_are_read() -> None:
    variable = re.compile(r"(?:ML_ASSETS|MLFLOW)_[A-Z_]*[A-Z]|LOG_LEVEL")
    read = {
        str(node.value)
        for path in (PACKAGE / "settings").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and variable.fullmatch(str(node.value))
    }
    manual = (PACKAGE.parent / "docs" / "operations.md").read_text("utf-8")
    cells = re.findall(r"^\| (`[^|]+) \|", manual, re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell) if variable.fullmatch(name)}
    assert named == read


def test_places_below_the_home_are_named_by_the_settings_alone() -> None:
    named = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if re.search(r"\bhome\b(\.absolute\(\))? / ", path.read_text("utf-8"))
    }
    assert named == {"settings/settings.py"}
    assert all(
        str(getattr(Settings(home=Path("/h")), place)).startswith("/h/")
        for place in ("dagster_home", "ledger", "store", "studies", "backtests", "locks", "known_recipes")
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ML_ASSETS_SMTP_PASSWORD": "x"}, "ML_ASSETS_SMTP_PASSWORD: a password is not sent in the clear"),
        ({"ML_ASSETS_SMTP_PORT": "0"}, "ML_ASSETS_SMTP_PORT: "),
        ({"ML_ASSETS_ALERT_SLACK": "ftp://a"}, "ML_ASSETS_ALERT_SLACK: must begin with http"),
    ],
)
def test_settings_of_alerts_are_refused_by_the_name_of_their_variable(
    given: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(given)
    assert str(caught.value).startswith(said)
