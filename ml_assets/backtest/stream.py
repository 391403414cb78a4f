"""A model's history as frames: what had arrived, and which labels were known, at each batch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from ml_assets.features.cleaning import clean
from ml_assets.features.functions import NONE, Function
from ml_assets.features.history import past_of
from ml_assets.names import BATCH
from ml_assets.quality.contract import learn_schema
from ml_assets.quality.quarantine import held
from ml_assets.sources.calendar import batch_of, index_between, next_batch
from ml_assets.tasks.all import task_of
from ml_assets.tasks.several import has_labels

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Batches, Recipe
    from ml_assets.records import Schema

Window = int | str
"""Newest labelled batches that are trained on, "all" or "auto" (`training.window`)."""


@dataclass(frozen=True)
class Stream:
    """The batches of a recipe that arrived, cleaned.

    Parameters
    ----------
    recipe : Recipe
        Has `batches`; says how late labels are.
    frames : mapping of str to DataFrame
        Cleaned rows by batch label; a batch without rows may be left out.
    accepted : tuple of str
        Batches that a person has confirmed as the new normal; in a replay, as soon as they come.
    """

    recipe: Recipe
    frames: Mapping[str, pd.DataFrame]
    accepted: tuple[str, ...] = ()

    @classmethod
    def of(cls, recipe: Recipe, raw: pd.DataFrame, functions: Mapping[str, Function] = NONE) -> Stream:
        """Part the rows of a source into its batches, and clean each as the graph does.

        Rows without a time belong to no batch.
        """
        assert recipe.batches is not None
        period = recipe.batches.period
        raw = raw[raw[recipe.batches.column].notna()]
        days = raw[recipe.batches.column].drop_duplicates()
        batches = raw[recipe.batches.column].map({day: batch_of(day.to_pydatetime(), period) for day in days})
        joined = {each.column for each in recipe.model.augmenter.joined}
        frames: dict[str, pd.DataFrame] = {}
        schema: Schema | None = None
        columns: list[list[str]] = []
        classes: dict[str, list[str]] = {}
        for batch, rows in raw.groupby(batches.to_numpy(), sort=True):
            # A column that only other files have is empty here: it was not in this batch.
            there = [
                str(name)
                for name in rows.columns
                if rows[name].notna().any() or (schema and name in schema.columns) or name in joined
            ]
            rows = rows[there].reset_index(drop=True)
            rows = held(rows, recipe, str(batch), schema).frame
            cleaned = clean(
                rows, recipe, str(batch), schema, past_of(frames, str(batch), recipe), functions
            ).frame
            frames[str(batch)] = cleaned
            columns.append(there)
            for name in recipe.targets if task_of(recipe).classes else ():
                classes[name] = classes.get(name) or sorted(map(str, cleaned[name].dropna().unique()))
            schema = learn_schema(
                rows, recipe, earlier=columns, accepted=list(cleaned.columns), classes=classes
            )
        return cls(recipe, frames)

    @property
    def calendar(self) -> Batches:
        """The recipe's batches."""
        assert self.recipe.batches is not None
        return self.recipe.batches

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Batches that have rows, oldest first."""
        return tuple(sorted(batch for batch, frame in self.frames.items() if len(frame)))

    @cached_property
    def rows(self) -> pd.DataFrame:
        """All rows, oldest batch first, with `batch__`; the index counts them from 0."""
        parts = [self.frames[batch].assign(**{BATCH: batch}) for batch in self.labels]
        return pd.concat(parts, ignore_index=True)

    @cached_property
    def spans(self) -> dict[str, tuple[int, int]]:
        """First row of each batch in `rows`, and the first after it."""
        spans, start = {}, 0
        for batch in self.labels:
            spans[batch] = (start, start + len(self.frames[batch]))
            start = spans[batch][1]
        return spans

    @cached_property
    def labelled_rows(self) -> dict[str, int]:
        """Rows with a label by batch, oldest batch first; those that get none are left out."""
        # A batch whose labels are to come may have no such column.
        there = has_labels(self.rows[self.recipe.target])
        counts = {batch: int(there[slice(*span)].sum()) for batch, span in self.spans.items()}
        return {batch: rows for batch, rows in counts.items() if rows}

    def index(self, batch: str) -> int:
        """Position of a batch on the calendar; missing periods count."""
        return index_between(self.labels[0], batch, self.calendar.period)

    def labelled_until(self, batch: str) -> str:
        """Newest batch whose labels are known when `batch` has arrived."""
        return next_batch(batch, self.calendar.period, -self.recipe.monitoring.label_delay)

    def window(self, end: str, size: Window, without: Collection[str] = ()) -> tuple[str, ...]:
        """Newest `size` batches up to `end`, but for those that were found faulty."""
        known = tuple(batch for batch in self.labels if batch <= end and batch not in without)
        return known if isinstance(size, str) else known[-size:]

    def rows_of(self, batches: Sequence[str]) -> pd.DataFrame:
        """Rows of some batches, oldest first."""
        return pd.concat([self.rows.iloc[slice(*self.spans[batch])] for batch in batches])
