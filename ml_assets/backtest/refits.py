"""What refits on the history at a training say of its ageing, from the shared fits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from ml_assets.promotion.blocks import blocks
from ml_assets.retraining.ageing import AGES, newest_judge, refit_comparisons

if TYPE_CHECKING:
    from ml_assets.backtest.fits import Fits
    from ml_assets.backtest.stream import Window
    from ml_assets.promotion.paired import Paired
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

    def judge(older: Sequence[str], newer: Sequence[str], batch: str) -> Paired | None:
        key = tuple(older), tuple(newer), batch
        if key not in fits.compared:  # most policies train at some of the same batches
            fits.compared[key] = _compared(fits, *key)
        return fits.compared[key]

    known = stream.window(end, "all", without)
    return refit_comparisons(known, window, stream.index, fits.metric, judge, newest_judge(told))


def _compared(fits: Fits, older: tuple[str, ...], newer: tuple[str, ...], batch: str) -> Paired | None:
    stream = fits.stream
    rows = stream.rows.iloc[slice(*stream.spans[batch])]
    made = [fits.later(batches, max(AGES) + 1) for batches in (older, newer)]
    if any(not answers.index.isin(rows.index).any() for answers in made):
        return None
    before, after = (each.loc[rows.index] for each in made)
    return fits.measure.compare(rows[stream.recipe.target], before, after, blocks(rows, stream.recipe))
