"""The files that a training leaves beside its run: written once, and read only with the hash in the ledger.

What a version was trained on, the rows it was judged on and the model itself: nothing here is loaded, let
alone unpickled, before a copy of it was found to be what was registered.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from ml_assets.names import BATCH, ROW_ID
from ml_assets.records import Profile, TrainedModel, TrainingResult
from ml_assets.registry import erasures
from ml_assets.registry.champions import UnknownVersionError, version_info
from ml_assets.registry.integrity import (
    IntegrityError,
    file_sha256,
    model_files,
    remove_compiled,
    sha256_of_files,
)
from ml_assets.registry.ledger import Ledger
from ml_assets.registry.pipelines import load_pipeline
from ml_assets.store import tally
from ml_assets.store.atomic import atomic_write

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from mlflow import MlflowClient

logger = logging.getLogger(__name__)

TRAINING = "training"
"""Folder of a training run's artifacts."""
REFERENCE = "reference.parquet"
ROW_IDS = "row_ids.npy"
PROFILE = "profile.json"
HOLDOUT = "holdout.parquet"

REFERENCE_ROWS = 50_000  # Evidently takes minutes and gigabytes on a million rows
HOLDOUT_ROWS = 10_000
PREDICTED = "predicted:"
"""Begins the columns of the hold-out that are predictions, so that no feature's name is theirs."""


def write_training(
    folder: Path, training: TrainingResult, rows: pd.DataFrame, targets: Sequence[str]
) -> None:
    """Write what was fitted, the rows it learned from (50,000 at most, seeded), and the ids of all of them."""
    import numpy as np

    from ml_assets.features.columns import beside

    (folder / "training.json").write_text(training.model_dump_json(indent=2))
    columns = [*training.features, *targets, ROW_ID, BATCH, *beside(training.excluded)]
    reference = rows[[name for name in dict.fromkeys(columns) if name in rows.columns]]
    if len(reference) > REFERENCE_ROWS:
        reference = reference.sample(REFERENCE_ROWS, random_state=training.random_state).sort_index()
    reference.to_parquet(folder / REFERENCE, index=False)
    np.save(folder / ROW_IDS, rows[ROW_ID].to_numpy(dtype=np.uint64), allow_pickle=False)


def log_profile(client: MlflowClient, run_id: str, profile: Profile) -> None:
    """Log what monitoring must know about a model; before it is registered."""
    client.log_text(run_id, profile.model_dump_json(), f"{TRAINING}/{PROFILE}")


def log_holdout(
    client: MlflowClient,
    run_id: str,
    rows: pd.DataFrame,
    predicted: pd.DataFrame,
    training: TrainingResult,
    targets: Sequence[str],
) -> None:
    """Log the hold-out with predictions of the model that had not seen it; before the version is registered.

    A refitted winner has learned these rows, and would look better on them than it is. At most 10,000 rows.
    """
    from ml_assets.features.columns import beside

    columns = dict.fromkeys([*training.features, *targets, ROW_ID, *beside(training.excluded)])
    frame = rows[[name for name in columns if name in rows.columns]].reset_index(drop=True)
    frame = frame.join(predicted.reset_index(drop=True).add_prefix(PREDICTED))
    if len(frame) > HOLDOUT_ROWS:
        frame = frame.sample(HOLDOUT_ROWS, random_state=training.random_state).sort_index()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / HOLDOUT
        frame.to_parquet(path, index=False)
        tally.wrote_files(path)
        client.log_artifact(run_id, str(path), TRAINING)


