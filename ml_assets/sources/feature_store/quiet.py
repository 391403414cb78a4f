"""Calls of Feast: in UTC, without a word of its own, and with its errors in one line."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from ml_assets.failures import MendableError
from ml_assets.sources.feature_store.namespaces import TYPE
from ml_assets.sources.paths import SourceError


@contextmanager
def quiet(place: str) -> Iterator[None]:
    """Let Feast work.

    PostgreSQL compares times without a zone in the zone of the session: in another one than UTC, values of some hours
    later would be joined. libpq takes it from PGTZ. What is set here holds for the whole process: one thread at a time.
    """
    before = os.environ.get("PGTZ")
    os.environ["PGTZ"] = "UTC"
    try:
        with told(place), warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")  # of Feast and ibis, about their own calls
            yield
    finally:
        os.environ.pop("PGTZ", None)
        if before is not None:
            os.environ["PGTZ"] = before


@contextmanager
def told(place: str) -> Iterator[None]:
    """Tell errors of Feast in one line, as a `SourceError`."""
    try:
        yield
    except MendableError:
        raise
    except ModuleNotFoundError as error:
        raise SourceError(
            f"{place}: Feast needs {error.name}: install the extra of Feast for it", TYPE
        ) from None
    except Exception as error:  # Feast's stores raise what a dozen libraries raise
        line = next(iter(str(error).strip().splitlines()), "")
        raise SourceError(f"{place}: {type(error).__name__}: {line}"[:600], TYPE) from error
