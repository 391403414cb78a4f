"""Pictures in SVG, drawn here: each has a title for who cannot see it, and takes its colours from the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from markupsafe import Markup, escape

from ml_assets.shown import figure

WIDTH: Final = 960
HEIGHT: Final = 300
LEFT, RIGHT, TOP, LANE = 56, 16, 26, 54
"""Margins of the timeline; below it a lane for what happened."""
MOST_LABELS: Final = 9


class Moment(NamedTuple):
    """One batch on the timeline."""

    batch: str
    value: float | None
    low: float | None
    high: float | None
    holdout: float | None
    drifted: bool
    faulty: bool
    breach: bool
    events: tuple[str, ...]
    """Signs of what happened at it, as `PROMOTED`."""


PROMOTED, UNDONE, TRAINED = "promoted", "undone", "trained"


def spark(values: Sequence[float | None], title: str, width: int = 120, height: int = 30) -> Markup:
    """Draw a small line with a dot at its end; nothing where there are fewer than two values."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return Markup("")
    low, high = min(known), max(known)
    step = (width - 8) / (len(values) - 1)
    path, pen, last = "", "M", (0.0, 0.0)
    for place, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        share = (value - low) / (high - low) if high > low else 0.5
        last = 4 + place * step, height - 5 - share * (height - 10)
        path += f"{pen}{_n(last[0])} {_n(last[1])}"
        pen = "L"
    inner = Markup('<path d="{}"/><circle cx="{}" cy="{}" r="2.6"/>').format(path, _n(last[0]), _n(last[1]))
    return _svg("spark", width, height, title, inner)


def heights(counts: Sequence[float], title: str, width: int = 120, height: int = 30) -> Markup:
    """Draw bars that stand side by side, the highest as high as the picture."""
    most, each = max(counts, default=0) or 1, width / max(len(counts), 1)
    path = "".join(
        f"M{_n(place * each)} {height}V{_n(height - count / most * height)}H{_n((place + 0.88) * each)}V{height}Z"
        for place, count in enumerate(counts)
        if count
    )
    return _svg("heights", width, height, title, Markup('<path d="{}"/>').format(path))


def timeline(moments: Sequence[Moment], metric: str, title: str) -> Markup:
    """Draw the live score with its interval, batch by batch, the hold-out's beside it, and below what happened."""
    spoken = [v for m in moments for v in (m.low, m.high, m.value, m.holdout) if v is not None]
    if not spoken:
        return Markup("")
    ends = _ends(spoken)
    span = (WIDTH - LEFT - RIGHT) / max(len(moments), 1)

    def x(place: int) -> float:
        return LEFT + (place + 0.5) * span

    def y(value: float) -> float:
        return TOP + (ends[1] - value) / (ends[1] - ends[0]) * (HEIGHT - TOP - LANE)

    drawn = [_grid(ends, y, metric)]
    drawn += _steps(moments, x, y, span)
    line = ""
    pen = "M"
    for place, moment in enumerate(moments):
        if moment.low is not None and moment.high is not None:
            bar = Markup('<line class="bar" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>')
            drawn.append(bar.format(_n(x(place)), _n(y(moment.low)), _n(y(moment.high))))
        if moment.value is None:
            pen = "M"
            continue
        line += f"{pen}{_n(x(place))} {_n(y(moment.value))}"
        pen = "L"
    drawn.append(Markup('<path class="live" d="{}"/>').format(line))
    for place, moment in enumerate(moments):
        drawn += _dots(moment, x(place), y)
    drawn += _labels([moment.batch for moment in moments], x)
    return _svg("timeline", WIDTH, HEIGHT, title, Markup("").join(drawn))


def _grid(ends: tuple[float, float], y: object, metric: str) -> Markup:
    assert callable(y)
    lines = []
    for value in (ends[0], (ends[0] + ends[1]) / 2, ends[1]):
        lines.append(
            Markup(
                '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>'
                '<text class="axis" x="{}" y="{}" text-anchor="end">{}</text>'
            ).format(
                LEFT, WIDTH - RIGHT, _n(y(value)), _n(y(value)), LEFT - 8, _n(y(value) + 4), figure(value, 3)
            )
        )
    lines.append(Markup('<text class="axis strong" x="0" y="14">{}</text>').format(metric))
    return Markup("").join(lines)


