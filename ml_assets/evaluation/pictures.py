"""Small PNG pictures of an evaluation (at most 30 KB: they are stored in Dagster's event log)."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ml_assets.evaluation.curves import MOST_TARGETS, gained, hits
from ml_assets.tasks import causal, clustering, recommendation
from ml_assets.tasks.base import NAIVE, PREDICTION
from ml_assets.tasks.several import has_labels, of_each

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CLASSES = 12
"""Classes with a row of their own in the confusion matrix; the rarest of more are shown as one, "other"."""
LONGEST_LABEL = 14
QINI = "qini"
NEWEST = 240
"""Rows of a time series that are drawn."""


def confusion_matrix(y: pd.Series[Any], predictions: pd.DataFrame) -> bytes:
    """Draw true against predicted classes, with the rows counted, as PNG.

    Parameters
    ----------
    y : Series of shape (n_rows,)
        True labels in the order of `predictions`; missing ones are left out.
    predictions : DataFrame
        Has the column `prediction`.
    """
    from matplotlib.figure import Figure

    there = y.notna().to_numpy()
    truth = y[there].astype(str).reset_index(drop=True)
    predicted = predictions["prediction"].astype(str).loc[there].reset_index(drop=True)
    classes = sorted({*truth, *predicted})
    if len(classes) > MOST_CLASSES:
        kept = set(truth.value_counts().index[: MOST_CLASSES - 1])
        truth, predicted = (part.where(part.isin(kept), "other") for part in (truth, predicted))
        classes = [*sorted(kept), "other"]
    code = pd.Index(classes)
    counts = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(counts, (code.get_indexer(truth), code.get_indexer(predicted)), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = max(3.0, 0.55 * len(classes) + 1.6)
    figure = Figure(figsize=(size, size), dpi=80, layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [c if len(c) <= LONGEST_LABEL else c[: LONGEST_LABEL - 1] + "…" for c in classes]
    axes.set_xticks(
        range(len(classes)), names, rotation=45 if len(classes) > 3 else 0, ha="center", fontsize=8
    )
    axes.set_yticks(range(len(classes)), names, fontsize=8)
    for row, column in np.ndindex(counts.shape):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", color=colour, fontsize=8)
    axes.set_xlabel("predicted", fontsize=9)
    axes.set_ylabel("true", fontsize=9)
    return png(figure)


def residuals(y: pd.Series[Any], predictions: pd.DataFrame) -> bytes:
    """Draw true minus predicted values against the predictions, rows counted in cells, as PNG.

    Parameters
    ----------
    y : Series of shape (n_rows,)
        True values in the order of `predictions`; missing ones are left out.
    predictions : DataFrame
        Has the column `prediction`.
    """
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    there = y.notna().to_numpy()
    predicted = predictions["prediction"].to_numpy(np.float64)[there]
    errors = pd.to_numeric(y[there]).to_numpy(np.float64) - predicted
    figure = Figure(figsize=(4.4, 3.2), dpi=80, layout="constrained")
    axes = figure.subplots()
    if len(errors):
        axes.hist2d(predicted, errors, bins=40, cmap="viridis", norm=LogNorm(), cmin=1)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xlabel("predicted", fontsize=9)
    axes.set_ylabel("true − predicted", fontsize=9)
    axes.tick_params(labelsize=8)
    return png(figure)


def forecast(y: pd.Series[Any], predictions: pd.DataFrame) -> bytes:
    """Draw the newest true values, what was predicted for them and the naive forecast, one after the other, as PNG.

    Parameters
    ----------
    y : Series of shape (n_rows,)
        True values in the order of `predictions` and of time; missing ones are left out.
    predictions : DataFrame
        Has the columns `prediction` and, perhaps, `naive`.
    """
    from matplotlib.figure import Figure

    there = np.flatnonzero(y.notna().to_numpy())[-NEWEST:]
    figure = Figure(figsize=(6.4, 3.0), dpi=80, layout="constrained")
    axes = figure.subplots()
    places = np.arange(-len(there) + 1, 1)
    drawn = [(NAIVE, "naive forecast", "silver"), (PREDICTION, "predicted", "tab:orange")]
    for column, label, colour in drawn:
        if column in predictions:
            axes.plot(
                places, predictions[column].to_numpy(np.float64)[there], color=colour, lw=1.2, label=label
            )
    axes.plot(places, pd.to_numeric(y).to_numpy(np.float64)[there], color="black", lw=0.9, label="true")
    axes.set_xlabel("rows before the newest", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.legend(fontsize=7, frameon=False, loc="upper left")
    return png(figure)


def qini(y: pd.DataFrame, predictions: pd.DataFrame) -> bytes:
    """Draw what treating the rows of the greatest predicted effect gains, and that of a random order, as PNG.

    Parameters
    ----------
    y : DataFrame of shape (n_rows, 2)
        Outcome and treatment in the order of `predictions`.
    predictions : DataFrame
        Has the column `prediction`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4, 3.2), dpi=80, layout="constrained")
    axes = figure.subplots()
    curve = gained(causal.labelled(y, predictions, None))
    if curve is not None:
        axes.plot([0, 1], [0, curve.y[-1]], color="silver", lw=1.0, label="in random order")
        axes.plot(curve.x, curve.y, color="tab:orange", lw=1.4, label="by predicted effect")
        axes.legend(fontsize=7, frameon=False, loc="upper left")
        axes.set_xlabel(curve.x_label, fontsize=9)
        axes.set_ylabel(curve.y_label, fontsize=9)
    axes.tick_params(labelsize=8)
    return png(figure)


