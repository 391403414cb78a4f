"""What has become of a model, batch by batch: live score, drift, labels, and what was decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from ml_assets.pages.charts import PROMOTED, TRAINED, UNDONE, Moment
from ml_assets.pages.known import Model, batches_of, record_of
from ml_assets.records import ColumnDrift, DriftReport, PerformanceReport, Quarantine
from ml_assets.registry.ledger import Entry
from ml_assets.retraining.breaches import performance_breach

MOST: Final = 36
"""Newest batches that are told."""
COLUMNS: Final = 12
"""Columns of the drift map."""
MAPPED: Final = 12
"""Batches of the drift map."""


class Told(NamedTuple):
    """A batch and all that is known of it."""

    batch: str
    drift: DriftReport | None
    live: PerformanceReport | None
    """The report that scored it; it came with a later batch where labels come late."""
    breach: bool
    events: tuple[Entry, ...]


def story(model: Model, entries: Sequence[Entry], notes: list[str], most: int = MOST) -> list[Told]:
    """Tell the newest batches, oldest first; `entries` are those of the ledger."""
    reported = batches_of(model, "drift_report", notes)[-most:]
    drift = {b: record_of(model, "drift_report", b, DriftReport, notes) for b in reported}
    scores = [
        record_of(model, "performance_report", b, PerformanceReport, notes)
        for b in batches_of(model, "performance_report", notes)[-most:]
    ]
    live = {str(r.scored_batch): r for r in scores if r is not None and r.scored_batch is not None}
    happened: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.batch is not None and entry.state == "done":
            happened.setdefault(entry.batch, []).append(entry)
    batches = sorted({*drift, *live})[-most:]
    return [
        Told(
            batch,
            drift.get(batch),
            live.get(batch),
            batch in live and performance_breach(live[batch], model.recipe.retraining),
            tuple(happened.get(batch, ())),
        )
        for batch in batches
    ]


def moments(told: Sequence[Told]) -> list[Moment]:
    """Lay the story out for the timeline."""
    return [
        Moment(
            batch=each.batch,
            value=each.live.score.value if each.live and each.live.score else None,
            low=each.live.score.low if each.live and each.live.score else None,
            high=each.live.score.high if each.live and each.live.score else None,
            holdout=each.live.holdout.value if each.live and each.live.holdout else None,
            drifted=each.drift is not None and any(column.drifted for column in each.drift.columns),
            faulty=each.drift is not None and each.drift.status == "fault",
            breach=each.breach,
            events=events(each.events),
        )
        for each in told
    ]


def events(entries: Sequence[Entry]) -> tuple[str, ...]:
    """What of the entries of a batch has a sign on the timeline."""
    found = {
        PROMOTED: any(entry.kind == "promote" for entry in entries),
        UNDONE: any(entry.kind == "rollback" for entry in entries),
        TRAINED: any(entry.kind == "train" for entry in entries),
    }
    return tuple(event for event, there in found.items() if there)


class DriftMap(NamedTuple):
    """Effects by column and batch, of the columns that drifted most."""

    batches: list[str]
    rows: list[tuple[str, float | None, list[ColumnDrift | None]]]
    """Column, its importance, its drift in each batch."""
    more: int


def drift_map(told: Sequence[Told]) -> DriftMap:
    """Lay out the drift of the newest batches, the columns that drifted most often first."""
    reports = [each.drift for each in told[-MAPPED:] if each.drift is not None and each.drift.columns]
    found: dict[str, dict[str, ColumnDrift]] = {}
    for report in reports:
        for column in report.columns:
            found.setdefault(column.column, {})[report.batch] = column
    weight = {name: max((c.importance or 0.0) for c in cells.values()) for name, cells in found.items()}

    def order(name: str) -> tuple[float, float, str]:
        cells = found[name].values()
        return -sum(cell.drifted for cell in cells), -weight[name], name

    names = sorted(found, key=order)
    batches = [report.batch for report in reports]
    rows = [(n, weight[n] or None, [found[n].get(batch) for batch in batches]) for n in names[:COLUMNS]]
    return DriftMap(batches, rows, max(0, len(names) - COLUMNS))


def importance(told: Sequence[Told], most: int = 12) -> list[tuple[str, float]]:
    """What the champion leans on: columns by their permutation importance, the most important first."""
    for each in reversed(told):
        if each.drift is not None and any(column.importance for column in each.drift.columns):
            known = [
                (c.column, c.importance) for c in each.drift.columns if c.importance and c.importance > 0
            ]
            return sorted(known, key=lambda pair: -pair[1])[:most]
    return []


def quarantine(model: Model, batch: str, notes: list[str]) -> Quarantine | None:
    """What of a batch was set aside."""
    return record_of(model, "quarantine", batch, Quarantine, notes)
