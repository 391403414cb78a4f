"""Gaps between groups of people: of the version in charge on its hold-out, and batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from ml_assets.pages.charts import spark
from ml_assets.pages.story import Told
from ml_assets.records import Evaluation, Gap, PerformanceReport
from ml_assets.reports.groups import verdict
from ml_assets.shown import shown


class GapRow(NamedTuple):
    """One gap of a protected column."""

    column: str
    measure: str
    limit: float | None
    holdout: Gap | None
    live: Gap | None
    """On the newest batch that has one."""
    batch: str | None
    picture: Markup
    """Batch by batch."""
    words: str


def gap_rows(evaluation: Evaluation | None, told: Sequence[Told]) -> list[GapRow]:
    """Each gap of each protected column, those that alarm first.

    Parameters
    ----------
    evaluation : Evaluation or None
        Of the version in charge.
    told : sequence of Told
        Batches, oldest first.
    """
    held = {
        (groups.column, gap.measure): gap
        for groups in (evaluation.protected if evaluation is not None else ())
        for gap in groups.gaps
    }
    reports = [each.live for each in told if each.live is not None and each.live.protected]
    seen = [_gaps(report) for report in reports]
    keys = dict.fromkeys([*held, *(key for gaps in seen for key in gaps)])
    unequal = {(test.column, test.measure) for test in (reports[-1].unequal if reports else ())}
    rows = []
    for key in keys:
        series = [gaps[key].value if key in gaps else None for gaps in seen]
        newest = next((place for place in reversed(range(len(seen))) if key in seen[place]), None)
        live = None if newest is None else seen[newest][key]
        known = live or held[key]
        title = f"{key[1]} of {shown(key[0], 60)}, batch by batch"
        rows.append(
            GapRow(
                *key,
                known.limit,
                held.get(key),
                live,
                None if newest is None else reports[newest].scored_batch,
                spark(series, title) if len(reports) > 1 else Markup(""),
                "◆ surely above its limit, over its batches" if key in unequal else verdict(known),
            )
        )
    return sorted(rows, key=lambda row: (row.column, row.measure) not in unequal)


def _gaps(report: PerformanceReport) -> dict[tuple[str, str], Gap]:
    return {(groups.column, gap.measure): gap for groups in report.protected for gap in groups.gaps}
