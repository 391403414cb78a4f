"""Hyperopt's search by tree-structured Parzen estimators (Bergstra et al. 2011)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ml_assets.search.engines import EngineSampler, Spaces, as_number, as_value, count, has_order, maximizes
from ml_assets.search.samplers import seed_of
from ml_assets.search.trials import finished

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial


class ParzenSampler(EngineSampler):
    """Points by Hyperopt: a function of the seed and of the trials before; `startup` of them are at random."""

    def __init__(self, study: optuna.Study, random_state: int, startup: int) -> None:
        super().__init__(study, random_state)
        self._startup = startup

    def choose(self, place: int, spaces: Spaces) -> dict[str, Any] | None:
        """Tell Hyperopt every trial, and ask it."""
        from hyperopt import tpe
        from hyperopt.base import Domain, trials_from_docs

        known = finished(self._study)
        if len(known) < self._startup:
            return None
        domain = Domain(len, {name: _parameter(name, space) for name, space in spaces.items()})
        past = trials_from_docs([self._document(k, trial, spaces) for k, trial in enumerate(known)])
        seed = seed_of(self._random_state, place)
        (asked,) = tpe.suggest([len(known)], domain, past, seed, n_startup_jobs=0, verbose=False)
        return {name: as_value(spaces[name], number) for name, (number,) in asked["misc"]["vals"].items()}

    def _document(self, k: int, trial: FrozenTrial, spaces: Spaces) -> dict[str, Any]:
        """A trial as Hyperopt keeps it; without a loss it failed, or was given up."""
        numbers = {name: [as_number(space, trial.params[name])] for name, space in spaces.items()}
        misc = {"tid": k, "cmd": None, "idxs": {name: [k] for name in spaces}, "vals": numbers}
        result: dict[str, Any] = {"status": "fail"}
        if trial.state.name == "COMPLETE":
            result = {"status": "ok", "loss": -trial.value if maximizes(self._study) else trial.value}
        rest = dict.fromkeys(("spec", "exp_key", "owner", "book_time", "refresh_time"))
        return rest | {"tid": k, "state": 2, "version": 0, "result": result, "misc": misc}


def _parameter(name: str, space: BaseDistribution) -> Any:
    from hyperopt import hp

    several = count(space)
    if several is not None:
        # Half a step more at either end: the ends are as likely as what lies between.
        return hp.quniform(name, -0.5, several - 0.5, 1) if has_order(space) else hp.randint(name, several)
    if not space.log:
        return hp.uniform(name, space.low, space.high)
    return hp.loguniform(name, math.log(space.low), math.log(space.high))