def silhouette_plot(y: pd.Series[Any], predictions: pd.DataFrame) -> bytes:
    """Draw the silhouettes of the rows of each cluster, the largest first, as PNG (Rousseeuw 1987).

    Parameters
    ----------
    y : Series of shape (n_rows,)
        What the rows are measured by (`names.POINT`).
    predictions : DataFrame
        Has the column `prediction`.
    """
    from matplotlib.figure import Figure

    rows = clustering.labelled(y, predictions, None)
    fits = np.nan_to_num(rows.kept(clustering.silhouettes))
    figure = Figure(figsize=(4.8, 3.4), dpi=80, layout="constrained")
    axes = figure.subplots()
    first, gap = 0, max(1, len(fits) // 50)
    for code, name in enumerate(rows.classes):
        own = np.sort(fits[rows.predicted == code])
        axes.fill_betweenx(np.arange(first, first + len(own)), 0, own, step="mid", color=f"C{code % 10}")
        axes.text(-0.02, first + len(own) / 2, name, ha="right", va="center", fontsize=8)
        first += len(own) + gap
    axes.axvline(float(fits.mean()) if len(fits) else 0.0, color="black", lw=0.8, ls="--")
    axes.set_xlabel("silhouette of each row, by cluster", fontsize=9)
    axes.set_yticks([])
    axes.tick_params(labelsize=8)
    return png(figure)


def places(y: pd.Series[Any], predictions: pd.DataFrame) -> bytes:
    """Draw how often the item at each place of a recommendation was one that the user liked, as PNG.

    Parameters
    ----------
    y : Series of shape (n_rows,)
        What the rows are measured by (`names.POINT`).
    predictions : DataFrame
        Has the columns `prediction` and, perhaps, `known`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4, 3.2), dpi=80, layout="constrained")
    axes = figure.subplots()
    curve = hits(recommendation.labelled(y, predictions, None))
    if curve is not None:
        axes.bar(curve.x, curve.y, color="tab:orange")
        axes.set_xlabel(curve.x_label, fontsize=9)
        axes.set_ylabel(curve.y_label, fontsize=9)
    axes.tick_params(labelsize=8)
    return png(figure)


def pictures(name: str, y: Any, predictions: pd.DataFrame) -> dict[str, bytes]:
    """Draw the picture that a task names, of several targets one of each of the first few, by its name."""
    there = has_labels(y)
    if name == QINI:
        return {name: qini(y[there], predictions[there])}
    each = list(of_each(y[there], predictions[there]))[:MOST_TARGETS]
    return {f"{name}_{t}" if t else name: PICTURES[name](labels, given) for t, labels, given in each}


PICTURES: dict[str, Callable[[Any, pd.DataFrame], bytes]] = {
    "confusion_matrix": confusion_matrix,
    "residuals": residuals,
    "forecast": forecast,
    QINI: qini,
    "places": places,
    "clusters": silhouette_plot,
}
"""By the name that a task gives."""


def png(figure: Figure) -> bytes:
    """Draw the figure; a palette makes the file a third as large."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    drawn = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    buffer = io.BytesIO()
    drawn.quantize(48, dither=Image.Dither.NONE).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
