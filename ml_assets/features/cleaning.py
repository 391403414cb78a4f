"""Cleaning: raw rows of one batch become rows of few and fixed types, each with an identity.

Row by row: nothing is learned, so the same row gives the same clean row in any batch, in training and in
serving.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from ml_assets.features.engineered import engineered, sources
from ml_assets.features.functions import NONE, Function
from ml_assets.features.points import with_point
from ml_assets.features.truths import truth
from ml_assets.names import ROW_ID, composed
from ml_assets.tasks.all import task_of

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe
    from ml_assets.records import Schema

TRUTH = (
    ("0", "1"), ("False", "True"), ("false", "true"), ("FALSE", "TRUE"), ("no", "yes"), ("No", "Yes"), ("NO", "YES"),
    ("n", "y"), ("N", "Y"), ("f", "t"), ("F", "T"),
)  # fmt: skip
"""How people write no and yes."""
TRUTH_VALUES = {label.casefold(): value for pair in TRUTH for value, label in enumerate(pair)}
LETTERS = ({"n", "y", "no", "yes"}, {"f", "t", "false", "true"})
"""Bare letters mean no and yes only where all labels are of one of these sets: T and N are two names, 0 and N, too."""

EXACT = 2**53
"""Whole numbers up to this are floats, too."""

Hashes = npt.NDArray[np.uint64]


class CleanResult(NamedTuple):
    """Clean rows, and how many were dropped for which reason."""

    frame: pd.DataFrame
    dropped: dict[str, int]
    waiting: tuple[str, ...] = ()
    """New columns, which are left out until most of the newest batches have them."""


def clean(
    raw: pd.DataFrame,
    recipe: Recipe,
    batch: str,
    schema: Schema | None = None,
    past: pd.DataFrame | None = None,
    functions: Mapping[str, Function] = NONE,
) -> CleanResult:
    """Fix types, drop exact duplicates of an entity's rows, give each row its identity, and make columns of others.

    Parameters
    ----------
    raw : DataFrame of shape (n_rows, n_columns)
        As read, with the columns of the feature store beside them.
    batch : str
        Label of the batch; `all` for a static table.
    schema : Schema, optional
        Kinds of the columns in earlier batches: settles what a column is that in this batch is empty, or
        holds digits only. A column that it does not have is left out; a class has its spelling.
    past : DataFrame, optional
        Clean rows of earlier batches, from `features.history.past_of`, for what the recipe wants to know of them.
    functions : mapping of str to callable
        The recipe's own feature functions, from `features.functions.load`.

    Returns
    -------
    CleanResult
        Numbers are float64; text, booleans, the entity columns and class labels are text or None; times are
        datetime64[us]. `row_id__` is unique in the batch, and the same when the rows are sent again in any
        order, when their target arrives later or the feature store knows more.
    """
    joined = [each.column for each in recipe.model.augmenter.joined]
    new = waiting(raw, recipe, schema) if schema is not None else set()
    columns = _typed(raw, recipe, schema, new)
    frame = pd.DataFrame(columns, index=raw.index)
    # Without an entity two equal rows may well be two observations, as in a table of a few categories.
    entities = recipe.model.data_interface.entity_cols
    alike = frame.assign(**{str(name): raw[name] for name in frame if _beyond_floats(raw[name])})
    repeated = alike.duplicated() if entities else pd.Series(False, index=frame.index)
    frame = frame[~repeated].reset_index(drop=True)
    own = frame.drop(columns=[name for name in (*recipe.targets, *joined) if name in frame])
    frame[ROW_ID] = row_ids(own, batch)
    frame = with_point(engineered(frame, recipe, past, functions), recipe, batch, past)
    dropped = {"duplicate": int(repeated.sum())} if repeated.any() else {}
    return CleanResult(frame, dropped, tuple(sorted(map(str, new))))


def clean_alone(
    raw: pd.DataFrame,
    recipe: Recipe,
    schema: Schema,
    functions: Mapping[str, Function] = NONE,
    past: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Rows to be predicted as `clean` would make them: each in its place, none dropped, without `row_id__`.

    Parameters
    ----------
    raw : DataFrame of shape (n_rows, n_columns)
    schema : Schema
        Kinds of the columns that the model has learned; others are left out.
    functions, past : mapping of str to callable, DataFrame
        As in `clean`.
    """
    frame = pd.DataFrame(_typed(raw, recipe, schema, waiting(raw, recipe, schema)), index=raw.index)
    return engineered(frame, recipe, past, functions)


