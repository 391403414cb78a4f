"""The names of columns: what no header is, and names that stand twice."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from ml_assets.sources.paths import SourceError

FRACTION = re.compile(r"[+-]?\d*[.,]\d+(?:[eE][+-]?\d+)?")
WHOLE = re.compile(r"[+-]?\d+")
LONGEST_NAME = 10
"""Lines; a name of more is a quote that is not closed."""
NAMED = 5
"""Columns that are named of many."""
UNREAD = ("::", ":", "§", "¦", "/", "\x1f")
"""What some files have in the place of a separator; times, addresses and paths have them, too."""
QUOTED = re.compile(r"'.*'|[‘’].*[‘’]|[“”„].*[“”]|«.*»|`.*`")


def check_header(names: list[str], path: Path) -> None:
    """Refuse a first line that is no header, and names that stand twice."""
    data = _data_in(names)
    if data is not None:
        raise SourceError(
            f"{path}: the first line looks like data, as '{data}', not like the names of columns. Write a "
            "line of names above it"
        )
    check_names(names, path)


def check_names(names: list[str], path: Path) -> None:
    """Refuse names that stand twice."""
    twice = [name for name, times in Counter(names).items() if times > 1 and name]
    if twice:
        named = ", ".join(f"'{name}'" for name in twice[:NAMED]) + " …" * (len(twice) > NAMED)
        raise SourceError(f"{path} has more than one column named {named}: rename or remove all but one")


def check_cut(names: list[str], sample: list[list[str]], path: Path) -> None:
    """Refuse a header of which a quote made one name of many lines, or spaces one name of many."""
    lines = max(name.count("\n") for name in names)
    if lines > (LONGEST_NAME if sample else 1):
        raise SourceError(
            f"{path}, line 1: a quote is opened in the header and not closed, so that the lines below it would be "
            "one name. Close the quote, or remove it"
        )
    if (mark := _unread(names, sample)) is not None:
        raise SourceError(
            f"{path}, line 1: the cells are kept apart by '{mark}', which is not read. Write commas or tabs instead "
            f"(pandas: read_csv(…, sep='{mark}', engine='python').to_csv(…))"
        )
    if all(QUOTED.fullmatch(name) for name in names):
        raise SourceError(
            f'{path}, line 1: names in other quotes than ", as {names[0]}. Write double quotes, or none'
        )
    words = names[0].split()
    rows = [row[0].split() for row in sample if len(row) == 1]
    if len(names) == 1 < len(words) and rows and sum(len(row) == len(words) for row in rows) > len(rows) / 2:
        raise SourceError(
            f"{path}, line 1: nothing but spaces between '{words[0]}' and '{words[1]}'. Write commas or tabs between "
            "the cells (pandas: read_csv(…, sep=r'\\s+').to_csv(…))"
        )


def _unread(names: list[str], sample: list[list[str]]) -> str | None:
    """Separator that is not read, where it would make columns of a table of one."""
    if len(names) != 1 or len(sample) < 2 or any(len(row) != 1 for row in sample):
        return None
    for mark in UNREAD:
        times = names[0].count(mark)
        if times and all(row[0].count(mark) == times for row in sample):
            return mark
    return None


def _data_in(names: list[str]) -> str | None:
    """Cell of a header that is no name: a fraction, or whole numbers in no order, as those of a row."""
    fraction = next((name for name in names if FRACTION.fullmatch(name.strip())), None)
    if fraction is not None:
        return fraction
    numbers = [int(name) for name in names if WHOLE.fullmatch(name.strip())]
    in_order = numbers == sorted(set(numbers)) or numbers == sorted(set(numbers), reverse=True)
    return None if len(numbers) < 2 or in_order else str(numbers[0])
