"""FLAML's cost-frugal search.

CFO (Wu, Wang & Huang 2021, "Frugal Optimization for Cost-related Hyperparameters") walks from the best point that is
known in steps at random, which it turns round, widens and narrows, and begins elsewhere once it has converged.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from ml_assets.search.engines import (
    EngineSampler,
    Spaces,
    as_number,
    as_value,
    count,
    given,
    has_order,
    maximizes,
)
from ml_assets.search.trials import PLACE, finished

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

TRIES = 100
"""Times FLAML is asked for a point that was not tried: small spaces come to an end."""
SCORE = "score"


class FrugalSampler(EngineSampler):
    """Points by CFO, which has a state: a function of the seed and of the trials before.

    Finished trials that this object did not choose are chosen again, in their order, before CFO is told how they did.
    """

    def __init__(self, study: optuna.Study, random_state: int) -> None:
        super().__init__(study, random_state)
        self._search: Any = None
        self._spaces: Spaces = {}
        self._told: dict[int, FrozenTrial] = {}
        self._chosen: dict[int, dict[str, Any] | None] = {}

    def choose(self, place: int, spaces: Spaces) -> dict[str, Any] | None:
        """Tell CFO what has ended since, and ask it."""
        self._spaces = spaces
        for trial in finished(self._study):
            if trial.user_attrs[PLACE] not in self._told:
                self._tell(trial, trial.user_attrs[PLACE])
        return self._ask(place)

    def _tell(self, trial: FrozenTrial, place: int) -> None:
        if not given(trial) and place not in self._chosen:
            self._ask(place)
        self._told[place] = trial
        chosen = self._chosen.get(place) or {}
        if any(trial.params[name] != value for name, value in chosen.items()):
            self._search = None  # Several trials at a time end in another order: it begins again at the best.
        if self._search is not None:
            self._report(str(place), trial)

    def _ask(self, place: int) -> dict[str, Any] | None:
        self._chosen[place] = None
        if self._search is None:
            self._begin()
        for _ in range(TRIES if self._search is not None else 0):
            config = self._search.suggest(str(place))
            if config is not None:
                self._chosen[place] = {n: as_value(space, config[n]) for n, space in self._spaces.items()}
                break
        return self._chosen[place]

    def _begin(self) -> None:
        """Begin at the best that is known, once a trial is complete."""
        known = [trial for trial in self._told.values() if trial.state.name == "COMPLETE"]
        if not known:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its AutoML, which wants other libraries
            from flaml.tune.searcher import CFO

        best = (max if maximizes(self._study) else min)(known, key=lambda trial: trial.value)
        self._search = CFO(
            metric=SCORE,
            mode="max" if maximizes(self._study) else "min",
            space={name: _domain(space) for name, space in self._spaces.items()},
            low_cost_partial_config=self._config(best),
            seed=self._random_state % 2**31,
        )
        self._search.suggest("first")
        self._report("first", best)
        for place, trial in self._told.items():
            self._report(f"before {place}", trial)

    def _report(self, name: str, trial: FrozenTrial) -> None:
        """Tell a score; a trial that failed or was given up is one that did not help."""
        done = trial.state.name == "COMPLETE"
        result = {SCORE: trial.value, "config": self._config(trial)} if done else None
        self._search.on_trial_complete(name, result, error=not done)

    def _config(self, trial: FrozenTrial) -> dict[str, Any]:
        return {name: as_number(space, trial.params[name]) for name, space in self._spaces.items()}


def _domain(space: BaseDistribution) -> Any:
    from flaml import tune

    several = count(space)
    if several is not None:
        return (
            tune.randint(0, several) if has_order(space) else tune.choice(list(range(several)), order=False)
        )
    if space.log and isinstance(space.low, int):
        return tune.lograndint(space.low, space.high + 1)
    return (tune.loguniform if space.log else tune.uniform)(space.low, space.high)
