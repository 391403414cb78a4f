"""The ageing curve: what newer models of a recipe gained over older ones, by age."""

from __future__ import annotations

from collections.abc import Sequence

from ml_assets.names import Z_95
from ml_assets.promotion.ageing import ageing_of, usable
from ml_assets.records import Comparison
from ml_assets.retraining.ageing import curve


def ageing_curve(comparisons: Sequence[Comparison], metric: str) -> bytes | None:
    """Draw the gain over a model so many batches older, with 95 % intervals, as PNG; None where nothing is known.

    The line is the loss for each batch that decisions go by; dots are single comparisons.
    """
    from matplotlib.figure import Figure

    from ml_assets.evaluation.pictures import png

    known = usable(comparisons, metric)
    if not known:
        return None
    points = curve(known, metric)
    found = ageing_of(known, known[-1].index, metric)
    assert found is not None
    figure = Figure(figsize=(5.6, 3.4), dpi=90, layout="constrained")
    axes = figure.subplots()
    axes.axhline(0, color="tab:grey", linewidth=0.8)
    axes.plot(
        [each.age for each in known], [each.gain for each in known], ".", color="tab:grey", markersize=3
    )
    axes.errorbar(
        [point.age for point in points],
        [point.gain for point in points],
        [Z_95 * point.error for point in points],
        fmt="o",
        color="tab:blue",
        elinewidth=0.8,
        markersize=5,
    )
    oldest = max(each.age for each in known)
    axes.plot(
        [0, oldest], [0, found.loss * oldest], color="tab:red" if found.sure else "tab:orange", linewidth=1
    )
    axes.set_xlabel("batches older", fontsize=9)
    axes.set_ylabel(f"{metric} lost", fontsize=9)
    sure = "surely ages" if found.sure else "is not surely seen to age"
    axes.set_title(f"a model of this kind {sure}: {len(known)} comparisons", fontsize=9)
    axes.tick_params(labelsize=8)
    return png(figure)