def _steps(moments: Sequence[Moment], x: object, y: object, span: float) -> list[Markup]:
    """The hold-out's score of whoever was in charge: a dashed line with steps."""
    assert callable(x) and callable(y)
    path, before = "", None
    for place, moment in enumerate(moments):
        if moment.holdout is None:
            before = None
            continue
        start, end, height = x(place) - span / 2, x(place) + span / 2, y(moment.holdout)
        path += f"{'M' if before is None else 'L'}{_n(start)} {_n(height)}L{_n(end)} {_n(height)}"
        before = moment.holdout
    return [Markup('<path class="holdout" d="{}"/>').format(path)] if path else []


def _dots(moment: Moment, x: float, y: object) -> list[Markup]:
    assert callable(y)
    drawn = []
    if moment.value is not None:
        height = y(moment.value)
        shape = (
            Markup('<path class="breach" d="M{} {}l6 6l-6 6l-6 -6z"><title>{}</title></path>').format(
                _n(x), _n(height - 6), moment.batch
            )
            if moment.breach
            else Markup('<circle class="dot" cx="{}" cy="{}" r="3.4"><title>{}</title></circle>').format(
                _n(x), _n(height), moment.batch
            )
        )
        drawn.append(shape)
    base = HEIGHT - LANE + 18
    if PROMOTED in moment.events or UNDONE in moment.events:
        drawn.append(
            Markup('<line class="change" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
                _n(x), TOP, HEIGHT - LANE
            )
        )
    signs = "".join(sign for event, sign in SIGNS.items() if event in moment.events)
    signs += "✕" * moment.faulty + "≈" * (moment.drifted and not moment.faulty)
    if signs:
        drawn.append(
            Markup('<text class="sign" x="{}" y="{}" text-anchor="middle">{}</text>').format(
                _n(x), base, signs
            )
        )
    return drawn


SIGNS: Final = {PROMOTED: "▲", UNDONE: "▼", TRAINED: "○"}
"""Signs below the timeline."""


