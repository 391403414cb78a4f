"""What a target must be to be learned: classes, numbers, or an outcome and who was treated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ml_assets.features.cleaning import labels, two_values
from ml_assets.quality.kinds import kind_of
from ml_assets.quality.rows import LARGEST, no_numbers, too_large
from ml_assets.records import Finding
from ml_assets.shown import listed
from ml_assets.sources.numbers import NUMBER_LIKE

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe

NAMED_TEXTS = 5
"""Texts among numbers that are named with their counts."""


def _wrong_classes(known: pd.Series, column: pd.Series, recipe: Recipe) -> Iterator[Finding]:
    name, classes, rows = str(known.name), known.nunique(), len(column)
    if classes == 1 and recipe.batches is None:
        yield finding(
            "one_class",
            f"target '{name}' has one class only, '{known.iloc[0]}', in all {len(known):,} labelled rows: "
            "there is nothing to tell apart. Is the file cut off or filtered?",
            name,
        )
    elif classes > 100 and classes > 0.2 * rows:
        yield finding(
            "too_many_classes",
            f"target '{name}' has {classes:,} different values in {rows:,} rows, which are no classes. "
            "Use task_type: regression, or another target_col",
            name,
        )


def _wrong_numbers(known: pd.Series, column: pd.Series, recipe: Recipe) -> Iterator[Finding]:
    name = str(known.name)
    if kind_of(known) == "number":
        yield from infinite(column)
        return
    wrong = no_numbers(column)
    if wrong.mean() > 1 - NUMBER_LIKE:
        remedy = (
            "an effect is a change of a number, or of no and yes. Write one of these, or name another target_col"
            if recipe.treatment
            else "regression predicts numbers. Use task_type: classification, or another target_col"
        )
        yield finding("target_is_text", f"target '{name}' is text, as '{known.iloc[0]}', and {remedy}", name)
    elif wrong.any():
        yield text_in_number(column, wrong)


def _wrong_of_effect(known: pd.Series, column: pd.Series, recipe: Recipe) -> Iterator[Finding]:
    """A treatment has two values, of which one says "not treated"; an outcome is a number, or no and yes."""
    name, control = str(known.name), recipe.model.data_interface.control
    if name != recipe.treatment:
        yield from _wrong_numbers(known, two_values(column).rename(name), recipe)
        return
    found = sorted(map(str, labels(known).unique()))
    arms = two_values(known, control)
    if len(found) > 2:
        yield finding(
            "treatment",
            f"treatment '{name}' has {len(found):,} different values ({listed(found)}), and an effect is of two: "
            "treated or not. Leave the rows of other treatments out, or name another treatment_col",
            name,
        )
    elif control is None and not (kind_of(arms) == "number" and arms.isin([0.0, 1.0]).all()):
        yield finding(
            "treatment",
            f"treatment '{name}' has the values {listed(found)}: which of them says that a row was not treated? "
            "Write model.data_interface.control",
            name,
        )
    elif len(found) == 2 and arms.nunique() < 2:
        yield finding(
            "treatment",
            f"treatment '{name}' has the values {listed(found)}, and control is {control!r}: name one of them",
            name,
        )
    elif arms.nunique() == 1 and recipe.batches is None:
        yield finding(
            "one_arm",
            f"treatment '{name}' is {found[0]} in all {len(known):,} rows: an effect needs treated and untreated "
            "rows. Is the file filtered?",
            name,
        )


def wrong_ratings(column: pd.Series) -> Iterator[Finding]:
    """A rating is a number."""
    name, known = str(column.name), column.dropna()
    if kind_of(known) == "number":
        yield from infinite(column)
    elif (no_numbers(column)).any():
        yield finding(
            "rating_is_text",
            f"rating '{name}' is text, as '{known[no_numbers(known)].iloc[0]}', and a rating is a number: name another "
            "target_col, or leave it out, and every item that a user had counts 1",
            name,
        )


def infinite(column: pd.Series) -> Iterator[Finding]:
    """Numbers with which no model can calculate."""
    values, wrong = too_large(column)
    if wrong.any():
        row = int(wrong.argmax())
        endless = bool(np.isinf(values[wrong]).all())
        noun = "value" if wrong.sum() == 1 else "values"
        what = (
            f"infinite {noun}"
            if endless
            else f"{noun} beyond ±{LARGEST:.0e}, with which no model can calculate"
        )
        yield finding(
            "infinite",
            f"column '{column.name}' has {int(wrong.sum()):,} {what}, the first in row {row + 1}"
            + ("" if endless else f" ({values[row]:g})")
            + ". Leave such cells empty"
            + ("" if endless else f", or exclude '{column.name}' (exclude_cols)"),
            str(column.name),
        )


def text_in_number(column: pd.Series, wrong: pd.Series) -> Finding:
    """Text where numbers are expected."""
    name, row, count = str(column.name), int(wrong.to_numpy().argmax()), int(wrong.sum())
    texts = Counter(map(str, column[wrong])).most_common()
    named = ", ".join(f"'{text[:40]}' {times:,}" for text, times in texts[:NAMED_TEXTS])
    named += f" and {len(texts) - NAMED_TEXTS:,} others" if len(texts) > NAMED_TEXTS else ""
    return finding(
        "text_in_numbers",
        f"column '{name}' holds numbers, but text in {count:,} of {int(column.notna().sum()):,} values: the "
        f"first is '{column.iloc[row]}' in row {row + 1}{f' ({named})' if len(texts) > 1 else ''}. Correct it or "
        "leave the cell empty; name cells that mean no value in loader.na_values; if these are "
        f"categories, name '{name}' in categorical_features of custom_preprocessor",
        name,
    )


def finding(rule: str, message: str, column: str | None = None) -> Finding:
    """Say what is wrong, and with which column."""
    return Finding(rule=rule, message=message, column=column)


TARGET_CHECKS = {
    "classes": _wrong_classes,
    "numbers": _wrong_numbers,
    "effects": _wrong_of_effect,
}
