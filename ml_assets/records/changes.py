"""What a change of a recipe makes anew."""

from __future__ import annotations

from typing import Any

from ml_assets.records.base import Record


class KeyChange(Record):
    """A key that says something else; `old` or `new` is None where it is not there."""

    key: str
    old: Any
    new: Any
    reruns: tuple[str, ...]
    """Assets that it changes, in the order of the graph."""
    beside: str = ""
    """What else it changes, in words."""


class RecipeDiff(Record):
    """Two recipes compared; all assets are in one of `reruns`, `follows` and `stays`."""

    old: str
    """Where the old one is from, in words."""
    new: str
    changes: tuple[KeyChange, ...]
    reruns: tuple[str, ...]
    """Assets that are made otherwise: those whose `code_version` changes."""
    follows: tuple[str, ...]
    """Assets that are made of those."""
    stays: tuple[str, ...]
    read_anew: tuple[str, ...] = ()
    """Batches of a known model that are read anew."""
    cleaned_anew: tuple[str, ...] = ()
    """Batches of a known model that are cleaned anew, from the raw rows that are kept."""
    gone: tuple[str, ...] = ()
    """Batches that would be read anew, but are no longer in the source: they stay."""
    notes: tuple[str, ...] = ()