def two_values(column: pd.Series, none: str | int | bool | None = None) -> pd.Series:
    """Values that say no and yes as 0 and 1; others stay as they are.

    Parameters
    ----------
    column : Series of shape (n_rows,)
    none : str, int or bool, optional
        The value that says no: any other then says yes.

    >>> two_values(pd.Series(["yes", None, "No"])).tolist(), two_values(pd.Series(["mail", "none"]), "none").tolist()
    ([1.0, nan, 0.0], [1.0, 0.0])
    """
    found = labels(column)
    known = found.dropna()
    if none is not None:
        return found.map(lambda value: None if value is None else float(value != label(none))).astype(
            "float64"
        )
    if known.empty or not {value.casefold() for value in known.unique()} <= TRUTH_VALUES.keys():
        return column
    return found.map(lambda value: None if value is None else TRUTH_VALUES[value.casefold()]).astype(
        "float64"
    )


def _of_effect(raw: pd.DataFrame, recipe: Recipe) -> dict[str, pd.Series]:
    """Treatment, and an outcome of two values, as 0 and 1, where an effect is predicted."""
    if recipe.treatment is None:
        return {}
    control = {recipe.treatment: recipe.model.data_interface.control}
    return {name: two_values(raw[name], control.get(name)) for name in recipe.targets if name in raw}


def _typed(
    raw: pd.DataFrame, recipe: Recipe, schema: Schema | None, new: Collection[str]
) -> dict[str, pd.Series]:
    """Columns with their types fixed, but those that are new."""
    raw = raw.assign(**_of_effect(raw, recipe))
    classes = recipe.targets if task_of(recipe).classes else ()
    as_label = {*recipe.model.data_interface.entity_cols, *recipe.ids, *classes}
    joined = [each.column for each in recipe.model.augmenter.joined]
    as_label |= {name for name in joined if name in raw and raw[name].dtype == object}  # the store says text
    kinds = schema.columns if schema is not None else {}
    columns = {
        name: labels(raw[name]) if name in as_label else _clean_column(raw[name], kinds.get(name))
        for name in raw.columns
        if name != ROW_ID and name not in new
    }
    for name in schema.truths if schema is not None else ():
        if name in columns and columns[name].dtype == object:
            written = {text: meant for text in columns[name].dropna().unique() if (meant := truth(text))}
            columns[name] = columns[name].replace(written)
    known = schema.classes if schema is not None else {}
    spelled = {name: spelled_alike(columns[name], known.get(name, ())) for name in classes if name in columns}
    return columns | spelled


def labels(column: pd.Series) -> pd.Series:
    """Values as text: 1, 1.0 and "1" are "1", True is "True"; None where missing.

    >>> labels(pd.Series([1.0, None, 0.5])).tolist()
    ['1', None, '0.5']
    >>> labels(pd.Series([True, 1, 1.0], dtype=object)).tolist()
    ['True', '1', '1']
    """
    codes, values = pd.factorize(column)
    if column.dtype == object and any(not isinstance(value, str) and value in (0, 1) for value in values):
        # To pandas 1 and True are one value, and the one that comes first would name the other.
        each = [
            None if missing else label(value) for value, missing in zip(column, column.isna(), strict=True)
        ]
        return pd.Series(each, index=column.index, name=column.name, dtype=object)
    names = np.array([*map(label, values), None], dtype=object)
    return pd.Series(names[codes], index=column.index, name=column.name, dtype=object)


def spelled_alike(column: pd.Series, known: Sequence[str] = ()) -> pd.Series:
    """Class labels in the spelling of the known ones; without known ones, truth values in that of the first.

    Labels stay as they are where two of the known, or of the first batch, would become one.

    >>> spelled_alike(pd.Series(["True", "no", "1"]), ["0", "1"]).tolist()
    ['1', '0', '1']
    >>> spelled_alike(pd.Series(["Late", "early"]), ["early", "late"]).tolist()
    ['late', 'early']
    """
    found = list(column.dropna().unique())
    truths = next((pair for label in (*known, *found) for pair in TRUTH if label in pair), None)
    if truths is not None and _are_truths(known or found, {*known, *found}):
        spelling = {label: truths[TRUTH_VALUES[label.casefold()]] for label in found}
    else:
        folded: dict[str, set[str]] = {}
        for label in known:
            folded.setdefault(label.strip().casefold(), set()).add(label)
        spelling = {}
        for label in found:
            same = folded.get(label.strip().casefold(), set())
            spelling[label] = next(iter(same)) if len(same) == 1 and label not in known else label
    changed = {label: other for label, other in spelling.items() if label != other}
    return column.replace(changed) if changed else column


