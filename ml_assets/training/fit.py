"""From labelled rows and a recipe to one fitted Pipeline and the record of how it came about."""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline

from ml_assets.estimators.build import build
from ml_assets.estimators.candidate import Candidate
from ml_assets.estimators.libraries import Input
from ml_assets.estimators.monotone import by_name
from ml_assets.estimators.partitioned import is_partitioned, partitioned, worker_count
from ml_assets.estimators.used import epochs_of
from ml_assets.features import preprocessing
from ml_assets.features.columns import Roles, roles, roles_of
from ml_assets.features.history import naive_column
from ml_assets.features.rows import ChoosyPipeline
from ml_assets.recipe.schema import Recipe
from ml_assets.recipe.schema.model import START_FROM
from ml_assets.recipe.space import as_written, searched
from ml_assets.records import Choice, Epoch, TrainingResult, TuningResult
from ml_assets.search.automatic import search_families
from ml_assets.search.candidates import by_time, candidate, candidates, search_settings, searched_families
from ml_assets.search.folds import FoldData, Goal
from ml_assets.search.limits import limits_of
from ml_assets.search.samplers import see_engine
from ml_assets.search.study import AT_ONCE, SearchRun, tune
from ml_assets.shown import counted, listed
from ml_assets.tasks.all import task_of
from ml_assets.tasks.metrics import metric_named
from ml_assets.tasks.over_folds import over_folds
from ml_assets.tasks.several import (
    classes_by_target,
    classes_of_one,
    most_classes,
    positives,
    target_names,
)
from ml_assets.training import deciding
from ml_assets.training.beginning import Beginning, forget, from_scratch, without_start
from ml_assets.training.deciding import Best, Labels, decided
from ml_assets.training.factorizations import best_factorization
from ml_assets.training.folding import finite, fitted, prepare
from ml_assets.training.identity import study_name
from ml_assets.training.splits import folds_of_families, labelled_rows

if TYPE_CHECKING:
    from distributed import Client


def fit(
    frame: pd.DataFrame,
    recipe: Recipe,
    *,
    run: SearchRun = AT_ONCE,
    begins: Callable[[str, float], None] | None = None,
    beginning: Beginning | None = None,
) -> tuple[Pipeline, TrainingResult]:
    """Choose features and hyperparameters by cross-validation, and fit the Pipeline on all rows given.

    Same rows (in any order, with any other columns), same recipe: same model.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        Cleaned training rows; rows without a target are left out.
    recipe : Recipe
    run : SearchRun
        How a search is run, if the recipe asks for one; with a client XGBoost is fitted by its cluster's workers.
    begins : callable, optional
        Called before each long part with: what comes, and the seconds it may take, 0 where nobody knows.
    beginning : Beginning, optional
        What a network begins from; without it from scratch, whatever version the recipe names.

    Returns
    -------
    pipeline : Pipeline
        Steps `preprocessing` and `estimator`; predicts the original labels; `positive_class_` of two classes.
    result : TrainingResult

    Raises
    ------
    ValueError
        If there is no feature, no labelled row, one class only, or no set of parameters that works.
    """
    started, cpu = time.monotonic(), _cpu_seconds()
    rows = labelled_rows(frame, recipe)
    del frame  # many rows are held once, where the caller needs them no more
    recipe = from_scratch(recipe) if beginning is None else recipe
    found = roles(rows, recipe)
    if beginning is not None:
        found = beginning.roles(rows, found, recipe)
    y = rows[recipe.target].copy()
    goal = _goal(y, recipe)
    begins = begins or (lambda _text, _seconds: None)
    found_best = decided(_best(rows, found, recipe, goal, run, begins), rows, found, recipe, goal, begins)
    chosen = replace(found_best.candidate, hyperparameters=found_best.params)
    size = f"{counted(len(rows), 'row')}, {counted(len(found.features), 'column')}"
    # A fold learns all parts but one.
    begins(f"fit on all of {size}", found_best.fold_seconds * len(rows) / found_best.fold_rows)
    X, count = rows[list(found.features)], len(rows)
    del rows
    pipeline, notes = _fit_pipeline(
        X,
        y,
        found,
        recipe,
        chosen,
        found_best.labels(goal.positive),
        beginning,
        run.client,
    )
    return pipeline, TrainingResult(
        class_path=chosen.class_path,
        params=as_written(found_best.params) | ({} if beginning is None else {START_FROM: beginning.version}),
        metric=goal.metric,
        direction=metric_named(goal.metric).direction,
        cv_scores=found_best.scores,
        over_folds=over_folds(found_best.scores, goal.metric),
        rows=count,
        features=found.features,
        excluded=found.excluded,
        classes=classes_of_one(task_of(recipe), y, goal.positive),
        targets=goal.targets,
        target_classes=classes_by_target(task_of(recipe), y, goal.positive),
        random_state=recipe.random_state,
        seconds=time.monotonic() - started,
        cpu_seconds=_cpu_seconds() - cpu,
        tuning=found_best.tuning,
        choice=found_best.choice,
        notes=(*notes, *found_best.notes),
        left_out=left_out(pipeline),
        epochs=tuple(Epoch(**each) for each in epochs_of(pipeline[-1])),
        threshold=found_best.threshold,
        calibration=found_best.calibration,
        began_from=None if beginning is None else beginning.version,
        constrained=goal.positive if by_name(found_best.params) else None,
    )


