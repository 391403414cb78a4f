"""One batch: its rows, what was set aside, and each column beside what the champion has learned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from markupsafe import Markup

from ml_assets.failures import MendableError
from ml_assets.names import STATIC
from ml_assets.pages.charts import overlaid
from ml_assets.pages.known import Model
from ml_assets.records import ColumnDrift
from ml_assets.shown import figure, shown

PICTURES: Final = 6
"""Columns that are drawn, those that drifted most first."""
BINS: Final = 16
LEVELS: Final = 8
ROWS: Final = 4_000
"""Rows of either side that are drawn from."""


class Beside(NamedTuple):
    """A column of a batch over the same column of the rows that the champion learned."""

    column: ColumnDrift
    picture: Markup
    words: str
    parts: list[tuple[str, float, float]]
    """Stretch or value, share before, share now."""


def beside(model: Model, batch: str, as_of: str | None, columns: Sequence[ColumnDrift]) -> list[Beside]:
    """Draw the columns that drifted most over what was learned; none where either side cannot be read."""
    order = sorted(columns, key=lambda c: (not c.drifted, -(c.importance or 0.0), -c.effect))[:PICTURES]
    wanted = [column.column for column in order]
    store = model.store
    try:
        if as_of is None or not store.has("training_set", as_of) or not store.has("cleaned_features", batch):
            return []
        there = {*store.columns("training_set", as_of)} & {*store.columns("cleaned_features", batch)}
        names = [name for name in wanted if name in there]
        before = store.read_frame("training_set", as_of, names).head(ROWS)
        now = store.read_frame("cleaned_features", batch, names).head(ROWS)
    except (MendableError, OSError, ValueError):
        return []
    found = []
    for column in order:
        if column.column in names:
            parts = _parts(before[column.column].tolist(), now[column.column].tolist())
            title = f"{shown(column.column, 60)}: shares of the rows, learned (outline) and in {batch} (bars)"
            picture = overlaid([b for _, b, _ in parts], [n for _, _, n in parts], title)
            found.append(Beside(column, picture, _words(column), parts))
    return found


def _words(column: ColumnDrift) -> str:
    usual = "" if column.usual is None else f", usual is up to {figure(column.usual, 2)}"
    moved = column.trend or ("drifted" if column.drifted else "as before")
    return f"{moved}: {column.effect_name} {figure(column.effect, 2)}{usual}"


def _parts(before: list[Any], now: list[Any]) -> list[tuple[str, float, float]]:
    """Shares of the rows in stretches of numbers, or of the commonest values."""
    numbers = all(_is_number(value) or _is_missing(value) for value in (*before, *now))
    return _stretches(before, now) if numbers else _values(before, now)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_missing(value: Any) -> bool:
    return (
        value is None
        or (isinstance(value, float) and not math.isfinite(value))
        or str(value) in ("<NA>", "NaT")
    )


def _stretches(before: list[Any], now: list[Any]) -> list[tuple[str, float, float]]:
    sides = [[float(v) for v in side if not _is_missing(v)] for side in (before, now)]
    both = sorted([*sides[0], *sides[1]])
    if not both:
        return _values(before, now)
    # Two far values must not squeeze all others into one bar.
    low, high = both[int(0.005 * (len(both) - 1))], both[int(0.995 * (len(both) - 1))]
    if high <= low:
        high = low + 1.0
    step = (high - low) / BINS

    def shares(side: list[float], rows: int) -> list[float]:
        counts = [0] * BINS
        for value in side:
            counts[min(max(int((value - low) / step), 0), BINS - 1)] += 1
        return [count / max(rows, 1) for count in counts]

    first, second = shares(sides[0], len(before)), shares(sides[1], len(now))
    found = [
        (f"{figure(low + k * step, 3)} to {figure(low + (k + 1) * step, 3)}", first[k], second[k])
        for k in range(BINS)
    ]
    empty = [1 - len(side) / max(len(whole), 1) for side, whole in zip(sides, (before, now), strict=True)]
    return [*found, ("missing", empty[0], empty[1])] if any(empty) else found


def _values(before: list[Any], now: list[Any]) -> list[tuple[str, float, float]]:
    counts: dict[str, list[int]] = {}
    for side, values in enumerate((before, now)):
        for value in values:
            name = "missing" if _is_missing(value) else str(value)
            counts.setdefault(name, [0, 0])[side] += 1
    rows = (max(len(before), 1), max(len(now), 1))
    shares = {name: (c[0] / rows[0], c[1] / rows[1]) for name, c in counts.items()}
    order = sorted(shares, key=lambda name: -sum(shares[name]))
    found = [(shown(name, 40), *shares[name]) for name in order[:LEVELS]]
    rest = [shares[name] for name in order[LEVELS:]]
    if rest:
        found.append((f"{len(rest):,} others", sum(r[0] for r in rest), sum(r[1] for r in rest)))
    return found


def is_label(text: str) -> bool:
    """Whether a part of an address may be a batch."""
    return text == STATIC or (10 <= len(text) <= 16 and set(text) <= set("0123456789-:"))
