"""How points are chosen and hopeless trials stopped, by the names that a recipe has for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.recipe.schema import Pruning

if TYPE_CHECKING:
    import optuna


def sampler(name: str, seed: int, n_startup_trials: int) -> optuna.samplers.BaseSampler:
    """Return the recipe's sampler; the points of a grid are given to the study beforehand."""
    from optuna import samplers

    if name == "random":
        return samplers.RandomSampler(seed=seed)
    return samplers.TPESampler(seed=seed, n_startup_trials=n_startup_trials)


def pruner(pruning: Pruning, n_folds: int) -> optuna.pruners.BasePruner:
    """Return the recipe's pruner; a step is one fold, the first one is 1."""
    from optuna import pruners

    if not pruning.enabled:
        return pruners.NopPruner()
    if pruning.algorithm == "HyperbandPruner":
        return pruners.HyperbandPruner(min_resource=1, max_resource=n_folds, reduction_factor=2)
    if pruning.algorithm == "SuccessiveHalvingPruner":
        return pruners.SuccessiveHalvingPruner(
            min_resource=max(1, pruning.n_warmup_steps), reduction_factor=2
        )
    return pruners.MedianPruner(
        n_startup_trials=pruning.n_startup_trials, n_warmup_steps=pruning.n_warmup_steps
    )
