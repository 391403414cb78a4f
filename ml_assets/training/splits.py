"""Which rows are held out, and the folds of the search: at random, or by time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml_assets.estimators.families import FEW_ROWS
from ml_assets.features.history import time_of
from ml_assets.names import BATCH, ROW_ID
from ml_assets.recipe.schema import Recipe
from ml_assets.search.candidates import by_time
from ml_assets.tasks.all import task_of
from ml_assets.tasks.several import has_labels
from ml_assets.training.groups import entity_folds, held_out, stay_together

Fold = tuple[NDArray[np.intp], NDArray[np.intp]]

MANY_ROWS = 5000
"""Rows from which the automatic search takes 3 folds: the folds' scores vary little then."""


def labelled_rows(frame: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Return the rows with a target, in an order that does not depend on how they arrived.

    By `row_id__`; for a recipe with batches by batch and time first, for a time series by time. Labels of a
    classification become text.

    Raises
    ------
    ValueError
        If no row has a target.
    """
    there = has_labels(frame[recipe.target])
    rows = frame if there.all() else frame.loc[there]
    if rows.empty:
        what = "all of these" if recipe.recommends else "a target"
        raise ValueError(f"{', '.join(recipe.needed)}: none of the {len(frame)} rows has {what}.")
    keys = [ROW_ID]
    if recipe.batches is not None:
        keys = [BATCH, recipe.batches.column, ROW_ID]
    if recipe.forecasts and (time := time_of(recipe)) is not None:
        keys = [time, ROW_ID]
    keys = [key for key in keys if key in rows.columns]
    if keys:
        rows = rows.sort_values(keys, kind="stable", na_position="first")
    if task_of(recipe).classes:
        rows = rows.assign(**{name: rows[name].astype(str) for name in recipe.targets})
    return rows


def split(frame: pd.DataFrame, recipe: Recipe) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part labelled rows into a training set and a test set.

    By time (`time_split`; default with batches) the newest `test_size` of the rows are the test set, of a time series
    whole moments; with `group_split` whole entities are; else they are drawn at random, class by class, or arm by arm,
    where each has two rows.

    Returns
    -------
    training_set, test_set : DataFrame
        All columns; unlabelled rows are in neither.

    Raises
    ------
    ValueError
        If one of the parts would be empty.
    """
    rows = labelled_rows(frame, recipe)
    test_size = recipe.evaluation.validation.test_size
    n_test = math.ceil(test_size * len(rows))
    if n_test >= len(rows):
        raise ValueError(f"{len(rows)} labelled rows are too few for a hold-out of {test_size:g}.")
    return _apart(rows, recipe, n_test)


def _apart(rows: pd.DataFrame, recipe: Recipe, n_test: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part rows into two, the second of `n_test`, with whole entities of about as many."""
    from sklearn.model_selection import train_test_split

    if by_time(recipe):
        return newest_apart(rows, recipe, n_test)
    if stay_together(recipe):
        marked = held_out(rows, recipe, n_test)
        return rows[~marked], rows[marked]
    strata = task_of(recipe).strata
    labels = (
        strata(rows[recipe.target]) if strata is not None and recipe.evaluation.validation.stratify else None
    )
    if labels is not None:
        counts = labels.value_counts()
        if counts.min() < 2 or len(counts) > min(n_test, len(rows) - n_test):
            labels = None
    training_set, test_set = train_test_split(
        rows, test_size=n_test, random_state=recipe.random_state, stratify=labels
    )
    return training_set, test_set


def newest_apart(rows: pd.DataFrame, recipe: Recipe, count: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part rows, the newest last, into the older ones and the newest `count`; no moment of a time series is parted.

    Of a recommendation none is either, where the newest part then has between half and twice as many rows: else what
    a user had at one time stays together, since one basket would tell of itself.

    Raises
    ------
    ValueError
        If all rows are of one time.
    """
    place = len(rows) - count
    if recipe.forecasts and (time := time_of(recipe)) is not None:
        times = rows[time]
        earlier = (times < times.iloc[place]).to_numpy() | times.isna().to_numpy()
        place = int(earlier.sum()) or int((times == times.iloc[place]).sum())
        if not 0 < place < len(rows):
            raise ValueError(
                f"{time}: all {len(rows)} labelled rows are of one time: none is newer than others."
            )
    if recipe.recommends:
        return _between_visits(rows, recipe, place)
    return rows.iloc[:place], rows.iloc[place:]


def _between_visits(rows: pd.DataFrame, recipe: Recipe, place: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part interactions near a place: between two times, or between the users of one time, whichever can be."""
    time = time_of(recipe)
    if time is None or time not in rows.columns:
        return rows.iloc[:place], rows.iloc[place:]
    count, (user, _) = len(rows) - place, recipe.ids
    times = rows[time].factorize(sort=True)[0]  # -1 without a time: the oldest
    bounds = np.flatnonzero(np.diff(times) != 0) + 1
    near = bounds[(len(rows) - bounds >= count / 2) & (len(rows) - bounds <= 2 * count)]
    if len(near):
        place = int(near[np.abs(near - place).argmin()])
        return rows.iloc[:place], rows.iloc[place:]
    moment = np.flatnonzero(times == times[place])
    users = rows[user].iloc[moment].factorize(sort=True)[0]
    order = np.arange(len(rows))
    order[moment] = moment[np.argsort(users, kind="stable")]
    parted, who = rows.iloc[order], np.sort(users)
    bounds = np.r_[0, np.flatnonzero(np.diff(who) != 0) + 1, len(who)] + moment[0]
    bounds = bounds[(bounds > 0) & (bounds < len(rows))]
    if len(bounds):
        place = int(bounds[np.abs(bounds - place).argmin()])
    return parted.iloc[:place], parted.iloc[place:]


def judging_rows(held_out: int, new: int, fewest: int) -> int:
    """Count the newest rows that a challenger is judged on: the hold-out, at most a third of what is new.

    A champion of last week has learned rows that today's challenger holds out, so on the rest of the hold-out
    the champion would be the fresher of the two. A challenger that learned two thirds of the rows that are new to the
    champion, judged on the others, shows what learning them is worth: what it gains grows with the part `1 - f` that it
    learned, the error falls with the root of the part `f` that judges it, and `(1 - f) sqrt(f)` is largest at a third.

    Parameters
    ----------
    held_out : int
        Rows of the hold-out.
    new : int
        Labelled rows of the window that the champion has not learned.
    fewest : int
        `promotion.min_rows`, which take more than that where there is little new.

    >>> [judging_rows(200, new, fewest=50) for new in (1000, 300, 60)]
    [200, 100, 50]
    """
    return min(held_out, max(new // 3, fewest))


def folds(frame: pd.DataFrame, recipe: Recipe, count: int | None = None) -> list[Fold]:
    """Return the folds of the search as positions in `frame`.

    By time: each validation part is newer than its training part. With `group_split` of whole entities. Else at random,
    class by class for a classification, arm by arm for an effect. Folds with one class, or arm, in a part are left out;
    if none is left, the folds are drawn class by class. With `validation_size` there is one, parted as the hold-out is.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        From `labelled_rows`.
    recipe : Recipe
    count : int, optional
        How many; default: `fold_count`.

    Returns
    -------
    list of (training positions, validation positions)

    Raises
    ------
    ValueError
        If there is only one class, or too few rows.
    """
    from sklearn.model_selection import KFold, TimeSeriesSplit

    if recipe.evaluation.validation.validation_size is not None:
        return [_validation(frame, recipe)]
    wanted = min(count or fold_count(recipe, len(frame)), len(frame) - 1)
    if wanted < 2:
        raise ValueError(f"{len(frame)} labelled rows are too few for cross-validation.")
    task = task_of(recipe)
    y = frame[recipe.target]
    if lacking := task.lacks(y):
        raise ValueError(lacking)
    if by_time(recipe):
        times = time_of(recipe) if recipe.forecasts or _has_moments(frame, recipe, wanted) else None
        parts = list(TimeSeriesSplit(wanted).split(y)) if times is None else _forward(frame[times], wanted)
        usable = [part for part in parts if all(task.lacks(y.iloc[p]) is None for p in part)]
        if usable:
            return usable
    if stay_together(recipe):
        return entity_folds(frame, recipe, wanted)
    if task.strata is not None:
        return _class_by_class(task.strata(y).to_numpy(), wanted, recipe.random_state)
    return list(KFold(wanted, shuffle=True, random_state=recipe.random_state).split(y))


def _validation(frame: pd.DataFrame, recipe: Recipe) -> Fold:
    """Part training rows once, by the share of all rows that `validation_size` says."""
    section, task = recipe.evaluation.validation, task_of(recipe)
    assert section.validation_size is not None
    count = math.ceil(section.validation_size / (1 - section.test_size) * len(frame))
    if count >= len(frame):
        raise ValueError(
            f"{len(frame)} labelled rows are too few for a validation part of {section.validation_size:g}."
        )
    parts = _apart(frame.reset_index(drop=True), recipe, count)
    for part, what in zip(parts, ("training", "validation"), strict=True):
        if lacking := task.lacks(part[recipe.target]):
            raise ValueError(f"validation_size: of the {what} part: {lacking}")
    learned, judged = (part.index.to_numpy() for part in parts)
    return learned, judged


def _has_moments(frame: pd.DataFrame, recipe: Recipe, wanted: int) -> bool:
    """Whether interactions are of so many times that folds of them part none."""
    time = time_of(recipe)
    return recipe.recommends and time in frame.columns and frame[time].nunique() > wanted


def folds_of_families(frame: pd.DataFrame, recipe: Recipe) -> list[Fold]:
    """Return the folds of the automatic search: of many rows one, a fifth of the rows, which tells as much as three."""
    if recipe.training.folds is None and len(frame) > FEW_ROWS:
        return folds(frame, recipe, 5)[-1:]
    return folds(frame, recipe)


def _forward(times: pd.Series[Any], wanted: int) -> list[Fold]:
    """Folds of whole moments, each validation part newer than all of its training part; none of one moment."""
    from sklearn.model_selection import TimeSeriesSplit

    moments = times.factorize(sort=True)[0]  # -1 without a time: the oldest
    count = int(moments.max()) + 1
    if count < 3:
        raise ValueError(f"{times.name}: {count} different times are too few for cross-validation.")
    parts = TimeSeriesSplit(min(wanted, count - 1)).split(np.arange(count))
    return [
        (
            np.flatnonzero(moments <= train.max()),
            np.flatnonzero((moments > train.max()) & (moments <= judge.max())),
        )
        for train, judge in parts
    ]


def fold_count(recipe: Recipe, n_rows: int) -> int:
    """Return the recipe's number of folds; 5 if it names none, 3 for the automatic search on many rows."""
    if recipe.training.folds is not None:
        return recipe.training.folds
    return 3 if recipe.model.class_path is None and n_rows > MANY_ROWS else 5


def _class_by_class(y: NDArray[Any], n_folds: int, random_state: int) -> list[Fold]:
    from sklearn.model_selection import StratifiedKFold

    _, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    n_folds = min(n_folds, int(np.sort(counts)[-2]))
    if n_folds < 2:
        raise ValueError(
            f"Only one class has two rows or more, of {len(counts)}: too few for cross-validation."
        )
    enough = counts[codes] >= n_folds
    positions, rare = np.flatnonzero(enough), np.flatnonzero(~enough)
    parts = StratifiedKFold(n_folds, shuffle=True, random_state=random_state).split(positions, y[positions])
    # Rows of a class too rare for every fold teach, but do not judge.
    return [(np.sort(np.r_[positions[train], rare]), positions[judge]) for train, judge in parts]
