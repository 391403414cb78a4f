"""What the gate and the probation look at: two models' answers for the same rows, and by what they are compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml_assets.records import Comparison

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.promotion.gaps import Protected
    from ml_assets.promotion.paired import Paired
    from ml_assets.recipe.schema import Recipe
    from ml_assets.records import Direction, Positive


@dataclass(frozen=True)
class Measure:
    """What is compared: a metric, which way is better, the positive class of two, the bootstrap's seed."""

    metric: str
    direction: Direction
    positive: Positive
    random_state: int = 0

    def compare(
        self, y: Any, first: pd.DataFrame, second: pd.DataFrame, blocks: Any | None = None
    ) -> Paired | None:
        """Compare two models on the labelled rows, as `paired.compare` does."""
        from ml_assets.promotion.paired import compare

        return compare(
            y,
            first,
            second,
            self.metric,
            blocks=blocks,
            positive=self.positive,
            random_state=self.random_state,
        )


@dataclass(frozen=True)
class Past:
    """What is known of models of this recipe when two are compared.

    Parameters
    ----------
    comparisons : tuple of Comparison
        Those made before.
    index : int
        Position on the calendar of the batch at which the two are compared.
    age : float
        Batches that the challenger has learned more than the champion.
    """

    comparisons: tuple[Comparison, ...]
    index: int
    age: float

    def comparison(self, result: Paired, metric: str) -> Comparison | None:
        """Write down what this comparison says of ageing; None where it says nothing."""
        if self.age <= 0 or result.few:
            return None
        return Comparison(
            index=self.index,
            age=self.age,
            metric=metric,
            gain=result.gain,
            error=result.error,
            score=result.first,
        )


@dataclass(frozen=True)
class Judged:
    """Rows that neither model was trained on, with the answers of both.

    Parameters
    ----------
    y : Series of shape (n_rows,) or DataFrame of shape (n_rows, n_targets)
        True values; rows without one are left out.
    champion : DataFrame of shape (n_rows, 1 + n_classes) or None
        What the champion answered, on probation the one before; None where there is none.
    challenger : DataFrame of shape (n_rows, 1 + n_classes)
        What its challenger answered for the same rows in the same order.
    blocks : array of shape (n_rows,), optional
        Time block or entity of each row; rows of one block are not independent. Default: all are.
    segments : mapping of str to array of shape (n_rows,), optional
        Rows of each segment, from `segments.segments`.
    champion_version : int, optional
        Written into the record.
    looks : int
        Challengers that were compared with this champion before.
    past : Past, optional
        What newer models gained over older ones before. Default: nothing is known.
    protected : Protected, optional
        Groups of people whose gaps may not widen.
    """

    y: Any
    champion: pd.DataFrame | None
    challenger: pd.DataFrame
    blocks: Any | None = None
    segments: Mapping[str, Any] | None = None
    champion_version: int | None = None
    looks: int = 0
    past: Past | None = None
    protected: Protected | None = None


def judged(
    rows: pd.DataFrame,
    champion: pd.DataFrame | None,
    challenger: pd.DataFrame,
    recipe: Recipe,
    features: Iterable[str] | None = None,
    *,
    champion_version: int | None = None,
    looks: int = 0,
) -> Judged:
    """Put rows and answers together, with the blocks and segments of the recipe.

    Parameters
    ----------
    rows : DataFrame of shape (n_rows, n_columns)
        The rows that both answered for.
    champion, challenger : DataFrame of shape (n_rows, 1 + n_classes)
        Their answers; see `Judged`.
    recipe : Recipe
        Names target, entities, batch column and segments.
    features : iterable of str, optional
        The challenger's own: the rows where one is missing are a segment. What these few rows alone would
        make a feature is no matter. Default: no segments are cut, as on probation.
    champion_version, looks : int
        See `Judged`.
    """
    from ml_assets.evaluation.segments import segments
    from ml_assets.promotion.blocks import blocks
    from ml_assets.promotion.gaps import protected

    return Judged(
        rows[recipe.target],
        champion,
        challenger,
        blocks(rows, recipe),
        None if features is None else segments(rows, recipe.evaluation.segments, features),
        champion_version,
        looks,
        protected=None if features is None else protected(rows, recipe),
    )
