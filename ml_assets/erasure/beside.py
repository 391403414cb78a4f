"""What lies beside the batches: files of MLflow's runs, backtests, and what is remembered of the source."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ml_assets.erasure.kept import TEXTS, cleaned
from ml_assets.erasure.versions import ROWS, without
from ml_assets.registry.files import TRAINING
from ml_assets.store.atomic import atomic_write

if TYPE_CHECKING:
    from ml_assets.erasure.entity import Entity
    from ml_assets.lifecycle.state import ModelState

MODELS: Final = "models"
"""Folder of an experiment with the models themselves, which are as they were registered or deleted."""


def forget_beside(state: ModelState, entity: Entity) -> None:
    """Take the entity out of the files of runs, of a registered version too; drop what can be made anew."""
    ids = {str(each) for each in entity.ids}
    for path in _files(state.settings.mlflow_artifacts):
        if path.name in ROWS:
            new = without(path.read_bytes(), entity)
            if new is not None:
                atomic_write(path, new)
        elif path.suffix in TEXTS and path.parent.name != TRAINING:
            content = path.read_bytes()
            new = cleaned(path.name, content, entity, ids)
            if new is None:
                path.unlink(missing_ok=True)
            elif new != content:
                atomic_write(path, new)
    shutil.rmtree(state.settings.backtests / state.name, ignore_errors=True)
    (state.folder / "pieces.json").unlink(missing_ok=True)


def _files(root: Path) -> Iterator[Path]:
    """Files of runs, not those of models."""
    for path in root.rglob("*"):
        if MODELS not in path.relative_to(root).parts and path.is_file():
            yield path
