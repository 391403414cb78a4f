"""Numbers and times as the pages say them; every text is made fit to be shown."""

from __future__ import annotations

from datetime import UTC, datetime

from ml_assets.names import STATIC
from ml_assets.records import DriftReport, Score
from ml_assets.registry.ledger import Entry
from ml_assets.registry.wording import describe
from ml_assets.shown import clipped, figure, shown


def scored(score: Score | None) -> str:
    """
    Say a score with its interval.

    >>> scored(Score(value=0.81234, low=0.7901, high=0.83))
    '0.812 (0.79–0.83)'
    """
    return (
        "" if score is None else f"{figure(score.value, 3)} ({figure(score.low, 3)}–{figure(score.high, 3)})"
    )


def ago(then: datetime | None, now: datetime) -> str:
    """
    Say how long ago something was.

    >>> ago(datetime(2024, 1, 1), datetime(2024, 1, 4)), ago(datetime(2024, 1, 1), datetime(2024, 1, 1, 3))
    ('3 days', '3 hours')
    """
    if then is None:
        return ""
    seconds = (_aware(now) - _aware(then)).total_seconds()
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        count = int(seconds // length)
        if count:
            return f"{count:,} {unit}{'s' * (count > 1)}"
    return "less than a minute"


def due(then: datetime | None, now: datetime, newest: str | None) -> str:
    """
    Say when the next batch is due, or since when none has come; `newest` is the last one that came.

    >>> due(datetime(2024, 1, 4), datetime(2024, 1, 1), "2024-01-01")
    'in 3 days'
    >>> due(datetime(2024, 1, 4), datetime(2025, 1, 1), "2024-01-01")
    'none since 2024-01-01'
    >>> due(None, datetime(2025, 1, 1), "2024-01-01"), due(None, datetime(2025, 1, 1), "all")
    ('no more: 2024-01-01 was the last', 'no batches')
    """
    if then is None:
        return "no batches" if newest in (None, STATIC) else f"no more: {newest} was the last"
    late = _aware(now) > _aware(then)
    return f"none since {newest}" if late else f"in {ago(now, then)}"


def at(entry: Entry) -> str:
    """When an entry was written, in UTC."""
    return entry.at[:16].replace("T", " ")


def said(entry: Entry, most: int = 220) -> str:
    """Tell an entry in a sentence that is not long, without the model's name."""
    text = describe(entry).removeprefix(f"{entry.recipe} ")
    return shown(clipped(text[:1].upper() + text[1:], most))


def drifted(report: DriftReport | None) -> str:
    """Say how many columns have drifted."""
    if report is None:
        return "no report"
    if report.status == "fault":
        return f"{len(report.faults)} fault{'s' * (len(report.faults) > 1)}"
    if report.status not in ("ok", "drift"):
        return report.status.replace("_", " ")
    count = sum(column.drifted for column in report.columns)
    return f"{count} of {len(report.columns)} columns" if count else "none"


def _aware(when: datetime) -> datetime:
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)
