"""What the arms of an experiment have answered, joined with the labels that came with later batches."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from ml_assets.lifecycle.served import unlearned
from ml_assets.names import ROW_ID
from ml_assets.records.experiments import CHAMPION

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.lifecycle.state import ModelState
    from ml_assets.promotion.arms import Answers
    from ml_assets.registry.experiments import Running

SIGHT: Final = 90
"""Newest batches that are looked at for labels."""
LAG: Final = 30.0
"""Seconds after a step of the schedule in which servers may not know of it yet."""
_COUNT: Final = "count__"


@dataclass(frozen=True)
class Answered:
    """Lines of the log of one experiment, oldest first, each of one row.

    Parameters
    ----------
    lines : DataFrame of shape (n_lines, 6)
        `arm`, `version`, `request`, `place`, `at` (UTC), and `unit`: the key by which the row was dealt out.
    keys : DataFrame of shape (n_lines, n_keys)
        Its entity as labels, and the column of its batch: as it was sent, else when it was answered.
    clean : DataFrame of shape (n_lines, n_features)
        The row, cleaned.
    predictions : DataFrame of shape (n_lines, 1 + n_classes)
        What was answered, with all that a metric wants.
    """

    lines: pd.DataFrame
    keys: pd.DataFrame
    clean: pd.DataFrame
    predictions: pd.DataFrame


@dataclass(frozen=True)
class Labelled:
    """Lines with the rows of later batches that are theirs: the n-th of `lines` is the n-th of `rows`.

    Parameters
    ----------
    lines : array of int of shape (n_labelled,)
        Places in `Answered`.
    rows : DataFrame of shape (n_labelled, n_columns)
        Clean rows with their labels.
    """

    lines: Any
    rows: pd.DataFrame


def seen(state: ModelState) -> str:
    """Digest of the batches that labels come with: while it is the same, nothing new is known."""
    digest = hashlib.sha256()
    for batch in state.store.batches("cleaned_features")[-SIGHT:]:
        digest.update(f"{batch} {state.store.sha256('cleaned_features', batch)}\n".encode())
    return digest.hexdigest()[:16]


def joined(state: ModelState, one: Running, answered: Answered) -> Labelled:
    """Find the labelled row of each line.

    By entity and the column of batches, where the recipe has both; of a table whose entities have one row each by the
    entity; else by all values of the row, of which equal ones take equal rows in turn. Rows that any of the versions
    has learned are left out.
    """
    import numpy as np
    import pandas as pd

    rows = _labelled_rows(state, one, answered)
    if rows is None or not len(answered.lines):
        return Labelled(np.array([], dtype=np.intp), pd.DataFrame(columns=[*state.recipe.targets, ROW_ID]))
    columns = _columns(state, one, answered, rows)
    left = pd.concat(
        [answered.keys, answered.clean.drop(columns=answered.keys.columns, errors="ignore")], axis=1
    )
    left = left[columns].assign(line=np.arange(len(left)))
    right = rows[columns].assign(row=np.arange(len(rows)))
    right[_COUNT] = right.groupby(columns, dropna=False).cumcount()
    shadows = {arm.name for arm in one.experiment.shadows}
    side = answered.lines["arm"].where(answered.lines["arm"].isin(shadows), CHAMPION).to_numpy()
    left[_COUNT] = left.assign(side=side).groupby(["side", *columns], dropna=False).cumcount().to_numpy()
    found = left.merge(right, on=[*columns, _COUNT], how="inner").sort_values("line")
    return Labelled(found["line"].to_numpy(), rows.iloc[found["row"].to_numpy()].reset_index(drop=True))


def sides(state: ModelState, one: Running, answered: Answered, labelled: Labelled) -> list[Answers]:
    """Rows and answers of each arm, the champion's first."""
    from ml_assets.promotion.arms import Answers
    from ml_assets.promotion.blocks import blocks

    lines = answered.lines.iloc[labelled.lines].reset_index(drop=True)
    predictions = answered.predictions.iloc[labelled.lines].reset_index(drop=True)
    order = list(zip(lines["request"], lines["place"], strict=True))
    champions = {key: k for k, key in enumerate(order) if lines["arm"][k] == CHAMPION}
    found = []
    versions = {CHAMPION: one.experiment.champion, **{arm.name: arm.version for arm in one.experiment.arms}}
    shadows = {arm.name for arm in one.experiment.shadows}
    for name, version in versions.items():
        mine = [k for k, arm in enumerate(lines["arm"]) if arm == name]
        beside = None
        if name in shadows:
            mine = [k for k in mine if order[k] in champions]
            beside = predictions.iloc[[champions[order[k]] for k in mine]].reset_index(drop=True)
        rows = labelled.rows.iloc[mine].reset_index(drop=True)
        found.append(
            Answers(
                name,
                version,
                rows[state.recipe.target],
                predictions.iloc[mine].reset_index(drop=True),
                blocks(rows, state.recipe) if len(rows) else None,
                int((answered.lines["arm"] == name).sum()),
                beside,
            )
        )
    return found


def dealt_out(one: Running, answered: Answered) -> tuple[list[list[int]], list[list[float]]]:
    """Count the keys that were first seen in each step of the schedule by arm, and give the shares that were asked for.

    What came right after a step is left out: servers read of it at their next look.
    """
    experiment = one.experiment
    names = list(experiment.shares(0))
    first = answered.lines[answered.lines["arm"].isin(names)].drop_duplicates("unit")
    hours = (first["at"].astype("int64") / 1e6 - one.began) / 3600
    steps = [*(step.hours for step in experiment.steps), float("inf")]
    counts, shares = [], []
    for place, (begins, ends) in enumerate(pairwise(steps)):
        there = (hours >= begins + (LAG / 3600 if place else -1)) & (hours < ends)
        seen_by = Counter(first.loc[there, "arm"])
        counts.append([seen_by[name] for name in names])
        wanted = experiment.shares(begins)
        shares.append([wanted[name] for name in names])
    return counts, shares


def _labelled_rows(state: ModelState, one: Running, answered: Answered) -> pd.DataFrame | None:
    """Rows of the newest batches that have labels and that no version has learned."""
    import pandas as pd

    from ml_assets.tasks.several import has_labels

    time = state.recipe.batches.column if state.recipe.batches is not None else None
    parts = []
    for batch in reversed(state.store.batches("cleaned_features")[-SIGHT:]):
        frame = state.store.read_frame("cleaned_features", batch)
        if time is not None and frame[time].max() < answered.keys[time].min():
            break
        parts.append(frame[has_labels(frame[state.recipe.target])])
    if not parts:
        return None
    whole = pd.concat(parts[::-1], ignore_index=True)
    versions = [one.experiment.champion, *(arm.version for arm in one.experiment.arms)]
    return unlearned(state, whole, *versions).reset_index(drop=True)


def _columns(state: ModelState, one: Running, answered: Answered, rows: pd.DataFrame) -> list[str]:
    """Columns by which lines and rows are joined."""
    there = [name for name in answered.keys.columns if name in rows.columns]
    entity = [name for name in one.experiment.entity if name in there]
    known = (
        bool(entity)
        and len(entity) == len(one.experiment.entity)
        and bool(answered.keys[entity].notna().all().all())
    )
    if known and (len(there) > len(entity) or not rows.duplicated(entity).any()):
        return there
    return [
        *(entity if known else []),
        *(c for c in answered.clean.columns if c in rows.columns and c not in entity),
    ]
