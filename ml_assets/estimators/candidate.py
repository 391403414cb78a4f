"""An estimator with its search spaces, and a family of the automatic search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ml_assets.estimators.libraries import Input


@dataclass(frozen=True)
class Candidate:
    """An estimator with its search spaces, the points of them that are tried first, and what it is fitted on.

    `rounds`, of boosting: trees without an improvement after which it stops, on rows that it does not learn.
    """

    class_path: str
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    first: Mapping[str, Any] = field(default_factory=dict)
    input: Input = "numbers"
    more: tuple[Mapping[str, Any], ...] = ()
    rounds: int | None = None


@dataclass(frozen=True)
class Family:
    """A family of the automatic search.

    Parameters
    ----------
    candidate : Candidate
    share : int
        Of trials and seconds, in proportion to those of the others.
    most_rows : int or None
        Training rows above which it is left out: it would take the seconds of those that are better there.
    most_trials : int
        Trials after which another has little to find.
    package : str
        What must be installed.
    most_columns : int or None
        Columns of numbers above which it is left out, as it is not given up in the middle of a fit.
    """

    candidate: Candidate
    share: int
    most_rows: int | None
    most_trials: int
    package: str = "sklearn"
    most_columns: int | None = None
