"""Other libraries' searches as samplers of Optuna: study, pruning, journal and records stay what they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.samplers import RandomSampler
from optuna.search_space import intersection_search_space

from ml_assets.search.samplers import seed_of
from ml_assets.search.trials import PLACE, finished

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

Spaces = dict[str, "BaseDistribution"]


class EngineSampler(RandomSampler):  # type: ignore[misc]  # optuna has no types
    """Points of one study by `choose`; at random until a trial is complete, or where it has none.

    Parameters
    ----------
    study : Study
    random_state : int
    """

    def __init__(self, study: optuna.Study, random_state: int) -> None:
        super().__init__(random_state)
        self._study, self._random_state = study, random_state

    def choose(self, place: int, spaces: Spaces) -> dict[str, Any] | None:
        """Choose a point for a place of the search; None where no trial is complete, or nothing is left."""
        raise NotImplementedError  # abstract: each library has its own

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> Spaces:
        """Spaces with more than one value, as the complete trials have them."""
        found = intersection_search_space(complete(self._study))
        return {name: space for name, space in found.items() if not space.single()}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: Spaces
    ) -> dict[str, Any]:
        """Give the point of a trial; of one that was given beforehand what it leaves open is drawn at random."""
        place = trial.user_attrs[PLACE]
        chosen = self.choose(place, search_space) if search_space and not given(trial) else None
        if chosen is not None:
            return chosen
        chance = RandomSampler(seed_of(self._random_state, place))
        return {
            name: chance.sample_independent(study, trial, name, space) for name, space in search_space.items()
        }


def given(trial: FrozenTrial) -> bool:
    """Whether a trial's point was given to the study, and not chosen."""
    return "fixed_params" in trial.system_attrs


def complete(study: optuna.Study) -> list[FrozenTrial]:
    """Complete trials, by their place."""
    return [trial for trial in finished(study) if trial.state.name == "COMPLETE"]


def maximizes(study: optuna.Study) -> bool:
    """Whether a higher score is better."""
    return bool(study.direction.name == "MAXIMIZE")


def count(space: BaseDistribution) -> int | None:
    """Return how many numbers stand for choices or steps; None where a value is a number itself.

    >>> count(IntDistribution(1, 41, step=10)), count(IntDistribution(1, 41, log=True))
    (5, None)
    """
    if isinstance(space, CategoricalDistribution):
        return len(space.choices)
    if isinstance(space, IntDistribution) and not space.log:
        return int(space.high - space.low) // int(space.step) + 1
    return None


def has_order(space: BaseDistribution) -> bool:
    """Whether values of a space lie between others: choices, which are written as JSON, do where all are numbers."""
    if not isinstance(space, CategoricalDistribution):
        return True
    read = [json.loads(choice) for choice in space.choices]
    return all(isinstance(each, int | float) and not isinstance(each, bool) for each in read)


def as_number(space: BaseDistribution, value: Any) -> Any:
    """Return the number that stands for a value.

    >>> as_number(IntDistribution(1, 41, step=10), 21), as_number(CategoricalDistribution(["16", "4"]), "16")
    (2, 1)
    """
    if isinstance(space, CategoricalDistribution):
        return _in_order(space).index(value)
    if isinstance(space, IntDistribution) and not space.log:
        return (value - space.low) // space.step
    return value


def as_value(space: BaseDistribution, number: Any) -> Any:
    """Return the value that a number stands for: the nearest in the space.

    >>> as_value(IntDistribution(1, 41, step=10), 2.4), as_value(CategoricalDistribution(["16", "4"]), 7)
    (21, '16')
    """
    last = count(space)
    if last is not None:
        nearest = min(max(round(number), 0), last - 1)
        return (
            _in_order(space)[nearest]
            if isinstance(space, CategoricalDistribution)
            else space.low + nearest * space.step
        )
    inside = min(max(number, space.low), space.high)
    return round(inside) if isinstance(space, IntDistribution) else float(inside)


def _in_order(space: CategoricalDistribution) -> tuple[str, ...]:
    return tuple(sorted(space.choices, key=json.loads)) if has_order(space) else space.choices
