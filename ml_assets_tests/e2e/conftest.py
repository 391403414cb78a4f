"""A home, a folder of recipes, and one good recipe in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from ml_assets_tests.support.command_line import SMALL, ml_assets, shoppers
from ml_assets_tests.support.homes import copy_home

VARIABLES = (
    "ML_ASSETS_HOME", "ML_ASSETS_RECIPES", "ML_ASSETS_DEMO_DATA", "ML_ASSETS_TUNING_TIMEOUT",
    "MLFLOW_TRACKING_URI", "DAGSTER_HOME", "LOG_LEVEL", "ML_ASSETS_CONNECTION_URI", "ML_ASSETS_CONTEXT_PARAMS",
    "ML_ASSETS_SERVING_ENABLED", "ML_ASSETS_API_KEYS", "ML_ASSETS_PREDICTION_LOG", "ML_ASSETS_PREDICTION_LOG_DAYS",
    "ML_ASSETS_REQUESTS_PER_MINUTE",
    "APP_ENV", "ML_ASSETS_CONFIG", "ML_ASSETS_DATABASE_URI", "ML_ASSETS_DATABASE_PASSWORD", "ML_ASSETS_REDIS_URI",
    "ML_ASSETS_FEATURE_STORE",
)  # fmt: skip


@dataclass(frozen=True)
class Shop:
    """A place where the command runs: its home, and the folder of its recipes and their data."""

    home: Path
    folder: Path

    def write(self, name: str, text: str) -> Path:
        """Write a text file into the folder of recipes."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def recipe(self, name: str, frame: pd.DataFrame, **replaced: str) -> Path:
        """Write a small recipe and its data; each `old=new` pair replaces words of the recipe."""
        frame.to_csv(self.folder / f"{name}.csv", index=False)
        text = SMALL.format(name=name, data=f"{name}.csv")
        for old, new in replaced.items():
            assert old in text
            text = text.replace(old, new)
        return self.write(f"{name}.yaml", text)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The environment as a fresh machine has it; what the command sets in this process is taken back."""
    import mlflow

    for variable in VARIABLES:
        monkeypatch.setenv(variable, "")
        monkeypatch.delenv(variable)
    yield monkeypatch
    # Setting the global address also sets the environment variable: the next test must not see it.
    mlflow.set_tracking_uri(None)
    for variable in VARIABLES:
        os.environ.pop(variable, None)


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which nothing has been trained: its databases take seconds to make and no time to copy."""
    import dagster as dg
    import mlflow

    from ml_assets.orchestration.runs import open_instance
    from ml_assets.registry.database import configure
    from ml_assets.settings import Settings

    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for variable in VARIABLES:
            patch.setenv(variable, "")
        configure(Settings(home=home))
        with open_instance(Settings(home=home)) as instance:
            assert isinstance(instance, dg.DagsterInstance)
            instance.get_runs(limit=1)
        mlflow.set_tracking_uri(None)
    return home


@pytest.fixture
def shop(tmp_path: Path, empty_home: Path, environment: pytest.MonkeyPatch) -> Shop:
    """A home with a space in its name, and a folder with one good recipe."""
    home, folder = tmp_path / "a home", tmp_path / "recipes"
    shutil.copytree(empty_home, home)
    folder.mkdir()
    environment.setenv("ML_ASSETS_HOME", str(home))
    environment.setenv("ML_ASSETS_RECIPES", str(folder))
    shop = Shop(home, folder)
    shop.recipe("good", shoppers())
    return shop


@contextmanager
def opened(root: Path, empty_home: Path) -> Iterator[Shop]:
    """A shop that several tests share: its home, a folder without recipes, and meanwhile the environment for both."""
    import mlflow

    shop = Shop(root / "a home", root / "recipes")
    shutil.copytree(empty_home, shop.home)
    shop.folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for variable in VARIABLES:
            patch.setenv(variable, "")
            patch.delenv(variable)
        patch.setenv("ML_ASSETS_HOME", str(shop.home))
        patch.setenv("ML_ASSETS_RECIPES", str(shop.folder))
        yield shop
        mlflow.set_tracking_uri(None)


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory: pytest.TempPathFactory, empty_home: Path) -> Shop:
    """A home in which the good recipe was trained, to be copied."""
    with opened(tmp_path_factory.mktemp("trained"), empty_home) as shop:
        recipe = shop.recipe("good", shoppers())
        assert ml_assets("train", "--recipe-file", recipe, "--json").code == 0
    return shop


@pytest.fixture
def trained_shop(tmp_path: Path, trained_once: Shop, environment: pytest.MonkeyPatch) -> Shop:
    """The same, with the good recipe trained."""
    shop = Shop(copy_home(trained_once.home, tmp_path / "a home"), tmp_path / "recipes")
    shutil.copytree(trained_once.folder, shop.folder)
    environment.setenv("ML_ASSETS_HOME", str(shop.home))
    environment.setenv("ML_ASSETS_RECIPES", str(shop.folder))
    return shop
