"""Numbers and times as the pages say them; every text is made fit to be shown."""

from __future__ import annotations

from datetime import UTC, datetime

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


def due(then: datetime | None, now: datetime) -> str:
    """
    Say when the next batch is due.

    >>> due(datetime(2024, 1, 4), datetime(2024, 1, 1)), due(datetime(2024, 1, 1), datetime(2024, 1, 4))
    ('in 3 days', '3 days overdue')
    """
    if then is None:
        return "no batches"
    late = _aware(now) > _aware(then)
    return f"{ago(then, now)} overdue" if late else f"in {ago(now, then)}"


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
