"""One row explained, as a page: a waterfall from the mean answer to the row's own, and the linear model near it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from ml_assets.reports.page import render
from ml_assets.shown import figure, shown

if TYPE_CHECKING:
    from ml_assets.records import ColumnPart, Explanation, Swarm

SHOWN = 15
"""Columns that are shown one by one; the rest is one line."""
WIDTH, ROW = 420, 24
"""Of the picture and of each line of it, in pixels."""
NAMES, MIDDLE, HALF = 170, 380, 200
"""Of the summary, in pixels: where names end, where nothing is added, and how far the largest point is from there."""
SHADES = ("#9ec5f0", "#74a3d8", "#4d81bd", "#2f6099", "#103a70")
"""From small values to large ones."""
UP, DOWN = "#3f78bf", "#c0662b"


def lines_of(explained: Explanation) -> list[tuple[str, float]]:
    """What adds up to the answer, the largest first: words, and what they add; the small ones together at the end."""
    first, rest = explained.parts[:SHOWN], explained.parts[SHOWN:]
    lines = [(told(part), part.adds) for part in first]
    if rest:
        lines.append((f"{len(rest)} other columns", sum(part.adds for part in rest)))
    return lines


def told(part: ColumnPart) -> str:
    """A column with its value."""
    value = "missing" if part.value is None else part.value
    return (
        f"{shown(part.column, 40)} = {figure(value) if isinstance(value, float) else shown(str(value), 40)}"
    )


def _said(prediction: object) -> str:
    """A number as the columns' parts are told, anything else as it is."""
    try:
        return figure(float(str(prediction)), 5) if "." in str(prediction) else shown(str(prediction), 40)
    except ValueError:
        return shown(str(prediction), 40)


def words(explained: Explanation) -> str:
    """Tell it in plain text."""
    of = f" ({explained.target})" if explained.target else ""
    head = (
        f"{explained.model}, version {explained.version}, row {explained.row} of batch {explained.batch}{of}: "
        f"{_said(explained.prediction)}"
    )
    lines = [("mean answer", f"{explained.base:.4g}")]
    lines += [(text, f"{adds:+.4g}") for text, adds in lines_of(explained)]
    lines.append((explained.of, f"{explained.answer:.4g}"))
    wide = max(len(text) for text, _ in lines)
    near = sorted(explained.parts, key=lambda part: -abs(part.nearby))[:5]
    said = ", ".join(f"{told(part)} {part.nearby:+.3g}" for part in near if part.nearby)
    return "\n".join(
        [
            head,
            *(f"  {text.ljust(wide)}  {value:>10}" for text, value in lines),
            f"  the mean answer is that for {explained.background} rows that it learned; a column's part is exact to "
            f"about {figure(max((part.error for part in explained.parts), default=0.0), 2)}",
            f"Near this row a linear model says what the model says to {max(0.0, explained.told):.0%}: "
            f"{said or 'nothing matters'}",
        ]
    )


def waterfall(explained: Explanation) -> Markup:
    """Draw the way from the mean answer to the row's own, a bar for each column."""
    lines = lines_of(explained)
    ends = [explained.base]
    for _, adds in lines:
        ends.append(ends[-1] + adds)
    low, high = min(ends), max(ends)
    reach = (high - low) or 1.0

    def x(value: float) -> str:
        return f"{(value - low) / reach * (WIDTH - 20) + 10:.1f}"

    drawn = []
    for k, (_, adds) in enumerate(lines):
        left, right = sorted((ends[k], ends[k + 1]))
        drawn.append(
            Markup('<rect x="{}" y="{}" width="{:.1f}" height="14" fill="{}"/>').format(
                x(left),
                k * ROW + 5,
                max(1.0, (right - left) / reach * (WIDTH - 20)),
                UP if adds >= 0 else DOWN,
            )
        )
        drawn.append(
            Markup('<path d="M{0} {1}V{2}" stroke="#9aa5b1"/>').format(
                x(ends[k + 1]), k * ROW + 5, k * ROW + 29
            )
        )
    height = len(lines) * ROW + 10
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img" '
        'aria-label="from {2} to {3}">{4}</svg>'
    ).format(WIDTH, height, figure(explained.base), figure(explained.answer), Markup("").join(drawn))


def summary_picture(swarms: Sequence[Swarm], of: str) -> bytes:
    """Draw what the columns add, a point for each row: to the left less, to the right more; dark a large value."""
    width, height, drawn = swarm_lines(swarms, of)
    whole = Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" width="{0}" height="{1}" fill="#6b7686" '
        'font-family="sans-serif" font-size="11">'
        '<text x="8" y="14" font-weight="600">What the columns add</text>{2}</svg>'
    ).format(width, height, Markup("").join(drawn))
    return str(whole).encode()


def swarm_lines(swarms: Sequence[Swarm], of: str) -> tuple[int, int, list[Markup]]:
    """Width, height and shapes of the picture of what the columns add."""
    most = max((abs(add) for swarm in swarms for add in swarm.adds), default=0.0) or 1.0
    drawn = [Markup('<path d="M{0} 20V{1}" stroke="#9aa5b1"/>').format(MIDDLE, len(swarms) * ROW + 26)]
    points: dict[str, str] = {}
    for k, swarm in enumerate(swarms):
        y = k * ROW + 36
        drawn.append(
            Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(
                NAMES, y + 4, shown(swarm.column, 26)
            )
        )
        for place, (add, value) in enumerate(zip(swarm.adds, swarm.place, strict=True)):
            at = f"M{MIDDLE + add / most * HALF:.0f} {y + (place * 7) % 11 - 5}h0"
            points[_colour(value)] = points.get(_colour(value), "") + at
    # One path for each colour, in which a point is a line of no length: small, however many rows there are.
    dots = Markup('<path d="{}" stroke="{}" stroke-width="5" stroke-linecap="round" opacity=".8"/>')
    drawn += [dots.format(path, colour) for colour, path in points.items()]
    height = len(swarms) * ROW + 60
    ends = (
        f"adds to the {of}: {figure(-most, 3)} to {figure(most, 3)}; dark: a large value, light: a small one"
    )
    drawn.append(Markup('<text x="8" y="{}">{}</text>').format(height - 10, shown(ends, 120)))
    return MIDDLE + HALF + 20, height, drawn


def _colour(place: float | None) -> str:
    """From light to dark; a level, or a value that is missing, is grey."""
    if place is None:
        return "#9aa5b1"
    return SHADES[min(int(place * len(SHADES)), len(SHADES) - 1)]


def explained_page(explained: Explanation) -> str:
    """Write the page: one HTML file which needs no network."""
    return render(
        "explained.html",
        explained=explained,
        target=shown(explained.target, 80),
        prediction=shown(explained.prediction, 80),
        of=shown(explained.of, 80),
        lines=lines_of(explained),
        parts=[(told(part), part) for part in explained.parts],
        waterfall=waterfall(explained),
    )
