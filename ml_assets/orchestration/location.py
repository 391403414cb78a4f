"""The code location: every recipe's assets, jobs and sensors, and one overview."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.storage.tags import MAX_RETRIES_TAG

from ml_assets.failures import traced
from ml_assets.lifecycle.alerts import SOURCE, alert, send_digest
from ml_assets.lifecycle.known import load_states
from ml_assets.lifecycle.state import ModelState
from ml_assets.names import AS_OF_TAG, MODEL_TAG, TRAINING_TAG
from ml_assets.orchestration.arrival import arrival_sensor
from ml_assets.orchestration.assets import recipe_assets
from ml_assets.orchestration.beta import expected_beta
from ml_assets.orchestration.executor import executor
from ml_assets.orchestration.mlflow_run import end_mlflow_run, mlflow_resource
from ml_assets.orchestration.overview import overview_asset, overview_sensor
from ml_assets.orchestration.reaper import tidy_up
from ml_assets.orchestration.sensor import retrain_sensor
from ml_assets.orchestration.taking_in import BATCH_ASSETS
from ml_assets.recipe import RecipeError
from ml_assets.recipe.loading import fault_in
from ml_assets.recipe.written import RecipeFault
from ml_assets.settings import Settings
from ml_assets.shown import listed, shown

if TYPE_CHECKING:
    from dagster._core.definitions.repository_definition import RepositoryDefinition

TRAINING_ASSETS = ("training_set", "test_set", "trained_model", "evaluation_report", "champion")

LONGEST_STEM = 60
"""Characters of a file's name that stand in an asset's: as many as a recipe's name may have."""

FIRST_UNKNOWN = (
    "the first batch is not known yet: write `start: YYYY-MM-DD` here, or run `ml-assets validate`, which looks "
    "into the data and remembers it; then reload the definitions"
)


def build_definitions(settings: Settings) -> dg.Definitions:
    """Build everything Dagster shows and runs.

    Parameters
    ----------
    settings : Settings
        The operator's settings.
    """
    states, faults = load_states(settings)
    return definitions_of(states, faults, settings)


def definitions_of(
    states: Sequence[ModelState], faults: Sequence[tuple[Path, RecipeError]], settings: Settings
) -> dg.Definitions:
    """Build the definitions of loaded recipes; one that cannot be built is shown as a broken one."""
    built: list[dg.Definitions] = []
    sound: list[ModelState] = []
    broken = list(faults)
    models = Counter(state.path for state in states)
    with expected_beta():
        for state in states:
            try:
                built.append(model_definitions(state, len(states)))
                sound.append(state)
            except Exception as error:  # noqa: BLE001 - however odd one recipe is, the others live
                traced(error)
                # Of several models of one file each has a name of its own.
                shown_as = state.path if models[state.path] == 1 else state.path.with_stem(state.name)
                broken.append((shown_as, cannot_be_built(state.path, error)))
        own = dg.Definitions(
            assets=[*error_assets(broken), overview_asset(sound, broken, settings)],
            jobs=[dg.define_asset_job("model_overview_job", selection=["model_overview"])],
            sensors=[
                failed_run_alert(settings),
                overview_sensor(settings),
                *broken_recipe_alert(broken, settings),
                *alert_digest(settings),
            ],
        )
        return _whole(dg.Definitions.merge(own, *built), settings)


def model_definitions(state: ModelState, models: int = 1) -> dg.Definitions:
    """Build what one model among so many has; its source is not looked at, so that no source can stop the location.

    Raises
    ------
    RecipeError
        If its first batch is not known yet.
    """
    if state.known_first_batch() is None:
        raise RecipeError([fault_in(state.path, "batches", FIRST_UNKNOWN)])
    made = dg.Definitions(
        assets=recipe_assets(state),
        jobs=recipe_jobs(state),
        sensors=[
            retrain_sensor(state, models),
            *([arrival_sensor(state, models)] if state.recipe.batches else []),
        ],
    )
    _whole(made, state.settings).get_repository_def()  # Dagster finds some faults only now
    return made


def model_repository(state: ModelState) -> RepositoryDefinition:
    """Build one model alone, for the commands that run its jobs.

    Raises
    ------
    SourceError
        If its first batch is not known and its source cannot be read.
    RecipeError
        If there is no first batch yet.
    """
    state.first_batch()  # a command may look into the data, and says what is wrong with it
    with expected_beta():
        return _whole(model_definitions(state), state.settings).get_repository_def()


def _whole(definitions: dg.Definitions, settings: Settings) -> dg.Definitions:
    own = dg.Definitions(resources={"mlflow": mlflow_resource(settings)}, executor=executor)
    return dg.Definitions.merge(definitions, own)


def cannot_be_built(path: Path, error: Exception) -> RecipeError:
    """Say what Dagster refuses of a recipe, as a fault of the recipe."""
    if isinstance(error, RecipeError):
        return error
    reason = f"no assets can be made of it: {type(error).__name__}: {error}"
    return RecipeError([RecipeFault(str(path), None, "", reason)])


