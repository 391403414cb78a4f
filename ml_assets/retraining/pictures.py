"""The picture of a backtest: what each policy gained for how many retrains."""

from __future__ import annotations

import io

from ml_assets.retraining.backtest import Backtest
from ml_assets.retraining.policies import NEVER, ORACLE, RECIPE

COLOURS = {NEVER: "tab:grey", ORACLE: "tab:green", RECIPE: "tab:red"}


def pareto(result: Backtest) -> bytes:
    """Draw the score over all rows against the number of retrains, as PNG of at most 30 KB.

    The line joins the calendars; bars are 95 % intervals.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), dpi=80, layout="constrained")
    axes = figure.subplots()
    for row in result.policies:
        low, high = row.interval
        colour = COLOURS.get(row.policy, "tab:blue")
        axes.errorbar(
            row.retrains,
            row.score,
            [[row.score - low], [high - row.score]],
            fmt="*" if row.policy == result.recommended else "o",
            markersize=11 if row.policy == result.recommended else 5,
            color=colour,
            elinewidth=0.7,
        )
        axes.annotate(
            row.policy,
            (row.retrains, row.score),
            xytext=(5, 4),
            textcoords="offset points",
            fontsize=7,
            color=colour,
        )
    calendars = sorted(
        (row.retrains, row.score) for row in result.policies if row.policy.startswith(("every", NEVER))
    )
    axes.plot(*zip(*calendars, strict=True), color="tab:grey", linewidth=0.8, zorder=0)
    axes.set_xlabel("retrains", fontsize=9)
    better = "higher" if result.direction == "maximize" else "lower"
    axes.set_ylabel(f"live {result.metric} ({better} is better)", fontsize=9)
    axes.set_title(f"{result.name}: {result.batches} batches; recommended: {result.recommended}", fontsize=9)
    axes.tick_params(labelsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
