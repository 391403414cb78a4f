"""A report read back: whether it says what the records say, the same in both renderings, and nothing else."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from html import unescape
from html.parser import HTMLParser
from typing import Any

from ml_assets.lifecycle.accounting import training_rows
from ml_assets.lifecycle.state import ModelState
from ml_assets.lifecycle.training_page import WRONG
from ml_assets.records import Curve, DataProfile, DriftReport, Record, WrongRows
from ml_assets.registry import champions
from ml_assets.reports.as_markdown import escaped
from ml_assets.reports.checks import FEW, FEW_OF_A_CLASS, beyond
from ml_assets.reports.learned import COLUMNS, FEATURES
from ml_assets.reports.page import share
from ml_assets.shown import figure

VOID = {"meta", "br", "img"}
NUMBER = re.compile(r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?(?![\w])")
HASH = re.compile(r"[0-9a-f]{64}")
CONSTANTS = {"95", "5", "0", "1", "0.5", "0.001", str(FEW), str(FEW_OF_A_CLASS)}
"""Of the words of a report itself: intervals, the scale of a share, what is few."""
NAMED = (0, COLUMNS, FEATURES)
"""What is counted is told, or what is left of it beyond those that are named."""


class Read(HTMLParser):
    """What a page shows: texts and tables; its elements close, and nothing comes from elsewhere."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.open: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "iframe", "object", "link", "base", "form")
        for name, value in attrs:
            assert not name.startswith("on")
            if name in ("src", "href", "xlink:href", "action"):
                assert (value or "").startswith(("#", "data:"))
        if tag in VOID or self.get_starttag_text().endswith("/>"):  # type: ignore[union-attr]  # a tag was read
            return
        self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and (not self.open or tag == self.open[-1]):
            self.open.pop()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            assert "url(" not in data and "@import" not in data
            return
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data
        if data.strip():
            self.texts.append(data.strip())


def markdown_tables(text: str) -> list[list[list[str]]]:
    """Tables of a Markdown text, their cells as they are written."""
    found: list[list[list[str]]] = []
    before = ""
    for line in text.split("\n"):
        if line.startswith("| "):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            if not before.startswith("| "):
                found.append([])
            if not all(re.fullmatch(r"-+:?", cell) for cell in cells):
                found[-1].append(cells)
        before = line
    return found


def told_by(facts: Any, html: str, text: str) -> None:
    """Hold a report to its records: every number is theirs, the tables are the same, the page is whole and small."""
    page = Read(html)
    assert len(html.encode()) < 1_500_000
    tables = [[[escaped(cell).strip() for cell in row] for row in table] for table in page.tables]
    assert tables == markdown_tables(text)
    known = set(written(facts))
    for each in (*page.texts, *(unescape(line) for line in text.split("\n"))):
        for token in NUMBER.findall(each.replace("\\", "")):
            assert token in known, f"{token!r} of {each[:200]!r} is in no record"


def records_of(state: ModelState, version: int) -> dict[str, Any]:
    """Records that the report of a version may speak of."""
    info = state.registry.version(state.name, version)
    gate = state.ledger.find(state.name, champions.GATE)
    learned = state.registry.files.profile(state.name, version)
    store = state.store
    return {
        "trained": info.trained,
        "evaluation": info.evaluation,
        "before": [each.evaluation for each in champions.versions(state.ledger, state.name)],
        "version": version,
        "gate": [entry.record for entry in gate if entry.to_version == version],
        "reasons": [entry.reason for entry in gate],
        "importance": None if learned is None else learned.importance,
        "profile": store.read_record("data_profile", info.as_of, DataProfile),
        "wrong": store.read_record(WRONG, info.as_of, WrongRows) if store.has(WRONG, info.as_of) else None,
        "rows": training_rows(state, info.trained),
    }


def written(facts: Any) -> Iterator[str]:
    """Every way in which a number of the records may be written."""
    yield from CONSTANTS
    for value in values(facts):
        if isinstance(value, str):
            yield from (token for token in NUMBER.findall(value))
            yield from (token for token in NUMBER.findall(value[:16].replace("T", " ")))
            yield from (token for token in re.findall(r"\d+", value))
            if HASH.fullmatch(value):  # whose first figures are told, which may all be digits
                yield value[:12]
        elif isinstance(value, int | float):
            yield from (figure(abs(value), digits) for digits in (2, 3, 4))
            yield from (f"{abs(value):,.0f}", f"{abs(value)}")
            yield re.sub(r"[^\d.,]", "", share(abs(value)))


def values(found: Any) -> Iterator[Any]:
    """All values of a record, keys of its mappings too."""
    if isinstance(found, dict | tuple | list):
        yield from (len(found) - named for named in NAMED)
    if isinstance(found, DriftReport):
        yield sum(column.drifted for column in found.columns)
    if isinstance(found, Curve) and found.low:
        yield beyond(found)
    if isinstance(found, Record):
        yield from values({name: getattr(found, name) for name in type(found).model_fields})
    elif dataclasses.is_dataclass(found):
        yield from values([getattr(found, each.name) for each in dataclasses.fields(found)])
    elif isinstance(found, dict):
        yield from (str(key) for key in found)
        yield from values(list(found.values()))
    elif isinstance(found, str):
        yield found
    elif isinstance(found, Iterable):
        for each in found:
            yield from values(each)
    elif found is not None and not isinstance(found, bool):
        yield found
