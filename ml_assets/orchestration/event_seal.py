"""The seal of an event: what decisions read of it is covered by a hash beside it in Dagster's log."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from ml_assets.failures import MendableError

FACTS: Final = ("record", "labelled_rows", "outcome", "version")
"""Metadata that decisions read."""
SEAL: Final = "seal"
SHOWN: Final = 32
"""Characters of a hash that are shown: a word of 64 makes the table in the web UI wider than its page."""


class ChangedEventError(MendableError, ValueError):
    """An event in Dagster's log is not what was written."""


class Changed:
    """Stands where an event was read that is not what was written."""


CHANGED: Final = Changed()


def with_seal(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Put the hash of the facts behind them; metadata without facts has no seal."""
    sealed = dict(metadata)
    return sealed | {SEAL: _hash(sealed)[:SHOWN]} if any(name in sealed for name in FACTS) else sealed


def is_changed(metadata: Mapping[str, Any]) -> bool:
    """Whether the facts are not what was sealed; an event of before there were seals has none, and is believed."""
    if SEAL not in metadata:
        return False
    seal = str(_plain(metadata[SEAL]))
    return len(seal) < SHOWN or not _hash(metadata).startswith(seal)


def _hash(metadata: Mapping[str, Any]) -> str:
    facts = {name: _plain(metadata[name]) for name in FACTS if name in metadata}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Value of a piece of metadata, before Dagster has wrapped it and after."""
    return getattr(value, "value", value)
