"""Rows of one entity on one side: hold-out and folds of `group_split`, and what is new to a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml_assets.recipe.schema import Recipe
from ml_assets.shown import listed
from ml_assets.tasks.all import task_of

Positions = NDArray[np.intp]


def stay_together(recipe: Recipe) -> bool:
    """Whether all rows of an entity are on one side."""
    return recipe.evaluation.validation.method == "group_split"


def held_out(rows: pd.DataFrame, recipe: Recipe, count: int) -> NDArray[np.bool_]:
    """Mark the rows of the hold-out: whole entities, `count` rows or about as many.

    Whether an entity is held out follows from its name and `random_state`, as by a lot drawn once: when others come, it
    stays on its side, but near the border. With `stratify` those that have a row of the rarest class are drawn
    by themselves, then those of the next.

    Parameters
    ----------
    rows : DataFrame of shape (n_rows, n_columns)
        With the columns of `entity_cols`.
    recipe : Recipe
    count : int
        Rows wanted, fewer than there are.

    Raises
    ------
    ValueError
        If there is one entity only.
    """
    codes = _codes(rows, recipe)
    n_entities = int(codes.max()) + 1
    if n_entities < 2:
        raise ValueError(
            f"{listed(recipe.entities)}: all {len(rows)} labelled rows are of one entity, and group_split holds out "
            "whole ones: leave `method` out, or add rows of others"
        )
    first = rows.iloc[np.unique(codes, return_index=True)[1]]
    lots = pd.util.hash_pandas_object(
        first[list(recipe.entities)].astype(str), index=False, hash_key=f"{recipe.random_state:016d}"
    ).to_numpy()
    sizes = np.bincount(codes)
    chosen = np.zeros(n_entities, dtype=bool)
    for members in _strata(rows, recipe, codes):
        order = members[np.lexsort((members, lots[members]))]
        wanted = count / len(rows) * sizes[order].sum()
        until = np.cumsum(sizes[order])
        chosen[order[until - sizes[order] / 2 <= wanted]] = True
    by_lot = np.argsort(lots, kind="stable")
    if not chosen.any():
        chosen[by_lot[0]] = True
    if chosen.all():
        chosen[by_lot[-1]] = False
    marked: NDArray[np.bool_] = chosen[codes]
    return marked


def entity_folds(frame: pd.DataFrame, recipe: Recipe, wanted: int) -> list[tuple[Positions, Positions]]:
    """Return folds of whole entities, class by class where the task has classes.

    A row of a class that a fold's training part lacks is not judged there.

    Raises
    ------
    ValueError
        If there are too few entities, or all rows of a class are of one.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    task, codes = task_of(recipe), _codes(frame, recipe)
    count = min(wanted, int(codes.max()) + 1)
    if count < 2:
        raise ValueError(
            f"{listed(recipe.entities)}: all {len(frame)} labelled rows are of one entity: too few for folds."
        )
    y = frame[recipe.target]
    shuffled: dict[str, Any] = {"shuffle": True, "random_state": recipe.random_state}
    if task.strata is None:
        return list(GroupKFold(count, **shuffled).split(y, groups=codes))
    classes = pd.factorize(task.strata(y))[0]
    count = min(count, int(np.sort(np.bincount(classes))[-2:].min()))
    parts = []
    if count >= 2:
        parts = list(StratifiedGroupKFold(count, **shuffled).split(y, classes, codes))
    judged = [(train, judge[np.isin(classes[judge], classes[train])]) for train, judge in parts]
    usable = [part for part in judged if all(len(p) and task.lacks(y.iloc[p]) is None for p in part)]
    if not usable:
        raise ValueError(
            f"{listed(recipe.entities)}: in no part of whole entities are two classes: too few entities have rows of "
            "the rarer one for folds. Leave `method: group_split` out, or add rows of others"
        )
    return usable


def of_known_entities(rows: pd.DataFrame, learned: NDArray[np.bool_], recipe: Recipe) -> NDArray[np.bool_]:
    """Mark the rows that a model knows: those it learned, and with `group_split` all of their entities.

    >>> import pandas as pd
    >>> from ml_assets.recipe.schema import Recipe
    >>> interface = {"task_type": "regression", "target_col": "y", "entity_cols": ["who"]}
    >>> recipe = Recipe.model_validate({
    ...     "name": "shop", "model": {"loader": {"source_uri": "rows.csv"}, "data_interface": interface},
    ...     "evaluation": {"validation": {"method": "group_split"}},
    ... })
    >>> rows = pd.DataFrame({"who": ["a", "a", "b"]})
    >>> of_known_entities(rows, np.array([True, False, False]), recipe).tolist()
    [True, True, False]
    """
    if not stay_together(recipe) or not learned.any():
        return learned
    codes = _codes(rows, recipe)
    known: NDArray[np.bool_] = np.isin(codes, np.unique(codes[learned]))
    return known


def _codes(rows: pd.DataFrame, recipe: Recipe) -> Positions:
    groups = rows.groupby(list(recipe.entities), sort=True, dropna=False)
    return groups.ngroup().to_numpy().astype(np.intp)


def _strata(rows: pd.DataFrame, recipe: Recipe, codes: Positions) -> Sequence[Positions]:
    """Entities by the rarest class that each has a row of; without classes all together."""
    task = task_of(recipe)
    n_entities = int(codes.max()) + 1
    if task.strata is None or not recipe.evaluation.validation.stratify:
        return [np.arange(n_entities)]
    classes = pd.factorize(task.strata(rows[recipe.target]), sort=True)[0]
    ranks = np.argsort(np.argsort(np.bincount(classes), kind="stable"), kind="stable")
    rarest = np.full(n_entities, len(ranks))
    np.minimum.at(rarest, codes, ranks[classes])
    return [np.flatnonzero(rarest == rank) for rank in np.unique(rarest)]
