"""A champion as monitoring knows it: what each batch, its labels and its losses are compared with."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from ml_assets.features.columns import Roles
    from ml_assets.monitoring.dependence import Related
    from ml_assets.monitoring.past import Past
    from ml_assets.records import Direction, LossSummary, Positive, Profile, Score


class Kept(Protocol):
    """What is kept with a version; a part is read when a report asks for it, and by no report that does not."""

    @property
    def rows(self) -> pd.DataFrame:
        """Rows it was trained on, or a sample of them; with `batch__` where there are batches."""

    @property
    def past(self) -> Past:
        """They by batch; parted once, and what is measured of them for one batch is there for the next."""

    @property
    def roles(self) -> Roles:
        """Its features by kind, and the columns that are none, with the reason."""

    @property
    def losses(self) -> LossSummary | None:
        """What a row of the hold-out cost the model that had not seen it."""

    @property
    def profile(self) -> Profile | None:
        """Importance of columns, usual effects, predictions on the hold-out."""

    @property
    def holdout(self) -> tuple[Any, pd.DataFrame] | None:
        """Labels of the hold-out, and what the model that had not seen them predicted."""


@dataclass(frozen=True)
class InMemory:
    """All of it, at hand."""

    rows: pd.DataFrame
    roles: Roles
    losses: LossSummary | None = None
    profile: Profile | None = None
    holdout: tuple[Any, pd.DataFrame] | None = None

    @cached_property
    def past(self) -> Past:
        """The rows by batch."""
        from ml_assets.monitoring.past import Past

        return Past.of(self.rows)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """One champion: from the registry for the live reports, from the fits for a replay.

    Parameters
    ----------
    version : int
        The champion's.
    kept : Kept
        What the reports compare with.
    min_rows : int
        Fewer rows than this prove nothing (`monitoring.min_rows`).
    targets : tuple of str
        What it predicts.
    task : str
        Kind of problem.
    metric, direction : str
        What is measured, and which way is better.
    positive : str or None
        Positive class of two.
    classes : mapping of str to tuple of str
        Classes it knows, by target; its rows may be a sample.
    holdout : Score or None
        Its score on the hold-out.
    holdout_design : float
        Design effect that the interval of this score knows already.
    random_state : int
        Seed of samples and bootstraps.
    entities : tuple of str
        Columns that name the entity of a row.
    time : str or None
        Column with the time of a row.
    figures : frozenset of str
        Columns that tell windows of others: their unit is that of the others.
    accepted : mapping of str to DataFrame
        Rows of the newest batches that a person has confirmed as the new normal.
    """

    version: int
    kept: Kept
    min_rows: int
    targets: tuple[str, ...]
    task: str
    metric: str
    direction: Direction
    positive: Positive
    classes: Mapping[str, tuple[str, ...]]
    holdout: Score | None
    random_state: int
    holdout_design: float = 1.0
    entities: tuple[str, ...] = ()
    time: str | None = None
    figures: frozenset[str] = frozenset()
    accepted: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    @classmethod
    def of_rows(cls, kept: Kept, min_rows: int, version: int = 0, **known: Any) -> Reference:
        """Make one whose columns alone are compared: it predicts nothing, and nothing is measured.

        `known` are entities, time and what was accepted.
        """
        return cls(
            version=version,
            kept=kept,
            min_rows=min_rows,
            targets=(),
            task="",
            metric="",
            direction="maximize",
            positive=None,
            classes={},
            holdout=None,
            random_state=0,
            **known,
        )


@dataclass(frozen=True)
class Scored:
    """What a champion answered for a batch, beside the labels that have arrived.

    Parameters
    ----------
    batch : str
        The batch whose rows are scored.
    y : Series of shape (n_rows,) or DataFrame of shape (n_rows, n_targets)
        Its labels, missing where not yet known.
    predictions : DataFrame of shape (n_rows, 1 + n_classes)
        The answers, in the order of `y`.
    learned : array of bool of shape (n_rows,), optional
        Rows the champion was trained on: they flatter it and are left out.
    """

    batch: str
    y: Any
    predictions: pd.DataFrame
    learned: Any | None = None
    related: Related | None = None
    """Which rows belong together."""


@dataclass(frozen=True)
class Holdout:
    """The hold-out of a version, with the predictions of the model that had not seen it.

    Parameters
    ----------
    metric : str
        A name in `METRICS`: what is estimated.
    target : str or list of str
        Column of the labels, or the columns of several.
    rows : DataFrame of shape (n_rows, n_columns)
        Features and labels.
    predictions : DataFrame of shape (n_rows, n_outputs)
        In the order of `rows`.
    features : sequence of str
        Columns from which the loss is learned, for regression.
    """

    metric: str
    target: Any
    rows: pd.DataFrame
    predictions: pd.DataFrame
    features: Sequence[str] = ()
