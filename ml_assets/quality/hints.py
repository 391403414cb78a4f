"""What is no defect of the data and yet is hardly meant: said before a model is trained.

Each hint is a function from a `Seen` to sentences; `HINTS` is the list.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ml_assets.names import BATCH, KEPT_OUT, ROW_ID
from ml_assets.quality import protected, repeats
from ml_assets.quality.assignment import told_by_columns
from ml_assets.recipe.readable import either
from ml_assets.recipe.tasks import DEFAULT_METRICS
from ml_assets.shown import figure
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
NUMBER = r"(?:\d+|\d{1,3}(?:[ .,'’\xa0\u202f]\d{3})+)"
NUMBERS = re.compile(
    rf"[^\d\s]{{0,4}}\s?(?:{NUMBER}[.,]\d+(?:[eEdD][+-]?\d+)?\s?|{NUMBER}\s)[^\d\s]{{0,10}}|[+-]?\d{{1,3}}(?:_\d{{3}})+"
)
"""Texts that are numbers to a person: fractions, with a unit or not, as 1.5kg, and whole ones with a unit, as 12 kg."""
DATES = re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-](?:\d{2}|\d{4})(?:[ T].*)?")
MOST_TEXTS = 0.8
"""Share of different texts that must look so."""
FEW = 10
"""Different values below which a text is a category, whatever it looks like."""
MOST_LEVELS = 10_000
"""Different texts of a column that are compared."""
NINES = tuple(sign * (10**digits - 1) for digits in range(2, 9) for sign in (1, -1))
"""Numbers that stand for no value in many tables."""
COMMON = 0.9
"""Share of the labels from which on a class makes accuracy say nothing."""
IN_THE_UNIT = ("mse", "rmse", "mae")
"""Metrics in the unit of the target, whose mean over targets of different sizes follows the largest."""
OTHER_SIZE = 10.0
"""Ratio of the standard deviations of two targets from which they are of different sizes."""
TWICE = 0.01
"""Share of rows that are there again, from which it is no chance."""


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
    def labels(self) -> Any:
        """Known values of the target, of several the rows that have all."""
        return self.rows[self.recipe.target].dropna()

    def of_each_target(self) -> tuple[Seen, ...]:
        """The same with one target each."""
        return tuple(replace(self, recipe=recipe) for recipe in self.recipe.of_each_target())


def hints(seen: Seen) -> list[str]:
    """All that is hardly meant; of several targets what is so of any."""
    each = seen.of_each_target()
    found = [text for hint in HINTS for one in each for text in hint(one)]
    return [*dict.fromkeys(found), *different_sizes(seen), *not_by_chance(seen)]


def different_sizes(seen: Seen) -> Iterator[str]:
    """The mean over targets of an error in their unit follows the target that spreads most."""
    metric = seen.recipe.hyperparameter_tuning.metric or DEFAULT_METRICS[seen.recipe.task]
    if len(seen.recipe.targets) == 1 or metric not in IN_THE_UNIT:
        return
    spreads = seen.rows[seen.recipe.target].std()
    most, least = spreads.idxmax(), spreads.idxmin()
    if spreads[most] > OTHER_SIZE * spreads[least] > 0:
        yield (
            f"targets '{most}' and '{least}' spread by {figure(spreads[most], 3)} and {figure(spreads[least], 3)}: "
            f"{metric}, the mean over the targets, follows '{most}' alone. Use r2 or mape, or bring them to one size"
        )


def not_by_chance(seen: Seen) -> Iterator[str]:
    """A treatment that the columns tell was not dealt out by chance."""
    recipe = seen.recipe
    if recipe.treatment is None or recipe.treatment not in seen.rows:
        return
    area = told_by_columns(seen.rows, seen.roles.features, recipe.treatment, recipe.random_state)
    if area is not None:
        yield (
            f"the columns tell who was treated ('{recipe.treatment}', ROC AUC {figure(area, 2)} on rows not learned): "
            "chance did not deal out the treatment, and what looks like its effect may be another difference of the "
            "arms. Learn from an experiment, or leave out columns that were made after the treatment"
        )


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
    """A target of one value teaches nothing, nor do interactions of one user or with one item."""
    if seen.recipe.recommends and len(seen.labels) and (lacking := task_of(seen.recipe).lacks(seen.labels)):
        yield lacking
    known = seen.labels if seen.recipe.has_target else pd.Series(dtype=object)
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
        of = f"{count:,} of {len(rows):,} rows"
        has, learned = ("has", "it is") if count == 1 else ("have", "they are")
        where = " or ".join(f"'{name}'" for name in seen.recipe.needed)
        what = "value" if seen.recipe.recommends else "label"
        yield f"{of} {has} no {what} in {where}: {learned} not learned"


def rare_classes(seen: Seen) -> Iterator[str]:
    """A class of one row cannot be both learned and judged."""
    if not task_of(seen.recipe).classes or not seen.whole:
        return
    counts = seen.labels.value_counts()
    rare = counts[counts < 5]
    if len(counts) > len(rare) > 0:
        named = ", ".join(f"'{name}' {rows}" for name, rows in list(rare.items())[:NAMED])
        yield f"classes with a handful of rows are hardly learned, and cannot be judged: {named}"


def imbalance(seen: Seen) -> Iterator[str]:
    """Of a class that nearly all rows have, accuracy says nothing."""
    section, shares = seen.recipe.hyperparameter_tuning, seen.labels.value_counts(normalize=True)
    if task_of(seen.recipe).classes and section.metric == "accuracy" and 1 > shares.max() >= COMMON:
        yield (
            f"'{shares.index[0]}' is {shares.max():.1%} of the labels: who always says so has that accuracy. Choose "
            "by another metric, as roc_auc, pr_auc or f1 (hyperparameter_tuning.metric)"
        )


def identifiers(seen: Seen) -> Iterator[str]:
    """A number that names things is nothing to calculate with."""
    if found := named_like_identifiers(seen):
        yield (
            f"{_columns(found)} named like an identifier and a feature, since it holds numbers: name it in "
            "entity_cols, or leave it out (exclude_cols), unless its size means something"
        )


def named_like_identifiers(seen: Seen) -> list[str]:
    """Features that hold numbers, and yet name things."""
    return [name for name in seen.roles.numeric if ID.search(name) and _names_things(seen.rows[name])]


def columns_left_out(seen: Seen) -> Iterator[str]:
    """Columns that no one has excluded, and that are no features all the same."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in seen.roles.excluded.items():
        if name != BATCH and not reason.startswith(KEPT_OUT):
            by_reason.setdefault(reason, []).append(name)
    for reason, names in by_reason.items():
        yield f"{_columns(names)} no feature{'s' * (len(names) > 1)}: {reason}"


