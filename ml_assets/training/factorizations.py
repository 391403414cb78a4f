"""The automatic search of a recommendation: scikit-learn's factorizations, and how many factors."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import pandas as pd

from ml_assets.estimators.candidate import Candidate
from ml_assets.estimators.families import FACTORIZATIONS
from ml_assets.features.columns import Roles
from ml_assets.recipe.schema import Recipe
from ml_assets.recipe.space import Int
from ml_assets.records import Choice, Standing
from ml_assets.search.blending import standard_error
from ml_assets.search.candidates import SEARCH_SECONDS
from ml_assets.search.folds import FoldData, Goal
from ml_assets.search.standings import of_family, record_of, seconds_of_a_fold
from ml_assets.search.study import SearchRun, Tuned, tune
from ml_assets.shown import counted, figure
from ml_assets.tasks.interactions import interactions
from ml_assets.training.deciding import Best
from ml_assets.training.folding import prepare

MOST_FACTORS: Final = 64
FIRST: Final = 12
"""Factors that are tried first."""


def best_factorization(
    rows: pd.DataFrame,
    found: Roles,
    recipe: Recipe,
    goal: Goal,
    study: str,
    run: SearchRun,
    begins: Callable[[str, float], None],
) -> Best:
    """Search the factors of each factorization on the folds, and take the one with the better mean score.

    Trials and seconds are parted evenly; without a search each is tried once.

    Parameters
    ----------
    rows : DataFrame of shape (n_rows, n_columns)
        From `splits.labelled_rows`.
    found : Roles
    recipe : Recipe
    goal : Goal
    study : str
        Identity of the search.
    run : SearchRun
    begins : callable
        Called before each with what comes, and 0: how long it takes is not known.

    Raises
    ------
    ValueError
        If none could be fitted.
    """
    tuning = recipe.hyperparameter_tuning
    (data,) = prepare(rows, found, recipe, [Candidate("")]).values()
    trials = tuning.trials if tuning.enabled else len(FACTORIZATIONS)
    limit = min(tuning.timeout or SEARCH_SECONDS, run.time_limit if run.time_limit is not None else math.inf)
    share = tuning.model_copy(
        update={
            "n_trials": max(1, trials // len(FACTORIZATIONS)),
            "timeout": limit / len(FACTORIZATIONS),
        }
    )
    tuned: dict[str, Tuned] = {}
    failure = ""
    for name, class_path in FACTORIZATIONS.items():
        begins(f"search of {name}, {counted(share.trials, 'trial')} of {len(data)} folds", 0.0)
        own = replace(run, time_limit=limit / len(FACTORIZATIONS), warm_start=of_family(run.warm_start, name))
        try:
            tuned[name] = tune(
                data, _candidate(class_path, data), goal, share, study_name=f"{study}-{name}", run=own
            )
        except ValueError as error:
            failure = str(error)
    if not tuned:
        raise ValueError(failure)
    best = max(tuned, key=lambda name: tuned[name].record.best_score)
    return _told(tuned, best, goal, limit / len(FACTORIZATIONS), len(data[0].y_train))


def _candidate(class_path: str, data: Sequence[FoldData]) -> Candidate:
    """A factorization with as many factors as the smallest fold has users and items, at most."""
    most = min(min(map(_different, _of_fold(fold))) for fold in data)
    high = min(MOST_FACTORS, most)
    if high < 2:
        return Candidate(class_path, {"n_components": 1})
    space = {"n_components": Int(low=2, high=high, log=True)}
    return Candidate(class_path, space, first={"n_components": min(FIRST, high)})


def _of_fold(fold: FoldData) -> tuple[Any, Any]:
    found = interactions(fold.y_train)
    return found.users, found.items


def _different(values: Any) -> int:
    return len(set(values))


def _told(found: Mapping[str, Tuned], best: str, goal: Goal, limit: float, fold_rows: int) -> Best:
    chosen = found[best]
    standings = sorted(
        (
            Standing(
                family=name,
                class_path=each.candidate.class_path,
                score=each.record.best_score,
                standard_error=standard_error(each.fold_scores),
                trials=each.record.total_trials,
                seconds=sum(trial.seconds for trial in each.record.history),
                fold_seconds=seconds_of_a_fold(each),
                weight=float(name == best),
            )
            for name, each in found.items()
        ),
        key=lambda each: -each.score,
    )
    others = "; ".join(f"{each.family} {figure(each.score)}" for each in standings[1:])
    why = f"{best} has the better mean {goal.metric} over the folds, {figure(chosen.record.best_score)}"
    seconds = sum(each.record.optimization_time for each in found.values())
    record = record_of(found, best, chosen.record.best_score, goal.metric, seconds)
    choice = Choice(
        standings=tuple(standings),
        why=f"{why} ({others})" if others else why,
        by_clock=any(each.spent >= limit for each in found.values()),
    )
    return Best(
        chosen.candidate,
        chosen.params,
        chosen.fold_scores,
        seconds_of_a_fold(chosen),
        fold_rows,
        record,
        choice,
    )
