"""A registry of a home with an empty mlflow.db."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_assets.registry.versions import Registry
from ml_assets_tests.support.registry_workers import open_registry


@pytest.fixture
def registry(mlflow_home: Path) -> Registry:
    return open_registry(mlflow_home)
