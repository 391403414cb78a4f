"""The files beside versions, without the rows of an entity; and models that hold them, which are deleted or told."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Final

from ml_assets.failures import WrongUsageError
from ml_assets.registry import champions, erasures
from ml_assets.registry.files import HOLDOUT, REFERENCE
from ml_assets.registry.integrity import IntegrityError

if TYPE_CHECKING:
    from ml_assets.erasure.entity import Entity
    from ml_assets.lifecycle.state import ModelState

ROWS: Final = (REFERENCE, HOLDOUT)
"""Files beside a version that hold rows."""


def learned_by(state: ModelState, entity: Entity) -> tuple[int, ...]:
    """Versions that had learned a row of an entity."""
    import numpy as np

    ids = np.fromiter(entity.ids, dtype=np.uint64, count=len(entity.ids))
    gone, found = erasures.deleted(state.ledger, state.name), []
    for info in champions.versions(state.ledger, state.name):
        try:
            if (
                info.version not in gone
                and np.isin(state.registry.files.trained_row_ids(state.name, info.version), ids).any()
            ):
                found.append(info.version)
        except IntegrityError:
            continue
    return tuple(found)


def rewritten_files(state: ModelState, entity: Entity) -> dict[str, dict[str, str]]:
    """Tell which files beside versions would become others, and by which hash; nothing is written."""
    found: dict[str, dict[str, str]] = {}
    for info in champions.versions(state.ledger, state.name):
        for name in ROWS:
            new = without(_read(state, info.run_id, name) if name in info.files else None, entity)
            if new is not None:
                found.setdefault(str(info.version), {})[name] = hashlib.sha256(new).hexdigest()
    return found


def rewrite_files(state: ModelState, entity: Entity) -> None:
    """Write them; each in one move."""
    for info in champions.versions(state.ledger, state.name):
        for name in ROWS:
            new = without(_read(state, info.run_id, name) if name in info.files else None, entity)
            if new is not None:
                state.registry.files.replace(info.run_id, name, new)


def _read(state: ModelState, run_id: str, name: str) -> bytes | None:
    try:
        return state.registry.files.content(run_id, name)
    except IntegrityError:
        return None


def without(content: bytes | None, entity: Entity) -> bytes | None:
    """Give a file without the entity's rows; None where it has none."""
    import pandas as pd

    if content is None:
        return None
    frame = pd.read_parquet(io.BytesIO(content))
    rows = entity.rows_of(frame)
    if not rows.any():
        return None
    buffer = io.BytesIO()
    frame[~rows].to_parquet(buffer, index=False)
    return buffer.getvalue()


def checked(state: ModelState, versions: tuple[int, ...]) -> None:
    """Refuse to delete a champion, or what was never registered.

    Raises
    ------
    WrongUsageError
        If one is the champion.
    UnknownVersionError
        If one is not known.
    """
    champion = champions.champion_version(state.ledger, state.name)
    for version in versions:
        champions.version_info(state.ledger, state.name, version)
        if version == champion:
            raise WrongUsageError(
                f"--versions {version}: it is the champion: train the model again, or roll back, and delete it then"
            )


def delete_models(state: ModelState, versions: tuple[int, ...]) -> None:
    """Delete models with the rows beside them; what the ledger says of them stays, and the names of their rows."""
    for version in versions:
        info = champions.version_info(state.ledger, state.name, version)
        state.registry.files.delete(info.run_id, info.model_uri, [*ROWS, "profile.json"])


def models_that_name(state: ModelState, entity: Entity, versions: tuple[int, ...]) -> tuple[int, ...]:
    """Versions whose model itself has the value: as a level that it learned."""
    found = []
    for version in versions:
        info = champions.version_info(state.ledger, state.name, version)
        try:
            with state.registry.files.copied_model(info.trained, f"version {version}") as (folder, _):
                contents = (path.read_bytes() for path in folder.rglob("*") if path.is_file())
                if entity.named is not None and any(entity.value.encode() in each for each in contents):
                    found.append(version)
        except IntegrityError:
            continue
    return tuple(found)
