"""What each page says: from ledger and records to the values that its template reads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ml_assets.names import STATIC
from ml_assets.pages import charts, curves, decision, made, words
from ml_assets.pages.batch import beside, is_label
from ml_assets.pages.data import learned
from ml_assets.pages.experiment import on_traffic
from ml_assets.pages.fleet import Fleet, ask, headline
from ml_assets.pages.groups import gap_rows
from ml_assets.pages.known import Model, NotFoundError, batches_of, record_of
from ml_assets.pages.light import SIGNS, Level
from ml_assets.pages.seen import Seen
from ml_assets.pages.story import drift_map, importance, moments, quarantine, story
from ml_assets.records import ColumnDrift, DriftReport, PerformanceReport
from ml_assets.registry import champions, erasures
from ml_assets.registry.accepted import accepted
from ml_assets.registry.flaws import flaws
from ml_assets.registry.ledger import Entry
from ml_assets.registry.spending import DAYS, spending
from ml_assets.registry.wording import details
from ml_assets.shown import counted, shown

ENTRIES: Final = 30
"""Newest decisions on the page of a model."""
VERSIONS: Final = 12
"""Newest versions on the page of a model."""
READ: Final = 400
"""Newest entries from which a model's story is told."""
QUIET: Final = ("alert", "backfill", "train", "former_name", "ab_look")
"""Kinds of entries that are no decision by themselves."""
COLUMNS: Final = 200
"""Columns in the table of a batch."""


def fleet_page(fleet: Fleet, asked: Mapping[str, str]) -> dict[str, Any]:
    """All models, the most urgent first."""
    rows = list(fleet.seen.values())
    text, level = asked.get("q", "")[:80], asked.get("level", "")
    level = level if level in SIGNS else ""
    found = ask(rows, text, level, int(asked["page"]) if asked.get("page", "").isdecimal() else 1)
    counts: dict[Level, int] = {each: sum(row.light.level == each for row in rows) for each in SIGNS}
    return {
        "headline": headline(rows),
        "asked": found,
        "words": text,
        "level": level,
        "total": len(rows),
        "levels": [(each, count) for each, count in counts.items() if count],
        "sparks": {
            row.name: charts.spark(row.points, f"{row.metric} of the newest batches") for row in found.rows
        },
        "fault": fleet.fault,
    }


def model_page(fleet: Fleet, name: str, done: int | None) -> dict[str, Any]:
    """One model, from the newest to the oldest that is told."""
    row = row_of(fleet, name)
    model, ledger, notes = fleet.models.sound.get(name), fleet.source.ledger, list(row.notes)
    entries = [entry for entry in ledger.entries(name, limit=READ) if entry.kind != "backfill"]
    told = story(model, entries, notes) if model is not None else []
    known = champions.versions(ledger, name, VERSIONS)
    champion = next((each for each in known if each.version == row.version), None)
    if champion is None and row.version is not None:
        champion = champions.champion(ledger, name)
    other = made.beside(known, row.version, row.waiting)
    sides = _sides(champion, other)
    gone = erasures.deleted(ledger, name)
    line = [version for version in champions.champions(ledger, name) if version not in gone]
    spoken = [m for m in moments(told) if m.value is not None]
    title = f"{row.metric} of the newest {len(told)} batches, with promotions and alarms; the table has the numbers"
    return {
        "row": row,
        "summary": summary(row),
        "told": told,
        "timeline": charts.timeline(moments(told), row.metric, title) if len(spoken) > 1 else "",
        "map": drift_map(told),
        "limit": limit,
        "gaps": gap_rows(champion.evaluation if champion is not None else None, told),
        "leans": importance(told),
        "champion": champion,
        "flaws": flaws(champion),
        "other": other,
        "sides": sides,
        "curves": curves.panels(sides),
        "parts": made.parts(champion, other),
        "leaderboard": made.leaderboard(champion.trained.training) if champion is not None else None,
        "learned": learned(model, champion, notes),
        "spending": spending(ledger, datetime.now(UTC) - timedelta(days=DAYS), name),
        "days": DAYS,
        "costs": made.costs(known, made.gate_of(entries), ledger.newest_version(name)),
        "versions": known[::-1],
        "entries": [
            entry for entry in reversed(entries) if entry.kind not in QUIET and entry.state != "intent"
        ][:ENTRIES],
        "shown_kinds": (
            "promote",
            "waits",
            "keep",
            "inconclusive",
            "rollback",
            "accept",
            "approve",
            "refuse",
        ),
        "experiment": on_traffic(ledger, name, datetime.now(UTC)),
        "earlier": line[-2] if len(line) > 1 else None,
        "has_backtest": model is not None and bool(batches_of(model, "backtest", notes)),
        "done": ledger.by_id(name, done) if done is not None else None,
        "notes": list(dict.fromkeys(notes)),
    }


def _sides(champion: champions.VersionInfo | None, other: made.Beside | None) -> list[curves.Side]:
    """Curves of the champion, and behind them those of the version that is shown beside it."""
    shown_ones = [(champion, "in charge"), (other.version, other.words) if other is not None else (None, "")]
    return [
        curves.Side(f"version {info.version}, {text}", info.evaluation.rows, info.evaluation.curves)
        for info, text in shown_ones
        if info is not None and info.evaluation is not None
    ]


def limit(cell: ColumnDrift) -> float:
    """Effect that is as dark as can be: twice what is usual, or .5 where that is not known."""
    return max(2 * cell.usual, 0.1) if cell.usual is not None else 0.5


