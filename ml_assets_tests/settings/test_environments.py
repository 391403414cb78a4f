"""Settings are laid one over the other, each value comes from the highest layer, and no file holds a password."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.settings import Settings, SettingsError, current_layers, read_settings
from ml_assets.settings.keys import KEYS
from ml_assets.settings.layered import Environment
from ml_assets.settings.layers import CONFIG, read_layers
from ml_assets.settings.services import NEEDED

WHOLE = {
    "ML_ASSETS_DATABASE_URI": "postgresql://me@db:6000/ml",
    "ML_ASSETS_WAREHOUSE_URI": "bigquery://project/dataset",
    "ML_ASSETS_REDIS_URI": "redis://cache",
    "ML_ASSETS_STORAGE_ROOT": "s3://bucket/state",
}
"""What prod needs."""
SECRET = "hunter2"


def own(folder: Path, text: str) -> dict[str, str]:
    """The operator's file, as the environment names it."""
    place = folder / "own.yaml"
    place.write_text(text)
    return {"ML_ASSETS_CONFIG": str(place)}


@pytest.mark.parametrize("environment", get_args(Environment))
def test_every_environment_can_be_read(environment: str) -> None:
    settings = read_settings({"APP_ENV": environment} | (WHOLE if environment == "prod" else {}))
    assert settings.environment == environment
    assert (settings.database is None) == (environment == "local")
    assert settings.serving == (environment != "local")


def test_what_the_files_say_for_all_is_what_the_settings_are_by_themselves() -> None:
    read = read_settings({"ML_ASSETS_HOME": "/h"})
    assert read.model_dump(exclude={"variables"}) == Settings(home=Path("/h")).model_dump(
        exclude={"variables"}
    )