def recipe_jobs(state: ModelState) -> list[dg.UnresolvedAssetJobDefinition]:
    """Make the two jobs of a model: its training, and what happens for each batch.

    A static table has no batches that arrive, so its training begins with the data.
    """
    name = state.name
    static = state.recipe.batches is None
    training = (*BATCH_ASSETS[:2], *TRAINING_ASSETS) if static else TRAINING_ASSETS
    monitoring = BATCH_ASSETS[2:] if static else BATCH_ASSETS

    def job(job_name: str, assets: Sequence[str], tags: dict[str, str]) -> dg.UnresolvedAssetJobDefinition:
        selection = [dg.AssetKey([name, asset]) for asset in assets]
        return dg.define_asset_job(
            job_name, selection=selection, tags=tags, hooks={end_mlflow_run}, executor_def=executor
        )

    return [
        # The sensor alone asks for another attempt: two that do would train twice on the same evidence.
        job(f"{name}_train", training, {MODEL_TAG: name, TRAINING_TAG: name, MAX_RETRIES_TAG: "0"}),
        job(f"{name}_monitor", monitoring, {MODEL_TAG: name}),
    ]


def failed_run_alert(settings: Settings) -> dg.SensorDefinition:
    """Tell of each failed run, and tidy up after it: its process may have had no time to."""

    @dg.run_failure_sensor(name="failed_run_alert", default_status=dg.DefaultSensorStatus.RUNNING)
    def sensor(context: dg.RunFailureSensorContext) -> None:
        from ml_assets.orchestration.refused import why_failed
        from ml_assets.registry.ledger import Ledger

        run = context.dagster_run
        message = why_failed(context.instance, run.run_id, context.failure_event.message or "")
        alert(
            Ledger(settings.ledger),
            settings.alerts,
            run.tags.get(MODEL_TAG, SOURCE),
            "failed_run",
            run.run_id,
            f"run {run.run_id} of {run.job_name}: {message}",
            run.tags.get(AS_OF_TAG) or run.tags.get("dagster/partition"),
        )
        tidy_up(settings, run.run_id)

    return sensor


def broken_recipe_alert(
    faults: Sequence[tuple[Path, RecipeError]], settings: Settings
) -> list[dg.SensorDefinition]:
    """Tell of each broken recipe, once for each text of its fault; no sensor where none is broken."""
    if not faults:
        return []

    @dg.sensor(
        name="broken_recipe_alert",
        target=[dg.AssetKey(["model_overview"])],
        minimum_interval_seconds=settings.sensor_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def sensor() -> dg.SkipReason:
        from ml_assets.registry.ledger import Ledger

        ledger = Ledger(settings.ledger)
        for path, error in faults:
            occasion = f"{shown(path.name)}:{sha256(str(error).encode()).hexdigest()[:16]}"
            alert(
                ledger, settings.alerts, shown(path.stem, LONGEST_STEM), "broken_recipe", occasion, str(error)
            )
        return dg.SkipReason(
            f"{len(faults)} broken recipes: {listed(shown(path.name) for path, _ in faults)}"
        )

    return [sensor]


def alert_digest(settings: Settings) -> list[dg.SensorDefinition]:
    """Send what waits for the digest, in one message; no sensor where each alert is sent at once."""
    if not settings.alerts.digest:
        return []

    @dg.sensor(
        name="alert_digest",
        target=[dg.AssetKey(["model_overview"])],
        minimum_interval_seconds=round(60 * settings.alerts.digest),
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        from ml_assets.registry.ledger import Ledger

        seen = int(context.cursor or 0)
        newest = send_digest(Ledger(settings.ledger), settings.alerts, seen)
        context.update_cursor(str(newest))
        return dg.SkipReason(f"alerts are sent up to entry {newest} of the ledger")

    return [sensor]


def error_assets(faults: Sequence[tuple[Path, RecipeError]]) -> list[dg.AssetsDefinition]:
    """Show each broken recipe as one asset whose description is the message; the others stay."""
    names: set[str] = set()
    made = []
    for path, error in faults:
        # Dagster's names are ASCII, and two files may become one name: `a b.yaml` and `a_b.yaml`.
        stem = re.sub(r"[^A-Za-z0-9_]", "_", path.stem)[:LONGEST_STEM] or "_"
        name = next(name for n in count(1) if (name := stem if n == 1 else f"{stem}_{n}") not in names)
        names.add(name)
        made.append(_error_asset([name, "recipe_error"], str(error)))
    return made


def _error_asset(key: list[str], message: str) -> dg.AssetsDefinition:
    @dg.asset(key=key, group_name="broken_recipes", description=message, tags={"broken": "true"})
    def recipe_error() -> None:
        raise dg.Failure(message, allow_retries=False)

    return recipe_error
