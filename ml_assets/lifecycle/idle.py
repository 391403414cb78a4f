"""Settings of a recipe that are fine and yet do less than they say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe


def idle(recipe: Recipe) -> list[str]:
    """Say which settings change nothing, or only in part."""
    return [*_outliers(recipe), *_grid(recipe), *_past(recipe)]


def _outliers(recipe: Recipe) -> Iterator[str]:
    """How outliers are found and treated, where nothing looks for any."""
    params = recipe.model.preprocessor.params
    sections: list[tuple[str, bool, Any, Any]] = [
        ("params", params.outlier_detection, params, type(params)())
    ]
    for k, group in enumerate(params.column_sets):
        own = params.outlier_detection if group.outlier_detection is None else group.outlier_detection
        sections.append((f"column_sets[{k}]", own, group, type(group)(columns=group.columns)))
    if any(looked_for for _, looked_for, *_ in sections[1:]):
        del sections[0]  # it says how the sets do it
    for place, looked_for, section, default in sections:
        for setting in ("outlier_method", "outlier_treatment"):
            value = getattr(section, setting)
            if not looked_for and value != getattr(default, setting):
                yield (
                    f"{place}: {setting}: {value} changes nothing, since nothing looks for outliers: write "
                    "outlier_detection: true, or leave it out"
                )


def _grid(recipe: Recipe) -> Iterator[str]:
    """A grid of more points than are tried."""
    from ml_assets.recipe.space import searched
    from ml_assets.search.candidates import candidates
    from ml_assets.search.points import grid_size

    tuning = recipe.hyperparameter_tuning
    if tuning.sampler != "grid" or recipe.model.class_path is None:
        return
    (candidate,) = candidates(recipe).values()
    size = grid_size(searched(candidate.hyperparameters))
    if size > tuning.trials:
        yield (
            f"the grid has {size:,} points, of which n_trials: {tuning.trials} tries that many, drawn by the seed: "
            f"write n_trials: {size} for all"
        )


def _past(recipe: Recipe) -> Iterator[str]:
    """Where a row's past lies, though nothing is made of it."""
    from ml_assets.features.history import wanted

    made, model = recipe.model.feature_engineering, recipe.model
    if wanted(recipe).columns or recipe.forecasts or recipe.recommends:
        return
    why = "changes nothing, since no column is made of a row's past: write lags or rolling, or leave it out"
    if made.time_col is not None and not model.augmenter.joined:
        yield f"feature_engineering: time_col: {made.time_col} {why}"
    if made.history != type(made)().history:
        yield f"feature_engineering: history: {made.history} {why}"
