"""The charts of a document as SVG: each says in words what it shows, and takes its colours from the page."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup

from ml_assets.records import Curve
from ml_assets.reports.document import Bars, Chart, Dots, Lines, Matrix, Overlaid, Ranges
from ml_assets.reports.explained import swarm_lines
from ml_assets.reports.svg import overlaid, panel, picture, spot
from ml_assets.shown import figure, shown

NAMES, WIDE, ROW = 190, 330, 26
"""Of bars and ranges, in pixels: width of the names and of the field, height of a line."""
FIELD: Final = 44
"""Side of a field of a matrix, in pixels."""


def drawn(chart: Chart) -> Markup:
    """Draw a chart."""
    shape, title = chart.shape, chart.title
    if isinstance(shape, Curve):
        return panel(shape)
    if isinstance(shape, Bars):
        return bars(shape, title)
    if isinstance(shape, Ranges):
        return ranges(shape, title)
    if isinstance(shape, Matrix):
        return matrix(shape, title)
    if isinstance(shape, Overlaid):
        return overlaid(shape.before, shape.now, title, 300, 96)
    if isinstance(shape, Lines):
        return lines(shape, title)
    return dots(shape, title)


def bars(shape: Bars, title: str) -> Markup:
    """Draw lengths by name, one below the other."""
    most = max([*map(abs, shape.values), 1e-300])
    shapes = []
    for place, (name, value) in enumerate(zip(shape.names, shape.values, strict=True)):
        y, wide = place * ROW, abs(value) / most * (WIDE - 70)
        shapes += [
            _text(NAMES - 8, y + 17, shown(name, 28), "end"),
            Markup('<rect class="fill" x="{}" y="{}" width="{}" height="14"/>').format(
                NAMES, y + 6, spot(wide)
            ),
            _text(NAMES + wide + 6, y + 17, figure(value, 3)),
        ]
    return picture("", NAMES + WIDE, ROW * len(shape.names) + 4, title, shapes)


def ranges(shape: Ranges, title: str) -> Markup:
    """Draw values with their intervals, one below the other, on one axis."""
    spoken = [end for value in shape.values for end in value if end is not None]
    low, high = min(spoken), max(spoken)
    edge = 0.06 * (high - low) or max(abs(high) * 0.05, 0.01)
    low, high = low - edge, high + edge
    height = ROW * len(shape.names)

    def x(value: float) -> str:
        return spot(NAMES + (value - low) / (high - low) * (WIDE - 20))

    shapes = [Markup('<path class="grid" d="M{0} {2}H{1}"/>').format(NAMES, NAMES + WIDE - 20, height + 4)]
    for place, (name, (value, least, most)) in enumerate(zip(shape.names, shape.values, strict=True)):
        y = place * ROW + 14
        shapes.append(_text(NAMES - 8, y + 4, shown(name, 28), "end"))
        if least is not None and most is not None:
            bar = Markup('<path class="bar" d="M{0} {2}H{1}M{0} {3}V{4}M{1} {3}V{4}"/>')
            shapes.append(bar.format(x(least), x(most), y, y - 5, y + 5))
        shapes.append(Markup('<circle class="fill" cx="{}" cy="{}" r="4.5"/>').format(x(value), y))
    shapes += [
        _text(NAMES, height + 20, figure(low + edge, 3)),
        _text(NAMES + WIDE - 20, height + 20, figure(high - edge, 3), "end"),
    ]
    return picture("", NAMES + WIDE, height + 28, title, shapes)


def matrix(shape: Matrix, title: str) -> Markup:
    """Draw counts in fields, the darker the larger a share of its true class."""
    count = len(shape.names)
    left, top = 120, 62
    shapes = [
        _text(left + count * FIELD / 2, 14, "predicted", "middle"),
        Markup('<text transform="translate(12 {}) rotate(-90)" text-anchor="middle">true</text>').format(
            top + count * FIELD / 2
        ),
    ]
    for k, name in enumerate(shape.names):
        shapes += [
            _text(left - 8, top + k * FIELD + FIELD / 2 + 4, shown(name, 14), "end"),
            Markup(
                '<text transform="translate({} {}) rotate(-35)" text-anchor="start">{}</text>'
                if count > 4
                else '<text x="{}" y="{}" text-anchor="middle">{}</text>'
            ).format(left + k * FIELD + FIELD / 2, top - 8, shown(name, 14 if count > 4 else 8)),
        ]
    for i, line in enumerate(shape.counts):
        whole = max(sum(line), 1)
        for j, cell in enumerate(line):
            part = cell / whole
            shapes += [
                Markup(
                    '<rect class="fill" x="{}" y="{}" width="{}" height="{}" fill-opacity="{:.2f}"/>'
                ).format(left + j * FIELD + 1, top + i * FIELD + 1, FIELD - 2, FIELD - 2, 0.06 + 0.94 * part),
                Markup('<text class="{}" x="{}" y="{}" text-anchor="middle">{:,}</text>').format(
                    "on" if part > 0.5 else "cell",
                    left + j * FIELD + FIELD / 2,
                    top + i * FIELD + FIELD / 2 + 4,
                    cell,
                ),
            ]
    return picture("", left + count * FIELD + 50, top + count * FIELD + 8, title, shapes)


def lines(shape: Lines, title: str) -> Markup:
    """Draw series over one another, each in its own stroke."""
    wide, high = 700, 200
    known = [value for series in shape.values for value in series if value is not None]
    low, top = min(known), max(known)
    span = (top - low) or 1.0
    shapes = [_text(0, 12, figure(top, 3)), _text(0, high, figure(low, 3))]
    for k, series in enumerate(shape.values):
        step, path, pen = (wide - 70) / max(len(series) - 1, 1), "", "M"
        for place, value in enumerate(series):
            if value is None:
                pen = "M"
                continue
            path += f"{pen}{spot(60 + place * step)} {spot(high - 6 - (value - low) / span * (high - 16))}"
            pen = "L"
        shapes.append(Markup('<path class="series s{}" d="{}"/>').format(k, path))
    x = 60
    for k, name in enumerate(shape.names):
        shapes += [
            Markup('<path class="series s{}" d="M{} {}h24"/>').format(k, x, high + 18),
            _text(x + 30, high + 22, name),
        ]
        x += 50 + 7 * len(name)
    return picture("", wide, high + 30, title, shapes)


def dots(shape: Dots, title: str) -> Markup:
    """Draw what columns add to the answers, a dot for each row."""
    width, height, shapes = swarm_lines(shape.swarms, shape.of)
    return picture("", width, height, title, shapes)


def _text(x: float, y: float, words: str, anchor: str = "start") -> Markup:
    return Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(spot(x), spot(y), anchor, words)
