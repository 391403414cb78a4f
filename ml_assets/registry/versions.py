"""Versions of a model: register, load, promote, roll back; MLflow holds the alias, the ledger the truth.

A change of champion is three writes: the intent (ledger), the alias (MLflow: one atomic row), the outcome
(ledger). Whatever moment the process dies, the alias says the old version or the new one, and the next
`promote`, `rollback` or `reconcile` writes the outcome that the alias shows. One lock per model, released
by the operating system when its holder dies, makes check and change one step among processes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from ml_assets.records import Evaluation, TrainedModel
from ml_assets.registry import champions
from ml_assets.registry.champions import VersionInfo
from ml_assets.registry.database import configure, has_version
from ml_assets.registry.files import StoredFiles
from ml_assets.registry.ledger import Entry, Ledger
from ml_assets.registry.pipelines import plain
from ml_assets.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION = "champion"
CHALLENGER = "challenger"
TRIED_ROWS = 5


class StaleChampionError(RuntimeError):
    """The champion is not the one that the decision was made against."""


class NothingToRollBackError(RuntimeError):
    """There is no earlier champion."""


class LostRegistryError(RuntimeError):
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
    ) -> int:
        """Make a logged model a version, with the alias `challenger`; the same run again is the same version.

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
                version = self._create_version(trained, evaluation, tags or {})
            self.client.set_registered_model_alias(recipe, CHALLENGER, str(version))
            score = evaluation.scores.get(trained.training.metric) if evaluation else None
            shown = f", hold-out {trained.training.metric} {score.value:.4g}" if score else ""
            self.ledger.append_once(
                recipe,
                "train",
                key=f"train:{trained.run_id}",
                actor=actor,
                reason=f"version {version} trained on {trained.training.rows} rows{shown}",
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
        self, trained: TrainedModel, evaluation: Evaluation | None, tags: Mapping[str, str]
    ) -> int:
        """Make a version with a number that the ledger has not given; a lost registry would begin at 1 again."""
        recipe = trained.recipe
        self._ensure_model(recipe)
        newest = max((entry.to_version or 0 for entry in self.ledger.entries(recipe, "train")), default=0)
        # A version without its line in the ledger is left where a process was killed here: take it up.
        found = self.client.search_model_versions(f"name = '{recipe}' and run_id = '{trained.run_id}'")
        if numbers := [int(version.version) for version in found if int(version.version) > newest]:
            return numbers[0]
        shown = {
            "sha256": trained.sha256,
            "trained_at": trained.trained_at,
            "as_of": trained.as_of,
            "class_path": trained.training.class_path,
            "metric": trained.training.metric,
            "recipe_sha256": trained.recipe_sha256,
            "data_sha256": trained.data_sha256,
        }
        if evaluation is not None:
            shown |= {f"holdout_{n}": f"{s.value:.6g}" for n, s in evaluation.scores.items()}
        model_id = trained.model_uri.removeprefix("models:/")
        served = self.tracking_uri.startswith(("http:", "https:"))
        create = partial(
            self.client.create_model_version,
            recipe,
            # Without a server MLflow would look `models:/…` up in its global store, not in this client's.
            source=trained.model_uri if served else self.files.location(trained.model_uri),
            run_id=trained.run_id,
            tags={**shown, **tags},
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

        if self._aliases(recipe) is not None:
            return
        try:
            self.client.create_registered_model(recipe)
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
        """Read the version that the alias `champion` names; None before the first promotion.

        Raises
        ------
        LostRegistryError
            If there is none because MLflow's registry has lost it.
        """
        version = self._champion_version(recipe)
        if version is None and (lost := self.lost(recipe)):
            raise LostRegistryError(lost)
        return None if version is None else self.version(recipe, version)

    def lost(self, recipe: str) -> str | None:
        """Say that MLflow's registry has lost the champion of the ledger, and what to do; None if it has it."""
        line = champions.champions(self.ledger, recipe)
        if not line or self._has_version(recipe, line[-1]):
            return None
        place = self.settings.mlflow_database or "the server at MLFLOW_TRACKING_URI"
        return (
            f"{recipe}: {place} has no version {line[-1]}, which the ledger has as champion. Restore it from a"
            " backup, or train the model again with `ml-assets train --recipe-file FILE`"
        )

    def _has_version(self, recipe: str, version: int) -> bool:
        if (database := self.settings.mlflow_database) is not None:
            return has_version(database, recipe, version)
        from mlflow.exceptions import MlflowException

        try:
            self.client.get_model_version(recipe, str(version))
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return False
        return True

    def _aliases(self, recipe: str) -> dict[str, int] | None:
        from mlflow.exceptions import MlflowException

        try:
            model = self.client.get_registered_model(recipe)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return {alias: int(version) for alias, version in model.aliases.items()}

    def _champion_version(self, recipe: str) -> int | None:
        return (self._aliases(recipe) or {}).get(CHAMPION)

    def experiment_id(self, run_id: str) -> str:
        """Read the id of the experiment that a run belongs to."""
        return str(self.client.get_run(run_id).info.experiment_id)

    # ---- changes of champion

    def promote(
        self,
        recipe: str,
        version: int,
        *,
        expected_champion: int | None,
        reason: str,
        actor: str,
        record: BaseModel | Mapping[str, Any] | None = None,
        batch: str | None = None,
    ) -> Entry:
        """Make a version champion if the champion is still the one the decision was made against.

        Returns
        -------
        Entry
            The outcome in the ledger.

        Raises
        ------
        StaleChampionError
            If another version has become champion since; the ledger has an `aborted` entry.
        IntegrityError
            If the version's files were changed; likewise.
        """
        with self.ledger.lock(recipe):
            self._reconcile(recipe)
            self.version(recipe, version)
            current = self._champion_version(recipe)
            if current != expected_champion or current == version:
                was = "none" if expected_champion is None else f"version {expected_champion}"
                now = "there is none" if current is None else f"version {current} is"
                message = f"{recipe}: version {version} was judged against {was} as champion, but now {now}"
                self.ledger.append(
                    recipe,
                    "promote",
                    state="aborted",
                    actor=actor,
                    from_version=current,
                    to_version=version,
                    batch=batch,
                    reason=message,
                    record=record or {},
                )
                raise StaleChampionError(f"{message}; compare the two anew")
            return self._change("promote", recipe, current, version, reason, actor, record, batch)

    def rollback(
        self,
        recipe: str,
        *,
        actor: str,
        to: int | None = None,
        expected_champion: int | None = None,
        reason: str = "asked for",
        record: BaseModel | Mapping[str, Any] | None = None,
        batch: str | None = None,
    ) -> Entry:
        """Make the previous champion, or the version `to`, champion again, once it was seen to work.

        Raises
        ------
        NothingToRollBackError
            If there is no earlier champion, or `to` is the champion.
        IntegrityError
            If that version's files were changed; the champion stays.
        StaleChampionError
            If `expected_champion` is given and another version is in charge.
        """
        with self.ledger.lock(recipe):
            self._reconcile(recipe)
            current = self._champion_version(recipe)
            if expected_champion not in (None, current):
                raise StaleChampionError(
                    f"{recipe}: version {expected_champion} was to be rolled back, but version {current} is"
                    " champion now; nothing was changed"
                )
            if to is None:
                earlier = [v for v in champions.champions(self.ledger, recipe) if v != current]
                if current is None or not earlier:
                    now = "no champion" if current is None else f"one champion so far, version {current}"
                    raise NothingToRollBackError(f"{recipe} has {now}: there is nothing to go back to")
                to = earlier[-1]
            self.version(recipe, to)
            if to == current:
                raise NothingToRollBackError(f"{recipe}: version {to} is the champion already")
            return self._change("rollback", recipe, current, to, reason, actor, record, batch)

    def _change(
        self,
        kind: str,
        recipe: str,
        current: int | None,
        version: int,
        reason: str,
        actor: str,
        record: BaseModel | Mapping[str, Any] | None,
        batch: str | None,
    ) -> Entry:
        intent = self.ledger.append(
            recipe,
            kind,
            state="intent",
            actor=actor,
            from_version=current,
            to_version=version,
            batch=batch,
            reason=reason,
            record=record or {},
        )
        try:
            self.try_out(recipe, version)
            self.client.set_registered_model_alias(recipe, CHAMPION, str(version))
        except BaseException as error:
            self._settle(intent, actor, f"{type(error).__name__}: {error}")
            raise
        return self._settle(intent, actor, "the alias was not set")

    def try_out(self, recipe: str, version: int) -> None:
        """Load a version, verified, and let it predict a few rows it was trained on."""
        info = self.version(recipe, version)
        rows = plain(self.files.reference(recipe, version).head(TRIED_ROWS), info.trained.training)
        self.files.load(recipe, version).predict(rows)

    def _settle(self, intent: Entry, actor: str, otherwise: str) -> Entry:
        """Write the outcome of an intent: what the alias shows."""
        assert intent.to_version is not None
        aliases = self._aliases(intent.recipe) or {}
        done = aliases.get(CHAMPION) == intent.to_version
        if done and aliases.get(CHALLENGER) == intent.to_version:
            self.client.delete_registered_model_alias(intent.recipe, CHALLENGER)
        entry, _ = self.ledger.append_once(
            intent.recipe,
            intent.kind,
            key=f"outcome:{intent.decision_id}",
            state="done" if done else "aborted",
            actor=actor,
            decision_id=intent.decision_id,
            from_version=intent.from_version,
            to_version=intent.to_version,
            batch=intent.batch,
            reason=intent.reason if done else otherwise,
            record=intent.record,
        )
        return entry

    def reconcile(self, recipe: str | None = None, *, give_up_lost: bool = False) -> list[Entry]:
        """Bring ledger and alias together after a kill, or after somebody moved the alias by hand.

        Open intents are finished or aborted as the alias shows; an alias moved by hand is written down;
        one that was deleted is set again. A second call finds nothing to do.

        Raises
        ------
        LostRegistryError
            If MLflow's registry has lost the champion; with `give_up_lost` the ledger then has none any
            more, and the next model is a first one.
        """
        entries: list[Entry] = []
        for name in self.ledger.recipes() if recipe is None else (recipe,):
            with self.ledger.lock(name):
                entries += self._reconcile(name, give_up_lost)
        return entries

    def _reconcile(self, recipe: str, give_up_lost: bool = False) -> list[Entry]:
        killed = "the process was killed before the alias was set"
        entries = [self._settle(intent, "reconcile", killed) for intent in self.ledger.open_intents(recipe)]
        line = champions.champions(self.ledger, recipe)
        written = line[-1] if line else None
        shown = self._champion_version(recipe)
        if shown == written:
            return entries
        lost = self.lost(recipe) if shown is None else None
        if lost and not give_up_lost:
            raise LostRegistryError(lost)
        if lost:
            reason = f"MLflow's registry no longer has version {written}; the next model is a first one"
        elif shown is None:
            self.client.set_registered_model_alias(recipe, CHAMPION, str(written))
            shown, reason = written, f"the alias champion was gone; set again to version {written}"
        else:
            reason = f"the alias champion was moved to version {shown} outside of ml_assets"
        entries.append(
            self.ledger.append(
                recipe,
                "reconcile",
                actor="reconcile",
                from_version=written,
                to_version=shown,
                reason=reason,
            )
        )
        return entries
