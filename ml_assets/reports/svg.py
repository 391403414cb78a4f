"""Small pictures as SVG: a few hundred bytes each, sharp at any size, in the colours of the page."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

WIDTH, HEIGHT = 160, 36
"""Of a picture in a table, in pixels."""


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
        f"M{_n(place * each)} {height}V{_n(height - count / most * height)}H{_n((place + 0.9) * each)}V{height}Z"
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
        path += f"{pen}{_n(place * step)} {_n(height - edge - share * (height - 2 * edge))}"
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


def _svg(kind: str, width: int, height: int, title: str, inner: Markup) -> Markup:
    said = escape(title)
    size = Markup('viewBox="0 0 {} {}" width="{}" height="{}"').format(width, height, width, height)
    told = Markup('role="img" aria-label="{}"><title>{}</title>').format(said, said)
    return Markup('<svg class="{}" {} {}{}</svg>').format(kind, size, told, inner)


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
