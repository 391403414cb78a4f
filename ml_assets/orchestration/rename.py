"""Giving a model's whole history to the new name of its recipe."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from ml_assets.failures import MendableError
from ml_assets.lifecycle.at_work import at_work
from ml_assets.lifecycle.state import ModelState
from ml_assets.orchestration.events import REMEMBERED
from ml_assets.orchestration.location import TRAINING_ASSETS
from ml_assets.orchestration.taking_in import BATCH_ASSETS
from ml_assets.registry import champions, charge, costs, renamed
from ml_assets.store.places import Bucket, move

if TYPE_CHECKING:
    from dagster import DagsterInstance


class RenameError(MendableError, ValueError):
    """A model cannot be renamed so."""


def rename(instance: DagsterInstance, old: str, state: ModelState, actor: str) -> None:
    """Move what is kept under an old name to the model of a recipe; killed, it goes on where it was.

    The ledger's entries are written once more under the new name, MLflow's model and experiment are renamed,
    the folders move, and the newest events are reported again, so that the web UI and the sensor see them. The
    runs keep the old name, and count as this model's (`former_names`): cooldown and budget go on.

    Raises
    ------
    RenameError
        If there is nothing under the old name, or something of its own under the new one.
    """
    new, ledger, settings = state.name, state.ledger, state.settings
    begun = renamed.has_begun(ledger, old, new)
    if not champions.versions(ledger, old):
        raise RenameError(f"there is no model {old!r} in {settings.ledger_place}: nothing to rename")
    if renamed.has_ended(ledger, old, new):
        return
    if champions.versions(ledger, new) and not (begun or renamed.comes_home(ledger, old, new)):
        raise RenameError(
            f"{new} has versions of its own, which {old}'s would be mixed with; give its recipe another name"
        )
    with ExitStack() as held:
        before = ModelState(state.recipe.model_copy(update={"name": old}), state.path, settings)
        for each in sorted((before, state), key=lambda model: model.name):
            held.enter_context(at_work(each))
        if not begun:
            charge.reconcile(state.registry, old)
        renamed.begin(ledger, old, new, actor)
        if isinstance(before.store.place, Bucket) and isinstance(state.store.place, Bucket):
            move(before.store.place, state.store.place)
        for folder in (settings.store, settings.studies, settings.backtests, settings.predictions):
            _move(folder / old, folder / new)
        _report_again(instance, before, state)
        renamed.copy_history(ledger, old, new)
        costs.rename(ledger, old, new)
        renamed.rename_in_mlflow(state.registry, old, new)
        renamed.end(ledger, old, new, actor)


def _move(old: Path, new: Path) -> None:
    if not old.exists():
        return
    if new.exists():  # what `validate` has remembered of the new name, or what a retrain sensor has taken in
        shutil.rmtree(new)
    old.rename(new)


def _report_again(instance: DagsterInstance, before: ModelState, after: ModelState) -> None:
    for asset in (*BATCH_ASSETS, *TRAINING_ASSETS):
        known = {told.partition: told.metadata for told in _newest(instance, after, asset)}
        for told in reversed(_newest(instance, before, asset)):
            if known.get(told.partition) != told.metadata:
                key = dg.AssetKey([after.name, asset])
                again = dg.AssetMaterialization(key, partition=told.partition, metadata=told.metadata)
                instance.report_runless_asset_event(again)


def _newest(instance: DagsterInstance, state: ModelState, asset: str) -> list[dg.AssetMaterialization]:
    """Newest event of each batch, newest first."""
    events = instance.fetch_materializations(dg.AssetKey([state.name, asset]), limit=REMEMBERED).records
    found: dict[str | None, dg.AssetMaterialization] = {}
    for event in events:
        if event.asset_materialization is not None:
            found.setdefault(event.partition_key, event.asset_materialization)
    return list(found.values())
