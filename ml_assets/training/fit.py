"""From labelled rows and a recipe to one fitted Pipeline and the record of how it came about."""

from __future__ import annotations

import hashlib
import json
import math
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline

from ml_assets.estimators.build import build
from ml_assets.estimators.families import Candidate
from ml_assets.estimators.libraries import Input
from ml_assets.features import preprocessing
from ml_assets.features.columns import Roles, roles, roles_of
from ml_assets.features.rows import ChoosyPipeline, LearnedRows
from ml_assets.names import BATCH
from ml_assets.recipe.schema import Recipe
from ml_assets.recipe.space import as_written, searched
from ml_assets.records import Positive, TrainingResult, TuningResult
from ml_assets.search.candidates import candidate, candidates, search_settings
from ml_assets.search.folds import FoldData, Goal, fold_score
from ml_assets.search.study import AT_ONCE, SearchRun, tune
from ml_assets.shown import listed
from ml_assets.tasks.all import task_of
from ml_assets.tasks.metrics import metric_named
from ml_assets.tasks.several import (
    classes_by_target,
    classes_of_one,
    most_classes,
    one_class,
    positives,
    target_names,
)
from ml_assets.training.splits import folds, labelled_rows


def fit(
    frame: pd.DataFrame,
    recipe: Recipe,
    *,
    run: SearchRun = AT_ONCE,
    begins: Callable[[str, float], None] | None = None,
) -> tuple[Pipeline, TrainingResult]:
    """Choose features and hyperparameters by cross-validation, and fit the Pipeline on all rows given.

    Same rows (in any order, with any other columns), same recipe: same model.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        Cleaned training rows; rows without a target are left out.
    recipe : Recipe
    run : SearchRun
        How a search is run, if the recipe asks for one.
    begins : callable, optional
        Called before each long part with: what comes, and the seconds it may take, 0 where nobody knows.

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
    started = time.monotonic()
    rows = labelled_rows(frame, recipe)
    found = roles(rows, recipe)
    y = rows[recipe.target]
    goal = _goal(y, recipe)
    choices, settings = candidates(recipe), search_settings(recipe)
    begins = begins or (lambda _text, _seconds: None)
    data = _prepare(rows, found, recipe, choices.values())
    tuning: TuningResult | None = None
    size = f"{len(rows):,} rows, {len(found.features):,} columns"
    if len(choices) == 1 and not any(searched(candidate.hyperparameters) for candidate in choices.values()):
        (chosen,) = choices.values()
        params = dict(chosen.hyperparameters)
        begins(f"{_count(data)} folds of {size}", 0.0)
        judged = time.monotonic()
        scores = _cross_validate(chosen, data[chosen.input], goal)
        seconds = (time.monotonic() - judged) / _count(data)
    else:
        begins(f"search, {settings.n_trials} trials of {_count(data)} folds of {size}", 0.0)
        tuned = tune(
            data,
            choices,
            goal,
            settings,
            study_name=study_name(rows, found, recipe),
            run=run,
        )
        chosen, params, scores, tuning = tuned.candidate, tuned.params, tuned.fold_scores, tuned.record
        seconds = _seconds_of_the_best(tuning) / _count(data)
    # A fold learns all parts but one.
    begins(f"fit on all of {size}", seconds * len(rows) / len(data[chosen.input][0].y_train))
    pipeline, notes = _fit_pipeline(rows, found, recipe, chosen, params, goal.positive)
    return pipeline, TrainingResult(
        class_path=chosen.class_path,
        params=as_written(params),
        metric=goal.metric,
        direction=metric_named(goal.metric).direction,
        cv_scores=scores,
        rows=len(rows),
        features=found.features,
        excluded=found.excluded,
        classes=classes_of_one(task_of(recipe), y, goal.positive),
        targets=goal.targets,
        target_classes=classes_by_target(task_of(recipe), y, goal.positive),
        random_state=recipe.random_state,
        seconds=time.monotonic() - started,
        tuning=tuning,
        notes=notes,
        left_out=left_out(pipeline),
    )


def refit(frame: pd.DataFrame, recipe: Recipe, result: TrainingResult) -> Pipeline:
    """Fit a Pipeline with the features and parameters of `result` on other rows, e.g. the whole window.

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
    pipeline, _ = _fit_pipeline(rows, found, recipe, chosen, result.params, result.positive)
    return pipeline


def left_out(pipeline: Any) -> dict[str, int]:
    """Training rows that a Pipeline did not learn, by the reason."""
    return dict(getattr(pipeline, "left_out_", {}))


def seconds_of_a_fit(result: TrainingResult) -> float:
    """Guess how long one fit on all rows takes, from what its folds took."""
    count = max(1, len(result.cv_scores))
    if result.tuning is None:
        return result.seconds / (count + 1)
    return _seconds_of_the_best(result.tuning) / count


