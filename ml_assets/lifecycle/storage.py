"""State below `storage.root`: whose it is, and whether it answers.

Frames and records lie there, and what they mean is in a ledger: two ledgers over one root would take each other's
batches for their own. So the root names the one home, or the one database, whose state it is.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from ml_assets.failures import MendableError
from ml_assets.records.health import Examined
from ml_assets.settings import Settings
from ml_assets.shown import shown
from ml_assets.store.places import Bucket, Folder, Place, PlaceError, move

OWNER: Final = "owner.json"
"""Object beside the batches: whose state it is."""


class ForeignStateError(MendableError, RuntimeError):
    """The root is the state of another home or database."""


def place_of(settings: Settings, name: str) -> Place:
    """Where frames and records of a model lie: in its folder, or below `storage.root`, to which they are moved.

    Raises
    ------
    ForeignStateError
        What lies there is another installation's.
    """
    folder, root = settings.store / name, settings.storage_root
    if root is None:
        return Folder(folder)
    _claim(root.rstrip("/"), settings.identity, "" if settings.database is None else settings.database.place)
    bucket = Bucket(f"{root.rstrip('/')}/batches/{name}", folder)
    if any(
        folder.glob("*/*.json")
    ):  # a home that began without a root: beside a bucket it has frames and pages alone
        move(Folder(folder), bucket, ending=".json")
    return bucket


def predictions_of(settings: Settings, name: str) -> Place:
    """Where the log of a model's predictions lies; raises as `place_of`."""
    folder, root = settings.predictions / name, settings.storage_root
    if root is None:
        return Folder(folder)
    _claim(root.rstrip("/"), settings.identity, "" if settings.database is None else settings.database.place)
    return Bucket(f"{root.rstrip('/')}/predictions/{name}", folder, copies=False)


def runs_of(settings: Settings) -> list[Place]:
    """Where the files of MLflow's runs lie: in the home, and below `storage.root` where MLflow writes to it."""
    uri, folder = settings.artifacts_uri, settings.mlflow_artifacts
    below = [] if uri == folder.as_uri() else [Bucket(uri, folder, copies=False)]
    return [Folder(folder), *below]  # a home that began without a root has runs of that time


@cache
def _claim(root: str, identity: Path, database: str) -> None:
    """Name the root as ours where nobody has; asked once in the life of a process."""
    bucket, own = Bucket(root, identity.parent, copies=False), database or _named(identity)
    content = bucket.read(OWNER)
    if content is None:
        told = database or f"the home {identity.parent} with a ledger of its own"
        bucket.write(OWNER, json.dumps({"owner": own, "told": shown(told)}).encode())
        content = bucket.read(OWNER) or b"{}"
    try:
        known = dict(json.loads(content))
    except (ValueError, TypeError):
        known = {}
    if known.get("owner") != own:
        told = shown(str(known.get("told", "another home")), 200)
        raise ForeignStateError(
            f"storage.root '{shown(root)}' holds the state of {told}: set another ML_ASSETS_STORAGE_ROOT; or, "
            "for several machines on one state, give all of them one PostgreSQL database (ML_ASSETS_DATABASE_URI); or "
            f"delete {OWNER} there, if that home is gone for good"
        )


def _named(place: Path) -> str:
    """Name of a home that is its own, wherever it is moved to."""
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        with place.open("x") as file:
            file.write(uuid.uuid4().hex)
    except FileExistsError:
        pass  # it has had a name since it was made
    return place.read_text()


def examine(settings: Settings) -> Iterator[Examined]:
    """Knock at `storage.root`; nothing is written but our name, where nobody's is there."""
    if settings.storage_root is None:
        return
    place = shown(settings.storage_root)
    try:
        place_of(settings, "any").names("any")
    except (PlaceError, ForeignStateError) as error:
        said = str(error)
        remedy = "correct ML_ASSETS_STORAGE_ROOT, the credentials or the network"
        yield Examined(part="storage", found=said, ok=False, remedy=remedy)
    else:
        yield Examined(part="storage", found=f"answers at {place}")
