"""Text as it may be shown: without passwords, and without what a terminal would obey."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

USER: Final = re.compile(r"(?<=://)[^/\s\"'<>]*@")
"""User and password before the host of an address."""

UNSEEN: Final = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories: control, format (the bidirectional ones among them), surrogates, separators of lines."""


def without_user(text: str) -> str:
    """
    Take user and password out of every address in a text.

    >>> without_user("no answer from https://me:secret@mlflow:5000/api")
    'no answer from https://mlflow:5000/api'
    """
    return USER.sub("", text)


def printable(text: str) -> str:
    r"""
    Write out characters that cannot be seen, so that no terminal obeys them; tabs and new lines stay.

    >>> print(printable("red \x1b[31m, hidden \u202e"))
    red \x1b[31m, hidden \u202e
    """
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in UNSEEN and character not in "\n\t"
        else character
        for character in text
    )


def shown(text: str, most: int | None = None) -> str:
    """
    Make a text fit to be shown; the middle of one longer than `most` characters is left out.

    >>> shown("a" * 30, 11)
    'aaaaa…aaaaa'
    """
    if most is not None and len(text) > most:
        text = f"{text[: most // 2]}…{text[-(most // 2) :]}"
    return printable(without_user(text))


def on_one_line(text: str) -> str:
    r"""
    Write out the ends of lines inside a text, as of a cell with two lines.

    >>> print(on_one_line("first is 'a\nb'\n"))
    first is 'a\nb'
    """
    return text.strip().replace("\r", "\\r").replace("\n", "\\n")


def ended(text: str) -> str:
    """
    End a sentence that does not end yet.

    >>> ended("no rows"), ended("is it cut off?")
    ('no rows.', 'is it cut off?')
    """
    return text if text.endswith((".", "?", "!")) else f"{text}."


def figure(value: float, digits: int = 4) -> str:
    """
    Write a number for people: so many digits as they compare, never an exponent.

    >>> figure(0.73324), figure(178643.2), figure(0.9), figure(0.0000123), figure(-1e-297)
    ('0.7332', '178,643', '0.9', '0.0000123', '0')
    """
    if not math.isfinite(value) or abs(value) < 1e-12:
        return "0" if math.isfinite(value) else f"{value:g}"
    places = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def told_apart(values: Sequence[float], digits: int = 4) -> list[str]:
    """
    Write different numbers for people, with so many digits more that no two look alike.

    >>> told_apart([0.5, 25.0]), told_apart([1013.11, 1013.24, 1013.38])
    (['0.5', '25'], ['1,013.1', '1,013.2', '1,013.4'])
    """
    for more in range(digits, 17):
        texts = [figure(value, more) for value in values]
        if len(set(texts)) == len(texts):
            return texts
    return [f"{value:.17g}" for value in values]


def clipped(text: str, most: int) -> str:
    """
    Cut a text between two words.

    >>> clipped("drift share 0.3", 12)
    'drift share…'
    """
    if len(text) <= most:
        return text
    whole = text[:most].rpartition(" ")[0] if text[most - 1 : most + 1].strip() else text[: most - 1]
    return f"{(whole or text[: most - 1]).rstrip(' ;,')}…"


def listed(names: Iterable[object], most: int = 12, between: str = ", ") -> str:
    """
    Name things in a message: all of a few, the first and the count of many.

    >>> listed("abc"), listed(range(1, 2001), 3)
    ('a, b, c', '1, 2, 3 and 1,997 more')
    """
    words = [str(name) for name in names]
    more = f" and {len(words) - most:,} more" if len(words) > most else ""
    return between.join(words[:most]) + more


def counted(count: int, noun: str, plural: str = "") -> str:
    """
    Write how many there are of something.

    >>> counted(1, "retrain"), counted(1200, "batch"), counted(0, "entry"), counted(2, "row of it", "rows of it")
    ('1 retrain', '1,200 batches', '0 entries', '2 rows of it')
    """
    if count != 1:
        if not plural and noun.endswith(("s", "x", "ch", "sh")):
            plural = f"{noun}es"
        elif not plural and noun.endswith("y") and noun[-2] not in "aeiou":
            plural = f"{noun[:-1]}ies"
        noun = plural or f"{noun}s"
    return f"{count:,} {noun}"


def spanned(labels: Sequence[object], most: int = 3) -> str:
    """
    Name things that follow one another, as batches do: of many the first, the last and the count.

    >>> spanned(["2024-01", "2024-02"]), spanned(range(1, 45))
    ('2024-01, 2024-02', '1 to 44 (44 in all)')
    """
    if len(labels) <= most:
        return ", ".join(map(str, labels))
    return f"{labels[0]} to {labels[-1]} ({len(labels):,} in all)"


def size(count: int) -> str:
    """
    Bytes as a person says them.

    >>> size(812), size(1_250_000), size(31_000_000_000)
    ('812 B', '1.25 MB', '31 GB')
    """
    for unit, one in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= one:
            return f"{figure(count / one, 3)} {unit}"
    return f"{count} B"


def duration(seconds: float) -> str:
    """
    Seconds as a person says them.

    >>> duration(4.2), duration(95), duration(600)
    ('4 s', '1 min 40 s', '10 min')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds / 10) * 10, 60)
    return f"{minutes} min {rest} s" if rest and minutes < 10 else f"{minutes} min"
