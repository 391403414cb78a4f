"""The folds of a training: prepared once, and what an estimator with given parameters makes of each."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from sklearn.pipeline import Pipeline

from ml_assets.estimators.candidate import Candidate
from ml_assets.estimators.libraries import Input
from ml_assets.features import preprocessing
from ml_assets.features.columns import Roles
from ml_assets.features.history import naive_column
from ml_assets.features.rows import LearnedRows
from ml_assets.recipe.schema import Recipe
from ml_assets.search.folds import FoldData, FoldResult, Goal, fold_result
from ml_assets.tasks.all import task_of
from ml_assets.training.splits import Fold, folds

Part = tuple[Any, pd.DataFrame]
"""Labels and predictions of rows that a fit had not learned."""


def prepare(
    rows: pd.DataFrame,
    found: Roles,
    recipe: Recipe,
    choices: Iterable[Candidate],
    parts: list[Fold] | None = None,
) -> dict[Input, list[FoldData]]:
    """Fit the preprocessing inside each fold, once for each kind of input: it is not searched.

    Parameters
    ----------
    rows : DataFrame of shape (n_rows, n_columns)
        From `labelled_rows`.
    found : Roles
    recipe : Recipe
    choices : iterable of Candidate
        What is fitted on the folds.
    parts : list of (training positions, validation positions), optional
        Default: all folds.
    """
    X, y = rows[list(found.features)], rows[recipe.target]
    chosen, naive = preprocessing.learned_rows(found, recipe), naive_column(recipe)
    parts = folds(rows, recipe) if parts is None else parts
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
                    naive=None if naive is None else rows[naive].to_numpy("float64")[validation],
                )
            )
    return prepared


def _learned(X: pd.DataFrame, y: Any, chosen: LearnedRows | None) -> tuple[pd.DataFrame, Any]:
    """Leave out the training rows of a fold that the recipe does not have learned."""
    if chosen is None:
        return X, y
    learned, _ = chosen.of(X, y)
    return X[learned], y[learned]


def fitted(
    chosen: Candidate, params: Mapping[str, Any], data: Iterable[FoldData], goal: Goal
) -> list[FoldResult]:
    """Fit parameters on each fold; a fit that does not converge is used all the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return [fold_result(chosen, params, fold, goal) for fold in data]


def unlearned(
    chosen: Candidate, params: Mapping[str, Any], data: Sequence[FoldData], goal: Goal
) -> list[Part]:
    """Labels and predictions of rows that the fits had not learned: a part for each fold, of one fold its halves."""
    results = fitted(chosen, params, data, goal)
    parts = [(fold.y_validation, each.predictions) for fold, each in zip(data, results, strict=True)]
    if len(parts) > 1:
        return parts
    ((y, predictions),) = parts
    return [(y.iloc[start::2], predictions.iloc[start::2]) for start in (0, 1)]


def finite(scores: Iterable[float]) -> tuple[float, ...]:
    """Scores that are defined."""
    return tuple(score for score in scores if math.isfinite(score))
