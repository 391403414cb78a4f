"""Small PNG pictures of drift (at most 30 KB: they are stored in Dagster's event log)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ml_assets.evaluation.pictures import png
from ml_assets.monitoring.wording import describe
from ml_assets.records import ColumnDrift, DriftReport

COLUMNS_SHOWN = 4
LEVELS_SHOWN = 8
LONGEST_LABEL, LONGEST_OF_THREE = 12, 16
REFERENCE, CURRENT = "#9aa5b1", "#d1495b"


def worst_columns(report: DriftReport, reference: pd.DataFrame, current: pd.DataFrame) -> bytes:
    """Draw the worst columns of a drift report, reference against batch, as PNG.

    Parameters
    ----------
    report : DriftReport
        Its `columns` are worst first.
    reference, current : DataFrame of shape (n_rows, n_columns)
        The rows that were compared.
    """
    from matplotlib.figure import Figure

    shown = report.columns[:COLUMNS_SHOWN]
    figure = Figure(figsize=(7.2, 4.8), dpi=100, layout="constrained")
    if not shown:
        figure.text(0.5, 0.5, report.text or "nothing to compare", ha="center", va="center", wrap=True)
        return png(figure)
    grid = figure.subplots(2 if len(shown) > 2 else 1, 2 if len(shown) > 1 else 1, squeeze=False)
    for axes, column in zip(grid.flat, shown, strict=False):
        draw = _histogram if column.kind == "numeric" else _bars
        draw(axes, _column(reference, column), _column(current, column))
        verdict = "drifted" if column.drifted else "quiet"
        title = f"{_short(column.column, 24)}: {verdict}\n{describe(column)}"
        axes.set_title(title.replace("$", r"\$"), fontsize=8)
        axes.tick_params(labelsize=7)
        axes.set_yticks([])
    for axes in list(grid.flat)[len(shown) :]:
        axes.set_axis_off()
    if grid.flat[0].get_legend_handles_labels()[0]:
        figure.legend(
            *grid.flat[0].get_legend_handles_labels(),
            loc="outside lower center",
            ncols=2,
            fontsize=7,
            frameon=False,
        )
    return png(figure)


def _column(frame: pd.DataFrame, column: ColumnDrift) -> Any:
    """Values of a column: finite numbers, or text."""
    if column.column not in frame.columns:
        return np.array([], dtype=float if column.kind == "numeric" else object)
    if column.kind == "numeric":
        values = pd.to_numeric(frame[column.column], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        return values[np.isfinite(values)]
    return frame[column.column].dropna().astype(str).to_numpy(dtype=object)


def _histogram(axes: Any, reference: Any, current: Any) -> None:
    """Shares of the values in common cells; the outermost cells hold what lies further out."""
    sides = [side for side in (reference, current) if len(side)]
    if not sides:
        return
    low = min(float(np.quantile(side, 0.005)) for side in sides)
    high = max(float(np.quantile(side, 0.995)) for side in sides)
    if not low < high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, 31)
    for values, colour, label in ((reference, REFERENCE, "reference"), (current, CURRENT, "batch")):
        if len(values):
            shares = np.histogram(np.clip(values, low, high), edges)[0] / len(values)
            axes.stairs(shares, edges, color=colour, fill=label == "reference", label=label, linewidth=1.4)


def _bars(axes: Any, reference: Any, current: Any) -> None:
    """Shares of the commonest levels."""
    levels = pd.Series(np.concatenate([reference, current]), dtype=object).value_counts().index[:LEVELS_SHOWN]
    places = np.arange(len(levels))
    for values, colour, label, shift in (
        (reference, REFERENCE, "reference", -0.2),
        (current, CURRENT, "batch", 0.2),
    ):
        shares = [float(np.mean(values == level)) if len(values) else 0.0 for level in levels]
        axes.bar(places + shift, shares, 0.4, color=colour, label=label)
    longest = LONGEST_LABEL if len(levels) > 3 else LONGEST_OF_THREE
    names = [_short(str(level), longest).replace("$", r"\$") for level in levels]
    axes.set_xticks(places, names, rotation=30 if len(levels) > 3 else 0, ha="center")


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
