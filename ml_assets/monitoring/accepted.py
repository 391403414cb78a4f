"""What a person has confirmed as the new normal: what is as in a confirmed batch is neither fault nor drift."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from ml_assets.monitoring.compared import compare, moved_round, whole_of
from ml_assets.monitoring.past import Past
from ml_assets.monitoring.reference import InMemory
from ml_assets.names import BATCH

if TYPE_CHECKING:
    from ml_assets.monitoring.compared import Compared
    from ml_assets.monitoring.reference import Reference

NEWEST = 4
"""Confirmed batches that are compared with."""


def in_force(accepted: Iterable[str], arrived: Sequence[str], batch: str) -> list[str]:
    """Name the newest confirmed batches that a batch is compared with: those that have come, itself among them."""
    return [label for label in sorted(set(accepted)) if label <= batch and label in arrived][-NEWEST:]


def rows_of(accepted: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Their rows, each column once, with `batch__`."""
    frames = [
        rows.loc[:, ~rows.columns.duplicated()].assign(**{BATCH: label}) for label, rows in accepted.items()
    ]
    return pd.concat(frames, ignore_index=True)


def confirmed(batch: str, found: Compared, champion: Reference, rows: pd.DataFrame, pooled: bool) -> bool:
    """Strike the faults of columns that confirmed batches do not make faults; tell the same of the batch as a whole.

    Parameters
    ----------
    batch : str
        Its label.
    found : Compared
        The batch beside the champion's training rows; its `faults` are changed.
    champion : Reference
    rows : DataFrame of shape (n_rows, n_columns)
        Of the confirmed batches.
    pooled : bool
        Whether the batch is judged with those before it.

    Returns
    -------
    bool
        Whether what is wrong with the batch as a whole is confirmed, too.
    """
    roles = champion.kept.roles
    beside = compare(found.current, replace(champion, kept=InMemory(rows, roles)), Past(rows))
    whole = whole_of(batch, beside, {}, pooled)
    moved_round(beside)
    for name in set(found.faults) - set(beside.faults):
        del found.faults[name]
    return batch in set(rows[BATCH]) or not whole
