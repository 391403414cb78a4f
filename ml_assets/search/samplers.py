"""How points are chosen and hopeless trials stopped, by the names that a recipe has for it."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ml_assets.recipe.schema import Pruning, Tuning

if TYPE_CHECKING:
    import optuna


def see_engine(engine: str) -> None:
    """Raise ValueError, with the command that installs it, where a recipe's engine is not installed."""
    if find_spec(engine) is None:
        raise ValueError(f'engine {engine} is not installed. Install it: pip install "ml_assets[{engine}]"')


def sampling(
    tuning: Tuning, study: optuna.Study, random_state: int, firsts: int
) -> Callable[[int], optuna.samplers.BaseSampler]:
    """Return what gives the sampler of each place of a study, of which the first ones are given to it beforehand."""
    from optuna import samplers

    startup = max(firsts + 1, min(10, tuning.trials // 3))
    if tuning.engine == "flaml":
        from ml_assets.search.frugal import FrugalSampler

        frugal = FrugalSampler(study, random_state)
        return lambda _place: frugal
    if tuning.engine == "hyperopt":
        from ml_assets.search.parzen import ParzenSampler

        parzen = ParzenSampler(study, random_state, startup)
        return lambda _place: parzen
    if tuning.sampler == "random":
        return lambda place: samplers.RandomSampler(seed=seed_of(random_state, place))
    return lambda place: samplers.TPESampler(seed=seed_of(random_state, place), n_startup_trials=startup)


def seed_of(random_state: int, place: int) -> int:
    """Seed of a trial by its place in the search."""
    return (random_state + 7919 * place) % 2**32


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
