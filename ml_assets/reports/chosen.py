"""Why a model is the one that it is: the search that found it, and the gate that it was put to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from ml_assets.records import Promotion, TrainingResult, Trial
from ml_assets.reports.document import Check, Checklist, Part, fit, number, sentence, table
from ml_assets.shown import figure

BEST: Final = 10
"""Trials of a search that are shown."""


def gate_parts(gate: Promotion) -> Iterator[Part]:
    """What the gate found, and why it said what it said."""
    if gate.champion_version is None:
        yield "There was no champion to compare it with."
    elif gate.champion_score is not None and gate.challenger_score is not None:
        told = (
            f"On the same {gate.rows:,} rows, which neither has learned, {gate.metric} of the champion (version "
            f"{gate.champion_version}) is {figure(gate.champion_score)}, of this model {figure(gate.challenger_score)}"
        )
        if gate.gain is not None and gate.gain_low is not None and gate.gain_high is not None:
            told += f": a gain of {figure(gate.gain, 3)} ({figure(gate.gain_low, 3)} to {figure(gate.gain_high, 3)})"
        yield f"{told}."
    if gate.rows_needed is not None:
        yield f"To be sure, some {gate.rows_needed:,} rows would be needed."
    if gate.forced:
        yield "It was put in charge without asking the gate."
    yield Checklist(tuple(checks_of_gate(gate)))
    yield table(
        ("segment", "rows", "champion", "this model", "gain", ""),
        (
            (
                fit(part.segment),
                f"{part.rows:,}",
                figure(part.champion_score),
                figure(part.challenger_score),
                figure(part.gain, 3),
                "▼ worse" if part.worse else "",
            )
            for part in gate.segments
        ),
        "Parts of these rows: none may become surely worse",
        range(1, 5),
    )


def checks_of_gate(gate: Promotion) -> list[Check]:
    """What must not become worse, as the gate found it."""
    return [Check(fit(c.name), "pass" if c.passed else "fail", fit(c.text, 400)) for c in gate.checks]


def search_parts(training: TrainingResult) -> Iterator[Part]:
    """What was searched, the best first, and why it is this model."""
    choice, tuning = training.choice, training.tuning
    if choice is not None:
        yield sentence(fit(choice.why, 600))
    if (choice is not None and choice.by_clock) or (tuning is not None and tuning.by_clock):
        yield "Seconds ended the search before its trials did: on another machine it may choose otherwise."
    if tuning is not None:
        yield (
            f"{tuning.total_trials:,} sets of parameters were tried, {tuning.pruned_trials:,} of them given up early, "
            f"each judged by {tuning.metric} on rows that its fit had not seen (cross-validation)."
        )
    elif choice is None:
        yield "Its parameters stand in the recipe: nothing was searched."
    yield table(
        (
            "family",
            f"{training.metric} in cross-validation",
            "standard error",
            "trials",
            "seconds",
            "share of the model",
        ),
        (
            (
                each.family,
                figure(each.score),
                figure(each.standard_error, 2),
                f"{each.trials:,}",
                figure(each.seconds, 3),
                figure(each.weight, 2) if each.weight else "none",
            )
            for each in (choice.standings if choice is not None else ())
        ),
        "Kinds of models, the best first",
        range(1, 6),
    )
    yield table(
        ("trial", f"{training.metric} in cross-validation", "seconds", "with"),
        (
            (f"{trial.number}", number(trial.value), figure(trial.seconds, 3), _params(trial.params))
            for trial in best(tuning.history if tuning is not None else (), training.direction)
        ),
        "The best trials",
        (0, 1, 2),
    )


def best(history: tuple[Trial, ...], direction: str) -> list[Trial]:
    """Trials that ran to their end, the best first.

    >>> told = {"params": {}, "state": "complete", "seconds": 1.0}
    >>> trials = tuple(Trial(number=number, value=value, **told) for number, value in enumerate((0.5, 0.8, 0.7)))
    >>> [trial.number for trial in best(trials, "maximize")], best(trials, "minimize")[0].number
    ([1, 2, 0], 0)
    """
    ended = [trial for trial in history if trial.state == "complete" and trial.value is not None]
    sign = -1 if direction == "maximize" else 1
    return sorted(ended, key=lambda trial: sign * (trial.value or 0.0))[:BEST]


def _params(params: Mapping[str, object]) -> str:
    """Parameters of a trial, fractions with as many digits as say something."""
    return ", ".join(
        f"{fit(name, 40)} {figure(each) if isinstance(each, float) else fit(each, 60)}"
        for name, each in params.items()
    )