@given(st.sets(st.sampled_from(["base.yaml", "dev.yaml", "own", "variable"]), min_size=1))
def test_the_highest_layer_that_says_something_counts(
    tmp_path_factory: pytest.TempPathFactory, layers: set[str]
) -> None:
    """Whatever layers speak of a setting."""
    folder = tmp_path_factory.mktemp("layers")
    said = {"base.yaml": 11, "dev.yaml": 12, "own": 13, "variable": 14}
    highest = next(layer for layer in reversed(said) if layer in layers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ml_assets.settings.layers.CONFIG", folder)
        patch.setattr("ml_assets.settings.layers._packaged", lambda name: _read(folder / name, name))
        for name in ("base.yaml", "dev.yaml"):
            keeps = f"sensor_seconds: {said[name]}" if name in layers else ""
            (folder / name).write_text(f"log_level: INFO\n{keeps}\ndatabase: {{uri: 'postgresql://h/n'}}")
        environ = {"APP_ENV": "dev"}
        environ |= own(folder, f"sensor_seconds: {said['own']}" if "own" in layers else "log_level: INFO")
        if "variable" in layers:
            environ["ML_ASSETS_SENSOR_SECONDS"] = str(said["variable"])
        assert read_settings(environ).sensor_seconds == said[highest]
        layer = read_layers(environ).layer("ML_ASSETS_SENSOR_SECONDS")
    expected = {"own": str(folder / "own.yaml"), "variable": "ML_ASSETS_SENSOR_SECONDS"}
    assert layer == expected.get(highest, highest)


def _read(place: Path, name: str) -> Any:
    from ml_assets.settings.layers import _read as read

    return read(place, name)


def test_a_file_takes_a_value_away_by_null(tmp_path: Path) -> None:
    given = {"APP_ENV": "dev"} | own(tmp_path, "redis: {uri: null}")
    assert read_settings({"APP_ENV": "dev"}).redis is not None
    assert read_settings(given).redis is None


@pytest.mark.parametrize("key", [name for name, key in KEYS.items() if key.kind == "secret"])
def test_a_secret_in_a_file_is_refused_with_its_variable(tmp_path: Path, key: str) -> None:
    section, _, word = key.partition(".")
    with pytest.raises(SettingsError) as caught:
        read_settings(own(tmp_path, f"{section}:\n  {word}: {SECRET}"))
    assert str(caught.value) == (
        f"{tmp_path}/own.yaml:2 {key}: a secret, which does not belong into a file: take it out and set "
        f"{KEYS[key].variable}"
    )


@pytest.mark.parametrize("key", [name for name, key in KEYS.items() if key.kind == "address"])
@pytest.mark.parametrize("address", ["postgresql://me:{}@h/n", "redis://:{}@h", "s3://b/?password={}"])
def test_a_password_within_an_address_in_a_file_is_refused(tmp_path: Path, key: str, address: str) -> None:
    section, _, word = key.partition(".")
    text = address.format(SECRET)
    body = f"{section}: {{{word}: '{text}'}}" if word else f"{section}: '{text}'"
    with pytest.raises(
        SettingsError, match=f"own.yaml:1 {key}: holds a password.*take it out and set "
    ) as caught:
        read_settings(own(tmp_path, body))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sensor_second: 5", ":1 sensor_second: unknown key 'sensor_second'. Did you mean 'sensor_seconds'?"),
        ("\nalerts:\n  smtp_prt: 5", ":3 alerts.smtp_prt: unknown key 'smtp_prt'. Did you mean 'smtp_port'?"),
        ("sensor_seconds: often", ":1 sensor_seconds: 'often' is not a number"),
        ("sensor_seconds: 0", ":1 sensor_seconds: found '0'; allowed: a whole number, 1 or more"),
        ("log_level: LOUD", ":1 log_level: found 'LOUD'; allowed: DEBUG, INFO, WARNING, ERROR"),
        ("alerts: {smtp_port: 0}", ":1 alerts.smtp_port: "),
        ("alerts: 5", ":1 alerts: found one value; allowed: a mapping of "),
        ("- 5", ":1: found one value; allowed: a mapping of home, "),
        ("home: [a]", ":1 home: found a list; allowed: one value"),
        ("home: {a: b}", ":1 home: found a mapping; allowed: one value"),
        ("database: {uri: 'mysql://h/n'}", ":1 database.uri: found 'mysql://h/n'; allowed: postgresql://USER@HOST:PORT/NAME"),
        ("database: {uri: 'postgresql://h'}", ":1 database.uri: found 'postgresql://h'; allowed: "),
        ("database: {uri: 'postgresql://h:x/n'}", ":1 database.uri: found 'postgresql://h:x/n'; allowed: "),
        ("redis: {uri: localhost}", ":1 redis.uri: found 'localhost'; allowed: redis://HOST:PORT/0"),
        ("storage: {root: /data}", ":1 storage.root: found '/data'; allowed: s3://BUCKET/FOLDER, "),
        ("serving: {enabled: maybe}", ":1 serving.enabled: found 'maybe'; allowed: true, false"),
        ("mlflow: {tracking_uri: 'mlflow:5000'}", ":1 mlflow.tracking_uri: 'mlflow:5000' is not supported; allowed: "),
        ("context_params: 5", ":1 context_params: found one value; allowed: a mapping"),
        ("recipe_variables: [a b]", ":1 recipe_variables: 'a b' is no name of a variable"),
        ("home: a\nhome: b", ":2 'home' is there twice (first in line 1): keep one"),
        ("home: 'a", ":1 not valid YAML: "),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file_is_told_in_one_line_with_its_place(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(own(tmp_path, text))
    assert str(caught.value).startswith(f"{tmp_path}/own.yaml{said}")
    assert "\n" not in str(caught.value)


def test_lists_and_mappings_are_read_as_the_variables_have_them(tmp_path: Path) -> None:
    text = "recipes: [/a, /b]\nalerts: {email_to: [a@b, c@d]}\ncontext_params: {day: 5}\nrecipe_variables: [LAKE]"
    read = read_settings(own(tmp_path, text) | {"LAKE": "/lake"})
    assert read.recipes == (Path("/a"), Path("/b"))
    assert read.alerts.email_to == ("a@b", "c@d")
    assert read.variables.params == {"day": 5}
    assert read.variables.values["LAKE"] == "/lake"
    assert os.pathsep == ":"


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"APP_ENV": "pro"}, "APP_ENV: found 'pro'; allowed: local, dev, prod. Did you mean 'prod'?"),
        ({"APP_ENV": "Dev"}, "APP_ENV: found 'Dev'; allowed: local, dev, prod. Did you mean 'dev'?"),
        ({"ML_ASSETS_CONFIG": "/no/such.yaml"}, "ML_ASSETS_CONFIG: /no/such.yaml cannot be read: No such file"),
        ({"ML_ASSETS_CONFIG": "/"}, "ML_ASSETS_CONFIG: / cannot be read: Is a directory"),
        ({"ML_ASSETS_DATABASE_URI": "db"}, "ML_ASSETS_DATABASE_URI: found 'db'; allowed: postgresql://"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_environment_is_told(environ: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(environ)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("lacking", [key.variable for name, key in KEYS.items() if name in NEEDED["prod"]])
def test_prod_is_refused_until_it_is_complete(lacking: str) -> None:
    given = {name: text for name, text in WHOLE.items() if name != lacking}
    with pytest.raises(
        SettingsError, match=f"^APP_ENV=prod is not complete: .*: set {lacking}, as "
    ) as caught:
        read_settings({"APP_ENV": "prod"} | given)
    assert str(caught.value).count("set ML_ASSETS_") == 1


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        (
            {"ML_ASSETS_DATABASE_URI": f"postgresql+psycopg://me:{SECRET}%40@db/ml"},
            f"postgresql+psycopg://me:{SECRET}%40@db/ml?connect_timeout=5&options=-csearch_path%3Dmlflow",
        ),
        (
            {"ML_ASSETS_DATABASE_URI": "postgres://me@db:6/ml?sslmode=require", "ML_ASSETS_DATABASE_PASSWORD": "a/b"},
            "postgresql+psycopg://me:a%2Fb@db:6/ml?connect_timeout=5&sslmode=require&options=-csearch_path%3Dmlflow",
        ),
        ({"ML_ASSETS_DATABASE_URI": "postgresql://db/ml"}, "postgresql+psycopg://db/ml?connect_timeout=5&options=-csearch_path%3Dmlflow"),
    ],
)  # fmt: skip
def test_the_password_of_the_database_travels_beside_its_address(
    environ: dict[str, str], address: str
) -> None:
    settings = read_settings(environ)
    assert settings.tracking_uri == address
    database = settings.database
    assert database is not None
    for text in (
        repr(settings),
        str(settings),
        database.uri,
        database.place,
        f"{settings.ledger}",
        repr(database),
    ):
        assert SECRET not in text and "a/b" not in text and "a%2Fb" not in text


def test_no_packaged_file_lacks_a_reader() -> None:
    assert {path.stem for path in CONFIG.iterdir()} == {"base", *get_args(Environment)}
    assert current_layers({}).read == ("base.yaml", "local.yaml")


def test_the_manual_names_every_key() -> None:
    manual = (CONFIG.parents[1] / "docs" / "environments.md").read_text("utf-8")
    assert [name for name, key in KEYS.items() if key.kind != "secret" and f"`{name}`" not in manual] == []
    assert [
        key.variable for key in KEYS.values() if key.kind == "secret" and f"`{key.variable}`" not in manual
    ] == []
