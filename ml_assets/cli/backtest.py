"""`ml-assets backtest`: policies tried on history, in words."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from textwrap import indent

from ml_assets.backtest.backtest import Backtest
from ml_assets.cli.output import columns, number
from ml_assets.lifecycle.backtest import backtest_step, stream_of_source
from ml_assets.lifecycle.state import ModelState, locked
from ml_assets.records.policies import ORACLE, RECIPE, about
from ml_assets.shown import counted

SECONDS_BETWEEN_NEWS = 2.0


def run_backtest(state: ModelState, say: Callable[[str], None]) -> Backtest:
    """Replay the policies on the whole history of the source; nothing is registered."""
    told: dict[str, float] = {}

    def progress(what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done in (0, total) or now - told.get(what, 0.0) > SECONDS_BETWEEN_NEWS:
            told[what] = now
            filled = round(20 * done / max(total, 1))
            say(f"{what:<9}[{'#' * filled}{'.' * (20 - filled)}] {done} of {total}")

    with locked(state.settings.locks, f"{state.name}.backtest"):
        return backtest_step(state, stream_of_source(state), progress, workers=os.cpu_count() or 1)


def backtest_text(result: Backtest) -> str:
    """Tell a backtest in a table, the recommendation below."""
    rows = [
        [
            row.policy,
            number(row.score),
            f"{number(row.interval[0])} – {number(row.interval[1])}",
            number(row.gain.value),
            str(row.retrains),
            f"{row.promoted}" + (f" ({row.undone} undone)" if row.undone else ""),
            f"{row.seconds:.1f}",
            "–" if row.against_calendar is None else number(row.against_calendar.value),
        ]
        for row in result.policies
    ]
    header = [
        "policy",
        result.metric,
        "95 % interval",
        "gain",
        "retrains",
        "promoted",
        "seconds",
        "over calendar",
    ]
    return (
        f"{result.name}: {counted(result.batches, 'batch')} after {result.first}, "
        f"{counted(result.rows, 'labelled row')}\n"
        f"{columns(rows, header)}\n"
        f"recommended: {result.recommended}: {result.reason}\n"
        f"{_advice(result)}"
        "gain: over never; over calendar: over a calendar with as many retrains, evenly spaced; oracle: "
        f"{about(ORACLE)}\n"
        f"{result.note}"
    )


def _advice(result: Backtest) -> str:
    """What to write into the recipe, where another policy than its own is recommended."""
    if result.recommended == RECIPE:
        return ""
    return f"in the recipe:\n{indent(str(result.section), '  ')}\n"
