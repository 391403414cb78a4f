"""From each family's best to what is fitted on all rows, and the record of how it was chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml_assets.estimators.families import BLENDS
from ml_assets.estimators.libraries import Input
from ml_assets.recipe.space import Nested
from ml_assets.recipe.tasks import ESTIMATOR_KINDS
from ml_assets.records import Choice, Standing, Trial, TuningResult
from ml_assets.search.blending import Chosen, Judge, choose, in_blocks, standard_error
from ml_assets.search.folds import FoldData, FoldResult, Goal
from ml_assets.search.limits import Cost
from ml_assets.search.study import Tuned
from ml_assets.tasks.metrics import metric_named

FAMILY = "family"
"""Key of a trial's parameters that names its family; the others are called `<family>.<parameter>`."""


@dataclass(frozen=True)
class Automatic:
    """What the automatic search chose."""

    class_path: str
    params: dict[str, Any]
    scores: tuple[float, ...]
    record: TuningResult
    choice: Choice


@dataclass(frozen=True)
class Found:
    """The best of a family; `params` are those of the fit on all rows."""

    tuned: Tuned
    results: Sequence[FoldResult]
    params: dict[str, Any]

    @property
    def score(self) -> float:
        """Mean over the folds, of what `results` predicted."""
        return float(np.mean([result.score for result in self.results]))

    @property
    def cost(self) -> Cost:
        """The largest of its folds' models, and the longest prediction of one row."""
        costs = [result.cost for result in self.results]
        return Cost(max(each.size for each in costs), max(each.seconds for each in costs))

    @property
    def fold_seconds(self) -> float:
        """Seconds of one fit on a fold."""
        return seconds_of_a_fold(self.tuned)


def seconds_of_a_fold(tuned: Tuned) -> float:
    """Seconds of one fit of the best parameters on a fold; a trial that came again took none."""
    taken = [trial.seconds for trial in tuned.record.history if trial.params == tuned.record.best_params]
    return max(taken, default=0.0) / len(tuned.fold_scores)


def automatic(
    found: Mapping[str, Found],
    data: Mapping[Input, Sequence[FoldData]],
    goal: Goal,
    late: bool,
    seconds: float,
) -> Automatic:
    """Choose by what the families' bests predicted on the folds; `late`: whether seconds ended the search."""
    truth = [fold.y_validation for fold in next(iter(data.values()))]
    predictions = {name: [result.predictions for result in each.results] for name, each in found.items()}
    if len(truth) == 1:
        truth, predictions = in_blocks(truth[0], {name: each[0] for name, each in predictions.items()})
    judge = Judge(goal.metric, goal.positive, truth, goal.threshold)
    chosen = within(found, predictions, judge, goal)
    standings = tuple(
        Standing(
            family=name,
            class_path=each.tuned.candidate.class_path,
            score=each.score,
            standard_error=standard_error(judge.scores(predictions[name])),
            trials=each.tuned.record.total_trials,
            seconds=sum(trial.seconds for trial in each.tuned.record.history),
            fold_seconds=each.fold_seconds,
            weight=chosen.weights.get(name, 0.0),
        )
        for name, each in found.items()
    )
    sign = 1 if metric_named(goal.metric).direction == "maximize" else -1
    class_path, params = _put_together(found, chosen, goal)
    return Automatic(
        class_path,
        params,
        chosen.scores,
        record_of(
            {name: each.tuned for name, each in found.items()},
            "blend" if len(chosen.weights) > 1 else next(iter(chosen.weights)),
            float(np.mean(chosen.scores)),
            goal.metric,
            seconds,
        ),
        Choice(
            standings=tuple(sorted(standings, key=lambda each: -sign * each.score)),
            why=chosen.why,
            by_clock=late,
        ),
    )


def within(
    found: Mapping[str, Found], predictions: Mapping[str, list[Any]], judge: Judge, goal: Goal
) -> Chosen:
    """Choose; a blend that costs more than it may loses its lightest part, until it does not."""
    kept, told = dict(predictions), ""
    while True:
        chosen = choose(kept, judge, blend=not goal.targets)
        over = goal.limits.broken_by(*(found[name].cost for name in chosen.weights))
        if not over or len(chosen.weights) == 1:
            return chosen._replace(why=chosen.why + told)
        lightest = min(chosen.weights, key=lambda name: chosen.weights[name])
        told += f"; {lightest} is left out of a blend: with it {over}"
        del kept[lightest]


def _put_together(found: Mapping[str, Found], chosen: Chosen, goal: Goal) -> tuple[str, dict[str, Any]]:
    """Class path and parameters of what was chosen."""
    if len(chosen.weights) == 1:
        (name,) = chosen.weights
        return found[name].tuned.candidate.class_path, found[name].params
    members = {name: found[name].tuned.candidate for name in chosen.weights}
    typed = any(member.input == "categories" for member in members.values())
    return BLENDS[ESTIMATOR_KINDS[goal.task]], {
        "estimators": [
            {"name": name, "estimator": Nested(member.class_path, found[name].params)}
            for name, member in members.items()
        ],
        "weights": [round(weight, 6) for weight in chosen.weights.values()],
        "numbers": [name for name, member in members.items() if typed and member.input == "numbers"],
        "typed": typed,
    }


def record_of(
    searches: Mapping[str, Tuned], best: str, score: float, metric: str, seconds: float
) -> TuningResult:
    """Lay the searches of all families together as one record.

    Parameters
    ----------
    searches : mapping of str to Tuned
        By family.
    best : str
        The family that was chosen, or "blend".
    score : float
        Of what was chosen.
    metric : str
    seconds : float
        Of all searches.
    """
    history: list[Trial] = []
    params: dict[str, Any] = {FAMILY: best}
    for name, each in searches.items():
        params |= {f"{name}.{key}": value for key, value in each.record.best_params.items()}
        for trial in each.record.history:
            named = {FAMILY: name} | {f"{name}.{key}": value for key, value in trial.params.items()}
            history.append(trial.model_copy(update={"number": len(history), "params": named}))
    return TuningResult(
        engine="automatic",
        metric=metric,
        direction=metric_named(metric).direction,
        best_params=params,
        best_score=score,
        history=tuple(history),
        total_trials=len(history),
        pruned_trials=sum(trial.state == "pruned" for trial in history),
        optimization_time=seconds,
    )


def of_family(params: Mapping[str, Any] | None, name: str) -> dict[str, Any]:
    """Take the parameters of one family out of those that `record_of` laid together.

    >>> of_family({"family": "svd", "svd.n_components": 12, "nmf.n_components": 4}, "svd")
    {'n_components': 12}
    """
    prefix = f"{name}."
    return {
        key.removeprefix(prefix): value for key, value in (params or {}).items() if key.startswith(prefix)
    }
