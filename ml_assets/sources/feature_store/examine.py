"""What `ml-assets doctor` and `status --environment` tell of the feature store: what is named, and what answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final

from ml_assets.records.health import Examined
from ml_assets.sources.feature_store.repository import VARIABLE, Repository, opened
from ml_assets.sources.paths import SourceError

if TYPE_CHECKING:
    from ml_assets.settings import Settings

PART: Final = "feature store"
SHOWN: Final = 5


def examine(settings: Settings) -> Iterator[Examined]:
    """Open the repository that the settings name, and ask its online store for an entity that is none."""
    if settings.feature_store is None:
        yield Examined(part=PART, found=f"none is named ({VARIABLE}): no recipe can join features")
        return
    try:
        with opened(settings, online=True) as repository:
            joins, keeps = repository.stores
            names = sorted(repository.namespaces)
            shown = ", ".join(names[:SHOWN]) + " …" * (len(names) > SHOWN)
            found = f"{repository.place}: {len(names):,} namespaces ({shown}), joined by {joins}"
            yield Examined(part=PART, found=found)
            ask_of_nobody(repository)
            yield Examined(part=PART, found=f"the newest values are kept by {keeps}, which answers")
    except SourceError as error:
        yield Examined(part=PART, found=error.message, ok=False, remedy="correct it (docs/feature_store.md)")


def ask_of_nobody(repository: Repository) -> None:
    """Ask the online store for a feature of nobody; raises SourceError where it does not answer."""
    import pandas as pd

    for name, namespace in repository.namespaces.items():
        feature = next((each for each, kind in namespace.features.items() if kind is not None), None)
        if feature is not None:
            nobody = {key: [-1 if kind == "number" else ""] for key, kind in namespace.keys.items()}
            repository.newest(name, [feature], pd.DataFrame(nobody), datetime.max)
            return
