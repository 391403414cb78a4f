"""What each cluster of a hold-out is like: its size, how well its rows fit, its columns beside those of all rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ml_assets.records import ClusterPart, ClusterProfile
from ml_assets.tasks.base import PREDICTION, Points
from ml_assets.tasks.clustering import silhouettes
from ml_assets.tasks.several import Labelled

MOST_COLUMNS = 8
"""Columns of a cluster that are told: those that are most unlike all rows."""


def clusters(rows: Labelled, seen: pd.DataFrame, predictions: pd.DataFrame) -> tuple[ClusterPart, ...]:
    """Tell of each cluster, in the order of their numbers; nothing of what has no clusters.

    Parameters
    ----------
    rows : Labelled
        From `tasks.metrics.labelled`.
    seen : DataFrame of shape (n_rows, n_features)
        The features of these rows, as they are before they are prepared.
    predictions : DataFrame of shape (n_rows, n_outputs)
    """
    if not isinstance(rows, Points) or not len(rows.truth):
        return ()
    fits, names = rows.kept(silhouettes), predictions[PREDICTION].astype(str).to_numpy()
    found = []
    for code, name in enumerate(rows.classes):
        own = rows.predicted == code
        fit = float(fits[own].mean())
        found.append(
            ClusterPart(
                name=name,
                rows=int(own.sum()),
                share=float(own.mean()),
                silhouette=fit if np.isfinite(fit) else None,
                profile=_profile(seen, names == name),
            )
        )
    return tuple(found)


def _profile(seen: pd.DataFrame, own: Any) -> tuple[ClusterProfile, ...]:
    """Columns in which the rows of a cluster are most unlike all, the most telling first."""
    each = [found for name in seen.columns if (found := _column(seen[name], own)) is not None]
    return tuple(profile for _, profile in sorted(each, key=lambda pair: -pair[0])[:MOST_COLUMNS])


def _column(values: pd.Series[Any], own: Any) -> tuple[float, ClusterProfile] | None:
    """How unlike all rows those of a cluster are in a column: in standard deviations, of a level by its share."""
    name, inside = str(values.name), values[own]
    if pd.api.types.is_numeric_dtype(values.dtype):
        mean, everywhere, spread = float(inside.mean()), float(values.mean()), float(values.std(ddof=0))
        if not np.isfinite([mean, everywhere]).all() or not spread > 0:
            return None
        return abs(mean - everywhere) / spread, ClusterProfile(column=name, own=mean, all=everywhere)
    shares = inside.value_counts(normalize=True) - values.value_counts(normalize=True)
    if not shares.notna().any():
        return None
    level = shares.idxmax()
    own_share, all_share = float((inside == level).mean()), float((values == level).mean())
    spread = np.sqrt(max(all_share * (1 - all_share), 1e-12))
    told = ClusterProfile(column=name, level=str(level), own=own_share, all=all_share)
    return (abs(own_share - all_share) / spread, told) if own_share != all_share else None