def summary(row: Seen) -> str:
    """Say in two sentences who serves and how good it is."""
    if row.version is None:
        return "No version is in charge."
    now = datetime.now(UTC)
    age = f", trained {words.ago(row.trained_at, now)} ago" if row.trained_at else ""
    told = [f"Version {row.version} serves{age}."]
    if row.live is not None:
        beside_it = f"; on its hold-out it was {words.scored(row.holdout)}" if row.holdout else ""
        told.append(f"Its {row.metric} is {words.scored(row.live)} on {row.live_batch}{beside_it}.")
    elif row.holdout is not None:
        told.append(
            f"Its {row.metric} on the hold-out was {words.scored(row.holdout)}; no batch with labels has come since."
        )
    if row.due is not None and row.due > now:
        told.append(f"The next batch is due {words.due(row.due, now, row.newest)}.")
    elif row.newest is not None and row.newest != STATIC:
        told.append(f"Batches: {words.due(row.due, now, row.newest)}.")
    return " ".join(told)


def decision_page(fleet: Fleet, name: str, number: str) -> dict[str, Any]:
    """One entry of the ledger."""
    ledger = fleet.source.ledger
    entry = ledger.by_id(name, int(number)) if number.isdecimal() and len(number) < 18 else None
    if entry is None:
        raise NotFoundError(f"{shown(name, 60)} has no entry {shown(number, 20)} in the ledger")
    same = [
        each
        for each in ledger.find(
            name,
            [
                *champions.GATE,
                "retrain_decision",
                "train",
                "rollback",
                "approve",
                "refuse",
                "lapse",
                "probation",
            ],
            batch=entry.batch,
        )
        if each.id != entry.id and entry.batch
    ]
    record = entry.record
    return {
        "name": name,
        "entry": entry,
        "title": words.said(entry, 400).partition(": ")[0],
        "otherwise": decision.otherwise(entry),
        "numbers": decision.numbers(entry),
        "series": decision.series(entry),
        "metric": str(record.get("metric", "score")),
        "checks": record.get("checks") or (),
        "segments": record.get("segments") or (),
        "details": details(entry),
        "same": [each for each in same if each.state == "done"][-12:],
        "version": entry.to_version,
        "key": _key(entry),
    }


def _key(entry: Entry) -> str:
    """Run key of a decision to train."""
    if entry.kind != "retrain_decision" or entry.key is None:
        return ""
    return entry.key.removeprefix("decision:").rpartition(":")[0]


def batch_page(fleet: Fleet, name: str, batch: str) -> dict[str, Any]:
    """One batch."""
    model, notes = model_of(fleet, name), list[str]()
    taken = batches_of(model, "cleaned_features", notes) if is_label(batch) else []
    known = sorted({*taken, *batches_of(model, "drift_report", notes)}) if is_label(batch) else []
    if batch not in known:
        raise NotFoundError(f"{name}: no batch {shown(batch, 40)!r} was taken in")
    ledger = fleet.source.ledger
    drift = record_of(model, "drift_report", batch, DriftReport, notes)
    live = _scored_by(model, batch, notes)
    place = known.index(batch)
    version = drift.champion_version if drift is not None else None
    columns = (
        sorted(drift.columns, key=lambda c: (not c.drifted, -(c.importance or 0), c.column)) if drift else []
    )
    entries = ledger.find(
        name,
        [*champions.GATE, "retrain_decision", "rollback", "accept", "waits", "approve", "refuse"],
        batch=batch,
    )
    return {
        "name": name,
        "batch": batch,
        "summary": _of_batch(model, batch, drift, taken),
        "drift": drift,
        "live": live,
        "aside": quarantine(model, batch, notes),
        "champion": version,
        "pictures": beside(model, batch, columns, notes),
        "has_report": model.store.file("drift_report", batch, "report.html").exists(),
        "columns": columns[:COLUMNS],
        "more": max(0, len(columns) - COLUMNS),
        "accepted": batch in accepted(ledger, name),
        "before": known[place - 1] if place else None,
        "after": known[place + 1] if place + 1 < len(known) else None,
        "entries": [entry for entry in entries if entry.state == "done"],
        "notes": notes,
    }


def _scored_by(model: Model, batch: str, notes: list[str]) -> PerformanceReport | None:
    """The report that scored a batch: its own, or one that came with a later batch and its labels."""
    delay = model.recipe.monitoring.label_delay
    reported = batches_of(model, "performance_report", notes)
    later = [each for each in reported if each >= batch]
    for each in [*later[delay : delay + 1], *later[:1]]:
        report = record_of(model, "performance_report", each, PerformanceReport, notes)
        if report is not None and report.scored_batch == batch:
            return report
    return None


def _of_batch(model: Model, batch: str, drift: DriftReport | None, taken: list[str]) -> str:
    rows = model.store.rows("cleaned_features", batch) if batch in taken else 0
    came = (
        f"{counted(rows, 'row')} {'was' if rows == 1 else 'were'} taken in. "
        if rows
        else "No rows were taken in. "
    )
    return shown(came + (drift.text if drift is not None and drift.text else "No report speaks of it."), 1200)


def row_of(fleet: Fleet, name: str) -> Seen:
    """What was seen of a model.

    Raises
    ------
    NotFoundError
        If there is none of this name.
    """
    row = fleet.seen.get(name)
    if row is None:
        raise NotFoundError(f"there is no model {shown(name, 60)!r}")
    return row


def model_of(fleet: Fleet, name: str) -> Model:
    """Find a model whose recipe is sound; raises as `row_of`."""
    row_of(fleet, name)
    if name not in fleet.models.sound:
        raise NotFoundError(f"the recipe of {shown(name, 60)} cannot be read: its page says why")
    return fleet.models.sound[name]
