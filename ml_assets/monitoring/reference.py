"""A champion as monitoring knows it: what each batch, its labels and its losses are compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.features.columns import Roles
    from ml_assets.records import Direction, LossSummary, Profile, Score


@dataclass(frozen=True)
class Reference:
    """One champion, read once: from the registry for the live reports, from the fits for a replay.

    Parameters
    ----------
    version : int
        The champion's.
    rows : DataFrame of shape (n_reference_rows, n_columns)
        Rows it was trained on, with `batch__` where there are batches.
    roles : Roles
        Its features by kind, and the columns that are none, with the reason.
    min_rows : int
        Fewer rows than this prove nothing (`monitoring.min_rows`).
    target, task : str
        What it predicts.
    metric, direction : str
        What is measured, and which way is better.
    positive : str, optional
        Positive class of two.
    classes : tuple of str
        Classes it knows; `rows` may be a sample.
    holdout : Score, optional
        Its score on the hold-out.
    losses : LossSummary, optional
        What a row of the hold-out cost the model that had not seen it.
    profile : Profile, optional
        Importance of columns, usual effects, predictions on the hold-out.
    random_state : int
        Seed of samples and bootstraps.
    """

    version: int
    rows: pd.DataFrame
    roles: Roles
    min_rows: int
    target: str = ""
    task: str = "classification"
    metric: str = ""
    direction: Direction = "maximize"
    positive: str | None = None
    classes: tuple[str, ...] = ()
    holdout: Score | None = None
    losses: LossSummary | None = None
    profile: Profile | None = None
    random_state: int = 0


@dataclass(frozen=True)
class Scored:
    """What a champion answered for a batch, beside the labels that have arrived.

    Parameters
    ----------
    batch : str
        The batch whose rows are scored.
    y : Series of shape (n_rows,)
        Its labels, missing where not yet known.
    predictions : DataFrame of shape (n_rows, 1 + n_classes)
        The answers, in the order of `y`.
    learned : array of bool of shape (n_rows,), optional
        Rows the champion was trained on: they flatter it and are left out.
    """

    batch: str
    y: pd.Series[Any]
    predictions: pd.DataFrame
    learned: Any | None = None
