"""How a model does on parts of the hold-out: those that a recipe names, and the worst that is found.

A part is compared with all other rows by the mean loss of a row. The worst of many parts looks bad by chance alone, so
it is looked for on one half of the rows and judged on the other, which had no say in it (Cox 1975, Biometrika 62).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml_assets.evaluation.segments import holm, segments
from ml_assets.recipe.schema import Recipe
from ml_assets.records import PartScore, Positive
from ml_assets.tasks.all import task_of
from ml_assets.tasks.base import Floats
from ml_assets.tasks.intervals import intervals
from ml_assets.tasks.metrics import labelled
from ml_assets.tasks.several import has_labels, parts_of

LEVEL = 0.05
FEWEST = 30
"""Rows of a part, and of the others, below which it is not looked at."""
SMALLEST = 0.02
"""Share of the rows: of a smaller part little is to be had."""
MOST_LEVELS = 30
"""Levels of a category of which each is tried as a part."""
MOST_PARTS = 1_000
"""Parts that are scored at most."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Rows:
    """Labelled rows of a hold-out with what was predicted, and the loss and the owner of each row."""

    frame: pd.DataFrame
    y: Any
    predictions: pd.DataFrame
    losses: Floats
    owners: NDArray[np.integer[Any]]


def rows_of(recipe: Recipe, frame: pd.DataFrame, predictions: pd.DataFrame, positive: Positive) -> Rows:
    """Put the labelled rows of a hold-out together.

    Parameters
    ----------
    recipe : Recipe
    frame : DataFrame of shape (n_rows, n_columns)
    predictions : DataFrame of shape (n_rows, n_outputs)
        In the order of the rows.
    positive : str, tuple of str or None
    """
    y, task = frame[recipe.target], task_of(recipe)
    there = has_labels(y)
    found = labelled(y, predictions, task.name, positive)
    losses = np.mean([task.row_losses(part) for part in parts_of(found)], axis=0)
    kept = frame[there].reset_index(drop=True)
    names = [name for name in recipe.entities if name in kept.columns]
    owners = (
        kept.groupby(names, dropna=False, sort=False).ngroup().to_numpy() if names else np.arange(len(kept))
    )
    return Rows(
        kept, y[there].reset_index(drop=True), predictions[there].reset_index(drop=True), losses, owners
    )


def scored_parts(
    recipe: Recipe,
    rows: Rows,
    features: tuple[str, ...],
    metric: str,
    positive: Positive,
) -> tuple[PartScore, ...]:
    """Score the segments that the recipe names, and the worst part that is found, each beside the other rows.

    Parameters
    ----------
    recipe : Recipe
    rows : Rows
    features : tuple of str
        Columns by which the worst part is looked for.
    metric : str
        What is told of each part, with its interval.
    positive : str, tuple of str or None

    Returns
    -------
    tuple of PartScore
        Named segments in the order of their columns; the one that was found last, if there is one.
    """
    names = [name for name in recipe.evaluation.segments if name in rows.frame.columns]
    masks = list(_usable(segments(rows.frame, names, ()), len(rows.losses)).items())[:MOST_PARTS]
    ps = [surely_worse(rows.losses, mask, rows.owners) for _, mask in masks]
    together = holm(ps)
    everyone = np.ones(len(rows.losses), dtype=bool)
    found = [
        _scored(name, rows, (mask, everyone), (metric, positive, recipe), (p, p < LEVEL, False))
        for (name, mask), p in zip(masks, together, strict=True)
    ]
    worst = worst_part(rows, features, recipe.random_state)
    if worst is not None:
        name, mask, half = worst
        p = surely_worse(rows.losses[half], mask[half], rows.owners[half])
        found.append(_scored(name, rows, (mask, half), (metric, positive, recipe), (p, p < LEVEL, True)))
    return tuple(found)


def _scored(
    name: str,
    rows: Rows,
    masks: tuple[Mask, Mask],
    by: tuple[str, Positive, Recipe],
    judged: tuple[float, bool, bool],
) -> PartScore:
    """Score the rows of a part that are among those which judge it."""
    (mask, among), (metric, positive, recipe), (p, worse, found) = masks, by, judged
    inside, outside = mask & among, ~mask & among
    part = labelled(rows.y[inside], rows.predictions[inside], task_of(recipe).name, positive)
    return PartScore(
        name=name,
        rows=int(inside.sum()),
        score=intervals(part, [metric], recipe.random_state).get(metric),
        loss=float(rows.losses[inside].mean()),
        others=float(rows.losses[outside].mean()),
        p=p,
        worse=worse,
        found=found,
    )


