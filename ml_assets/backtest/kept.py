"""What monitoring compares with of a fit that was kept, and the batches that it answers for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from ml_assets.backtest.succession import served_rows
from ml_assets.features.columns import watched
from ml_assets.monitoring.past import Past
from ml_assets.promotion.blocks import block_columns
from ml_assets.tasks.several import has_labels

if TYPE_CHECKING:
    from ml_assets.backtest.fits import Fit, Fits
    from ml_assets.backtest.stream import Stream
    from ml_assets.features.columns import Roles
    from ml_assets.records import LossSummary, Profile


@dataclass(frozen=True)
class KeptFit:
    """What monitoring compares with of a fit: what of it is dear is measured when it is first asked for."""

    fits: Fits
    batches: tuple[str, ...]

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Labelled rows of its window."""
        rows = self.fits.stream.rows_of(self.batches)
        return rows[has_labels(rows[self.fits.stream.recipe.target])]

    @cached_property
    def past(self) -> Past:
        """They by batch."""
        return Past.of(self.rows)

    @cached_property
    def roles(self) -> Roles:
        """Its features by kind, of a recommendation the items."""
        recipe = self.fits.stream.recipe
        return watched(self.rows, recipe) if recipe.recommends else self.fits.roles(self.batches)

    @cached_property
    def losses(self) -> LossSummary | None:
        """Losses on its hold-out."""
        return self.fits.loss(self.batches)

    @property
    def profile(self) -> Profile:
        """What would be measured at its training."""
        return self.fits.profile(self.batches)

    @property
    def holdout(self) -> tuple[Any, pd.DataFrame]:
        """Labels and predictions of its hold-out."""
        tested, stream = self.fits.of(self.batches).tested, self.fits.stream
        return stream.rows.loc[tested.index, stream.recipe.target], tested


@dataclass(frozen=True)
class ReplayedBatches:
    """The batches of a stream, and what a fit answers for those after its training window."""

    stream: Stream
    fit: Fit

    @property
    def labels(self) -> tuple[str, ...]:
        """All of them, oldest first."""
        return self.stream.labels

    def rows(self, batch: str) -> pd.DataFrame:
        """Rows of one."""
        return self.stream.frames[batch]

    def count(self, batch: str) -> int:
        """Count the rows of one."""
        return len(self.stream.frames[batch])

    def answers(self, batches: Sequence[str]) -> pd.DataFrame:
        """What the fit answers."""
        predicted = pd.concat([served_rows(self.stream, self.fit, batch) for batch in batches])
        columns = [name for name in block_columns(self.stream.recipe) if name in self.stream.rows.columns]
        return predicted.join(self.stream.rows.loc[predicted.index, columns])
