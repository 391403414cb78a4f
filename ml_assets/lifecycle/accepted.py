"""Batches that passed the contract: what the next one is held against."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.lifecycle.state import ModelState
    from ml_assets.records import Schema


class _Passed(NamedTuple):
    """Columns of a batch as it came and once it is clean, and its class labels."""

    raw: list[str]
    clean: list[str]
    classes: dict[str, list[str]]
    """By target."""


class Accepted:
    """Batches that are taken in, and those that have just been read and passed: they need not be clean yet.

    Parameters
    ----------
    state : ModelState
        The model; its store has the batches that are taken in.
    """

    def __init__(self, state: ModelState) -> None:
        self.state = state
        self._passed: dict[str, _Passed] = {}
        self._newest: tuple[str, pd.DataFrame] | None = None

    def add(self, batch: str, frame: pd.DataFrame, schema: Schema | None) -> None:
        """Count a batch whose raw rows have passed, held against a schema."""
        from ml_assets.features.cleaning import labels, spelled_alike, waiting
        from ml_assets.tasks.all import task_of

        recipe = self.state.recipe
        new = waiting(frame, recipe, schema) if schema is not None else set()
        classes: dict[str, list[str]] = {}
        known = schema.classes if schema is not None else {}
        for name in recipe.targets if task_of(recipe).classes else ():
            found = spelled_alike(labels(frame[name]), known.get(name, ())).dropna().unique()
            classes[name] = sorted(map(str, found))
        names = [str(name) for name in frame.columns]
        self._passed[batch] = _Passed(names, [name for name in names if name not in new], classes)
        self._newest = batch, frame

    def schema(self, batch: str, columns: Collection[str]) -> Schema | None:
        """Schema of the newest earlier batch, with the columns and classes of others.

        A batch that is older than all others is held against itself, as it was taken in before, or else against
        the next later one, of which it may lack columns; None where there is no other.
        """
        from ml_assets.quality.contract import USUAL_BATCHES, learn_schema

        known = sorted({*self.state.store.batches("cleaned_features"), *self._passed})
        earlier = [each for each in known if each < batch]
        if self.state.recipe.batches is None or known in ([], [batch]):
            return None
        usual = earlier[-USUAL_BATCHES:] or known[:1]
        several = len(usual) > 1  # one batch alone makes no column usual
        schema = learn_schema(
            self._frame(usual[-1]),
            self.state.recipe,
            earlier=[self._columns(each, raw=several) for each in usual],
            accepted=self._columns(usual[-1], raw=False),
            classes=self._classes(known),
        )
        if usual[-1] <= batch:
            return schema
        return schema.model_copy(
            update={"columns": {name: kind for name, kind in schema.columns.items() if name in columns}}
        )

    def _frame(self, batch: str) -> pd.DataFrame:
        if self._newest is not None and self._newest[0] == batch:
            return self._newest[1]
        return self.state.store.read_frame("raw_data", batch)

    def _columns(self, batch: str, *, raw: bool) -> list[str]:
        if batch in self._passed:
            return self._passed[batch].raw if raw else self._passed[batch].clean
        return self.state.store.columns("raw_data" if raw else "cleaned_features", batch)

    def _classes(self, known: list[str]) -> dict[str, list[str]]:
        """Class labels of each target in the first batch that has any: their spelling is that of all later ones."""
        from ml_assets.tasks.all import task_of

        if not task_of(self.state.recipe).classes:
            return {}
        return {target: self._labels(target, known) for target in self.state.recipe.targets}

    def _labels(self, target: str, known: list[str]) -> list[str]:
        store = self.state.store
        for batch in known:
            if store.has("cleaned_features", batch):
                found = store.read_frame("cleaned_features", batch, [target])[target].dropna()
                labels = sorted(map(str, found.unique()))
            else:
                labels = self._passed[batch].classes[target]
            if labels:
                return labels
        return []
