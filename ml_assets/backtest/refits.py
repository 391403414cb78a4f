"""What refits on the history at a training say of its ageing, from the shared fits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from ml_assets.promotion.blocks import blocks
from ml_assets.retraining.ageing import AGES, Answered, newest_judge, refit_comparisons

if TYPE_CHECKING:
    from ml_assets.backtest.fits import Fits
    from ml_assets.backtest.stream import Window
    from ml_assets.records import Comparison


def refits(
    fits: Fits, end: str, window: Window, told: Sequence[Comparison] = (), without: Collection[str] = ()
) -> tuple[Comparison, ...]:
    """Compare refits up to the newest labelled batch, as a training does.

    Parameters
    ----------
    fits : Fits
    end : str
        The newest labelled batch.
    window : int, "all" or "auto"
        Training window.
    told : sequence of Comparison
        What refits at earlier trainings told.
    without : collection of str
        Batches that were found faulty.
    """
    stream = fits.stream

    def judge(older: Sequence[str], newer: Sequence[str], batch: str) -> Answered | None:
        rows = stream.rows.iloc[slice(*stream.spans[batch])]
        made = [fits.later(tuple(batches), max(AGES) + 1) for batches in (older, newer)]
        if any(not answers.index.isin(rows.index).any() for answers in made):
            return None
        before, after = (answers.loc[rows.index] for answers in made)
        return rows[stream.recipe.target], before, after, blocks(rows, stream.recipe)

    known = stream.window(end, "all", without)
    return refit_comparisons(known, window, stream.index, fits.measure, judge, newest_judge(told))
