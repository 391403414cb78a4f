"""The report of a batch: its rows, what was set aside, what is faulty or has drifted, the live score, what followed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ml_assets.names import STATIC
from ml_assets.records import ColumnDrift, ColumnShapes, DriftReport, PerformanceReport, Quarantine
from ml_assets.reports.document import (
    Chart,
    Check,
    Checklist,
    Document,
    Notes,
    Overlaid,
    Part,
    Ranges,
    document,
    fit,
    number,
    sentence,
    table,
)
from ml_assets.reports.groups import figure_charts, gap_table
from ml_assets.reports.page import share
from ml_assets.shown import counted, figure

COLUMNS: Final = 200
"""Columns in the table of the drift."""


@dataclass(frozen=True)
class BatchFacts:
    """The records that a report of a batch is made of; what is not known yet is left out of it, and said."""

    name: str
    batch: str
    rows: int | None
    """Rows that were taken in; None where there are none."""
    drift: DriftReport | None = None
    live: PerformanceReport | None = None
    """The report that scored this batch, which comes with its labels."""
    aside: Quarantine | None = None
    shapes: ColumnShapes | None = None
    accepted: bool = False
    """Whether a person has confirmed the batch as the new normal."""
    followed: tuple[tuple[str, str], ...] = ()
    """When, and what was decided on it."""


def batch_document(facts: BatchFacts) -> Document:
    """Say how a batch was: what is wrong first, then how good the answers for it were, then column by column."""
    drift, rows = facts.drift, facts.rows
    of = "the table" if facts.batch == STATIC else facts.batch
    taken = (
        "No rows were taken in."
        if rows is None
        else f"{counted(rows, 'row')} {'was' if rows == 1 else 'were'} taken in."
    )
    told = sentence(fit(drift.text, 1200)) if drift is not None and drift.text else "No report speaks of it."
    beside = ""
    if drift is not None and drift.champion_version is not None:
        beside = f"Beside {drift.reference_rows:,} rows that version {drift.champion_version} has learned."
    return document(
        f"{facts.name}, {of}",
        f"{taken} {told}",
        beside,
        (
            ("What to look at", [Checklist(tuple(_checks(facts)))]),
            ("How good it was", list(_live(facts))),
            ("How it treated groups of people", list(_groups(facts.live))),
            ("What is faulty", [Notes(tuple(fit(text, 400) for text in (drift.faults if drift else ())))]),
            ("What was set aside", list(_aside(facts.aside))),
            ("Columns that moved most", _pictures(facts)),
            ("Every column", list(_columns(drift))),
            ("What was decided on it", [table(("when", "what"), facts.followed)]),
        ),
    )


def _checks(facts: BatchFacts) -> Iterator[Check]:
    drift, live, aside = facts.drift, facts.live, facts.aside
    if drift is not None:
        faults = len(drift.faults)
        if faults and facts.accepted:
            yield Check("Faults", "look", f"{faults}: a person has confirmed the batch as the new normal")
        else:
            yield Check("Faults", "fail" if faults else "pass", f"{faults}" if faults else "none")
        moved = sum(column.drifted for column in drift.columns)
        told = f"{moved} of {len(drift.columns)} columns drifted"
        if drift.status == "insufficient_data":
            yield Check("Drift", "look", "too few rows to tell")
        elif drift.columns:
            yield Check("Drift", "look" if moved or drift.status == "drift" else "pass", told)
    if aside is not None and aside.rows:
        refused = "; so many that the batch was refused" if aside.blocked else ""
        yield Check(
            "Rows set aside",
            "fail" if aside.blocked else "look",
            f"{aside.rows:,} of {aside.read:,} rows{refused}",
        )
    if live is not None and live.concept is not None:
        yield Check(
            "Loss of the rows",
            "fail" if live.concept.alarm else "pass",
            fit(live.concept.text, 400) or "as on the hold-out",
        )
    for test in live.gap_tests if live is not None else ():
        where = f"{test.measure} of {fit(test.column, 60)}"
        words = fit(test.text, 400) if test.alarm else f"{where} is not surely above {figure(test.limit)}"
        yield Check("Groups of people", "fail" if test.alarm else "pass", words)
    if live is not None and live.score is not None and live.holdout is not None:
        better = live.direction == "maximize"
        worse = live.score.high < live.holdout.value if better else live.score.low > live.holdout.value
        yield Check(
            "Live score",
            "look" if worse else "pass",
            f"{live.metric} {figure(live.score.value)}, {figure(live.holdout.value)} on the hold-out",
        )


def _live(facts: BatchFacts) -> Iterator[Part | None]:
    live = facts.live
    if live is None or live.score is None:
        yield "There is no live score yet: its labels have not come, or are too few."
        return
    yield sentence(fit(live.text, 1200))
    named = [("live", live.score), *([("hold-out", live.holdout)] if live.holdout is not None else [])]
    ends = [(name, (score.value, score.low, score.high)) for name, score in named]
    yield Chart(
        f"{live.metric}: {'more' if live.direction == 'maximize' else 'less'} is better",
        f"Of version {live.champion_version} on {live.rows:,} labelled rows ({share(live.coverage)} of the batch), "
        "beside its hold-out; the bar is the 95 % interval.",
        Ranges(tuple(name for name, _ in ends), tuple(values for _, values in ends)),
        table(
            ("", live.metric, "95 % from", "to"),
            ((name, *map(number, values)) for name, values in ends),
            numbers=(1, 2, 3),
        ),
    )


def _groups(live: PerformanceReport | None) -> Iterator[Part | None]:
    for groups in live.protected if live is not None else ():
        yield from figure_charts(groups)
        yield gap_table(groups)


def _aside(aside: Quarantine | None) -> Iterator[Part | None]:
    if aside is None or not aside.rows:
        return
    yield f"{aside.rows:,} of {aside.read:,} rows break a rule and were not used."
    yield table(
        ("rows", "what they are like"),
        ((f"{rule.rows:,}", fit(rule.words, 200)) for rule in aside.rules),
        "A row that breaks several rules counts with the first; `ml-assets quarantine` writes them",
        (0,),
    )


def _pictures(facts: BatchFacts) -> list[Part | None]:
    if facts.shapes is None or facts.drift is None:
        return []
    known = {column.column: column for column in facts.drift.columns}
    return [
        Chart(
            fit(each.column, 60),
            _words(known[each.column]) if each.column in known else "",
            Overlaid(each.learned, each.now),
            table(
                ("value", "learned (outline)", "this batch (bars)"),
                (
                    (fit(place, 60), share(before), share(now))
                    for place, before, now in zip(each.places, each.learned, each.now, strict=True)
                ),
                numbers=(1, 2),
            ),
        )
        for each in facts.shapes.columns
    ]


def _words(column: ColumnDrift) -> str:
    usual = "" if column.usual is None else f", usual is up to {figure(column.usual, 2)}"
    moved = column.trend or ("drifted" if column.drifted else "as before")
    return f"{moved}: {column.effect_name} {figure(column.effect, 2)}{usual}"


def _columns(drift: DriftReport | None) -> Iterator[Part | None]:
    if drift is None:
        return
    order = sorted(drift.columns, key=lambda c: (not c.drifted, -(c.importance or 0), c.column))
    more = f", {len(order) - COLUMNS:,} others are not listed" if len(order) > COLUMNS else ""
    yield table(
        ("column", "verdict", "measure", "effect", "usual up to", "p", "importance", "note"),
        (
            (
                fit(each.column),
                "≈ drifted" if each.drifted else each.trend or "as before",
                each.effect_name,
                figure(each.effect, 3),
                number(each.usual, 3),
                "< 0.001" if each.p_value < 0.001 else figure(each.p_value, 2),
                number(each.importance, 3),
                fit(each.note, 200),
            )
            for each in order[:COLUMNS]
        ),
        f"Against the rows that were learned, p for all columns together{more}",
        range(3, 7),
    )
    yield table(
        ("column", "why it is not watched"),
        ((fit(name), fit(why, 200)) for name, why in drift.set_aside.items()),
        "Columns set aside",
    )