def _cpu_seconds() -> float:
    """CPU that this process and its children that have ended have used."""
    return sum(os.times()[:4])


def _best(
    rows: pd.DataFrame,
    found: Roles,
    recipe: Recipe,
    goal: Goal,
    run: SearchRun,
    begins: Callable[[str, float], None],
) -> Best:
    """Search what the recipe leaves open, or judge what it fixes, on the folds."""
    see_engine(recipe.hyperparameter_tuning.engine)
    if recipe.model.class_path is None and recipe.recommends:
        return best_factorization(rows, found, recipe, goal, study_name(rows, found, recipe), run, begins)
    if recipe.model.class_path is None:
        return _best_of_families(rows, found, recipe, goal, run, begins)
    size = f"{counted(len(rows), 'row')}, {counted(len(found.features), 'column')}"
    settings = search_settings(recipe)
    (chosen,) = candidates(recipe).values()
    fixed = not searched(chosen.hyperparameters)
    # A version has learned rows of every fold: what begins from it is judged by the hold-out.
    begun = recipe.model.start_from is not None
    many = recipe.training.folds is None and len(rows) > deciding.JUDGED_ROWS
    if fixed and (begun or many or recipe.model.threshold is not None or recipe.model.calibration != "off"):
        return Best(chosen, dict(chosen.hyperparameters), (), 0.0, len(rows))
    data = prepare(rows, found, recipe, [chosen])[chosen.input]
    count, fold_rows = len(data), len(data[0].y_train)
    if fixed:
        begins(f"{counted(count, 'fold')} of {size}", 0.0)
        judged = time.monotonic()
        scores = finite(each.score for each in fitted(chosen, chosen.hyperparameters, data, goal))
        return Best(
            chosen, dict(chosen.hyperparameters), scores, (time.monotonic() - judged) / count, fold_rows
        )
    begins(f"search, {counted(settings.trials, 'trial')} of {count} folds of {size}", 0.0)
    tuned = tune(data, chosen, goal, settings, study_name=study_name(rows, found, recipe), run=run)
    seconds = _seconds_of_the_best(tuned.record) / count
    return Best(chosen, tuned.params, tuned.fold_scores, seconds, fold_rows, tuned.record)


def _best_of_families(
    rows: pd.DataFrame,
    found: Roles,
    recipe: Recipe,
    goal: Goal,
    run: SearchRun,
    begins: Callable[[str, float], None],
) -> Best:
    """Search every family; what is prepared counts to the seconds of the search."""
    started, settings = time.monotonic(), search_settings(recipe)
    families = searched_families(recipe, rows[recipe.target])
    wanted = [family.candidate for family in families.values()]
    data = prepare(rows, found, recipe, wanted, folds_of_families(rows, recipe))
    parts = "1 fold" if (count := _count(data)) == 1 else f"{count} folds"
    begins(f"search of {listed(families)}, {parts} of {len(rows):,} rows", 0.0)
    limit = min(x for x in (settings.timeout, run.time_limit, math.inf) if x is not None)
    chosen = search_families(
        data,
        families,
        goal,
        settings,
        study_name=study_name(rows, found, recipe),
        run=replace(run, time_limit=limit - (time.monotonic() - started)),
        begins=begins,
    )
    fitted = candidate(chosen.class_path, chosen.params, recipe)
    seconds = _fold_seconds(chosen.choice)
    rows_of_a_fold = len(data[fitted.input][0].y_train)
    return Best(fitted, chosen.params, chosen.scores, seconds, rows_of_a_fold, chosen.record, chosen.choice)


def _fold_seconds(choice: Choice) -> float:
    """Seconds of fits on a fold of all that the model is made of."""
    return sum(each.fold_seconds for each in choice.standings if each.weight)


