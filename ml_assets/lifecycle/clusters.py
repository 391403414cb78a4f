"""The numbers of clusters from version to version: cluster 3 stays cluster 3 where it can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.lifecycle.state import ModelState

LOOKED_AT = 10_000
"""Rows by which two models' clusters are matched at most."""


def numbered_as(state: ModelState, model: Any, frame: pd.DataFrame, other: Any | None = None) -> None:
    """Give the clusters of a model the numbers that the champion, or another model, gives the same rows.

    Nothing where there is a target, and where the other model cannot answer for these rows.

    Parameters
    ----------
    state : ModelState
        The model's state.
    model : Pipeline
        Fitted; its clusters are renamed.
    frame : DataFrame of shape (n_rows, n_columns)
        Rows that it has learned.
    other : Pipeline, optional
        Default: the champion, if there is one.
    """
    from ml_assets.evaluation.evaluate import predict
    from ml_assets.tasks.base import PREDICTION

    if state.recipe.has_target:
        return
    if other is None:
        champion = state.registry.champion(state.name)
        if champion is None:
            return
        other = state.registry.files.load(state.name, champion.version)
    rows = frame.sample(min(len(frame), LOOKED_AT), random_state=state.recipe.random_state)
    known = getattr(other, "feature_names_in_", ())
    if not hasattr(other[-1], "named_as") or not set(known) <= set(rows.columns):
        return
    own, others = (predict(each, rows)[PREDICTION].tolist() for each in (model, other))
    model[-1].named_as(own, others)
