"""Levels that are written otherwise than before: another encoding, another case, padding, quotes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from ml_assets.monitoring.samples import LevelPair

SPOILED = 0.005
"""Share of rows in another encoding: no person types that."""
WRITTEN = 0.2
"""Share of rows written otherwise: fewer are people's slips."""
ENCODINGS = ("cp1252", "latin-1", "cp437", "mac-roman")
LOOKED_AT = 2_000
"""New levels, the most frequent first."""


def respelled(pair: LevelPair) -> str:
    """Say that known levels come in another encoding or spelling; empty where they do not.

    >>> from ml_assets.monitoring.samples import Levels
    >>> reference = Levels({"Köln": 60, "Bonn": 40}, 100)
    >>> respelled(LevelPair(reference, Levels({"KÃ¶ln": 60, "Bonn": 40}, 100)))
    "holds known levels in another encoding in 60% of its rows ('KÃ¶ln' for 'Köln')"
    >>> respelled(LevelPair(reference, Levels({"KÖLN ": 60, "bonn": 40}, 100)))
    "holds known levels written otherwise in 100% of its rows ('KÖLN ' for 'Köln')"
    """
    known = pair.reference.counts
    new = {level: rows for level, rows in pair.current.counts.items() if level not in known}
    often = sorted(new, key=lambda level: (-new[level], level))[:LOOKED_AT]
    if not pair.enough or sum(new.values()) < SPOILED * pair.current.present:
        return ""
    for words, least, forms in (
        ("in another encoding", SPOILED, _encodings),
        ("written otherwise", WRITTEN, _spellings),
    ):
        names = _by_form(known, forms)
        found = {level: name for level in often for name in _matches(level, names, forms)}
        share = sum(new[level] for level in found) / pair.current.present
        if found and share >= least:
            level = next(level for level in often if level in found)
            return f"holds known levels {words} in {share:.0%} of its rows ({level[:40]!r} for {found[level][:40]!r})"
    return ""


Forms = Callable[[str], Iterator[str]]


def _by_form(known: Iterable[str], forms: Forms) -> dict[str, str]:
    """Known levels by each way to write them; none that two would be written in."""
    names: dict[str, str] = {}
    several = set()
    for level in known:
        for form in {level, *forms(level)}:
            if names.setdefault(form, level) != level:
                several.add(form)
    return {form: level for form, level in names.items() if form not in several}


def _matches(level: str, names: dict[str, str], forms: Forms) -> list[str]:
    return [names[form] for form in (level, *forms(level)) if form in names][:1]


def _encodings(level: str) -> Iterator[str]:
    """What becomes of a text with other letters than English ones that is read, or was written, in a wrong encoding."""
    if level.isascii():
        return
    for encoding in ENCODINGS:
        with suppress(UnicodeError):  # no text in that encoding: nothing that it could have become
            yield level.encode().decode(encoding)
        with suppress(UnicodeError):  # likewise the other way
            yield level.encode(encoding).decode()
    for lost in ("?", "\ufffd"):
        yield re.sub(r"[^\x00-\x7f]", lost, level)
        yield re.sub(r"[^\x00-\x7f]", 2 * lost, level)
    yield unicodedata.normalize("NFC", level)
    yield unicodedata.normalize("NFD", level)


def _spellings(level: str) -> Iterator[str]:
    """A text without what is often written in one feed and not in another."""
    plain = re.sub(r"\s+", " ", level.strip().strip("\"'").strip()).casefold()
    yield plain
    yield "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    yield plain.replace("-", " ").replace("_", " ")
    with suppress(ValueError):  # a level that is no number has no other spelling as one
        yield f"{float(plain.replace(',', '.')):.12g}"
