"""Parts of Dagster that are in beta and that we use knowingly: its version is pinned (constraints.txt)."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg


@contextmanager
def expected_beta() -> Iterator[None]:
    """Keep Dagster's notes on its beta features off the terminal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        # dagster-mlflow 0.29 asks for the run by its old names.
        warnings.filterwarnings("ignore", r"InitResourceContext\.(dagster_run|run_id)", DeprecationWarning)
        yield
