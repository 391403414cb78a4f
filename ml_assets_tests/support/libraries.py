"""Marks for tests of an optional library: where it is not installed they are left to `make test-extras`."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest

from ml_assets.estimators.libraries import LIBRARIES


def marks_of(package: str) -> list[Any]:
    """Marks of a test that imports the package, or an estimator of it, named by its class path."""
    package = package.partition(".")[0]
    if LIBRARIES[package].extra is None:
        return []
    absent = pytest.mark.skipif(find_spec(package) is None, reason=f"{package} is not installed")
    return [pytest.mark.extras, absent]
