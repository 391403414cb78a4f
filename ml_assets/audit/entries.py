"""The ledger's part of an audit: the model's entries letter for letter, and the links of all others between them."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from ml_assets.audit.folder import AuditFolder
from ml_assets.audit.verify import BEGINNING, ENTRIES
from ml_assets.failures import WrongUsageError
from ml_assets.registry import champions
from ml_assets.registry.chained import COLUMNS, Link, chained
from ml_assets.registry.erasures import ERASE
from ml_assets.registry.ledger import Entry, Ledger
from ml_assets.registry.wording import describe

STORY: Final = "ledger/story.md"
TOLD: Final = 500
"""Newest decisions that the page tells; the story and the entries have all of them."""
QUIET: Final = frozenset({"alert", "backfill", "ab_look"})
"""Kinds of entries that decide nothing."""
LONGEST: Final = 600
"""Characters of a decision on the page."""
ALWAYS: Final = frozenset({champions.TRAIN, *champions.CHANGES, ERASE})
"""Kinds that are there whatever their time: later ones rest on them."""


@dataclass(frozen=True)
class Period:
    """The time of the decisions that are told: from one moment up to, and without, another."""

    start: str | None = None
    end: str | None = None

    def __contains__(self, at: object) -> bool:
        """Whether a time of an entry lies in it."""
        text = str(at)
        return (self.start is None or text >= self.start) and (self.end is None or text < self.end)


def period(start: str | None, end: str | None) -> Period:
    """
    Read days or times, UTC where they say nothing else; a day as the end is in it.

    >>> "2024-03-05T09:30:00.000000+00:00" in period("2024-03-01", "2024-03-05")
    True

    Raises
    ------
    WrongUsageError
        If one is no time, or no moment lies between them.
    """
    asked = Period(_moment(start, "--from", last=False), _moment(end, "--to", last=True))
    if asked.start is not None and asked.end is not None and asked.end <= asked.start:
        raise WrongUsageError(
            f"--from {start} is not before the end of --to {end}: no moment lies between: swap them"
        )
    return asked


def _moment(text: str | None, option: str, *, last: bool) -> str | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUsageError(
            f"{option} {text!r}: it is no day or time: write 2025-03-01 or 2025-03-01T09:00"
        ) from None
    if last and at.time() == time() and len(text) <= len("2025-03-01"):
        at += timedelta(days=1)
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return at.astimezone(UTC).isoformat(timespec="microseconds")


@dataclass
class Followed:
    """What was met on the way through the ledger."""

    entries: int = 0
    """Of all models."""
    of_model: int = 0
    """Of the model, in the time that is asked for."""
    hidden: int = 0
    """Of these, not letter for letter, since a secret is in them."""
    head: str = BEGINNING
    versions: set[int] = field(default_factory=set)
    """Versions that these speak of."""
    kinds: Counter[str] = field(default_factory=Counter)
    quiet: Counter[str] = field(default_factory=Counter)
    """Decisions not to train, by the rule."""
    newest: deque[Entry] = field(default_factory=lambda: deque(maxlen=TOLD))
    """Decisions to be told, without their records."""


def write_entries(folder: AuditFolder, ledger: Ledger, name: str, when: Period) -> Followed:
    """Write the ledger's part, entry by entry: however long the ledger is, few entries are in memory."""
    found = Followed()
    with (
        folder.place(ENTRIES).open("w", encoding="utf-8", newline="\n") as entries,
        folder.place(STORY).open("w", encoding="utf-8", newline="\n") as story,
    ):
        entries.write(_line({"columns": COLUMNS}))
        story.write(f"# Everything that the ledger says of {name}\n\n")
        for link in chained(ledger):
            found.entries += 1
            found.head = link.hash
            told = link.texts["recipe"] == name and str(link.texts["at"]) in when
            entries.write(_line(_carried(folder, link, name, told, found)))
            if told:
                story.write(folder.clean(_tell(link, found)))
        entries.write(_line({"entries": found.entries, "head": found.head}))
    return found


def _carried(folder: AuditFolder, link: Link, name: str, told: bool, found: Followed) -> dict[str, Any]:
    """Give the line of an entry: all of it, or its link and why the rest is left out."""
    if link.texts["recipe"] != name:
        return {"id": link.texts["id"], "hash": link.hash, "left_out": "of another model"}
    if not told and link.texts["kind"] not in ALWAYS:
        return {"id": link.texts["id"], "hash": link.hash, "left_out": "of another time"}
    clean = {key: None if text is None else folder.clean(text) for key, text in link.texts.items()}
    if clean != link.texts:
        found.hidden += 1
        return {**clean, "hash": link.hash, "left_out": "a secret in it is hidden"}
    return {**link.texts, "hash": link.hash}


def _tell(link: Link, found: Followed) -> str:
    """Count an entry of the model, keep it where it is a decision, and say it in a line."""
    entry = as_entry(link)
    found.of_model += 1
    found.kinds[entry.kind] += 1
    found.versions.update(each for each in (entry.from_version, entry.to_version) if each is not None)
    action = entry.record.get("action")
    if entry.kind == "retrain_decision" and action not in ("retrain", "first"):
        found.quiet[str(entry.record.get("rule"))] += 1
    elif entry.kind not in QUIET:
        words = describe(entry)
        found.newest.append(entry.model_copy(update={"record": {}, "reason": words[:LONGEST]}))
    when, words = entry.at[:19].replace("T", " "), " ".join(describe(entry).split())
    return f"* {when}, entry {entry.id}, {entry.actor}: {words}\n"


def as_entry(link: Link) -> Entry:
    """Read an entry from its texts."""
    values: dict[str, Any] = dict(link.texts)
    for number in ("id", "from_version", "to_version"):
        values[number] = None if values[number] is None else int(values[number])
    return Entry.model_validate(values | {"record": json.loads(str(values["record"]))})


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"


def gates(ledger: Ledger, name: str, version: int) -> Iterator[Entry]:
    """Give what the gate, persons and the probation said of a version, oldest first."""
    kinds = (*champions.GATE, champions.PROBATION, "rollback", "approve", "refuse", "lapse")
    yield from ledger.find(name, kinds, to_version=version)
