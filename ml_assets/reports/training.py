"""The page of a training: what came of it and why, for who has not seen it made."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import NamedTuple

from markupsafe import Markup

from ml_assets.names import RESERVED
from ml_assets.records import Evaluation, Promotion, TrainedModel, Trial
from ml_assets.reports.page import render
from ml_assets.shown import figure, shown

BEST = 10
"""Trials of a search that are shown."""
COLUMNS = 50
"""Columns left out that are named."""
TARGET = "target"
"""Reason of the one column that nobody looks for among the features."""
OUTCOMES = {
    "promote": "is champion now",
    "waits": "has passed, and waits for a person's approval",
    "keep": "did not replace the champion",
    "inconclusive": "did not replace the champion: too little is known",
}


class Left(NamedTuple):
    """What became of the rows of the source, and why columns are not learned."""

    rows: Mapping[str, int]
    columns: Mapping[str, str]


def training_page(
    trained: TrainedModel,
    version: int,
    evaluation: Evaluation,
    promotion: Promotion,
    left: Left,
    pictures: Mapping[str, bytes],
) -> str:
    """Write the page: one HTML file under 1.5 MB which needs no network.

    Parameters
    ----------
    trained, version, evaluation, promotion
        What was made, and what was said of it.
    left : Left
        Rows and columns that were left out.
    pictures : mapping of str to bytes
        PNG or SVG images by name.
    """
    training = trained.training
    names = [name for name, why in left.columns.items() if name not in RESERVED and why != TARGET]
    return render(
        "training.html",
        name=trained.recipe,
        version=version,
        outcome=OUTCOMES[promotion.outcome],
        promotion=promotion,
        evaluation=evaluation,
        targets=[
            (shown(target, 80), [scores.get(name) for name in evaluation.scores])
            for target, scores in evaluation.per_target.items()
        ],
        trained=trained,
        when=trained.trained_at[:16].replace("T", " "),
        first=summary(evaluation),
        pictures=[(name.replace("_", " "), image_of(image)) for name, image in pictures.items()],
        trials=[(trial, _params(trial.params)) for trial in best(training.tuning.history, training.direction)]
        if training.tuning is not None
        else [],
        params=[(name, shown(str(value), 120)) for name, value in training.params.items()],
        rows=list(left.rows.items()),
        columns=[(shown(name, 80), left.columns[name]) for name in names[:COLUMNS]],
        more=max(0, len(names) - COLUMNS),
    )


def summary(evaluation: Evaluation) -> str:
    """Say the score that decides, beside that of a model which looks at no feature."""
    score = evaluation.scores.get(evaluation.metric)
    if score is None:
        return f"{evaluation.metric} is not defined on these {evaluation.rows:,} rows."
    beside = evaluation.baseline.get(evaluation.metric)
    least = "" if beside is None else f"; {figure(beside)} {evaluation.baseline_is}"
    return (
        f"On {evaluation.rows:,} rows that it had not seen, {evaluation.metric} is {figure(score.value)} "
        f"(95 % interval {figure(score.low)} to {figure(score.high)}){least}."
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


def image_of(image: bytes) -> Markup:
    """A picture as a part of the page."""
    kind = "svg+xml" if image.startswith(b"<svg") else "png"
    return Markup('<img alt="" src="data:image/{};base64,{}">').format(kind, base64.b64encode(image).decode())


def _params(params: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {shown(str(value), 60)}" for name, value in params.items())
