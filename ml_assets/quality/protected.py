"""What is to be said of protected columns before a model is trained: their groups, and who gives them away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from ml_assets.quality.alone import Classes
from ml_assets.quality.assignment import told_by_columns
from ml_assets.quality.groups import MOST_GROUPS, edges_of, groups_of, has_many_values, names_between
from ml_assets.quality.single import binned, numbers
from ml_assets.recipe.gaps import JUDGED
from ml_assets.shown import figure, listed

if TYPE_CHECKING:
    from ml_assets.quality.hints import Seen

PROXY: Final = 0.8
"""Area under the curve from which a column alone nearly gives a group away."""
TOGETHER: Final = 0.8
"""The same of all features together."""
MOST_ROWS: Final = 20_000
"""Rows that are looked at."""
FEWEST: Final = 100
ASKED: Final = 4
"""Groups, the largest, that features are asked for."""


def protected_groups(seen: Seen) -> Iterator[str]:
    """Groups that nobody has chosen, that are too many, or too small to be judged."""
    recipe, wanted = seen.recipe, seen.recipe.evaluation.fairness
    if recipe.task not in JUDGED:
        return
    for name in recipe.protected:
        if name not in seen.rows:
            continue
        values, asked = seen.rows[name], wanted.groups.get(name)
        if pd.api.types.is_datetime64_any_dtype(values.dtype):
            yield (
                f"protected column '{name}' holds times, and each is a group: make groups of it in the source, as a "
                "column of ages"
            )
            continue
        edges = edges_of(values, asked)
        if asked is None and has_many_values(values):
            yield (
                f"protected column '{name}' has {values.nunique():,} numbers: its groups are four of equal size, cut "
                f"at {listed(map(figure, edges))}. Say where they begin "
                f"(evaluation.fairness.groups: {{{name}: [{', '.join(f'{edge:g}' for edge in edges)}]}}), or how many "
                f"({{{name}: 3}})"
            )
        groups = groups_of(values, edges)
        cut = pd.to_numeric(values, errors="coerce").dropna() if edges else values[:0]
        empty = [group for group in names_between(edges) if group not in groups] if len(cut) else []
        if empty:
            yield (
                f"protected column '{name}': no row is in {listed(map(repr, empty))}; its values are "
                f"{figure(cut.min())} to {figure(cut.max())}: mend evaluation.fairness.groups.{name}, else these are "
                "never compared"
            )
        if len(groups) > MOST_GROUPS:
            yield (
                f"protected column '{name}' has {len(groups):,} values: the {MOST_GROUPS} with the most rows are "
                "compared. Make fewer groups of them in the source"
            )
        elif seen.whole:
            held_out = recipe.evaluation.validation.test_size
            small = [group for group, rows in groups.items() if rows.sum() * held_out < wanted.min_rows]
            if small:
                yield (
                    f"protected column '{name}': of {listed(map(repr, small))} the hold-out will have "
                    f"fewer than {wanted.min_rows} rows, too few to be compared (evaluation.fairness.min_rows)"
                )


def proxies(seen: Seen) -> Iterator[str]:
    """Features that nearly give a protected column away: a word, since leaving it out then hides little."""
    for name in seen.recipe.kept_apart:
        if name not in seen.rows:
            continue
        known = seen.rows[seen.rows[name].notna()]
        if len(known) > MOST_ROWS:
            known = known.sample(MOST_ROWS, random_state=seen.recipe.random_state)
        if len(known) < FEWEST:
            continue
        edges = edges_of(seen.rows[name], seen.recipe.evaluation.fairness.groups.get(name))
        largest = sorted(groups_of(known[name], edges).items(), key=lambda pair: -pair[1].sum())[:ASKED]
        if len(largest) < 2:
            continue
        alone = _alone(known, seen.roles.features, largest)
        if alone:
            told = listed(f"'{feature}' ('{group}', {figure(area, 2)})" for feature, group, area in alone)
            yield (
                f"protected column '{name}' is nearly given away by {told}: that group, and the area under the curve "
                "by which one column alone tells it from the others. Leaving it out does not hide it from the model: "
                "look whether these are needed (exclude_cols)"
            )
            continue
        best = _together(known, seen, largest)
        if best is not None and best >= TOGETHER:
            yield (
                f"the features together tell protected column '{name}' (ROC AUC {figure(best, 2)} on rows not "
                "learned): leaving it out does not hide it from the model"
            )


def _alone(
    known: pd.DataFrame, features: Sequence[str], groups: Sequence[tuple[str, Any]]
) -> list[tuple[str, str, float]]:
    """Features that tell some group from the others on rows that were not learned, the best first."""
    half = np.random.default_rng(0).permutation(len(known)) % 2 == 0
    targets = [Classes(pd.Series(rows)) for _, rows in groups]
    found = []
    for name in features:
        values = numbers(known[name])
        if values is None:
            codes, names = pd.factorize(known[name], use_na_sentinel=False)
            each = {side: (codes, len(names)) for side in (True, False)}
        else:
            each = {side: binned(values, half == side) for side in (True, False)}
        areas = [min(target.told(*each[side], half == side) for side in (True, False)) for target in targets]
        best = int(np.argmax(areas))
        found.append((name, groups[best][0], areas[best]))
    return sorted((each for each in found if each[2] >= PROXY), key=lambda each: -each[2])


def _together(known: pd.DataFrame, seen: Seen, groups: Sequence[tuple[str, Any]]) -> float | None:
    told = "group__"
    found = [
        told_by_columns(
            known.assign(**{told: rows.astype(float)}), seen.roles.features, told, seen.recipe.random_state
        )
        for _, rows in groups[: 1 if len(groups) == 2 else ASKED]
    ]
    return max((area for area in found if area is not None), default=None)
