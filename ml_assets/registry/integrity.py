"""Hashes of what a run left behind: a file that changed afterwards is not loaded."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ml_assets.failures import MendableError

# MLflow writes this file into a model's folder when somebody loads it by `models:/…`
# (mlflow/store/artifact/models_artifact_repo.py); nothing is ever loaded from it.
ADDED_BY_DOWNLOAD = frozenset({"registered_model_meta"})


class IntegrityError(MendableError, RuntimeError):
    """A stored file is not the one that was registered; the message names the model and the version."""


def file_sha256(path: Path) -> str:
    """Hash the bytes of one file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def model_sha256(folder: Path) -> str:
    """Hash every file of a model's folder: the sorted relative paths and their bytes.

    Raises
    ------
    IntegrityError
        If the folder holds no file, or a symbolic link (its target could change later).
    """
    digest = hashlib.sha256()
    paths = sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix())
    files = 0
    for path in paths:
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise IntegrityError(f"{folder}: {name} is a symbolic link; a model is plain files")
        if not path.is_file() or name in ADDED_BY_DOWNLOAD:
            continue
        digest.update(f"{len(name.encode())}:{name}:{file_sha256(path)}\n".encode())
        files += 1
    if not files:
        raise IntegrityError(f"{folder}: there is no model in this folder")
    return digest.hexdigest()
