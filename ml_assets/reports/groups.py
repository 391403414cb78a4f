"""What a report says of the groups of protected columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ml_assets.records import Evaluation, Gap, ProtectedGroups
from ml_assets.reports.document import Chart, Check, Part, Ranges, Table, fit, number, table
from ml_assets.shown import figure

SURE: Final = 0.05
"""Probability of a gap by chance below which it is sure."""
WORDS: Final = {
    "selection_rate": "share that is predicted to be of the positive class",
    "true_positive_rate": "share that is found, of the rows of the positive class",
    "false_positive_rate": "share that is taken for the positive class, of the other rows",
    "mean_error": "mean of prediction less truth",
}
"""Figures of a group, in words."""


def group_parts(evaluation: Evaluation) -> list[Part | None]:
    """A chart and the gaps of each protected column."""
    return [part for each in evaluation.protected for part in _of_column(each)]


def figure_charts(groups: ProtectedGroups) -> Iterator[Part | None]:
    """Each figure of the groups of a column, with its interval."""
    column = fit(groups.column, 60)
    for name, figures in groups.figures.items():
        yield Chart(
            f"{column}: {fit(name, 60)}",
            f"For each group the {WORDS.get(name, fit(name, 60))}, with its 95 % interval.",
            Ranges(
                tuple(fit(each.group, 60) for each in figures),
                tuple((each.value, each.low, each.high) for each in figures),
            ),
            table(
                ("group", "rows", fit(name, 60), "95 % from", "to"),
                (
                    (
                        fit(each.group, 60),
                        f"{each.rows:,}",
                        number(each.value),
                        number(each.low),
                        number(each.high),
                    )
                    for each in figures
                ),
                numbers=(1, 2, 3, 4),
            ),
        )


def _of_column(groups: ProtectedGroups) -> Iterator[Part | None]:
    yield from figure_charts(groups)
    yield gap_table(groups)
    if groups.small:
        yield (
            f"Too few rows to judge some figure of {fit(groups.column, 60)}: "
            f"{', '.join(fit(name, 60) for name in groups.small)} (evaluation.fairness.min_rows)."
        )


def gap_table(groups: ProtectedGroups) -> Table:
    """Every gap of a column, with its interval and its limit."""
    return table(
        ("gap", "is", "95 % from", "to", "ratio", "most", "least", "limit", "it is"),
        (
            (
                gap.measure,
                number(gap.value),
                number(gap.low),
                number(gap.high),
                number(gap.ratio, 3),
                fit(gap.most, 60),
                fit(gap.least, 60),
                number(gap.limit),
                verdict(gap),
            )
            for gap in groups.gaps
        ),
        f"Gaps between the groups of {fit(groups.column, 60)}: the largest difference of two groups, its interval for "
        "all pairs together; ratio: the smallest share over the largest",
        (1, 2, 3, 4, 7),
    )


def verdict(gap: Gap) -> str:
    """What is to be thought of a gap, in words."""
    if gap.limit is None:
        return "surely there" if gap.p < SURE else "perhaps chance"
    if gap.p < SURE:
        return "▼ surely above the limit"
    return "above the limit, not surely" if gap.value > gap.limit else "within the limit"


def group_checks(evaluation: Evaluation) -> Iterator[Check]:
    """Whether a gap is above its limit; without limits, the widest that is surely there."""
    for groups in evaluation.protected:
        name = f"Groups of {fit(groups.column, 60)}"
        limited = [gap for gap in groups.gaps if gap.limit is not None]
        above = [gap for gap in limited if gap.value > (gap.limit or 0.0)]
        for gap in above:
            sure = "surely " if gap.p < SURE else "perhaps "
            yield Check(name, "look", f"{told(gap)}: {sure}above its limit {figure(gap.limit or 0.0)}")
        if limited and not above:
            yield Check(name, "pass", "; ".join(f"{told(gap)} is within its limit" for gap in limited))
        if not limited:
            there = [told(gap) for gap in groups.gaps if gap.p < SURE]
            yield Check(name, "pass", f"{'; '.join(there) or 'no gap is sure'} (no limit is stated)")
        if not groups.gaps:
            yield Check(name, "look", "too few rows in two groups to compare them")


def told(gap: Gap) -> str:
    """A gap in words.

    >>> told(Gap(measure="metric_difference", figure="f1", value=0.25, low=0.1, high=0.4, most="a", least="b"))
    'metric_difference 0.25 (0.1 to 0.4), most a, least b'
    """
    return (
        f"{gap.measure} {figure(gap.value)} ({figure(gap.low)} to {figure(gap.high)}), most {fit(gap.most, 60)}, "
        f"least {fit(gap.least, 60)}"
    )
