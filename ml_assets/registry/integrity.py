"""Hashes of what a run left behind: a file that changed afterwards is not loaded."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from ml_assets.failures import MendableError

# MLflow writes this file into a model's folder when somebody loads it by `models:/…`
# (mlflow/store/artifact/models_artifact_repo.py); nothing is ever loaded from it.
ADDED_BY_DOWNLOAD = frozenset({"registered_model_meta"})
COMPILED = "__pycache__"
"""Python writes it beside the modules of a model that somebody loads where it lies; here nothing is loaded from it."""


class IntegrityError(MendableError, RuntimeError):
    """A stored file is not the one that was registered; the message names the model and the version."""


def file_sha256(path: Path) -> str:
    """Hash the bytes of one file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def model_files(folder: Path) -> dict[str, str]:
    """Hash each file of a model's folder, by its relative path, sorted.

    Raises
    ------
    IntegrityError
        If the folder holds no file, or a symbolic link (its target could change later).
    """
    found = {}
    paths = sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix())
    for path in paths:
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise IntegrityError(f"{folder}: {name} is a symbolic link; a model is plain files")
        if (
            path.is_file()
            and name not in ADDED_BY_DOWNLOAD
            and COMPILED not in path.relative_to(folder).parts
        ):
            found[name] = file_sha256(path)
    if not found:
        raise IntegrityError(f"{folder}: there is no model in this folder")
    return found


def remove_compiled(folder: Path) -> None:
    """Remove from a copy of a model what was compiled of its modules, and is not hashed."""
    for path in sorted(folder.rglob(COMPILED)):
        shutil.rmtree(path)


def sha256_of_files(files: Mapping[str, str]) -> str:
    """Hash the files of a model together: relative paths, in their order, and the hashes of their bytes."""
    digest = hashlib.sha256()
    for name, sha256 in files.items():
        digest.update(f"{len(name.encode())}:{name}:{sha256}\n".encode())
    return digest.hexdigest()


def model_sha256(folder: Path) -> str:
    """Hash every file of a model's folder; raises as `model_files`."""
    return sha256_of_files(model_files(folder))
