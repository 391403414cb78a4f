"""Curves of an evaluation, the champion's and another version's in one frame, each with its table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from markupsafe import Markup

from ml_assets.records import Curve
from ml_assets.shown import figure, shown

SIDE: Final = 220
"""Of the frame, in pixels."""
LEFT, TOP, BELOW = 52, 10, 44
POINTS: Final = 12
"""Most points of a curve that its table lists; the report of the version has all."""
MEANING: Final = {
    "roc": "How well it puts rows in order. The further the line bows to the upper left corner, the better; the dotted"
    " diagonal is what tossing a coin does.",
    "precision_recall": "The price of finding more: how many of those that it flags are right (upwards), when it is to"
    " find so many of all that are there (to the right).",
    "calibration": "Whether what it says can be taken at its word: on the dotted diagonal, what it foretells is what"
    " comes. Thin lines are 95 % intervals.",
    "errors": "How large its errors are: which share of the rows (upwards) is off by no more than so much (to the"
    " right).",
    "loss": "How it learned, pass by pass over the rows: lower is better.",
}
"""What a curve says, by its name."""
DIAGONAL: Final = ("roc", "calibration")
"""Curves with a diagonal to compare with."""


class Side(NamedTuple):
    """A version and its curves."""

    words: str
    rows: int
    """Of its hold-out."""
    curves: Sequence[Curve]


class Panel(NamedTuple):
    """One kind of curve: its picture, what it says, and a table for each version."""

    title: str
    meaning: str
    picture: Markup
    x_label: str
    y_label: str
    tables: list[tuple[str, list[tuple[str, str]]]]
    """Version, and rows of x and y; y with its interval where there is one."""


def panels(sides: Sequence[Side]) -> list[Panel]:
    """Lay the curves of one version or two over one another; a curve that the first lacks is left out."""
    found = []
    for curve in sides[0].curves if sides else ():
        same = [(side.words, c) for side in sides for c in side.curves if c.name == curve.name and c.x]
        if not same:
            continue
        title = shown(curve.title, 80)
        said = f"{title}: {' and '.join(words for words, _ in same)}; the table has the numbers"
        found.append(
            Panel(
                title,
                next((text for name, text in MEANING.items() if _is_called(curve.name, name)), ""),
                _picture([each for _, each in same], said),
                shown(curve.x_label, 60),
                shown(curve.y_label, 60),
                [(words, _rows(each)) for words, each in same],
            )
        )
    return found


def _is_called(name: str, kind: str) -> bool:
    """Whether a curve is of a kind; of several targets each has its own, named behind it."""
    return name == kind or name.startswith(f"{kind}_")


def _rows(curve: Curve) -> list[tuple[str, str]]:
    count = len(curve.x)
    places = (
        range(count)
        if count <= POINTS
        else sorted({round(k * (count - 1) / (POINTS - 1)) for k in range(POINTS)})
    )
    return [
        (
            figure(curve.x[k], 3),
            figure(curve.y[k], 3)
            + (f" ({figure(curve.low[k], 3)}–{figure(curve.high[k], 3)})" if curve.low else ""),
        )
        for k in places
    ]


def _picture(curves: Sequence[Curve], title: str) -> Markup:
    xs = [x for curve in curves for x in curve.x]
    ys = [y for curve in curves for y in (*curve.y, *curve.low, *curve.high)]
    x_ends, y_ends = _ends(xs), _ends(ys)
    if curves[0].ideal:
        x_ends = y_ends = min(x_ends[0], y_ends[0]), max(x_ends[1], y_ends[1])

    def x(value: float) -> str:
        return _n(LEFT + (value - x_ends[0]) / (x_ends[1] - x_ends[0]) * SIDE)

    def y(value: float) -> str:
        return _n(TOP + (y_ends[1] - value) / (y_ends[1] - y_ends[0]) * SIDE)

    drawn = [
        Markup('<rect class="frame" x="{0}" y="{1}" width="{2}" height="{2}"/>').format(LEFT, TOP, SIDE),
        Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(
            LEFT - 6, TOP + 10, figure(y_ends[1], 3)
        ),
        Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(
            LEFT - 6, TOP + SIDE, figure(y_ends[0], 3)
        ),
        Markup('<text x="{}" y="{}">{}</text>').format(LEFT, TOP + SIDE + 16, figure(x_ends[0], 3)),
        Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(
            LEFT + SIDE, TOP + SIDE + 16, figure(x_ends[1], 3)
        ),
        Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(
            LEFT + SIDE / 2, TOP + SIDE + 34, shown(curves[0].x_label, 44)
        ),
        Markup('<text transform="translate(14 {}) rotate(-90)" text-anchor="middle">{}</text>').format(
            TOP + SIDE / 2, shown(curves[0].y_label, 40)
        ),
    ]
    if any(_is_called(curves[0].name, name) for name in DIAGONAL):
        low, high = max(x_ends[0], y_ends[0]), min(x_ends[1], y_ends[1])
        drawn.append(
            Markup('<path class="diagonal" d="M{} {}L{} {}"/>').format(x(low), y(low), x(high), y(high))
        )
    for curve, kind in zip(curves, ("mine", "other"), strict=False):
        bars = "".join(
            f"M{x(at)} {y(low)}V{y(high)}"
            for at, low, high in zip(curve.x, curve.low, curve.high, strict=bool(curve.low))
        )
        line = "L".join(f"{x(at)} {y(value)}" for at, value in zip(curve.x, curve.y, strict=True))
        drawn.append(Markup('<path class="{0} ends" d="{1}"/>').format(kind, bars) if bars else Markup(""))
        drawn.append(Markup('<path class="{}" d="M{}"/>').format(kind, line))
    width, height = LEFT + SIDE + 10, TOP + SIDE + BELOW
    return Markup(
        '<svg class="curve" viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img" aria-label="{2}">'
        "<title>{2}</title>{3}</svg>"
    ).format(width, height, title, Markup("").join(drawn))


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """Ends of an axis: shares go from 0 to 1, other numbers from the least to the largest."""
    low, high = min(values), max(values)
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