def _labels(batches: Sequence[str], x: object) -> list[Markup]:
    assert callable(x)
    every = max(1, -(-len(batches) // MOST_LABELS))
    return [
        Markup('<text class="axis" x="{}" y="{}" text-anchor="middle">{}</text>').format(
            _n(x(place)), HEIGHT - 8, batch
        )
        for place, batch in enumerate(batches)
        if place % every == 0
    ]


def pareto(
    points: Sequence[tuple[str, float, float, bool]],
    x_label: str,
    y_label: str,
    title: str,
    here: tuple[str, float, float] | None = None,
) -> Markup:
    """Draw policies by what they cost and what they gain; those that no other beats in both have a name.

    `here` is one more point, a square: name, cost, gain.
    """
    if not points:
        return Markup("")
    width, height, left, bottom = 720, 340, 60, 44
    placed = [(cost, gain) for _, cost, gain, _ in points] + ([here[1:]] if here is not None else [])
    costs = [cost for cost, _ in placed]
    xs, ys = (min(0.0, *costs), max(*costs, 1.0)), _ends([gain for _, gain in placed])
    floor = height - bottom

    def place(cost: float, gain: float) -> tuple[float, float]:
        return (
            left + 10 + (cost - xs[0]) / (xs[1] - xs[0]) * (width - left - 160),
            28 + (ys[1] - gain) / (ys[1] - ys[0]) * (floor - 40),
        )

    drawn = [
        Markup('<line class="grid" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/>').format(left, width - 10, floor),
        Markup('<text class="axis strong" x="{}" y="{}" text-anchor="end">{}</text>').format(
            width - 10, height - 6, x_label
        ),
        Markup('<text class="axis strong" x="0" y="14">{}</text>').format(y_label),
    ]
    for value in dict.fromkeys((xs[0], round((xs[0] + xs[1]) / 2), xs[1])):
        drawn.append(
            Markup('<text class="axis" x="{}" y="{}" text-anchor="middle">{}</text>').format(
                _n(place(value, ys[0])[0]), floor + 18, figure(value, 3)
            )
        )
    for value in ys:
        drawn.append(
            Markup('<text class="axis" x="{}" y="{}" text-anchor="end">{}</text>').format(
                left - 8, _n(place(0, value)[1] + 4), figure(value, 3)
            )
        )
    names = []
    for name, cost, gain, mine in points:
        beaten = any(c <= cost and g >= gain and (c, g) != (cost, gain) for _, c, g, _ in points)
        x, y = place(cost, gain)
        kind = "mine" if mine else "beaten" if beaten else "best"
        drawn.append(
            Markup('<circle class="{}" cx="{}" cy="{}" r="{}"><title>{}</title></circle>').format(
                kind, _n(x), _n(y), 6 if not beaten else 4, name
            )
        )
        if not beaten or mine:
            names.append((name, x + 10, y + 4, "axis"))
    if here is not None:
        x, y = place(*here[1:])
        drawn.append(
            Markup('<rect class="here" x="{}" y="{}" width="12" height="12"/>').format(_n(x - 6), _n(y - 6))
        )
        names.append((here[0], x + 10, y + 4, "axis strong"))
    for (name, x, _, kind), y in zip(names, apart([each[:3] for each in names]), strict=True):
        drawn.append(Markup('<text class="{}" x="{}" y="{}">{}</text>').format(kind, _n(x), _n(y), name))
    return _svg("pareto", width, height, title, Markup("").join(drawn))


def apart(labels: Sequence[tuple[str, float, float]], line: float = 14, letter: float = 7) -> list[float]:
    """Give a height to each label, as near to its own as no other is written over; name, left end and height of each.

    >>> apart([("never", 0, 100), ("always", 10, 104), ("far", 400, 100)])
    [100, 114, 100]
    """
    found = [height for _, _, height in labels]
    done: list[int] = []
    for at in sorted(range(len(labels)), key=lambda each: labels[each][2]):
        name, start, _ = labels[at]
        for other in sorted(done, key=lambda each: found[each]):
            text, begin, _ = labels[other]
            beside = start >= begin + letter * len(text) or begin >= start + letter * len(name)
            if not beside and abs(found[at] - found[other]) < line:
                found[at] = found[other] + line
        done.append(at)
    return found


def gains(rows: Sequence[tuple[str, float, float, float]], label: str, title: str) -> Markup:
    """Draw gains with their intervals beside a line at nothing gained; each row has name, gain, lower and upper end."""
    if not rows:
        return Markup("")
    width, left, tall = 720, 110, 34
    height = 30 + tall * len(rows) + 24
    ends = _ends([0.0, *(value for _, _, low, high in rows for value in (low, high))])

    def x(value: float) -> str:
        return _n(left + (value - ends[0]) / (ends[1] - ends[0]) * (width - left - 20))

    drawn = [
        Markup('<text class="axis strong" x="0" y="14">{}</text>').format(label),
        Markup('<line class="zero" x1="{0}" x2="{0}" y1="24" y2="{1}"/>').format(x(0.0), height - 22),
        Markup('<text class="axis" x="{}" y="{}" text-anchor="middle">0</text>').format(x(0.0), height - 6),
    ]
    for place, (name, gain, low, high) in enumerate(rows):
        y = 30 + tall * (place + 0.5)
        drawn.append(
            Markup(
                '<text class="axis" x="0" y="{1}">{0}</text><line class="bar" x1="{2}" x2="{3}" y1="{4}" y2="{4}"/>'
                '<circle class="best" cx="{5}" cy="{4}" r="5"/>'
            ).format(name, _n(y + 4), x(low), x(high), _n(y), x(gain))
        )
    for value in ends:
        anchor = "start" if value == ends[0] else "end"
        drawn.append(
            Markup('<text class="axis" x="{}" y="{}" text-anchor="{}">{}</text>').format(
                x(value), height - 6, anchor, figure(value, 2)
            )
        )
    return _svg("pareto gains", width, height, title, Markup("").join(drawn))


def _ends(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    edge = 0.08 * (high - low) or max(abs(high) * 0.05, 0.01)
    if low >= 0 and high <= 1:  # it may be a share, of which there is no more than all
        return max(low - edge, 0.0), min(high + edge, 1.0)
    return low - edge, high + edge


def _svg(kind: str, width: int, height: int, title: str, inner: Markup) -> Markup:
    size = Markup('viewBox="0 0 {} {}" width="{}" height="{}"').format(width, height, width, height)
    said = escape(title)
    return Markup('<svg class="{}" {} role="img" aria-label="{}"><title>{}</title>{}</svg>').format(
        kind, size, said, said, inner
    )


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
