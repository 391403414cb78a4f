"""What lies beside the batches: files of MLflow's runs, backtests, and what is remembered of the source."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from ml_assets.erasure.kept import TEXTS, cleaned
from ml_assets.erasure.versions import ROWS, without
from ml_assets.lifecycle.storage import runs_of
from ml_assets.registry.files import TRAINING

if TYPE_CHECKING:
    from ml_assets.erasure.entity import Entity
    from ml_assets.lifecycle.state import ModelState
    from ml_assets.store.places import Place

MODELS: Final = "models"
"""Folder of an experiment with the models themselves, which are as they were registered or deleted."""


def forget_beside(state: ModelState, entity: Entity) -> None:
    """Take the entity out of the files of runs, of a registered version too; drop what can be made anew."""
    ids = {str(each) for each in entity.ids}
    for place in runs_of(state.settings):
        for key in _files(place):
            path = PurePosixPath(key)
            if path.name in ROWS:
                new = without(place.read(key), entity)
                if new is not None:
                    place.write(key, new)
            elif (
                path.suffix in TEXTS
                and path.parent.name != TRAINING
                and (content := place.read(key)) is not None
            ):
                new = cleaned(path.name, content, entity, ids)
                if new is None:
                    place.delete(key)
                elif new != content:
                    place.write(key, new)
    shutil.rmtree(state.settings.backtests / state.name, ignore_errors=True)
    (state.folder / "pieces.json").unlink(missing_ok=True)


def _files(place: Place) -> Iterator[str]:
    """Files of runs, not those of models."""
    return (key for key in place.keys("") if MODELS not in PurePosixPath(key).parts)