def row_ids(frame: pd.DataFrame, batch: str) -> Hashes:
    """Hash of the batch label, all values, and how many equal rows came before.

    Column order does not count. 64 bits: two of a million rows collide with probability 3e-8.
    """
    state: Hashes = np.full(len(frame), _hash_text(batch)[0], dtype=np.uint64)
    for name in sorted(frame.columns):
        state = _mix(state ^ _hash_text(str(name))[0] ^ _mix(_hash_column(frame[name])))
    equal_before = pd.Series(state).groupby(state).cumcount().to_numpy().astype(np.uint64)
    return _mix(state ^ _mix(equal_before))


def holds_iso_times(column: pd.Series) -> bool:
    """Whether every value is text that starts with a date, as 2024-01-31, and is a time."""
    known = column.dropna()
    if known.empty or not _begins_with_a_date(known[:1]) or not _begins_with_a_date(known):
        return False
    return bool(pd.to_datetime(known, format="ISO8601", utc=True, errors="coerce").notna().all())


def _begins_with_a_date(values: pd.Series) -> bool:
    is_text = values.map(lambda value: isinstance(value, str)).all()
    return bool(is_text and values.str.match(r"\d{4}-\d{2}-\d{2}(?:[T ]|$)").all())


def _are_truths(first: Sequence[str], labels: set[str]) -> bool:
    """Whether labels are no and yes, of which the first have one spelling each."""
    folded = {label.casefold() for label in labels}
    has_letters = any(label.isalpha() and len(label) == 1 for label in folded)
    return (
        folded <= TRUTH_VALUES.keys()
        and (not has_letters or any(folded <= words for words in LETTERS))
        and len({TRUTH_VALUES[label.casefold()] for label in first}) == len(set(first))
    )


def waiting(raw: pd.DataFrame, recipe: Recipe, schema: Schema) -> set[str]:
    """Columns that an earlier batch's schema does not have, and the recipe does not name: left out for now."""
    interface, params = recipe.model.data_interface, recipe.model.preprocessor.params
    named = {
        *recipe.targets,
        *interface.entity_cols,
        *recipe.ids,
        *params.exclude_cols,
        *recipe.evaluation.segments,
        *recipe.protected,
    }
    named |= {name for _, name in sources(recipe)}
    named |= {feature.column for feature in recipe.model.augmenter.joined}
    if recipe.batches is not None:
        named.add(recipe.batches.column)
    return {name for name in raw.columns if name not in schema.columns and name not in named}


def _clean_column(column: pd.Series, kind: str | None) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return _naive(column)
    if kind == "text":
        return labels(column)
    if _is_number(column):
        return column.astype("float64")
    if kind == "number":
        if pd.api.types.is_bool_dtype(column.dtype):
            return column.astype("boolean").astype("Float64").astype("float64")
        return pd.to_numeric(column.astype(object)).astype("float64")
    if kind == "time" or (kind is None and holds_iso_times(column)):
        return _naive(pd.to_datetime(column.astype(object), format="ISO8601", utc=True))
    return labels(column)


def _is_number(column: pd.Series) -> bool:
    kind = column.dtype
    return pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)


def _beyond_floats(column: pd.Series) -> bool:
    """Whether a column has whole numbers that a float does not hold: as such two would be one."""
    if not pd.api.types.is_integer_dtype(column.dtype):
        return False
    return bool((column.min() < -EXACT) | (column.max() > EXACT)) if column.notna().any() else False


def _naive(times: pd.Series) -> pd.Series:
    if isinstance(times.dtype, pd.DatetimeTZDtype):
        times = times.dt.tz_convert("UTC").dt.tz_localize(None)
    return times.astype("datetime64[us]")


def label(value: object) -> str | None:
    """Text of a value that is there, é as one character; None of an empty text."""
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return str(int(number)) if number.is_integer() else repr(number)
    return composed(str(value)) or None


def _hash_column(column: pd.Series) -> Hashes:
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column.to_numpy(dtype="datetime64[us]").view(np.uint64)
    if _is_number(column):
        numbers = column.to_numpy(dtype="float64", na_value=np.nan) + 0.0  # -0.0 becomes 0.0
        return np.where(np.isnan(numbers), np.float64(np.nan), numbers).view(np.uint64)
    return _hash_text(*column.astype(object).where(column.notna(), None))


def _hash_text(*values: str | None) -> Hashes:
    return pd.util.hash_array(np.array(values, dtype=object), categorize=True)


def _mix(state: Hashes) -> Hashes:
    """Finalizer of SplitMix64 (Steele, Lea, Flood 2014): each input bit moves every output bit."""
    state = state + np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
