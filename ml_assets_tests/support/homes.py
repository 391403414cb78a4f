"""Homes that were walked once and go on from there in copies."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

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
