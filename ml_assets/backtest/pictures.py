"""The picture of a backtest: what each policy gained for how many retrains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ml_assets.backtest.backtest import Backtest, PolicyScore
from ml_assets.evaluation.pictures import png
from ml_assets.records.policies import NEVER, ORACLE, RECIPE
from ml_assets.shown import counted

COLOURS = {NEVER: "tab:grey", ORACLE: "tab:green", RECIPE: "tab:red"}
OTHERS = "tab:blue"
PLACES = [(side * 6, up) for up in (4, -6, 14, -16, 24, -26, 34, -36, 44, -46) for side in (1, -1)]
"""Where a name may stand beside its point, in points, the best first."""


def pareto(result: Backtest) -> bytes:
    """Draw the score over all rows against the number of retrains, as PNG of at most 40 KB.

    The line joins the calendars; bars are 95 % intervals; the star is recommended.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(7.2, 4.2), dpi=100, layout="constrained")
    axes = figure.subplots()
    for row, place in _beside(result.policies):
        low, high = row.interval
        best = row.policy == result.recommended
        axes.errorbar(
            place,
            row.score,
            [[row.score - low], [high - row.score]],
            fmt="*" if best else "o",
            markersize=12 if best else 5,
            color=COLOURS.get(row.policy, OTHERS),
            elinewidth=0.7,
        )
    calendars = sorted(
        (row.retrains, row.score) for row in result.policies if row.policy.startswith(("every", NEVER))
    )
    axes.plot(*zip(*calendars, strict=True), color="tab:grey", linewidth=0.8, zorder=0)
    axes.margins(x=0.1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("retrains", fontsize=9)
    better = "higher" if result.direction == "maximize" else "lower"
    axes.set_ylabel(f"live {result.metric} ({better} is better)", fontsize=9)
    axes.set_title(
        f"{result.name}, {counted(result.batches, 'batch')}; star: recommended ({result.recommended})\n"
        "recipe: the policy in force; line: by the calendar, all promoted; bars: 95 %",
        fontsize=9,
    )
    axes.tick_params(labelsize=8)
    name_points(axes, result.policies, result.recommended)
    return png(figure)


def _beside(rows: Sequence[PolicyScore]) -> list[tuple[PolicyScore, float]]:
    """Policies with the place of each: those with as many retrains as another stand beside it."""
    step = 0.012 * max(1, *(row.retrains for row in rows))
    before: Counter[int] = Counter()
    placed = []
    for row in rows:
        placed.append((row, row.retrains + step * before[row.retrains]))
        before[row.retrains] += 1
    return placed


def name_points(axes: Any, rows: Sequence[PolicyScore], recommended: str = "") -> None:
    """Write policies' names beside their points, at the first of some places where no other name stands.

    Where none is free a point stays without: the recommended one and those of known colour come first.
    """
    from matplotlib.transforms import Bbox

    axes.figure.draw_without_rendering()
    inside = axes.get_window_extent()
    first = {*COLOURS, recommended}
    placed = sorted(_beside(rows), key=lambda pair: (pair[0].policy not in first, -pair[0].score))
    points = axes.transData.transform([(place, row.score) for row, place in placed])
    taken = [Bbox.from_extents(x - 4, y - 4, x + 4, y + 4) for x, y in points]
    for row, place in placed:
        for across, up in PLACES:
            text = axes.annotate(
                row.policy,
                (place, row.score),
                xytext=(across, up),
                textcoords="offset points",
                ha="left" if across > 0 else "right",
                va="center",
                fontsize=8,
                color=COLOURS.get(row.policy, OTHERS),
            )
            box = text.get_window_extent().padded(1)
            free = not any(box.overlaps(other) for other in taken)
            if free and inside.x0 < box.x0 and box.x1 < inside.x1:
                taken.append(box)
                break
            text.remove()
