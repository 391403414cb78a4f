"""Columns that may hold the answer: features that tell the target almost perfectly, alone or a few together.

What is found is a suspicion. A column that was filled in after the outcome was known, or made from it, does this;
so does, rarely, an honest one. A feature stands out by itself (`single.py`), with a few others that make up a number
(`together.py`), or with one other that parts the classes (`pairs.py`).

Where rows follow one another in time, a label, a level or a state that lasts is told by the row before: a lag of it
is honest, and is wrong just where the target changes. So there the changes must be told, too (`single.CHANGES`).

An honest target that is easy is told more than once: by the length of a petal and by its width, by any part of a
picture. So what is neither a function of the target nor an exact relation is sure only if all other columns together
come nowhere near (`rest.py`), and if most columns are others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.features.history import made_names
from ml_assets.quality.alone import Classes, Mask, Numbers
from ml_assets.quality.order import in_order, next_of
from ml_assets.quality.pairs import parting_pairs
from ml_assets.quality.rest import told_by
from ml_assets.quality.single import Suspect, numbers, of_column, of_pair
from ml_assets.quality.together import relations
from ml_assets.records import Leak
from ml_assets.tasks.all import task_of

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.recipe.schema import Recipe

FEWEST_ROWS = 30
EASY = 0.03
"""What all others lack at most where the target is easy, whoever tells it."""


def suspected_leaks(rows: pd.DataFrame, features: Iterable[str], recipe: Recipe) -> tuple[Leak, ...]:
    """Features that tell the target almost perfectly, alone or a few together: the surest first.

    Parameters
    ----------
    rows : DataFrame of shape (n_rows, n_columns)
        Clean rows; those without a label are left out.
    features : iterable of str
        What the model learns from.
    recipe : Recipe
        Names target, entities and time. What it allows (`quality`) is found all the same. Of several targets each is
        asked for, and a suspicion is told once; without one there is nothing to give away.
    """
    if not recipe.has_target:
        return ()
    if len(recipe.targets) > 1:
        each = (_of_one(rows, features, one, recipe) for one in recipe.of_each_target())
        return _each_once(leak for leaks in each for leak in leaks)
    known, names = in_order(rows[rows[recipe.target].notna()], recipe), list(features)
    if len(known) < FEWEST_ROWS:
        return ()
    y = known[recipe.target]
    target = Classes(y) if task_of(recipe).classes else Numbers(y)
    half = np.random.default_rng(recipe.random_state).permutation(len(known)) % 2 == 0
    follows = next_of(known, recipe)
    asked = [name for name in names if name not in made_names(recipe)]  # what was known before is no leak
    alone = [found for name in asked if (found := of_column(known[name], target, half, follows))]
    together = list(_together(known, asked, target, recipe, alone, follows))
    alone = [suspect for suspect in alone if not _columns([suspect]) <= _columns(together)]
    suspects = [*alone, *together]
    rest = [name for name in names if name not in _columns(suspects)]
    leaks = _compared(suspects, known, rest, target, half)
    return tuple(sorted(leaks, key=_surest))


def _of_one(rows: pd.DataFrame, features: Iterable[str], one: Recipe, recipe: Recipe) -> Iterator[Leak]:
    """Leaks of one of several targets: of what was done, it is who was treated that they tell."""
    treatment = one.target == recipe.treatment
    for leak in suspected_leaks(rows, features, one):
        yield leak.model_copy(update={"of": "treatment"}) if treatment else leak


def _each_once(found: Iterable[Leak]) -> tuple[Leak, ...]:
    """The surest suspicion of the same columns, the surest first."""
    by_columns: dict[frozenset[str], Leak] = {}
    for leak in sorted(found, key=_surest):
        by_columns.setdefault(frozenset(leak.columns), leak)
    return tuple(by_columns.values())


def _surest(leak: Leak) -> tuple[bool, float, str]:
    return not leak.sure, -leak.score, leak.column


def _together(
    known: pd.DataFrame,
    names: Sequence[str],
    target: Classes | Numbers,
    recipe: Recipe,
    alone: Sequence[Suspect],
    follows: Mask | None,
) -> Iterator[Suspect]:
    """Few columns that tell the target together, each once; none of classes that one column parts already."""
    certain = _columns(suspect for suspect in alone if suspect.certain)
    figures = [name for name in names if name not in certain and numbers(known[name]) is not None]
    if isinstance(target, Numbers):
        for leak in relations(known, figures, recipe.target, follows):
            yield Suspect(leak, lacks=0.0, certain=True)
        return
    taken: set[str] = set()
    for pair in [] if alone else sorted(parting_pairs(known, figures, target), key=lambda pair: -pair.area):
        suspect = None if taken & set(pair.columns) else of_pair(pair, target, follows)
        if suspect is not None:
            taken |= set(pair.columns)
            yield suspect


def _compared(
    suspects: Sequence[Suspect],
    known: pd.DataFrame,
    rest: Sequence[str],
    target: Classes | Numbers,
    half: Mask,
) -> Iterator[Leak]:
    """Those that need no comparison or stand out from all other columns together; others, if surely good, in doubt."""
    yield from (suspect.leak for suspect in suspects if suspect.certain)
    left = [suspect for suspect in suspects if not suspect.certain]
    if not left:
        return
    score, right = told_by(known, rest, target, half)
    many = len(left) > 1 and len(_columns(left)) > len(rest)
    for suspect in left:
        leak, lacks = suspect.leak, 1 - (right if suspect.by_right else score)
        if not many and lacks >= max(EASY, suspect.farther * suspect.lacks):
            yield leak
        elif leak.sure:
            yield leak.model_copy(
                update={"sure": False, "text": f"{leak.text}; the others tell it nearly as well"}
            )


def _columns(suspects: Iterable[Suspect]) -> set[str]:
    return {name for suspect in suspects for name in suspect.leak.columns}
