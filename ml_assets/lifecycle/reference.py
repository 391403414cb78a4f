"""A version as monitoring knows it, read from the registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.features.columns import Roles
    from ml_assets.lifecycle.state import ModelState
    from ml_assets.monitoring.past import Past
    from ml_assets.monitoring.reference import Reference
    from ml_assets.records import LossSummary, Profile


@dataclass(frozen=True)
class Stored:
    """What the registry keeps with a version: each file is read, and held against its hash, when first asked for.

    Each part raises IntegrityError if its file was changed.
    """

    state: ModelState
    version: int

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Rows it was trained on, or a sample of them."""
        return self.state.registry.files.reference(self.state.name, self.version)

    @cached_property
    def past(self) -> Past:
        """They by batch."""
        from ml_assets.monitoring.past import Past

        return Past.of(self.rows)

    @cached_property
    def roles(self) -> Roles:
        """Its features by kind, of a recommendation the items."""
        from ml_assets.features.columns import watched

        return watched(self.rows, self.state.recipe)

    @cached_property
    def profile(self) -> Profile | None:
        """What was measured at its training; None for a version that was registered without it."""
        return self.state.registry.files.profile(self.state.name, self.version)

    @cached_property
    def _holdout(self) -> tuple[pd.DataFrame, pd.DataFrame] | None:
        return self.state.registry.files.holdout(self.state.name, self.version)

    @property
    def holdout(self) -> tuple[Any, pd.DataFrame] | None:
        """Labels and predictions of the hold-out; None for a version that was registered without it."""
        if self._holdout is None:
            return None
        rows, predicted = self._holdout
        return rows[self.state.recipe.target], predicted

    @cached_property
    def losses(self) -> LossSummary | None:
        """Losses on the hold-out; None for a static table, and for a version that was registered without it."""
        from ml_assets.monitoring.dependence import related
        from ml_assets.monitoring.sequential import loss_kind, loss_summary, row_losses

        recipe = self.state.recipe
        if recipe.batches is None or self._holdout is None:
            return None
        rows, predicted = self._holdout
        losses = row_losses(rows[recipe.target], predicted, recipe.task)
        together = related(rows, recipe.entities, recipe.batches.column)
        return loss_summary(losses, loss_kind(predicted, recipe.task), together)


def reference(state: ModelState, version: int) -> Reference:
    """Make what the reports on a version's batches are made against."""
    from ml_assets.features.history import figures
    from ml_assets.monitoring.reference import Reference

    recipe, made_by = state.recipe, state.registry.version(state.name, version)
    training = made_by.trained.training
    return Reference(
        version=version,
        kept=Stored(state, version),
        min_rows=recipe.monitoring.min_rows,
        targets=recipe.targets,
        task=recipe.task,
        metric=made_by.metric,
        direction=made_by.direction,
        positive=training.positive,
        classes=training.target_classes or {recipe.targets[0]: training.classes or ()},
        holdout=made_by.holdout,
        holdout_design=made_by.evaluation.design if made_by.evaluation is not None else 1.0,
        random_state=recipe.random_state,
        entities=recipe.entities,
        time=recipe.batches.column if recipe.batches else None,
        figures=figures(recipe, training.features),
    )


def two_units(state: ModelState, rows: pd.DataFrame, features: Sequence[str]) -> tuple[str, ...]:
    """Features of a training window that are in two units, each in a sentence; a figure has its source's unit."""
    from ml_assets.features.history import figures
    from ml_assets.monitoring.mixture import mixed_units

    return mixed_units(rows, sorted({*features} - figures(state.recipe, features)), state.accepted)