def _seconds_of_the_best(tuning: TuningResult) -> float:
    """Seconds of the longest trial of the best parameters: one that came again took none."""
    return max((trial.seconds for trial in tuning.history if trial.params == tuning.best_params), default=0.0)


def _count(data: Mapping[Input, list[FoldData]]) -> int:
    return len(next(iter(data.values())))


def study_name(rows: pd.DataFrame, found: Roles, recipe: Recipe) -> str:
    """Return the identity of a search: the settings that it depends on, and the rows."""
    settings = {
        "model": recipe.model.model_dump(mode="json", exclude={"hyperparameters", "loader"}),
        "hyperparameters": as_written(recipe.model.hyperparameters),
        "tuning": recipe.hyperparameter_tuning.model_dump(mode="json"),
        "validation": recipe.evaluation.validation.model_dump(mode="json"),
        "folds": recipe.training.folds,
        "features": found.features,
    }
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    columns = [*found.features, *recipe.targets, *([BATCH] if BATCH in rows.columns else [])]
    digest.update(pd.util.hash_pandas_object(rows[columns], index=False).to_numpy().tobytes())
    return f"{recipe.name}-{digest.hexdigest()[:20]}"


def _goal(y: Any, recipe: Recipe) -> Goal:
    task = task_of(recipe)
    if task.classes and (same := one_class(y)):
        raise ValueError(same)
    positive = positives(task, y, recipe.model.data_interface.positive_class)
    metric = recipe.hyperparameter_tuning.metric or task.default_metric(most_classes(y))
    return Goal(recipe.task, metric, positive, recipe.random_state, target_names(y))


def _prepare(
    rows: pd.DataFrame, found: Roles, recipe: Recipe, choices: Iterable[Candidate]
) -> dict[Input, list[FoldData]]:
    """Fit the preprocessing inside each fold, once for each kind of input: it is not searched."""
    X, y = rows[list(found.features)], rows[recipe.target]
    parts, chosen = folds(rows, recipe), preprocessing.learned_rows(found, recipe)
    prepared: dict[Input, list[FoldData]] = {}
    for wanted in dict.fromkeys(choice.input for choice in choices):
        prepared[wanted] = []
        for train, validation in parts:
            transformer = Pipeline(preprocessing.steps(found, recipe, typed=wanted == "categories"))
            X_train, y_train = _learned(X.iloc[train], task_of(recipe).values(y.iloc[train]), chosen)
            prepared[wanted].append(
                FoldData(
                    X_train=transformer.fit_transform(X_train, y_train),
                    y_train=y_train,
                    X_validation=transformer.transform(X.iloc[validation]),
                    y_validation=y.iloc[validation],
                )
            )
    return prepared


def _learned(X: pd.DataFrame, y: Any, chosen: LearnedRows | None) -> tuple[pd.DataFrame, Any]:
    """Leave out the training rows of a fold that the recipe does not have learned."""
    if chosen is None:
        return X, y
    learned, _ = chosen.of(X, y)
    return X[learned], y[learned]


def _cross_validate(chosen: Candidate, data: list[FoldData], goal: Goal) -> tuple[float, ...]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        scores = tuple(fold_score(chosen.class_path, chosen.hyperparameters, fold, goal) for fold in data)
    return tuple(score for score in scores if math.isfinite(score))


def _fit_pipeline(
    rows: pd.DataFrame,
    found: Roles,
    recipe: Recipe,
    chosen: Candidate,
    params: Mapping[str, Any],
    positive: Positive,
) -> tuple[Pipeline, tuple[str, ...]]:
    """Fit; a fit that did not converge, or of which the library warns, is used all the same, and said."""
    steps = [
        *preprocessing.steps(found, recipe, typed=chosen.input == "categories"),
        ("estimator", build(chosen.class_path, params, recipe.random_state, recipe.task, recipe.targets)),
    ]
    learned = preprocessing.learned_rows(found, recipe)
    pipeline = Pipeline(steps) if learned is None else ChoosyPipeline(steps, rows=learned)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        pipeline.fit(rows[list(found.features)], task_of(recipe).values(rows[recipe.target]))
    notes = []
    for warning in caught:
        if issubclass(warning.category, ConvergenceWarning):
            notes.append(f"did not converge: {str(warning.message).splitlines()[0]}")
        elif issubclass(warning.category, UserWarning):
            notes.append(str(warning.message).splitlines()[0])
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    pipeline.positive_class_ = positive
    if "selection" in pipeline.named_steps:
        notes.append(preprocessing.told_selection(pipeline))
    return pipeline, tuple(dict.fromkeys(notes))
