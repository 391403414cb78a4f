"""Small pictures as SVG: a few hundred bytes each, sharp at any size, in the colours of the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from ml_assets.shown import figure

if TYPE_CHECKING:
    from ml_assets.records import Curve

WIDTH, HEIGHT = 160, 36
"""Of a picture in a table, in pixels."""
PANEL = 180
"""Side of the frame of a curve, in pixels."""


def bars(counts: Sequence[float], title: str, width: int = WIDTH, height: int = HEIGHT) -> Markup:
    """Draw bars that stand side by side, the highest as high as the picture.

    Parameters
    ----------
    counts : sequence of float
        Heights, from the left.
    title : str
        What the picture says, for who cannot see it, and under the pointer.
    width, height : int
        In pixels.

    >>> bars([1, 2], "two bars", 10, 4)
    Markup('<svg class="bars" viewBox="0 0 10 4" width="10" height="4" role="img" aria-label="two bars">\
<title>two bars</title><path d="M0 4V2H4.5V4ZM5 4V0H9.5V4Z"/></svg>')
    """
    most, each = max(counts, default=0), width / max(len(counts), 1)
    path = "".join(
        f"M{spot(place * each)} {height}V{spot(height - count / most * height)}H{spot((place + 0.9) * each)}V{height}Z"
        for place, count in enumerate(counts)
        if most and count
    )
    return _svg("bars", width, height, title, Markup('<path d="{}"/>').format(path))


def line(values: Sequence[float | None], title: str, width: int = 640, height: int = 120) -> Markup:
    """Draw values one after another as a line, from the smallest to the largest; gaps stay gaps.

    Parameters
    ----------
    values : sequence of float or None
        From the left.
    title : str
        What the picture says.
    width, height : int
        In pixels.

    >>> "M0 8L10 2" in line([1.0, 2.0], "rises", 10, 10)
    True
    """
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    edge, step = 0.2 * height, width / max(len(values) - 1, 1)
    path, pen = "", "M"
    for place, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        share = (value - low) / (high - low) if high > low else 0.5
        path += f"{pen}{spot(place * step)} {spot(height - edge - share * (height - 2 * edge))}"
        pen = "L"
    return _svg("line", width, height, title, Markup('<path d="{}"/>').format(path))


def grid(cells: Sequence[tuple[str, str, Sequence[float]]], across: int = 4) -> bytes:
    """Draw a picture of many small ones, each with a title and a line of words, which stands by itself.

    Parameters
    ----------
    cells : sequence of (str, str, sequence of float)
        Title, words below it, heights of bars.
    across : int
        Cells side by side.
    """
    wide, high, drawn = WIDTH + 40, HEIGHT + 62, list[Markup]()
    for place, (title, words, counts) in enumerate(cells):
        x, y = place % across * wide, place // across * high
        inner = bars(counts, f"{title}: {words}")
        drawn += [
            Markup('<g transform="translate({} {})">').format(x, y),
            Markup('<text y="16" font-weight="600">{}</text>').format(title),
            Markup('<g transform="translate(0 24)">{}</g>').format(inner),
            Markup('<text y="{}" opacity=".75">{}</text></g>').format(HEIGHT + 42, words),
        ]
    width, height = wide * min(across, max(len(cells), 1)), high * -(-len(cells) // across)
    whole = Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" width="{}" height="{}" fill="#5b87c0" '
        'font-family="sans-serif" font-size="12">{}</svg>'
    ).format(width, height, width, height, Markup("").join(drawn))
    return str(whole).encode()


def panel(curve: Curve) -> Markup:
    """Draw one curve in its frame, as a part of a page."""
    said = f"{curve.title}: {curve.y_label} by {curve.x_label}"
    return picture("curve", PANEL + 90, PANEL + 64, said, _panel(curve)[1:])


def overlaid(
    before: Sequence[float], now: Sequence[float], title: str, width: int = 280, height: int = 90
) -> Markup:
    """Draw two distributions over one another, as shares: what was learned as an outline, what came as bars."""
    most = max([*before, *now, 1e-12])
    each = width / max(len(now), 1)

    def y(share: float) -> str:
        return spot(height - share / most * (height - 4))

    bars = "".join(
        f"M{spot(place * each + 0.08 * each)} {height}V{y(share)}H{spot((place + 0.92) * each)}V{height}Z"
        for place, share in enumerate(now)
        if share
    )
    outline = f"M0 {height}" + "".join(
        f"V{y(share)}H{spot((place + 1) * each)}" for place, share in enumerate(before)
    )
    inner = Markup('<path class="now" d="{}"/><path class="before" d="{}V{}"/>').format(bars, outline, height)
    return _svg("overlaid", width, height, title, inner)


def picture(kind: str, width: float, height: float, title: str, shapes: Sequence[Markup]) -> Markup:
    """Put shapes into a picture that says what it shows."""
    return _svg(kind or "plot", round(width), round(height), title, Markup("").join(shapes))


def panels(curves: Sequence[Curve]) -> bytes:
    """Draw curves side by side, each in a frame with its ends, as a picture which stands by itself."""
    width, height = PANEL + 90, PANEL + 80
    drawn = [
        Markup('<g transform="translate({} 0)">{}</g>').format(k * width, Markup("").join(_panel(curve)))
        for k, curve in enumerate(curves)
    ]
    whole = Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" width="{0}" height="{1}" fill="#6b7686" '
        'font-family="sans-serif" font-size="11">{2}</svg>'
    ).format(width * max(len(curves), 1), height, Markup("").join(drawn))
    return str(whole).encode()


def _panel(curve: Curve) -> list[Markup]:
    """One curve in its frame, its title first; the diagonal where a model without fault lies on it."""
    lows, highs = curve.low or curve.y, curve.high or curve.y
    x_ends, y_ends = _ends(curve.x), _ends((*lows, *highs))
    if curve.ideal:
        x_ends = y_ends = min(x_ends[0], y_ends[0]), max(x_ends[1], y_ends[1])

    def place(x: float, y: float) -> str:
        right = (x - x_ends[0]) / (x_ends[1] - x_ends[0]) * PANEL
        return f"{spot(60 + right)} {spot(24 + PANEL - (y - y_ends[0]) / (y_ends[1] - y_ends[0]) * PANEL)}"

    points = list(zip(curve.x, curve.y, strict=True))
    frame = Markup('<rect x="60" y="24" width="{0}" height="{0}" fill="none" stroke="#9aa5b1"/>').format(
        PANEL
    )
    path = Markup('<path d="M{}" fill="none" stroke="#3f78bf" stroke-width="2"/>')
    shapes = [Markup('<text x="60" y="15" font-weight="600">{}</text>').format(curve.title), frame]
    if curve.ideal:
        ends = f"{place(x_ends[0], x_ends[0])}L{place(x_ends[1], x_ends[1])}"
        shapes.append(Markup('<path d="M{}" stroke="#9aa5b1" stroke-dasharray="4 4"/>').format(ends))
    shapes += [
        Markup('<path d="M{}L{}" stroke="#3f78bf" opacity=".5"/>').format(place(x, low), place(x, high))
        for x, low, high in zip(curve.x, curve.low, curve.high, strict=bool(curve.low))
    ]
    shapes.append(path.format("L".join(place(x, y) for x, y in points)))
    if curve.ideal or curve.low:
        shapes += [
            Markup('<circle cx="{}" cy="{}" r="3" fill="#3f78bf"/>').format(*place(x, y).split())
            for x, y in points
        ]
    low, high = (figure(value, 3) for value in x_ends)
    bottom, top = (figure(value, 3) for value in y_ends)
    words = Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>')
    shapes += [
        words.format(60, PANEL + 38, "start", low),
        words.format(60 + PANEL, PANEL + 38, "end", high),
        words.format(60 + PANEL / 2, PANEL + 54, "middle", curve.x_label),
        words.format(55, PANEL + 24, "end", bottom),
        words.format(55, 32, "end", top),
        Markup('<text transform="translate(14 {}) rotate(-90)" text-anchor="middle">{}</text>').format(
            24 + PANEL / 2, curve.y_label
        ),
    ]
    return shapes


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """Ends of an axis: shares go from 0 to 1, other numbers from the least to the largest."""
    low, high = min(values), max(values)
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _svg(kind: str, width: int, height: int, title: str, inner: Markup) -> Markup:
    said = escape(title)
    size = Markup('viewBox="0 0 {} {}" width="{}" height="{}"').format(width, height, width, height)
    told = Markup('role="img" aria-label="{}"><title>{}</title>').format(said, said)
    return Markup('<svg class="{}" {} {}{}</svg>').format(kind, size, told, inner)


def spot(value: float) -> str:
    """A place in a picture."""
    return f"{value:.1f}".removesuffix(".0")
