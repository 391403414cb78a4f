"""How much a store holds."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from urllib.parse import unquote

from ml_assets.store.places import Bucket, Place


def bytes_kept(place: Place) -> dict[str, int]:
    """Asset → bytes of all that is kept of it, frames of before and pages too, the largest first."""
    found: Counter[str] = Counter()
    for key, size in place.sizes().items() if isinstance(place, Bucket) else _files(str(place.folder)):
        asset, below, _ = key.partition("/")
        if below:  # beside the assets lies what is remembered of the source
            found[unquote(asset)] += size
    return dict(found.most_common())


def _files(folder: str) -> Iterable[tuple[str, int]]:
    """Files below a folder, with their bytes."""
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                yield f"{root}/{name}"[len(folder) + 1 :], os.lstat(f"{root}/{name}").st_size
            except FileNotFoundError:  # a temporary file of a writer
                continue
