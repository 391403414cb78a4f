"""What has changed since the oldest training rows but not since the newest: the champion has learned it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd

from ml_assets.monitoring.compared import Compared
from ml_assets.monitoring.verdict import facing, verdict
from ml_assets.names import BATCH
from ml_assets.records import ColumnDrift, JointDrift

NEWEST_ROWS = 1_000  # of the newest training batches, from which a drifted column must differ, too
NEARER = 0.5  # share of the effect; a column that is as much nearer to the newest training batches is known
Trend = Literal["learned", "accepted"]


def newest_rows(reference: pd.DataFrame) -> pd.DataFrame | None:
    """Rows of the newest training batches, 1,000 or more; None where that is all, or batches are unknown."""
    if BATCH not in reference.columns:
        return None
    sizes = reference[BATCH].value_counts().sort_index(ascending=False).cumsum()
    enough = sizes[sizes >= NEWEST_ROWS]
    if enough.empty or enough.index[0] == sizes.index[-1]:
        return None
    newest: pd.DataFrame = reference[reference[BATCH] >= enough.index[0]]
    return newest


def known_columns(
    columns: Sequence[ColumnDrift],
    found: Compared,
    newest: pd.DataFrame,
    trend: Trend,
) -> list[ColumnDrift]:
    """Take columns back that differ from all training rows together, but hardly from the newest of them.

    After a change the training rows are a mixture of before and after, from which every batch differs for as
    long as the window reaches back; the champion has seen the new state all the same. The same goes for batches
    that a person has confirmed.
    """
    drifted = sum(column.drifted for column in columns)
    judged = []
    for column in columns:
        name = column.column
        if column.drifted and name not in found.faults and name in newest.columns:
            now = verdict(name, facing(found.pairs[name], newest[name]), "", {}, drifted)
            close = abs(now.effects.get(column.effect_name, 0.0)) < NEARER * abs(column.effect)
            if close and not now.drifted:
                column = column.model_copy(update={"drifted": False, "trend": trend})
        judged.append(column)
    return judged


def known_joint(joint: JointDrift, now: JointDrift | None) -> JointDrift:
    """The same of columns that go together as in the newest training batches; `now` is against those."""
    known = now is not None and not now.drifted and now.auc - 0.5 < NEARER * (joint.auc - 0.5)
    return joint.model_copy(update={"drifted": not known, "learned": known})