def worst_part(rows: Rows, features: tuple[str, ...], random_state: int) -> tuple[str, Mask, Mask] | None:
    """Look for the part whose rows lose most, on one half of the rows.

    Each value of a category, each quarter of a number, and what is missing; then the worst of these together with each
    other. That one is taken which is surest to be worse.

    Returns
    -------
    name : str
    mask : array of bool of shape (n_rows,)
        Its rows, of both halves.
    half : array of bool of shape (n_rows,)
        Rows that may judge it: owners who are in one half are not in the other.
        None instead of the three where no part of either half has `FEWEST` rows.
    """
    owners = int(rows.owners.max(initial=-1)) + 1
    looked = np.random.default_rng(random_state).permutation(owners) < owners // 2
    searched = looked[rows.owners]
    if min(searched.sum(), (~searched).sum()) < 2 * FEWEST:
        return None
    columns = [name for name in features if _cuttable(rows.frame[name])]
    candidates = {
        name: mask
        for name, mask in segments(rows.frame, columns, columns).items()
        if _enough(mask, searched) and _enough(mask, ~searched)
    }
    if not candidates:
        return None
    surest = {name: _surest(rows, mask, searched) for name, mask in candidates.items()}
    best = max(surest, key=lambda name: surest[name])
    pairs = {
        f"{best} and {name}": candidates[best] & mask for name, mask in candidates.items() if name != best
    }
    pairs = {
        name: mask for name, mask in pairs.items() if _enough(mask, searched) and _enough(mask, ~searched)
    }
    both = {name: _surest(rows, mask, searched) for name, mask in pairs.items()}
    further = max(both, key=lambda name: both[name], default=best)
    if both.get(further, -math.inf) > surest[best]:
        return further, pairs[further], ~searched
    return best, candidates[best], ~searched


def _surest(rows: Rows, mask: Mask, among: Mask) -> float:
    return _difference(rows.losses[among], mask[among], rows.owners[among])[0]


def _cuttable(values: pd.Series[Any]) -> bool:
    return bool(pd.api.types.is_numeric_dtype(values)) or values.nunique() <= MOST_LEVELS


def _enough(mask: Mask, among: Mask) -> bool:
    inside, all_of_them = int((mask & among).sum()), int(among.sum())
    least = max(FEWEST, SMALLEST * all_of_them)
    return least <= inside <= all_of_them - least


def _usable(masks: Mapping[str, Mask], count: int) -> dict[str, Mask]:
    return {name: mask for name, mask in masks.items() if FEWEST <= mask.sum() <= count - FEWEST}


def surely_worse(losses: Floats, mask: Mask, owners: NDArray[np.integer[Any]]) -> float:
    """Probability of so much larger a mean loss in a part if it lost as the others do (Welch 1947, by owners).

    Parameters
    ----------
    losses : array of shape (n_rows,)
    mask : array of bool of shape (n_rows,)
        Rows of the part.
    owners : array of int of shape (n_rows,)
        Rows of one owner count together.
    """
    from scipy.stats import t

    statistic, freedom = _difference(losses, mask, owners)
    return float(t.sf(statistic, freedom))


def _difference(losses: Floats, mask: Mask, owners: NDArray[np.integer[Any]]) -> tuple[float, float]:
    """Difference of the mean losses over its standard error, and the degrees of freedom."""
    inside, outside = losses[mask], losses[~mask]
    gain = float(inside.mean() - outside.mean())
    variances, freedoms = [], []
    for part, own in ((inside, owners[mask]), (outside, owners[~mask])):
        sums = np.bincount(own, part - part.mean())[np.bincount(own) > 0] / len(part)
        count = len(sums)
        variances.append(float(sums @ sums) * count / max(1, count - 1))
        freedoms.append(max(1, count - 1))
    total = sum(variances)
    if not total > 0:
        return (math.inf if gain > 0 else -math.inf if gain < 0 else 0.0), 1.0
    freedom = total**2 / sum(v**2 / f for v, f in zip(variances, freedoms, strict=True))
    return gain / math.sqrt(total), freedom
