"""What is no defect of the data and yet is hardly meant: said before a model is trained.

Each hint is a function from a `Seen` to sentences; `HINTS` is the list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ml_assets.names import BATCH
from ml_assets.recipe.readable import either
from ml_assets.tasks.all import task_of

if TYPE_CHECKING:
    from ml_assets.features.columns import Roles
    from ml_assets.recipe.schema import Recipe

CLASSES = 20
"""Numbers that are still taken for the codes of classes."""
NAMED = 8
"""Columns that are named of many."""
ID = re.compile(r"(?:^|[_\W])(?i:id|uuid|guid|key|ssn|iban|nr|no|number)s?$|(?<=[a-z])(?:Id|ID|Nr|No|Key)s?$")
ID_SHARE = 0.05
"""Share of distinct values from which a number that is named like an identifier is one."""
FEWEST_IDS = 50
CHOSEN = (
    "target",
    "left out by the recipe",
    "identifies the entity",
    "tells the batch",
    "reserved",
    "not in the",
)
"""Beginnings of the reasons of columns that the recipe itself keeps out."""


@dataclass(frozen=True)
class Seen:
    """Clean rows that were looked at.

    Parameters
    ----------
    rows : DataFrame of shape (n_rows, n_columns)
        With `batch__` where there are batches.
    roles : Roles
        What their columns are to the model.
    recipe : Recipe
    whole : bool
        Whether these are all rows.
    """

    rows: pd.DataFrame
    roles: Roles
    recipe: Recipe
    whole: bool

    @property
    def labels(self) -> pd.Series[Any]:
        """Known values of the target."""
        return self.rows[self.recipe.target].dropna()


def hints(seen: Seen) -> list[str]:
    """All that is hardly meant."""
    return [text for hint in HINTS for text in hint(seen)]


def numbers_as_classes(seen: Seen) -> Iterator[str]:
    """A classification of many numbers is a regression."""
    if not task_of(seen.recipe).classes:
        return
    found = seen.labels.unique()
    values = pd.to_numeric(pd.Series(found, dtype=object), errors="coerce")
    fractions = bool((values % 1 != 0).any())
    if len(found) > 2 and values.notna().all() and (len(found) > CLASSES or fractions):
        yield (
            f"target '{seen.recipe.target}' has {len(found):,} different numbers, as {found[0]}: classification takes "
            "each for a class of its own. If it is an amount, use task_type: regression"
        )


def constant_target(seen: Seen) -> Iterator[str]:
    """A target of one value teaches nothing."""
    known = seen.labels
    if len(known) and known.nunique() == 1:
        yield (
            f"target '{seen.recipe.target}' is {known.iloc[0]} in all {len(known):,} labelled rows: there "
            "is nothing to learn. Is the file cut off or filtered?"
        )


def unlabelled(seen: Seen) -> Iterator[str]:
    """Rows without a label where all labels should be there."""
    rows, batches = seen.rows, seen.recipe.batches
    if batches is not None:
        due = sorted(rows[BATCH].unique())
        rows = rows[rows[BATCH].isin(due[: len(due) - seen.recipe.monitoring.label_delay])]
    count = int(rows[seen.recipe.target].isna().sum())
    if count:
        yield f"{count:,} of {len(rows):,} rows have no label in '{seen.recipe.target}': they are not learned"


def rare_classes(seen: Seen) -> Iterator[str]:
    """A class of one row cannot be both learned and judged."""
    if not task_of(seen.recipe).classes or not seen.whole:
        return
    counts = seen.labels.value_counts()
    rare = counts[counts < 5]
    if len(counts) > len(rare) > 0:
        named = ", ".join(f"'{name}' {rows}" for name, rows in list(rare.items())[:NAMED])
        yield f"classes with a handful of rows are hardly learned, and cannot be judged: {named}"


def identifiers(seen: Seen) -> Iterator[str]:
    """A number that names things is nothing to calculate with."""
    found = [name for name in seen.roles.numeric if ID.search(name) and _names_things(seen.rows[name])]
    if found:
        yield (
            f"{_columns(found)} named like an identifier and a feature, since it holds numbers: name it in "
            "entity_cols, or leave it out (exclude_cols), unless its size means something"
        )


def columns_left_out(seen: Seen) -> Iterator[str]:
    """Columns that no one has excluded, and that are no features all the same."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in seen.roles.excluded.items():
        if name != BATCH and not reason.startswith(CHOSEN):
            by_reason.setdefault(reason, []).append(name)
    for reason, names in by_reason.items():
        yield f"{_columns(names)} no feature{'s' * (len(names) > 1)}: {reason}"


def undefined_metric(seen: Seen) -> Iterator[str]:
    """Labels of which a metric has no part, whatever the predictions: of 0 there is no percentage."""
    wanted = {*(seen.recipe.evaluation.metrics or ()), *seen.recipe.evaluation.targets}
    wanted.add(seen.recipe.hyperparameter_tuning.metric or "")
    task, labels = task_of(seen.recipe), seen.labels
    if task.classes or not pd.api.types.is_numeric_dtype(labels.dtype):
        return
    told = task.labelled(labels, pd.DataFrame({"prediction": labels}), None)
    for metric in task.metrics:
        if metric.name in wanted and metric.per_row and np.isnan(metric.per_row(told)).any():
            others = either(other.name for other in task.metrics if not other.undefined)
            yield (
                f"target '{seen.recipe.target}' has {metric.undefined}: {metric.name} is not defined, use {others}"
            )


HINTS: tuple[Callable[[Seen], Iterator[str]], ...] = (
    numbers_as_classes, constant_target, unlabelled, rare_classes, identifiers, columns_left_out, undefined_metric,
)  # fmt: skip


def _names_things(column: pd.Series[Any]) -> bool:
    known = column.dropna().to_numpy(float)
    distinct = len(np.unique(known))
    return distinct >= max(FEWEST_IDS, ID_SHARE * len(known)) and bool((known % 1 == 0).all())


def _columns(names: list[str]) -> str:
    more = f" and {len(names) - NAMED:,} others" if len(names) > NAMED else ""
    if len(names) == 1:
        return f"column '{names[0]}' is"
    return f"columns {', '.join(repr(name) for name in names[:NAMED])}{more} are"
