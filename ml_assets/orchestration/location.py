"""The code location: every recipe's assets, jobs, sensor and schedule, and one overview."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import dagster as dg
from dagster._core.storage.tags import MAX_RETRIES_TAG

from ml_assets.lifecycle.alerts import alert
from ml_assets.lifecycle.state import ModelState
from ml_assets.orchestration.assets import AS_OF_TAG, MODEL_TAG, recipe_assets
from ml_assets.orchestration.beta import expected_beta
from ml_assets.orchestration.executor import executor
from ml_assets.orchestration.mlflow_run import TRAINING_TAG, end_mlflow_run, mlflow_resource
from ml_assets.orchestration.overview import overview_asset
from ml_assets.orchestration.reaper import tidy_up
from ml_assets.orchestration.sensor import retrain_sensor
from ml_assets.recipe import RecipeError
from ml_assets.recipe.loading import load_recipes
from ml_assets.settings import Settings
from ml_assets.store.snapshots import atomic_write

BATCH_ASSETS = ("raw_data", "cleaned_features", "predictions", "drift_report", "performance_report")
TRAINING_ASSETS = ("training_set", "test_set", "trained_model", "evaluation_report", "champion")


def load_states(settings: Settings) -> tuple[list[ModelState], list[tuple[Path, RecipeError]]]:
    """Load every recipe of the settings' folders, and each that was trained by its file name.

    Returns
    -------
    list of ModelState, list of (Path, RecipeError)
        The good ones, and the broken ones with what is wrong; one never takes the other down.
    """
    recipes, faults = load_recipes([*settings.recipes, *_remembered(settings)])
    return [ModelState(recipe, path, settings) for path, recipe in recipes], faults


def remember(settings: Settings, path: Path) -> None:
    """Keep the place of a recipe outside the recipe folders, so that the web UI and `status` show it too."""
    path = path.absolute()
    known = _remembered(settings)
    if path not in known and path.parent not in settings.recipes:
        text = json.dumps([str(p) for p in [*known, path]], indent=1)
        atomic_write(settings.known_recipes, text.encode())


def _remembered(settings: Settings) -> list[Path]:
    index = settings.known_recipes
    known = json.loads(index.read_text()) if index.is_file() else []
    return [Path(text) for text in known if Path(text).is_file()]


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
    """Build the definitions of loaded recipes."""
    with expected_beta():
        return _definitions_of(states, faults, settings)


def _definitions_of(
    states: Sequence[ModelState], faults: Sequence[tuple[Path, RecipeError]], settings: Settings
) -> dg.Definitions:
    jobs = [job for state in states for job in recipe_jobs(state)]
    return dg.Definitions(
        assets=[
            *(asset for state in states for asset in recipe_assets(state)),
            *_error_assets(faults),
            overview_asset(states, faults, settings),
        ],
        jobs=[*jobs, dg.define_asset_job("model_overview_job", selection=["model_overview"])],
        sensors=[
            *(retrain_sensor(state) for state in states),
            failed_run_alert(settings),
            *broken_recipe_alert(faults, settings),
        ],
        schedules=[schedule for state in states for schedule in recipe_schedules(state)],
        resources={"mlflow": mlflow_resource(settings)},
        executor=executor,
    )


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
        return dg.define_asset_job(job_name, selection=selection, tags=tags, hooks={end_mlflow_run})

    return [
        # The sensor alone asks for another attempt: two that do would train twice on the same evidence.
        job(f"{name}_train", training, {MODEL_TAG: name, TRAINING_TAG: name, MAX_RETRIES_TAG: "0"}),
        job(f"{name}_monitor", monitoring, {MODEL_TAG: name}),
    ]


def recipe_schedules(
    state: ModelState,
) -> list[dg.ScheduleDefinition | dg.UnresolvedPartitionedAssetScheduleDefinition]:
    """Make the schedule that takes in each batch when its period ends; on unless the calendar has an end."""
    batches = state.recipe.batches
    if batches is None:
        return []
    status = dg.DefaultScheduleStatus.STOPPED if batches.end else dg.DefaultScheduleStatus.RUNNING
    monitor = recipe_jobs(state)[1]
    return [
        dg.build_schedule_from_partitioned_job(
            monitor,
            name=f"{state.name}_batches",
            default_status=status,
            description="Takes in each new batch.",
        )
    ]


def failed_run_alert(settings: Settings) -> dg.SensorDefinition:
    """Tell of each failed run, and tidy up after it: its process may have had no time to."""

    @dg.run_failure_sensor(name="failed_run_alert", default_status=dg.DefaultSensorStatus.RUNNING)
    def sensor(context: dg.RunFailureSensorContext) -> None:
        from ml_assets.registry.ledger import Ledger

        run = context.dagster_run
        message = context.failure_event.message or ""
        alert(
            Ledger(settings.ledger),
            settings.alerts,
            run.tags.get(MODEL_TAG, run.job_name),
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
            occasion = f"{path.name}:{sha256(str(error).encode()).hexdigest()[:16]}"
            alert(ledger, settings.alerts, path.stem, "broken_recipe", occasion, str(error))
        return dg.SkipReason(f"{len(faults)} broken recipes: {', '.join(path.name for path, _ in faults)}")

    return [sensor]


def _error_assets(faults: Sequence[tuple[Path, RecipeError]]) -> list[dg.AssetsDefinition]:
    """Show each broken recipe as one asset whose description is the message; the others stay."""
    names: dict[str, int] = {}
    made = []
    for path, error in faults:
        stem = "".join(c if c.isalnum() or c == "_" else "_" for c in path.stem)
        names[stem] = names.get(stem, 0) + 1
        key = [stem if names[stem] == 1 else f"{stem}_{names[stem]}", "recipe_error"]
        made.append(_error_asset(key, str(error)))
    return made


def _error_asset(key: list[str], message: str) -> dg.AssetsDefinition:
    @dg.asset(key=key, group_name="broken_recipes", description=message, tags={"broken": "true"})
    def recipe_error() -> None:
        raise dg.Failure(message, allow_retries=False)

    return recipe_error
