"""Pictures over batches: the drift of each column, the live score and promotions (PNG, at most 30 KB)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_assets.evaluation.pictures import png
from ml_assets.records import DriftReport, PerformanceReport

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_BATCHES = 52
MOST_COLUMNS = 18
LONGEST_LABEL = 18
DARKEST = 0.5
LIVE, HOLDOUT, CHANGE, GUESS = "#2f6f8f", "#9aa5b1", "#f28e2b", "#7a5195"


def drift_map(reports: Sequence[DriftReport]) -> bytes:
    """Draw a heat map: a row per column, a cell per batch, dark where the effect is large; x: drifted.

    Parameters
    ----------
    reports : sequence of DriftReport
        In the order of the calendar; the newest 52 are drawn, and the 18 columns that drifted most.
    """
    shown = [report for report in reports if report.columns][-MOST_BATCHES:]
    figure = _figure()
    if not shown:
        return _blank(figure, "no batch was compared with a champion yet")
    names = _most_drifted(shown)
    effects = np.full((len(names), len(shown)), np.nan)
    drifted = np.zeros_like(effects, dtype=bool)
    for j, report in enumerate(shown):
        for column in report.columns:
            if column.column in names:
                effects[names.index(column.column), j] = column.effect
                drifted[names.index(column.column), j] = column.drifted
    axes = figure.subplots()
    axes.imshow(effects, aspect="auto", cmap="Blues", vmin=0, vmax=DARKEST, interpolation="none")
    rows, columns = np.nonzero(drifted)
    axes.scatter(columns, rows, marker="x", s=12, linewidths=0.8, color=CHANGE)
    axes.set_yticks(range(len(names)), [_short(name) for name in names], fontsize=7)
    _mark_champions(axes, [report.champion_version for report in shown])
    _label_batches(axes, [report.batch for report in shown])
    axes.set_title(
        f"effect of each column, {DARKEST:g} and more darkest; x: drifted; line: new champion", fontsize=8
    )
    return png(figure)


def live_score(reports: Sequence[PerformanceReport], retrains: Sequence[str] = ()) -> bytes:
    """Draw the live score with its interval, the champion's hold-out interval, retrains and promotions.

    Open markers are what was estimated before the labels came: over the score of the same batch, and at the end
    for batches that still wait for theirs.

    Parameters
    ----------
    reports : sequence of PerformanceReport
        In the order of the calendar; the newest 52 with a score are drawn.
    retrains : sequence of str
        Batches at which a training was asked for.
    """
    shown = [report for report in reports if report.score is not None][-MOST_BATCHES:]
    figure = _figure()
    if not shown:
        return _blank(figure, _nothing_scored(reports))
    axes = figure.subplots()
    places = np.arange(len(shown))
    values, low, high = (np.array([getattr(r.score, key) for r in shown]) for key in ("value", "low", "high"))
    bounds = np.array([(r.holdout.low, r.holdout.high) if r.holdout else (np.nan, np.nan) for r in shown])
    axes.fill_between(
        places,
        bounds[:, 0],
        bounds[:, 1],
        step="mid",
        color=HOLDOUT,
        alpha=0.35,
        lw=0,
        label="hold-out, 95 %",
    )
    axes.errorbar(
        places, values, (values - low, high - values), color=LIVE, lw=1, ms=3, fmt="o-", label="live, 95 %"
    )
    waiting = _draw_estimates(axes, reports, shown)
    _mark_champions(axes, [report.champion_version for report in shown])
    asked = [place for place, report in zip(places, shown, strict=True) if report.batch in set(retrains)]
    if asked:
        bottom = np.full(
            len(asked), min(np.nanmin(bounds), low.min()) if np.isfinite(bounds).any() else low.min()
        )
        axes.scatter(asked, bottom, marker="^", s=22, color=CHANGE, label="retrain asked for")
    _label_batches(axes, [*(report.batch for report in shown), *(f"({batch})" for batch in waiting)])
    axes.set_title(f"{shown[-1].metric} as it became known; line: new champion", fontsize=8)
    axes.tick_params(axis="y", labelsize=7)
    axes.legend(fontsize=7, frameon=False, loc="best")
    return png(figure)


def _nothing_scored(reports: Sequence[PerformanceReport]) -> str:
    guess = reports[-1].estimate if reports else None
    return guess.text if guess and guess.value is not None else "no live score yet: labels are still to come"


def _draw_estimates(
    axes: Any, reports: Sequence[PerformanceReport], shown: Sequence[PerformanceReport]
) -> list[str]:
    """Draw the estimates; the batches behind the last score, which wait for their labels."""
    metric = shown[-1].metric
    guesses = {
        report.estimate.batch: report.estimate.value
        for report in reports
        if report.estimate and report.estimate.value is not None and report.estimate.metric == metric
    }
    scored = [report.scored_batch or "" for report in shown]
    waiting = sorted(batch for batch in guesses if batch > max(scored))
    drawn = [(place, guesses[batch]) for place, batch in enumerate([*scored, *waiting]) if batch in guesses]
    if drawn:
        places, values = zip(*drawn, strict=True)
        axes.plot(places, values, "D", mfc="none", color=GUESS, ms=5, label="estimated, without labels")
    return waiting


def _most_drifted(reports: Sequence[DriftReport]) -> list[str]:
    worst: dict[str, tuple[int, float]] = {}
    for report in reports:
        for column in report.columns:
            count, effect = worst.get(column.column, (0, 0.0))
            worst[column.column] = (count + column.drifted, max(effect, column.effect))
    return sorted(worst, key=lambda name: (*(-value for value in worst[name]), name))[:MOST_COLUMNS]


def _mark_champions(axes: Any, versions: Sequence[int | None]) -> None:
    """Draw a line where the next champion took over, and write its version above it."""
    changes = [place for place in range(1, len(versions)) if versions[place] != versions[place - 1]]
    for place in changes:
        axes.axvline(place - 0.5, color=CHANGE, lw=1)
    if changes:
        above = axes.secondary_xaxis("top")
        above.set_xticks([place - 0.5 for place in changes], [f"v{versions[place]}" for place in changes])
        above.tick_params(length=0, labelsize=8, labelcolor=CHANGE, pad=1)


def _label_batches(axes: Any, batches: Sequence[str]) -> None:
    step = max(1, len(batches) // 12)
    places = range((len(batches) - 1) % step, len(batches), step)  # the newest batch is named in any case
    axes.set_xticks(places, [batches[place] for place in places], fontsize=7, rotation=45, ha="right")


def _figure() -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(7.2, 3.4), dpi=100, layout="constrained")


def _blank(figure: Figure, text: str) -> bytes:
    figure.text(0.5, 0.5, text, ha="center", va="center")
    return png(figure)


def _short(text: str) -> str:
    text = text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"
    return text.replace("$", r"\$")
