"""Marks for tests of an optional library: they run where they are asked for, in `make test-extras`."""

from __future__ import annotations

from typing import Any

import pytest

from ml_assets.estimators.libraries import LIBRARIES, library_of


def marks_of(package: str) -> list[Any]:
    """Marks of a test that imports the package, or an estimator of it, named by its class path."""
    library = LIBRARIES[package] if package in LIBRARIES else library_of(package)
    return [] if library.extra is None else [pytest.mark.extras]
