"""Homes that were walked once and go on from there in copies."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from ml_assets.settings import DEMO_RECIPES, Settings
from ml_assets_tests.support.processes import Program

ADDRESSES = {
    "experiments": ["artifact_location"],
    "runs": ["artifact_uri"],
    "logged_models": ["artifact_location"],
    "model_versions": ["source", "storage_location"],
}
"""Where MLflow's database has addresses of artifacts."""


def copy_home(old: Path, new: Path) -> Path:
    """Copy a home that nobody writes to; MLflow's addresses of artifacts follow."""
    shutil.copytree(old, new)
    move_addresses(new, old)
    return new


def move_addresses(home: Path, old: Path) -> None:
    """Let MLflow's addresses of artifacts follow a home that was copied from another place."""
    with closing(sqlite3.connect(home / "mlflow.db")) as connection, connection:
        for table, names in ADDRESSES.items():
            for name in names:
                connection.execute(
                    f"UPDATE {table} SET {name} = replace({name}, ?, ?)", (old.as_uri(), home.as_uri())
                )


def walk_the_demo(root: Path) -> Settings:
    """Run `ml-assets demo` to its end in a home of its own: minutes."""
    environ = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DAGSTER_HOME", "MLFLOW_TRACKING_URI", "ML_ASSETS_RECIPES")
    }
    environ |= {"ML_ASSETS_HOME": str(root / "home"), "ML_ASSETS_DEMO_DATA": str(root / "data")}
    with Program("ml-assets", "demo", folder=root, environ=environ) as demo:
        _, err = demo.output(3_600)
        assert demo.returncode == 0, err
    return Settings(home=root / "home", recipes=(DEMO_RECIPES,))
