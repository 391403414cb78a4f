"""The charts of a hold-out: its curves, and where it was wrong."""

from __future__ import annotations

from typing import Final

from ml_assets.records import Curve, Evaluation
from ml_assets.reports.document import Chart, Lines, Matrix, Part, Table, fit, number, table
from ml_assets.shown import figure

POINTS: Final = 20
"""Points of a curve that its table lists, at most; its picture has all."""
MEANING: Final = {
    "roc": "How well it puts rows in order. The further the line bows to the upper left corner, the better.",
    "precision_recall": "The price of finding more: how many of those that it flags are right (upwards), when it is to "
    "find so many of all that are there (to the right).",
    "calibration": "Whether what it says can be taken at its word: on the dashed diagonal what it foretells is what "
    "comes. Bars are 95 % intervals.",
    "errors": "How large its errors are: which share of the rows (upwards) is off by so much at most (to the right).",
    "learning": "The score by how many rows it learned: where the line still rises, more rows help.",
    "loss": "How it learned, pass by pass over the rows: lower is better.",
}
"""What a curve says, by the beginning of its name."""


def curve_charts(evaluation: Evaluation, epochs: tuple[Curve, ...]) -> list[Part | None]:
    """All curves of an evaluation, and how a network learned."""
    return [_curve(curve) for curve in (*evaluation.curves, *epochs) if curve.x]


def _curve(curve: Curve) -> Chart:
    says = next((text for name, text in MEANING.items() if curve.name.startswith(name)), "")
    return Chart(fit(curve.title), says, curve, _numbers(curve))


def _numbers(curve: Curve) -> Table:
    count = len(curve.x)
    last = max(min(count, POINTS) - 1, 1)
    places = sorted({round(k * (count - 1) / last) for k in range(min(count, POINTS))})
    ends = ("from", "to") if curve.low else ()
    rows = (
        (
            figure(curve.x[k]),
            figure(curve.y[k]),
            *((figure(curve.low[k]), figure(curve.high[k])) if curve.low else ()),
        )
        for k in places
    )
    return table((fit(curve.x_label), fit(curve.y_label), *ends), rows, numbers=range(4))


def error_charts(evaluation: Evaluation) -> list[Part | None]:
    """Classes taken for one another, errors by prediction, the newest rows of a time series."""
    charts: list[Part | None] = []
    for each in evaluation.confusions:
        names = tuple(fit(name, 40) for name in each.classes)
        charts.append(
            Chart(
                _of("Classes taken for one another", each.target),
                "Rows by their true class (lines) and the predicted one (columns); dark: a large share of the line.",
                Matrix(names, each.counts),
                table(
                    ("true \\ predicted", *names),
                    (
                        (name, *(f"{n:,}" for n in line))
                        for name, line in zip(names, each.counts, strict=True)
                    ),
                    numbers=range(1, len(names) + 1),
                ),
            )
        )
    for found in evaluation.residuals:
        spread = Curve(
            name="residuals",
            title=_of("Residuals", found.target),
            x_label="predicted",
            y_label="true − predicted",
            x=found.predicted,
            y=found.middle,
            low=found.low,
            high=found.high,
        )
        rows = zip(found.predicted, found.middle, found.low, found.high, found.rows, strict=True)
        charts.append(
            Chart(
                spread.title,
                "What came less what was foretold, by what was foretold: the dot is the middle, the bar holds nine "
                "rows of ten. Above nothing it foretold too little.",
                spread,
                table(
                    ("predicted", "middle error", "5 %", "95 %", "rows"),
                    ((*(figure(v) for v in line[:4]), f"{line[4]:,}") for line in rows),
                    numbers=range(5),
                ),
            )
        )
    if evaluation.recent is not None:
        newest = evaluation.recent
        series = (newest.came, newest.predicted, newest.naive)
        charts.append(
            Chart(
                "The newest rows",
                "What came, what was foretold, and the naive forecast.",
                Lines(("came", "predicted", "naive forecast"), series),
                table(
                    ("came", "predicted", "naive forecast"),
                    (tuple(number(v) for v in line) for line in zip(*series, strict=True)),
                    numbers=range(3),
                ),
            )
        )
    return charts


def _of(title: str, target: str) -> str:
    return f"{title}: {fit(target, 40)}" if target else title