def undefined_metric(seen: Seen) -> Iterator[str]:
    """Labels of which a metric has no part, whatever the predictions: of 0 there is no percentage."""
    wanted = {*(seen.recipe.evaluation.metrics or ()), *seen.recipe.evaluation.targets}
    wanted.add(seen.recipe.hyperparameter_tuning.metric or "")
    task, labels = task_of(seen.recipe), seen.labels
    if task.classes or task.joint or not pd.api.types.is_numeric_dtype(labels.dtype):
        return
    told = task.labelled(labels, pd.DataFrame({"prediction": labels}), None)
    for metric in task.metrics:
        if metric.name in wanted and metric.per_row and np.isnan(metric.per_row(told)).any():
            others = either(other.name for other in task.metrics if not other.undefined)
            yield (
                f"target '{seen.recipe.target}' has {metric.undefined}: {metric.name} is not defined, use {others}"
            )


def written_otherwise(seen: Seen) -> Iterator[str]:
    """Numbers and times that are written in a way that could mean two things, and so were left as text."""
    for words, pattern, remedy in (
        ("numbers", NUMBERS, "write numbers alone, as 1234.5, where their size means something"),
        ("days", DATES, "write days as 2024-01-31, or take them apart in the source"),
    ):
        found = {name: texts for name, texts in _texts(seen) if _look_like(texts, pattern)}
        if found:
            yield (
                f"{_columns([*found])} text, which looks like {words}, as '{next(iter(found.values()))[0]}', and is "
                f"learned as names, if at all: {remedy}"
            )


