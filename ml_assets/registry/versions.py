"""Versions of a model: register and look up; MLflow holds the alias, the ledger the truth."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING

from ml_assets.failures import MendableError
from ml_assets.records import Evaluation, TrainedModel
from ml_assets.registry import alias, champions, rebuild
from ml_assets.registry.alias import CHALLENGER
from ml_assets.registry.champions import VersionInfo
from ml_assets.registry.database import configure, has_version, tagged
from ml_assets.registry.files import StoredFiles
from ml_assets.registry.ledger import Ledger
from ml_assets.registry.run_page import version_note
from ml_assets.settings import Settings
from ml_assets.shown import figure

if TYPE_CHECKING:
    from mlflow import MlflowClient


class LostRegistryError(MendableError, RuntimeError):
    """MLflow's registry does not have the champion of the ledger: its database was deleted, or emptied."""


class Registry:
    """The versions of every model.

    Parameters
    ----------
    settings : Settings
        Where MLflow is.
    ledger : Ledger
        The ledger of decisions.
    """

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self.settings = settings
        self.ledger = ledger

    @property
    def tracking_uri(self) -> str:
        """Address of the tracking store and registry."""
        return self.settings.tracking_uri

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's client."""
        return configure(self.settings)

    @cached_property
    def files(self) -> StoredFiles:
        """What the trainings left: models, their rows, their profiles; verified when read."""
        return StoredFiles(self.client, self.ledger)

    # ---- versions

    def register(
        self,
        trained: TrainedModel,
        tags: Mapping[str, str] | None = None,
        *,
        evaluation: Evaluation | None = None,
        actor: str = "training",
        note: str = "",
        after: int = 0,
    ) -> int:
        """Make a logged model a version, with the alias `challenger`; the same run again is the same version.

        Parameters
        ----------
        trained : TrainedModel
            The logged model.
        tags : mapping
            Further tags of the version.
        evaluation : Evaluation, optional
            Its scores.
        actor : str
            Who registers it.
        note : str
            What people read of it in MLflow.
        after : int
            Highest number that others know: where ledger and registry were lost, reports still speak of it.

        Raises
        ------
        IntegrityError
            If the stored model is not the one that was trained.
        """
        recipe = trained.recipe
        with self.ledger.lock(recipe):
            known = self.ledger.by_key(recipe, f"train:{trained.run_id}")
            if known is not None and known.to_version is not None:
                return known.to_version
            with self.files.verified_model(trained, f"{recipe}, run {trained.run_id}"):
                newest = max(self.ledger.newest_version(recipe), after)
                version = self._create_version(trained, evaluation, tags or {}, note, newest)
            self.client.set_registered_model_alias(recipe, CHALLENGER, str(version))
            score = evaluation.scores.get(trained.training.metric) if evaluation else None
            shown = f", hold-out {trained.training.metric} {figure(score.value)}" if score else ""
            self.ledger.append_once(
                recipe,
                "train",
                key=f"train:{trained.run_id}",
                actor=actor,
                reason=f"version {version} trained on {trained.training.learned} rows{shown}",
                to_version=version,
                batch=trained.as_of,
                record={
                    "trained": trained.model_dump(),
                    "evaluation": evaluation.model_dump() if evaluation else None,
                    "files": self.files.hashes(trained.run_id),
                },
            )
            return version

    def _create_version(
        self,
        trained: TrainedModel,
        evaluation: Evaluation | None,
        tags: Mapping[str, str],
        note: str,
        newest: int,
    ) -> int:
        """Make a version with a number above the newest that is known; a lost registry would begin at 1 again."""
        recipe = trained.recipe
        self._ensure_model(recipe)
        # A version without its line in the ledger is left where a process was killed here: take it up.
        found = self.client.search_model_versions(f"name = '{recipe}' and run_id = '{trained.run_id}'")
        if numbers := [int(version.version) for version in found if int(version.version) > newest]:
            return numbers[0]
        shown = dict(tags)
        metric = trained.training.metric
        if evaluation is not None and metric in evaluation.scores:
            shown[f"holdout_{metric}"] = f"{evaluation.scores[metric].value:.6g}"
        shown |= {  # a ledger that was lost is made anew from these
            "as_of": trained.as_of,
            "trained_at": trained.trained_at,
            "sha256": trained.sha256,
            "recipe_sha256": trained.recipe_sha256,
            "data_sha256": trained.data_sha256,
        }
        model_id = trained.model_uri.removeprefix("models:/")
        served = self.tracking_uri.startswith(("http:", "https:"))
        create = partial(
            self.client.create_model_version,
            recipe,
            # Without a server MLflow would look `models:/…` up in its global store, not in this client's.
            source=trained.model_uri if served else self.files.location(trained.model_uri),
            run_id=trained.run_id,
            tags=shown,
            description=note or version_note(trained, evaluation),
            await_creation_for=0,
        )
        taken = []
        while int((made := create()).version) <= newest:
            taken.append(made.version)
        for number in taken:  # only now: MLflow must not give them again
            self.client.delete_model_version(recipe, number)
        link = json.dumps([{"name": recipe, "version": made.version}])
        self.client.set_logged_model_tags(model_id, {"mlflow.modelVersions": link})
        return int(made.version)

    def _ensure_model(self, recipe: str) -> None:
        from mlflow.exceptions import MlflowException

        if self.aliases(recipe) is not None:
            return
        try:
            about = (
                f"Model of the recipe {recipe}, kept by ml_assets. The version with the alias `champion` serves; "
                f"`ml-assets explain {recipe}` says why."
            )
            self.client.create_registered_model(recipe, description=about)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def version(self, recipe: str, version: int) -> VersionInfo:
        """Read one version; UnknownVersionError where it was not registered."""
        return champions.version_info(self.ledger, recipe, version)

    def versions(self, recipe: str) -> tuple[VersionInfo, ...]:
        """Read all versions, oldest first."""
        return champions.versions(self.ledger, recipe)

    def champion(self, recipe: str) -> VersionInfo | None:
        """Read the version in charge; None before the first promotion.

        That is the ledger's champion, whatever the alias names that others moved. Where the ledger was lost, it is
        made anew first.

        Raises
        ------
        LostRegistryError
            If MLflow's registry has lost it.
        """
        named = (self.aliases(recipe) or {}).get(alias.CHAMPION)
        version = alias.in_charge(self, recipe, named)
        if version is None and named is not None and rebuild.is_lost(self, recipe):
            with self.ledger.lock(recipe):
                rebuild.rebuild(self, recipe)
            version = alias.in_charge(self, recipe, named)
        if version is not None and version != named and (lost := self.lost(recipe)):
            raise LostRegistryError(lost)
        return None if version is None else self.version(recipe, version)

    def lost(self, recipe: str) -> str | None:
        """Say that MLflow's registry has lost the champion of the ledger, and what to do; None if it has it."""
        version = champions.champion_version(self.ledger, recipe)
        if version is None or self._has_version(recipe, version):
            return None
        return (
            f"{recipe}: {self.settings.mlflow_place} has no version {version}, which the ledger has as champion."
            " Restore it from a backup, or train the model again with `ml-assets train --recipe-file FILE`"
        )

    def _has_version(self, recipe: str, version: int) -> bool:
        if self.settings.own_mlflow:
            return has_version(self.settings, recipe, version)
        from mlflow.exceptions import MlflowException

        try:
            self.client.get_model_version(recipe, str(version))
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return False
        return True

    def aliases(self, recipe: str) -> dict[str, int] | None:
        """Read which version each alias names; None where MLflow has no such model."""
        from mlflow.exceptions import MlflowException

        try:
            model = self.client.get_registered_model(recipe)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return {alias: int(version) for alias, version in model.aliases.items()}

    def tag(self, recipe: str, version: int, key: str) -> str | None:
        """Read a tag of a version; None where there is none."""
        if self.settings.own_mlflow:
            return tagged(self.settings, recipe, version, key)
        tags: dict[str, str] = self.client.get_model_version(recipe, str(version)).tags
        return tags.get(key)

    def experiment_id(self, run_id: str) -> str:
        """Read the id of the experiment that a run belongs to."""
        return str(self.client.get_run(run_id).info.experiment_id)
