"""What a rule gives."""

from __future__ import annotations

from collections.abc import Iterator

from ml_assets.recipe.faults import Key

Found = Iterator[tuple[Key, str]]
"""Faults: the key in the recipe, and the message."""
