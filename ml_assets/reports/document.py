"""A report as plain data: what it says, in which order, with its tables, charts and checklists; rendered elsewhere.

All numbers are written when a document is made, so that every rendering shows the same figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ml_assets.records import Curve, Score, Swarm
from ml_assets.shown import figure, shown

Mark = Literal["pass", "look", "fail"]
SIGNS: Final[dict[Mark, str]] = {"pass": "✓", "look": "▲", "fail": "✕"}
"""Signs of a checklist: what is to be thought is told by sign and word, never by colour alone."""


@dataclass(frozen=True)
class Table:
    """Rows of texts under their heads; columns in `numbers` are set to the right."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    numbers: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Bars:
    """Lengths by name, the longest first or in their own order."""

    names: tuple[str, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Ranges:
    """Values by name, each with the ends of its interval, where it has one."""

    names: tuple[str, ...]
    values: tuple[tuple[float, float | None, float | None], ...]


@dataclass(frozen=True)
class Matrix:
    """Counts by two names: a line for each true class."""

    names: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Overlaid:
    """Two distributions of the same places: shares before, and now."""

    before: tuple[float, ...]
    now: tuple[float, ...]


@dataclass(frozen=True)
class Lines:
    """Series of the same places, by name; gaps stay gaps."""

    names: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True)
class Dots:
    """What columns add to the answers for some rows, a dot for each."""

    swarms: tuple[Swarm, ...]
    of: str


Shape = Curve | Bars | Ranges | Matrix | Overlaid | Lines | Dots


@dataclass(frozen=True)
class Chart:
    """A picture with what it says and its numbers."""

    title: str
    says: str
    shape: Shape
    table: Table


@dataclass(frozen=True)
class Check:
    """One thing that was looked at, and what is to be thought of it."""

    name: str
    mark: Mark
    text: str


@dataclass(frozen=True)
class Checklist:
    """Things that were looked at."""

    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Notes:
    """Sentences, one below the other."""

    texts: tuple[str, ...]


Part = str | Table | Chart | Checklist | Notes


@dataclass(frozen=True)
class Section:
    """A part of a report under its title; a text is a paragraph."""

    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Document:
    """A report: title, what it says in a sentence or two, what it is about, and its sections."""

    title: str
    headline: str
    byline: str
    sections: tuple[Section, ...]


def document(
    title: str, headline: str, byline: str, sections: Iterable[tuple[str, Sequence[Part | None]]]
) -> Document:
    """Put a document together: parts that say nothing are left out, and so are sections without any."""
    kept = [
        Section(name, tuple(part for part in parts if part is not None and not _is_empty(part)))
        for name, parts in sections
    ]
    return Document(title, headline, byline, tuple(section for section in kept if section.parts))


def _is_empty(part: Part) -> bool:
    if isinstance(part, Table):
        return not part.rows
    if isinstance(part, Checklist):
        return not part.checks
    return not part.texts if isinstance(part, Notes) else part == ""


def table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "", numbers: Iterable[int] = ()
) -> Table:
    """Make a table; `numbers` are the places of the columns that hold numbers."""
    return Table(tuple(heads), tuple(tuple(row) for row in rows), caption, frozenset(numbers))


def fit(text: object, most: int = 80) -> str:
    r"""Make a text fit to stand in a report: one line, of at most `most` characters, nothing that is not seen.

    >>> fit("two\nlines"), fit("x" * 9, 4)
    ('two lines', 'xx…xx')
    """
    return shown(str(text).replace("\r", " ").replace("\n", " "), most)


def number(value: float | None, digits: int = 4) -> str:
    """Write a number; nothing where there is none."""
    return "" if value is None else figure(value, digits)


def interval(score: Score | None, digits: int = 4) -> tuple[str, str, str]:
    """Write a score and the ends of its interval, a cell each."""
    if score is None:
        return ("", "", "")
    return (figure(score.value, digits), figure(score.low, digits), figure(score.high, digits))


def value(what: str | float | None) -> str:
    """Write a value of a row.

    >>> value(None), value(3.0), value("web")
    ('–', '3', 'web')
    """
    if what is None:
        return "–"
    return fit(what, 60) if isinstance(what, str) else figure(what)


def sentence(text: str) -> str:
    """Begin with a capital letter, end with a full stop."""
    text = text.strip()
    return text and text[0].upper() + text[1:].rstrip(".") + "." * (text[-1] not in "?!")
