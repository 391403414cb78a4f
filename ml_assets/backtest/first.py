"""What refits on the history before a first model say of its ageing, from the shared fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ml_assets.promotion.blocks import blocks
from ml_assets.retraining.ageing import Answered, first_comparisons

if TYPE_CHECKING:
    from ml_assets.backtest.fits import Fits
    from ml_assets.backtest.stream import Window
    from ml_assets.records import Comparison


def first_refits(fits: Fits, end: str, window: Window) -> tuple[Comparison, ...]:
    """Compare refits up to the newest labelled batch, as a first training does."""
    stream = fits.stream

    def judge(older: Sequence[str], newer: Sequence[str], batch: str) -> Answered | None:
        made = [fits.of(tuple(batches)) for batches in (older, newer)]
        if any(fit.record.failed for fit in made):
            return None
        rows = stream.rows.iloc[slice(*stream.spans[batch])]
        before, after = (fit.live.loc[rows.index] for fit in made)
        return rows[stream.recipe.target], before, after, blocks(rows, stream.recipe)

    return first_comparisons(stream.window(end, "all"), window, stream.index, fits.measure, judge)