def refit(
    frame: pd.DataFrame,
    recipe: Recipe,
    result: TrainingResult,
    beginning: Beginning | None = None,
    client: Client | None = None,
) -> Pipeline:
    """Fit a Pipeline with the features and parameters of `result` on other rows, e.g. the whole window.

    A network begins from `beginning`, without it from scratch, wherever that of `result` began. With a `client` of a
    Dask cluster XGBoost is fitted by its workers.

    Raises
    ------
    ValueError
        If a feature is missing or no row is labelled.
    """
    rows = labelled_rows(frame, recipe)
    missing = [column for column in result.features if column not in rows.columns]
    if missing:
        raise ValueError(f"The rows lack features of the model: {listed(missing)}.")
    found = roles_of(result.features, rows, recipe)
    chosen = candidate(result.class_path, result.params, recipe)
    X, y = rows[list(found.features)], rows[recipe.target]
    labels = Labels(result.positive, result.calibration, result.threshold)
    return _fit_pipeline(X, y, found, recipe, chosen, labels, beginning, client)[0]


def left_out(pipeline: Any) -> dict[str, int]:
    """Training rows that a Pipeline did not learn, by the reason."""
    return dict(getattr(pipeline, "left_out_", {}))


def seconds_of_a_fit(result: TrainingResult) -> float:
    """Guess how long one fit on all rows takes, from what its folds took."""
    count = max(1, len(result.cv_scores))
    if result.choice is not None:
        return _fold_seconds(result.choice)
    if result.tuning is None:
        return result.seconds / (count + 1)
    return _seconds_of_the_best(result.tuning) / count


def _seconds_of_the_best(tuning: TuningResult) -> float:
    """Seconds of the longest trial of the best parameters: one that came again took none."""
    return max((trial.seconds for trial in tuning.history if trial.params == tuning.best_params), default=0.0)


def _count(data: Mapping[Input, list[FoldData]]) -> int:
    return len(next(iter(data.values())))


def _goal(y: Any, recipe: Recipe) -> Goal:
    task = task_of(recipe)
    if lacking := task.lacks(y):
        raise ValueError(lacking)
    positive = positives(task, y, recipe.model.data_interface.positive_class)
    metric = recipe.hyperparameter_tuning.metric or task.default_metric(most_classes(y))
    return Goal(
        task=recipe.task,
        metric=metric,
        positive=positive,
        random_state=recipe.random_state,
        targets=target_names(y, task),
        by_time=by_time(recipe),
        threshold=recipe.model.threshold,
        limits=limits_of(recipe),
    )


def _fit_pipeline(
    X: pd.DataFrame,
    y: Any,
    found: Roles,
    recipe: Recipe,
    chosen: Candidate,
    labels: Labels,
    beginning: Beginning | None = None,
    client: Client | None = None,
) -> tuple[Pipeline, tuple[str, ...]]:
    """Fit; a fit that did not converge, or of which the library warns, is used all the same, and said."""
    given = without_start(chosen.class_path, chosen.hyperparameters)
    if beginning is not None:
        beginning.see_labels(task_of(recipe).values(y))
        given = {**chosen.hyperparameters, START_FROM: beginning.start}
    estimator = build(
        chosen.class_path, given, recipe.random_state, recipe.task, recipe.answered, labels.positive
    )
    levels = None if beginning is None else beginning.levels
    client = client if is_partitioned(chosen.class_path) else None
    learned = preprocessing.learned_rows(found, recipe)
    with (
        warnings.catch_warnings(record=True) as caught,
        partitioned(labels.around(estimator), client) as made,
    ):
        warnings.simplefilter("always", UserWarning)
        steps = [
            *preprocessing.steps(found, recipe, typed=chosen.input == "categories", levels=levels),
            ("estimator", made),
        ]
        pipeline = Pipeline(steps) if learned is None else ChoosyPipeline(steps, rows=learned)
        pipeline.fit(X, task_of(recipe).values(y))
    notes = [] if beginning is None else [f"begins from the weights of version {beginning.version}"]
    if client is not None:
        count = worker_count(client, len(X) - sum(left_out(pipeline).values()))
        notes.append(f"fitted by xgboost.dask; workers with a part of the rows: {count}")
    for warning in caught:
        if issubclass(warning.category, ConvergenceWarning):
            notes.append(f"did not converge: {str(warning.message).splitlines()[0]}")
        elif issubclass(warning.category, UserWarning):
            notes.append(str(warning.message).splitlines()[0])
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    if beginning is not None:
        forget(pipeline[-1], beginning.version)
    pipeline.positive_class_ = labels.positive
    pipeline.naive_column_ = naive_column(recipe)
    if "selection" in pipeline.named_steps:
        notes.append(preprocessing.told_selection(pipeline))
    return pipeline, tuple(dict.fromkeys(notes))
