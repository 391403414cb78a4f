"""A ledger that was lost, made anew from MLflow: its versions and its champion, not its history."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ml_assets.records import Evaluation, TrainedModel, TrainingResult
from ml_assets.registry import champions
from ml_assets.registry.alias import CHAMPION
from ml_assets.registry.files import TRAINING
from ml_assets.shown import counted

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from ml_assets.registry.ledger import Entry
    from ml_assets.registry.versions import Registry

REBUILD: Final = "rebuild"
"""Actor of the entries that are made anew."""

logger = logging.getLogger(__name__)


def is_lost(registry: Registry, recipe: str) -> bool:
    """Whether the ledger knows nothing of a model."""
    return not registry.ledger.find(recipe, [champions.TRAIN, *champions.CHANGES], 1)


def rebuild(registry: Registry, recipe: str) -> list[Entry]:
    """Write what MLflow knows of a model into a ledger that knows nothing of it; under the recipe's lock.

    The hash of each model is the one that was noted in MLflow when it was registered; the files beside it are
    hashed as they are now.

    Returns
    -------
    list of Entry
        A `train` entry for each version, and the champion; nothing where MLflow has no version of ours.
    """
    from mlflow.exceptions import MlflowException

    if not is_lost(registry, recipe):  # another process was quicker
        return []
    found = registry.client.search_model_versions(f"name = '{recipe}'")
    entries = []
    for version in sorted(found, key=lambda each: int(each.version)):
        try:
            record = _record(registry, version)
        except (MlflowException, OSError, ValueError, KeyError) as error:
            logger.warning("%s version %s is not taken up: %s", recipe, version.version, error)
            continue
        entry, _ = registry.ledger.append_once(
            recipe,
            champions.TRAIN,
            key=f"train:{version.run_id}",
            actor=REBUILD,
            reason=f"version {version.version} read back from MLflow: the ledger had lost it",
            to_version=int(version.version),
            batch=record["trained"]["as_of"],
            record=record,
            at=datetime.fromtimestamp(version.creation_timestamp / 1000, UTC),
        )
        entries.append(entry)
    alias = (registry.aliases(recipe) or {}).get(CHAMPION)
    if alias in {entry.to_version for entry in entries}:
        entries.append(_champion(registry, recipe, alias, len(entries)))
        logger.warning("%s: %s", recipe, entries[-1].reason)
    return entries


def _champion(registry: Registry, recipe: str, version: int | None, count: int) -> Entry:
    return registry.ledger.append(
        recipe,
        "reconcile",
        actor=REBUILD,
        to_version=version,
        reason=(
            f"the ledger had lost this model: {counted(count, 'version')} and the champion, version {version}, were "
            "read back from MLflow; decisions and champions of before are gone, unless a backup of ledger.db has them"
        ),
    )


def _record(registry: Registry, version: ModelVersion) -> dict[str, Any]:
    """Put together what the ledger had of a version, from its run, its files and its tags."""
    client, run = registry.client, registry.client.get_run(version.run_id)
    tags = version.tags
    training = TrainingResult.model_validate(_json(registry, version.run_id, f"{TRAINING}/training.json"))
    trained = TrainedModel(
        recipe=version.name,
        as_of=tags["as_of"],
        batches=(tags["as_of"],),
        run_id=version.run_id,
        model_uri=f"models:/{client.get_logged_model(_model_id(registry, version)).model_id}",
        sha256=tags["sha256"],
        recipe_sha256=tags["recipe_sha256"],
        data_sha256=tags["data_sha256"],
        trained_at=tags["trained_at"],
        training=training,
    )
    evaluation = _evaluation(registry, [version.run_id, run.data.tags.get("refit_of")])
    return {
        "trained": trained.model_dump(mode="json"),
        "evaluation": evaluation.model_dump() if evaluation else None,
        "files": registry.files.hashes(version.run_id),
    }


def _model_id(registry: Registry, version: ModelVersion) -> str:
    """Find the logged model of a version: the one of its run."""
    if version.model_id:
        return str(version.model_id)
    outputs = registry.client.get_run(version.run_id).outputs
    return str(outputs.model_outputs[0].model_id)


def _evaluation(registry: Registry, runs: list[str | None]) -> Evaluation | None:
    """Read the scores on the hold-out; those of a winner that was fitted again lie with its first fit."""
    for run_id in runs:
        if run_id and any(file.path == "evaluation.json" for file in registry.client.list_artifacts(run_id)):
            return Evaluation.model_validate(_json(registry, run_id, "evaluation.json"))
    return None


def _json(registry: Registry, run_id: str, path: str) -> Any:
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        return json.loads(Path(registry.client.download_artifacts(run_id, path, folder)).read_text())
