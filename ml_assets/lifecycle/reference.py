"""A version as monitoring knows it, read from the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml_assets.lifecycle.state import ModelState
    from ml_assets.monitoring.reference import Reference
    from ml_assets.records import LossSummary


def reference(state: ModelState, version: int) -> Reference:
    """Read what the reports on a version's batches are made against.

    Raises
    ------
    IntegrityError
        If one of its files was changed.
    """
    from ml_assets.features.columns import roles
    from ml_assets.monitoring.reference import Reference

    recipe, files = state.recipe, state.registry.files
    made_by, rows = state.registry.version(state.name, version), files.reference(state.name, version)
    training = made_by.trained.training
    return Reference(
        version,
        rows,
        roles(rows, recipe),
        recipe.monitoring.min_rows,
        target=recipe.target,
        task=recipe.task,
        metric=made_by.metric,
        direction=made_by.direction,
        positive=training.positive,
        classes=training.classes or (),
        holdout=made_by.holdout,
        losses=_losses(state, version) if recipe.batches is not None else None,
        profile=files.profile(state.name, version),
        random_state=recipe.random_state,
    )


def _losses(state: ModelState, version: int) -> LossSummary | None:
    """Sum up the losses on the hold-out; None for a version that was registered without it."""
    from ml_assets.monitoring.sequential import loss_kind, loss_summary, row_losses

    holdout = state.registry.files.holdout(state.name, version)
    if holdout is None:
        return None
    (rows, predicted), task = holdout, state.recipe.task
    return loss_summary(row_losses(rows[state.recipe.target], predicted, task), loss_kind(predicted, task))
