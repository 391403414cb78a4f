"""The contract with the source: defects that make a batch useless, each with its remedy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ml_assets.features.engineered import names_made, sources
from ml_assets.features.functions import made_by_function
from ml_assets.names import RESERVED
from ml_assets.quality.groups import not_cut
from ml_assets.quality.kinds import kind_of, with_joined
from ml_assets.quality.made import wrong_sources
from ml_assets.quality.rows import no_numbers, unfit
from ml_assets.quality.targets import TARGET_CHECKS, finding, infinite, text_in_number, wrong_ratings
from ml_assets.recipe.faults import did_you_mean
from ml_assets.records import Finding, Schema
from ml_assets.shown import listed
from ml_assets.sources.numbers import NUMBER_LIKE
from ml_assets.tasks.all import task_of

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe

NONE: Mapping[str, Iterable[str]] = MappingProxyType({})
USUAL_BATCHES = 5
"""A column is one to count on where more than half of so many newest batches have it."""


def learn_schema(
    frame: pd.DataFrame,
    recipe: Recipe,
    *,
    earlier: Sequence[Collection[str]] = (),
    accepted: Collection[str] = (),
    classes: Mapping[str, Iterable[str]] = NONE,
) -> Schema:
    """Kinds of the columns that the model may use: of the features and, in regression, of the target.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        The newest batch.
    earlier : sequence of collections of str
        Columns of the newest batches, this one among them: a column that half of them do not have is not yet
        one to count on.
    accepted : collection of str
        Columns of the newest clean batch, which stay: a model may have learned from them.
    classes : mapping of str to iterable of str
        Class labels of earlier batches, oldest first, by target.
    """
    unused = _excluded(recipe) | set(recipe.model.data_interface.entity_cols)
    if recipe.recommends:
        unused |= set(map(str, frame.columns)) - {recipe.rating}
    if task_of(recipe).classes or task_of(recipe).joint:
        unused |= set(recipe.targets)
    newest = [set(names) for names in earlier[-USUAL_BATCHES:]]
    if newest:
        unused |= {
            name
            for name in frame.columns
            if name not in accepted and 2 * sum(name in names for names in newest) <= len(newest)
        }
    kinds = {str(name): kind_of(frame[name]) for name in frame.columns if name not in unused}
    return Schema(
        columns=kinds, classes={name: tuple(dict.fromkeys(labels)) for name, labels in classes.items()}
    )


def check_raw(frame: pd.DataFrame, recipe: Recipe, schema: Schema | None = None) -> list[Finding]:
    """Defects that block a batch; an empty list where there are none.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        As read from the source.
    schema : Schema, optional
        What the first batch looked like. Columns that are missing since, or have changed their type, are
        defects; new columns are not.

    Returns
    -------
    list of Finding
        Each names the column and what to do. Where columns are doubled or there are no rows, nothing else is
        looked at.
    """
    twice = [str(name) for name, times in Counter(frame.columns).items() if times > 1]
    if twice:
        return [
            finding(
                "duplicate_columns",
                f"there is more than one column '{name}': rename or remove all but one",
                name,
            )
            for name in twice
        ]
    if frame.empty:
        return [
            finding("empty", "there are no rows: nothing can be learned or predicted. Look at the source")
        ]
    schema = with_joined(frame, recipe, schema)
    names = [str(name) for name in frame.columns]
    findings = [*_missing_columns(names, recipe, schema), *_reserved(frame), *wrong_sources(frame, recipe)]
    findings += [*_no_values(frame, recipe)] or _wrong_target(frame, recipe)
    key = "quality.rows"
    findings += [
        Finding(rule="unfit_rule", message=f"{key}: {words}", column=name, key=key)
        for name, words in unfit(frame, recipe)
    ]
    key = "evaluation.fairness.groups"
    findings += [
        Finding(rule="groups_not_cut", message=f"groups: {words}", column=name, key=f"{key}.{name}")
        for name, words in not_cut(frame, recipe)
    ]
    findings += [] if findings else _no_features(frame, recipe)
    features = _feature_columns(frame, recipe)
    for name in frame.columns:
        if name in features:
            findings += _wrong_values(frame[name], recipe, schema)
    return findings


def check_names(names: Iterable[str], recipe: Recipe) -> list[Finding]:
    """Columns that a recipe names and that are not there: all that can be said before a row is read."""
    joined = [each.column for each in recipe.model.augmenter.joined]
    return list(_missing_columns([*names, *joined], recipe, None))


def _missing_columns(names: list[str], recipe: Recipe, schema: Schema | None) -> Iterator[Finding]:
    params = recipe.model.preprocessor.params
    interface = "model.data_interface"
    wanted = [
        (f"{interface}.{'treatment_col' if name == recipe.treatment else 'target_col'}", name)
        for name in recipe.targets
        if recipe.has_target
    ]
    if recipe.recommends:
        said = (recipe.model.data_interface.user_col, recipe.model.data_interface.item_col, recipe.rating)
        keys = ("user_col", "item_col", "target_col")
        wanted += [(f"{interface}.{key}", name) for key, name in zip(keys, said, strict=True) if name]
    wanted += [("model.data_interface.entity_cols", name) for name in recipe.model.data_interface.entity_cols]
    wanted += [("model.data_interface.protected_cols", name) for name in recipe.protected]
    wanted += [("evaluation.segments", name) for name in recipe.evaluation.segments]
    wanted += [("batches.column", recipe.batches.column)] if recipe.batches is not None else []
    section = "model.preprocessor.params"
    wanted += [(f"{section}.categorical_features", name) for name in params.categorical_features or ()]
    wanted += [(f"{section}.numerical_features", name) for name in params.numerical_features or ()]
    wanted += [(f"{section}.column_sets", name) for group in params.column_sets for name in group.columns]
    # A recipe's list of exclusions may serve several sources: only what looks like a slip is an error.
    unsaid = [name for name in names if name not in params.exclude_cols and name not in recipe.targets]
    wanted += [
        (f"{section}.exclude_cols", name)
        for name in params.exclude_cols
        if get_close_matches(name, unsaid, cutoff=0.8)
    ]
    made = names_made(recipe)
    wanted = [
        (key, name)
        for key, name in (*wanted, *sources(recipe))
        if name not in made and not made_by_function(name, recipe)
    ]
    wanted += [("quality.not_a_leak", name) for name in recipe.quality.not_a_leak]
    wanted += [("quality.rows", name) for rule in recipe.quality.rows for name in rule.columns]
    named: set[str] = set()
    for key, name in wanted:
        if name not in names and name not in named:
            named.add(name)
            found = ", ".join(names[:12]) + (" …" if len(names) > 12 else "")
            hint = did_you_mean(name, names)
            place = f"{recipe.model.loader.source_uri} (found {found})"
            message = f"{_short(key)}: '{name}' is not a column of {place}.{hint}"
            yield Finding(rule="missing_column", message=message, column=name, key=key)
    for name in schema.columns if schema is not None else ():
        if name not in names and name not in named:
            hint = did_you_mean(
                name, [new for new in names if schema is not None and new not in schema.columns]
            )
            yield finding(
                "missing_column",
                f"column '{name}' is missing, which the first batch had.{hint} "
                "Send the batch again with it, or exclude it (exclude_cols) and train a new model",
                name,
            )


def _short(key: str) -> str:
    """Write a key as people say it.

    >>> _short("model.data_interface.target_col"), _short("batches.column")
    ('target_col', 'batches.column')
    """
    return key if key.startswith(("batches.", "quality.rows")) else key.rpartition(".")[2]


def _reserved(frame: pd.DataFrame) -> Iterator[Finding]:
    for name in RESERVED:
        if name in frame.columns:
            yield finding(
                "reserved_column", f"column '{name}' has a reserved name: rename it in the source", name
            )


def _wrong_target(frame: pd.DataFrame, recipe: Recipe) -> Iterator[Finding]:
    if recipe.rating is not None and recipe.rating in frame.columns:
        yield from wrong_ratings(frame[recipe.rating])
    for name in recipe.targets:
        if name not in frame.columns:
            continue
        known = frame[name].dropna()
        if known.empty:
            if recipe.batches is None:
                yield finding(
                    "target_all_missing",
                    f"target '{name}' has no value in any row: nothing can be learned",
                    name,
                )
            elif recipe.monitoring.label_delay == 0:
                yield finding(
                    "target_all_missing",
                    f"target '{name}' has no value in any row of this batch. Where labels arrive later, say "
                    "after how many batches: monitoring.label_delay",
                    name,
                )
        else:
            check = task_of(recipe).target_check
            yield from () if check is None else TARGET_CHECKS[check](known, frame[name], recipe)


def _no_values(frame: pd.DataFrame, recipe: Recipe) -> Iterator[Finding]:
    """Lists and the like where a label or an entity is wanted."""
    for name in (*recipe.targets, *recipe.model.data_interface.entity_cols, recipe.treatment):
        if name not in frame or frame[name].dtype != object:
            continue
        wrong = frame[name].map(lambda value: isinstance(value, (list, tuple, dict, set, np.ndarray)))
        if wrong.any():
            yield finding(
                "unusable_type",
                f"column '{name}' holds values that are neither number, text nor time, as "
                f"{str(frame[name][wrong].iloc[0])[:40]!r}: take it apart in the source, or name another",
                name,
            )


def _no_features(frame: pd.DataFrame, recipe: Recipe) -> Iterator[Finding]:
    if recipe.recommends:
        return
    features = _feature_columns(frame, recipe)
    made = names_made(recipe) or recipe.model.feature_engineering.functions
    if not made and not any(frame[name].notna().any() for name in features):
        named = f"all others ({listed(sorted(features))}) are empty" if features else "there are no others"
        yield finding(
            "no_features",
            "there is no column to learn from: beside the target, the time, entities and what is excluded, "
            f"{named}. Look at the source, and at exclude_cols",
        )


def _wrong_values(column: pd.Series, recipe: Recipe, schema: Schema | None) -> Iterator[Finding]:
    name, kind = str(column.name), kind_of(column)
    before = schema.columns.get(name) if schema is not None else None
    is_category = name in (recipe.model.preprocessor.params.categorical_features or ())
    if kind == "other":
        value = column.dropna().iloc[0]
        yield finding(
            "unusable_type",
            f"column '{name}' holds values that are neither number, text nor time, as {str(value)[:40]!r}. "
            "Take it apart in the source, or exclude it (exclude_cols)",
            name,
        )
    elif kind == "number":
        yield from infinite(column)
    if before == "number" and pd.api.types.is_bool_dtype(column.dtype):
        return  # true and false of this batch are the 1 and 0 of those before
    if is_category and (before, kind) == ("number", "text") and not no_numbers(column).any():
        return  # the first codes with a zero before them: numbers to a model that has learned numbers
    if kind == "text" and before in (None, "number", "empty") and not is_category:
        wrong = no_numbers(column)
        share = wrong.sum() / column.notna().sum()
        if wrong.any() and (share <= 1 - NUMBER_LIKE):
            yield text_in_number(column, wrong)
            return
        if not wrong.any() and not pd.api.types.is_bool_dtype(column.dtype):
            return  # numbers written as text: cleaning makes them numbers where the first batch had numbers
    if (
        before not in (None, "empty", kind)
        and kind not in ("empty", "other")
        and not (before == "text" and is_category)
    ):
        yield finding(
            "type_change",
            f"column '{name}' was {before} in the first batch and is {kind} now, as "
            f"'{column.dropna().iloc[0]}'. Send the batch again as before, or exclude the column "
            "(exclude_cols) and train a new model",
            name,
        )


def _feature_columns(frame: pd.DataFrame, recipe: Recipe) -> set[str]:
    if recipe.recommends:
        return {name for name in map(str, frame.columns) if name == recipe.rating}
    never = {*recipe.targets, *_excluded(recipe), *recipe.model.data_interface.entity_cols, *RESERVED}
    if recipe.batches is not None:
        never.add(recipe.batches.column)
    return {str(name) for name in frame.columns} - never


def _excluded(recipe: Recipe) -> set[str]:
    return {*recipe.model.preprocessor.params.exclude_cols, *recipe.kept_apart} - set(recipe.targets)
