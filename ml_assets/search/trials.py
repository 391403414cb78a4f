"""One trial, fold by fold: what is fitted next, and what its score says; it does not matter where the fit is done."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ml_assets.estimators.candidate import Candidate
from ml_assets.estimators.stopping import OutOfTime
from ml_assets.recipe.space import Space, filled
from ml_assets.search.folds import FoldResult, Goal
from ml_assets.search.points import suggest
from ml_assets.tasks.metrics import undefined

if TYPE_CHECKING:
    import optuna

TRIAL_ERRORS = (ValueError, ArithmeticError)
"""What an unsuitable set of parameters raises: the trial fails, the search goes on."""
SLACK = 1.5
"""Times its part of the seconds that a fold may take."""
PLACE = "place"
"""Attribute of a trial: which of the search it is, the first one 0; one that was killed is done again in its place."""


class Fit(NamedTuple):
    """What is to be fitted: parameters, the fold by its place, and when (`time.monotonic`) it is given up."""

    params: Mapping[str, Any]
    fold: int
    ends: float


Steps = Generator[Fit, FoldResult, float]
"""Gives what is to be fitted next, is sent how it did, and returns the mean score."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What holds for every trial of a search; `results` is given what the best so far predicted, by its number."""

    candidate: Candidate
    spaces: Mapping[str, Space]
    goal: Goal
    folds: int
    deadline: float
    must_complete: bool
    results: dict[int, list[FoldResult]] | None


def steps(trial: optuna.Trial, rules: Rules) -> Steps:
    """Take a trial through its folds.

    Raises
    ------
    TrialPruned
        If it is hopeless, or its time is over.
    ValueError, ArithmeticError
        If the parameters are unsuitable; the trial keeps the reason.
    """
    import optuna

    chosen = {key: suggest(trial, key, space) for key, space in rules.spaces.items()}
    same = _same_params(trial)
    if same is not None and same.state is optuna.trial.TrialState.PRUNED:
        raise optuna.TrialPruned
    if same is not None and same.value is not None:
        for name in ("fold_scores", "trees"):
            trial.set_user_attr(name, same.user_attrs.get(name, []))
        for step, value in same.intermediate_values.items():
            trial.report(value, step)
        return float(same.value)
    params = filled(rules.candidate.hyperparameters, chosen)
    results: list[FoldResult] = []
    ends = math.inf if goes_on(trial.study, rules.must_complete) else rules.deadline
    try:
        for step in range(1, rules.folds + 1):
            result = yield Fit(params, step - 1, _fold_ends(ends, rules.folds - step))
            if not math.isfinite(result.score):
                raise ValueError(f"{undefined(rules.goal.metric, f'fold {step}')}.")
            if over := rules.goal.limits.broken_by(result.cost):
                raise ValueError(f"{over}.")
            results.append(result)
            trial.report(_mean(results), step)
            if step < rules.folds and (time.monotonic() > ends or trial.should_prune()):
                raise optuna.TrialPruned
    except OutOfTime:
        raise optuna.TrialPruned from None
    except TRIAL_ERRORS as error:
        trial.set_user_attr("error", str(error))
        raise
    trial.set_user_attr("fold_scores", [result.score for result in results])
    trial.set_user_attr("trees", [result.trees for result in results if result.trees is not None])
    if rules.results is not None and _is_best(trial.study, _mean(results)):
        rules.results.clear()
        rules.results[trial.number] = results
    return _mean(results)


def _fold_ends(ends: float, later: int) -> float:
    """When a fold is given up: one that takes far more than its part of what is left would leave the others none."""
    now = time.monotonic()
    return min(ends, now + SLACK * (ends - now) / (later + 1))


def _mean(results: Sequence[FoldResult]) -> float:
    return float(np.mean([result.score for result in results]))


def goes_on(study: optuna.Study, must_complete: bool) -> bool:
    """Whether there is no trial yet that must be completed, however late it is."""
    return must_complete and best_value(study) is None


def best_value(study: optuna.Study) -> float | None:
    """Score of the best complete trial; None where there is none."""
    return (
        study.best_value
        if any(t.state.name == "COMPLETE" for t in study.get_trials(deepcopy=False))
        else None
    )


def _is_best(study: optuna.Study, value: float) -> bool:
    best = best_value(study)
    if best is None:
        return True
    return value > best if study.direction.name == "MAXIMIZE" else value < best


def finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Trials that came to an end by themselves, by their place; a killed one is not counted and is done again."""
    ended = [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state.name in ("COMPLETE", "PRUNED")
        or (trial.state.name == "FAIL" and "error" in trial.user_attrs)
    ]
    # Searches of earlier versions know no places: they did one trial after another.
    return sorted(ended, key=lambda trial: trial.user_attrs.get(PLACE, trial.number))


def _same_params(trial: optuna.Trial) -> optuna.trial.FrozenTrial | None:
    return next(
        (
            other
            for other in trial.study.get_trials(deepcopy=False)
            if other.number != trial.number
            and other.params == trial.params
            and other.state.name in ("COMPLETE", "PRUNED")
        ),
        None,
    )
