"""The version that a network begins from: found, verified and loaded as every other version is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ml_assets.lifecycle.errors import StepError
from ml_assets.lifecycle.served import unlearned
from ml_assets.lifecycle.state import ModelState
from ml_assets.recipe.schema.model import START_FROM
from ml_assets.records import TrainingResult
from ml_assets.registry.champions import UnknownVersionError

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.training.beginning import Beginning


def begins_from(state: ModelState, tell: Callable[[str], None]) -> Beginning | None:
    """Load what the recipe names: None where it names none, or the champion and there is none yet.

    Raises
    ------
    StepError
        If there is no such version, or it is of another class.
    IntegrityError
        If its files are not what was registered; nothing was loaded.
    """
    wanted = state.recipe.model.start_from
    if wanted is None:
        return None
    if wanted == "champion":
        champion = state.registry.champion(state.name)
        if champion is None:
            tell(f"{START_FROM}: champion: there is none yet, so the network begins from scratch")
            return None
        wanted = champion.version
    made = _beginning(state, wanted)
    tell(f"the network begins from version {wanted}")
    return made


def fitted_again(state: ModelState, rows: pd.DataFrame, training: TrainingResult) -> Any:
    """Fit on other rows as a training did, from the version that it began from, too; raises as `begins_from`."""
    from ml_assets.estimators.partitioned import is_partitioned
    from ml_assets.search.cluster import LOCAL, ClusterError, connected
    from ml_assets.training.fit import refit

    if training.began_from is None:
        engine = state.recipe.training.engine if is_partitioned(training.class_path) else LOCAL
        try:
            with connected(engine, state.settings.dask_scheduler) as client:
                return refit(rows, state.recipe, training, client=client)
        except ClusterError as error:
            raise StepError(f"{state.name}: {error}") from None
    try:
        return refit(rows, state.recipe, training, _beginning(state, training.began_from))
    except ValueError as error:
        raise StepError(f"{state.name}: {error}") from None


def flattered(state: ModelState, test: pd.DataFrame, training: TrainingResult) -> tuple[str, ...]:
    """Say how many rows of a hold-out had been learned by the version that the network began from."""
    if training.began_from is None:
        return ()
    learned = len(test) - len(unlearned(state, test, training.began_from))
    if not learned:
        return ()
    return (
        f"{learned:,} of {len(test):,} rows held out had been learned by version {training.began_from}, from which the "
        "network began: they flatter its score; the gate leaves them out",
    )


def _beginning(state: ModelState, version: int) -> Beginning:
    from ml_assets.training.beginning import beginning_of

    place = f"{state.name}: model.hyperparameters.{START_FROM}"
    try:
        found = state.registry.version(state.name, version)
    except UnknownVersionError as error:
        raise StepError(f"{place}: {error}: name one that is registered, or leave it out") from None
    its, ours = found.trained.training.class_path, state.recipe.model.class_path
    if its != ours:
        raise StepError(
            f"{place}: version {version} is of {its}, and the recipe names {ours}: begin from a version of the same "
            f"class, or leave it out for one training"
        )
    pipeline = state.registry.files.load(state.name, version)
    try:
        return beginning_of(pipeline, version)
    except ValueError as error:
        raise StepError(f"{place}: {str(error).removeprefix(f'{START_FROM}: ')}") from None
