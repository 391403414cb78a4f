"""What was erased of one entity, without a word of whom."""

from __future__ import annotations

from ml_assets.records.base import Record


class Erasure(Record):
    """Rows of one entity that were taken out of what is kept.

    `entity` is a keyed hash of its value, `rows` counts by asset and batch, `frames` and `files` are the hashes of what
    was rewritten: before → now of frames, and now by version and name of the files beside versions.
    """

    column: str
    entity: str
    rows: dict[str, dict[str, int]] = {}
    frames: dict[str, str] = {}
    files: dict[str, dict[str, str]] = {}
    learned: tuple[int, ...] = ()
    """Versions that had learned it."""
    logged: int = 0
    """Predictions that were taken out of the log."""
    deleted: tuple[int, ...] = ()
    """Versions whose model was deleted with it."""

    @property
    def total(self) -> int:
        """Rows that were taken in and are no longer kept."""
        return sum(self.rows.get("raw_data", {}).values())