class StoredFiles:
    """Read the files of trainings and of versions.

    Parameters
    ----------
    client : MlflowClient
        The client of the store they are in.
    ledger : Ledger
        The ledger that has their hashes.
    """

    def __init__(self, client: MlflowClient, ledger: Ledger) -> None:
        self.client = client
        self.ledger = ledger

    def load(self, recipe: str, version: int) -> Any:
        """Load a version's pipeline, after its files were found to have the hash in the ledger.

        Raises
        ------
        IntegrityError
            If a file was changed, added, or is missing; nothing was unpickled.
        UnknownVersionError
            If the version was not registered.
        """
        return self.load_trained(
            version_info(self.ledger, recipe, version).trained, f"{recipe} version {version}"
        )

    def load_trained(self, trained: TrainedModel, what: str | None = None) -> Any:
        """Load the pipeline of a training, registered or not, once its hash is verified; raises as `load`."""
        with self.verified_model(trained, what or f"{trained.recipe}, run {trained.run_id}") as folder:
            return load_pipeline(folder)

    def reference(self, recipe: str, version: int) -> pd.DataFrame:
        """Read the rows a version was trained on: features, target, `row_id__`; 50,000 at most, seeded."""
        import pandas as pd

        with self._verified_file(recipe, version, REFERENCE) as path:
            return pd.read_parquet(path)

    def trained_row_ids(self, recipe: str, version: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
        """Read the `row_id__` of all rows a version was trained on, of shape (n_rows,)."""
        import numpy as np

        with self._verified_file(recipe, version, ROW_IDS) as path:
            return np.asarray(np.load(path, allow_pickle=False), dtype=np.uint64)

    def profile(self, recipe: str, version: int) -> Profile | None:
        """Read what monitoring must know about a version; None for one registered without."""
        if PROFILE not in version_info(self.ledger, recipe, version).files:
            return None
        with self._verified_file(recipe, version, PROFILE) as path:
            return Profile.model_validate_json(path.read_text())

    def holdout(self, recipe: str, version: int) -> tuple[pd.DataFrame, pd.DataFrame] | None:
        """Read hold-out rows and what the model that had not seen them predicted; None where none were kept."""
        import pandas as pd

        if HOLDOUT not in version_info(self.ledger, recipe, version).files:
            return None
        with self._verified_file(recipe, version, HOLDOUT) as path:
            frame = pd.read_parquet(path)
        guesses = [name for name in frame.columns if name.startswith(PREDICTED)]
        return frame.drop(columns=guesses), frame[guesses].rename(columns=lambda n: n.removeprefix(PREDICTED))

    def are_kept(self, recipe: str, version: int) -> bool:
        """Whether the ledger knows a version and MLflow its run: of one that was lost with either, nothing is known."""
        from mlflow.exceptions import MlflowException

        try:
            self.client.get_run(version_info(self.ledger, recipe, version).run_id)
        except UnknownVersionError:
            return False
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return False
        return True

    def location(self, model_uri: str) -> str:
        """Read where the files of a logged model are."""
        return str(self.client.get_logged_model(model_uri.removeprefix("models:/")).artifact_location)

    def papers(self, run_id: str, folder: str) -> dict[str, bytes]:
        """Pages that were left for people beside a run, by name; none where there are none."""
        from mlflow.exceptions import MlflowException

        try:
            with tempfile.TemporaryDirectory() as place:
                found = Path(self.client.download_artifacts(run_id, folder, place))
                return {path.name: path.read_bytes() for path in sorted(found.iterdir()) if path.is_file()}
        except (MlflowException, OSError):
            return {}

    def hashes(self, run_id: str) -> dict[str, str]:
        """Hash the files beside a run, by name: what the ledger is to have."""
        with self._download_files(run_id) as folder:
            return {path.name: file_sha256(path) for path in sorted(folder.iterdir())}

    def beside(self, run_id: str) -> dict[str, str]:
        """Hash the files beside a run as they are now, by name; none where they cannot be read."""
        from mlflow.exceptions import MlflowException

        try:
            return self.hashes(run_id)
        except (MlflowException, OSError):
            return {}

    def faults(self, recipe: str, version: int) -> list[str]:
        """Say which files of a version are not what was registered; nothing is loaded."""
        info = version_info(self.ledger, recipe, version)
        found: list[str] = []
        if version in erasures.deleted(self.ledger, recipe):
            return found
        try:
            with self.verified_model(info.trained, f"{recipe} version {version}"):
                pass
        except IntegrityError as error:
            found.append(str(error))
        for name in info.files:
            try:
                with self._verified_file(recipe, version, name):
                    pass
            except IntegrityError as error:
                found.append(str(error))
        return found

    def content(self, run_id: str, name: str) -> bytes:
        """Read a file beside a run as it is now; IntegrityError where it cannot be read."""
        from mlflow.exceptions import MlflowException

        try:
            with self._download_files(run_id, name) as path:
                return path.read_bytes()
        except (MlflowException, OSError) as error:
            raise IntegrityError(f"{name} of run {run_id} cannot be read ({error})") from error

    def replace(self, run_id: str, name: str, content: bytes) -> None:
        """Write a file beside a run anew: in one move where it lies in a folder, by one PUT in a bucket."""
        place = _local(self.client.get_run(run_id).info.artifact_uri)
        if place is not None:
            atomic_write(place / TRAINING / name, content)
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(content)
            self.client.log_artifact(run_id, str(path), TRAINING)

    def delete(self, run_id: str, model_uri: str, names: Sequence[str]) -> None:
        """Delete a model, and files beside its run; what is gone already is no matter."""
        from mlflow.exceptions import MlflowException
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        places: list[tuple[str, str | None]] = [(self.location(model_uri), None)]
        places += [(self.client.get_run(run_id).info.artifact_uri, f"{TRAINING}/{name}") for name in names]
        for place, path in places:
            try:
                get_artifact_repository(place, tracking_uri=self.client.tracking_uri).delete_artifacts(path)
            except (MlflowException, OSError) as error:
                logger.info("%s: %s", path or "model", error)

    @contextmanager
    def verified_model(self, trained: TrainedModel, what: str) -> Iterator[Path]:
        """Copy a model here and verify the copy, so that what is loaded is what was hashed."""
        with self.copied_model(trained, what) as (path, files):
            found = sha256_of_files(files)
            if found != trained.sha256:
                raise IntegrityError(
                    f"{what}: its files have sha256 {found[:12]}…, registered was {trained.sha256[:12]}…."
                    " A file was changed after training. Nothing was loaded; restore the files from a"
                    " backup, or roll back to another version"
                )
            yield path

    @contextmanager
    def copied_model(self, trained: TrainedModel, what: str) -> Iterator[tuple[Path, dict[str, str]]]:
        """Copy a model here as it is now, and hash its files: to be looked at, not to be loaded.

        Raises
        ------
        IntegrityError
            If its files cannot be read.
        """
        import mlflow.artifacts
        from mlflow.exceptions import MlflowException

        with tempfile.TemporaryDirectory() as folder:
            try:
                path = mlflow.artifacts.download_artifacts(
                    artifact_uri=self.location(trained.model_uri),
                    dst_path=folder,
                    tracking_uri=self.client.tracking_uri,
                    registry_uri=self.client.tracking_uri,
                )
                files = model_files(Path(path))
                remove_compiled(Path(path))
            except (MlflowException, OSError, IntegrityError) as error:
                raise IntegrityError(
                    f"{what}: its files cannot be read ({error}). Nothing was loaded; restore them from a"
                    " backup, or roll back to another version"
                ) from error
            yield Path(path), files

    @contextmanager
    def _download_files(self, run_id: str, name: str = "") -> Iterator[Path]:
        """Copy files beside a run here; the client's own way reads the run twice and looks through its models, too."""
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        place = self.client.get_run(run_id).info.artifact_uri
        files = get_artifact_repository(place, tracking_uri=self.client.tracking_uri)
        with tempfile.TemporaryDirectory() as folder:
            wanted = f"{TRAINING}/{name}" if name else TRAINING
            try:
                path = files.download_artifacts(wanted, folder)
            except Exception as error:  # each kind of store has its own: none of them lets the file be read
                raise OSError(str(error)) from error
            yield Path(path)

    @contextmanager
    def _verified_file(self, recipe: str, version: int, name: str) -> Iterator[Path]:
        from mlflow.exceptions import MlflowException

        info = version_info(self.ledger, recipe, version)
        what = f"{recipe} version {version}: {name}"
        try:
            with self._download_files(info.run_id, name) as path:
                allowed = erasures.hashes_of(self.ledger, recipe, version, name, info.files.get(name))
                if file_sha256(path) not in allowed:
                    raise IntegrityError(f"{what} was changed after training; restore it from a backup")
                yield path
        except (MlflowException, OSError) as error:
            raise IntegrityError(f"{what} cannot be read ({error}); restore it from a backup") from error


def _local(uri: str) -> Path | None:
    """Folder of this machine that an address names; None of a bucket."""
    parts = urlsplit(uri)
    return Path(unquote(parts.path)) if parts.scheme in ("", "file") else None
