"""What several tests share."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from ml_assets_tests.support.temporary import lie_in_memory

# A loaded machine is slow, not wrong: no test has a deadline.
hypothesis.settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("unhurried")

os.environ["DO_NOT_TRACK"] = "true"
os.environ.setdefault("OMP_NUM_THREADS", "1")


lie_in_memory()


def pytest_configure(config: pytest.Config) -> None:
    # MLflow 3.17 on SQLAlchemy 2.1; raised when its models are first used.
    config.addinivalue_line("filterwarnings", "ignore:The ``noload`` loader strategy:DeprecationWarning")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave tests of optional libraries out unless `-m` names them, as `make test-extras` does: none skips there."""
    if "extras" in config.getoption("markexpr"):
        return
    left = [item for item in items if item.get_closest_marker("extras") is not None]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item.get_closest_marker("extras") is None]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is imported and collected is no garbage: nobody looks through it, neither meanwhile nor in the tests."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def mlflow_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty mlflow.db; making one takes seconds, copying it milliseconds."""
    from ml_assets.registry.database import configure
    from ml_assets.settings import Settings

    home = tmp_path_factory.mktemp("mlflow_template")
    configure(Settings(home=home))
    return home / "mlflow.db"


@pytest.fixture
def mlflow_home(tmp_path: Path, mlflow_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with an empty mlflow.db, and a space in its name."""
    import mlflow

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    home = tmp_path / "a home"
    home.mkdir()
    shutil.copyfile(mlflow_template, home / "mlflow.db")
    yield home
    # Setting the global address also sets the environment variable: the next test must not see it.
    mlflow.set_tracking_uri(None)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