def marks_of_nothing(seen: Seen) -> Iterator[str]:
    """-999 among numbers of another size stands for no value."""
    for name in seen.roles.numeric:
        known = seen.rows[name].dropna().to_numpy(float)
        others = known[~np.isin(known, NINES)]
        if not FEW < len(others) < len(known) - 1 or len(np.unique(others)) < FEW:
            continue
        low, high = others.min(), others.max()
        for value in NINES:
            times = int((known == value).sum())
            if times > 1 and not low - (high - low) <= value <= high + (high - low):
                yield (
                    f"column '{name}' is {value} in {times:,} of {len(seen.rows):,} rows, far from its other values: "
                    f"if that means no value, say so (loader.na_values: ['{value}'])"
                )


def repeated_rows(seen: Seen) -> Iterator[str]:
    """Rows that are there again, value for value but for their time, in a table whose rows are hardly ever alike."""
    ours = {BATCH, ROW_ID, seen.recipe.batches.column if seen.recipe.batches is not None else BATCH}
    rows = seen.rows.drop(columns=[name for name in seen.rows if name in ours])
    again = int(rows.duplicated().sum())
    different = len(rows) - again
    telling = any(rows[name].nunique() > different / 2 for name in seen.roles.numeric)
    if again >= max(FEW, TWICE * len(rows)) and telling:
        yield (
            f"{again:,} of {len(rows):,} rows are there a second time, value for value: does one file hold the rows of "
            "another, or were they sent again? What is both learned and held out flatters the scores"
        )


def spelled_in_ways(seen: Seen) -> Iterator[str]:
    """What is written in two ways is two things to a model."""
    target = (seen.recipe.target,) if task_of(seen.recipe).classes else ()
    for name in (*target, *seen.roles.categorical):
        ways: dict[str, list[str]] = {}
        for text in map(str, seen.rows[name].dropna().unique()[:MOST_LEVELS]):
            ways.setdefault(" ".join(unicodedata.normalize("NFKC", text).casefold().split()), []).append(text)
        several = next((texts for texts in ways.values() if len(texts) > 1), None)
        if several is not None:
            kind = "class" if name in target else "category"
            yield (
                f"column '{name}' has {' and '.join(map(repr, sorted(several)))}, each a {kind} of its own: if they "
                "are one, write them alike"
            )


HINTS: tuple[Callable[[Seen], Iterator[str]], ...] = (
    numbers_as_classes, constant_target, unlabelled, rare_classes, imbalance, identifiers, columns_left_out,
    undefined_metric, written_otherwise, marks_of_nothing, repeated_rows, repeats.entities, repeats.again,
    repeats.parted, spelled_in_ways, protected.protected_groups, protected.proxies,
)  # fmt: skip


def _texts(seen: Seen) -> Iterator[tuple[str, list[str]]]:
    """Columns of text that may be features, with some of their different values."""
    for name in seen.rows.columns:
        reason = seen.roles.excluded.get(name, "")
        if (
            seen.rows[name].dtype == object
            and name not in seen.recipe.targets
            and not reason.startswith(KEPT_OUT)
        ):
            yield name, [str(text).strip() for text in seen.rows[name].dropna().unique()[:1000]]


def _look_like(texts: list[str], pattern: re.Pattern[str]) -> bool:
    return len(texts) >= FEW and sum(
        pattern.fullmatch(text) is not None for text in texts
    ) >= MOST_TEXTS * len(texts)


def _names_things(column: pd.Series[Any]) -> bool:
    known = column.dropna().to_numpy(float)
    distinct = len(np.unique(known))
    return distinct >= max(FEWEST_IDS, ID_SHARE * len(known)) and bool((known % 1 == 0).all())


def _columns(names: list[str]) -> str:
    more = f" and {len(names) - NAMED:,} others" if len(names) > NAMED else ""
    if len(names) == 1:
        return f"column '{names[0]}' is"
    return f"columns {', '.join(repr(name) for name in names[:NAMED])}{more} are"
