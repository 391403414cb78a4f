"""Rows that belong together though no one has said so: of one thing that has many rows, or there again and again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from ml_assets.features.groups import by_group
from ml_assets.names import RESERVED
from ml_assets.shown import listed

if TYPE_CHECKING:
    from ml_assets.quality.hints import Seen

ROWS = 20_000
"""That are looked at."""
FEWEST_TEXTS, FEWEST_NUMBERS, FEWEST_EACH = 20, 50, 3
"""Values of a column that names things, and rows of one, on average."""
BY_TIME = 0.98
"""Share of the rows whose value the hour or the day tells: it names no thing."""
ALIKE = 0.1
"""Intraclass correlation of a feature from which rows of one value are alike."""
SHARE = 1 / 3
"""Of the features that are alike."""
LOOKED_AT = 30
"""Features."""
AGAIN = 0.1
"""Share of the rows that are there before, in all features; and ten times what chance explains."""
BY_CHANCE = 10
FEWEST_APART = 1.5
"""Rows of an entity, on average, from which a hold-out of single rows is told."""


def entities(seen: Seen) -> Iterator[str]:
    """A column with many rows a value, in which most features are alike: an entity that is not declared."""
    found = suspected_entity(seen)
    if found is not None:
        yield (
            f"column '{found.column}' has {found.values:,} values with {found.each:,.0f} rows each, and rows of one "
            f"value are alike in {found.alike} of {found.compared} features: if it names a customer, a patient, a "
            "machine, name it in entity_cols; else so many rows are taken as independent: alarms and gate are surer "
            "than they may be"
        )


def parted(seen: Seen) -> Iterator[str]:
    """Declared entities with several rows each, of which some are learned and others held out, at random."""
    recipe = seen.recipe
    if recipe.evaluation.validation.method is not None or recipe.batches is not None or recipe.forecasts:
        return
    names = [] if recipe.recommends else [name for name in recipe.entities if name in seen.rows]
    if not names or seen.rows.empty:
        return
    count = len(seen.rows[names].drop_duplicates())
    if count > 1 and len(seen.rows) >= FEWEST_APART * count:
        yield (
            f"{listed(names)}: {len(seen.rows):,} rows of {count:,}, and the hold-out is drawn row by row: the score "
            "is that of those which are known. If new ones are to be predicted, write `method: group_split` in "
            "evaluation.validation, which holds out whole ones; else `method: train_test_split`"
        )


class Entity(NamedTuple):
    """A column that may name things: its values, rows of each, and in how many features rows of one are alike."""

    alike: int
    column: str
    values: int
    compared: int
    each: float


def suspected_entity(seen: Seen) -> Entity | None:
    """The column that names things, of those that may, in which rows of one value are most alike."""
    if seen.recipe.model.data_interface.entity_cols:
        return None
    rows = seen.rows if len(seen.rows) <= ROWS else seen.rows.iloc[:ROWS]
    features = list(seen.roles.features)[:LOOKED_AT]
    found = []
    for name in _naming(seen, rows):
        codes, values = pd.factorize(rows[name])
        known = codes >= 0
        others = [each for each in features if each != name]
        alike = sum(_correlation(rows[each][known], codes[known]) >= ALIKE for each in others)
        if others and alike >= max(1, SHARE * len(others)):
            found.append(Entity(alike, name, len(values), len(others), len(rows) / len(values)))
    return max(found, default=None)


def again(seen: Seen) -> Iterator[str]:
    """Rows with other labels that are there before in all features, more than chance explains."""
    if seen.recipe.model.data_interface.entity_cols or not seen.roles.features:
        return
    rows = seen.rows if len(seen.rows) <= ROWS else seen.rows.iloc[:ROWS]
    names = [*seen.roles.features, *seen.recipe.targets]
    hashed = pd.DataFrame({name: _codes(rows[name]) for name in names}).drop_duplicates()
    hashed = hashed[list(seen.roles.features)]
    if len(hashed) < FEWEST_NUMBERS:
        return
    share = float(hashed.duplicated().mean())
    same = [float(np.square(hashed[name].value_counts(normalize=True)).sum()) for name in hashed.columns]
    chance = min(1.0, len(hashed) / 2 * float(np.prod(same)))
    if share >= AGAIN and share >= BY_CHANCE * chance:
        yield (
            f"{share:.0%} of the rows are there before in all features, with another label: if several rows are of one "
            "thing, keep its name as a column and name it in entity_cols: they are no independent witnesses"
        )


def _naming(seen: Seen, rows: pd.DataFrame) -> Sequence[str]:
    """Columns that may name things: text or whole numbers, with many rows a value."""
    left_out = {*seen.recipe.targets, *RESERVED}
    left_out |= {seen.recipe.batches.column} if seen.recipe.batches else set()
    names = []
    for name in map(str, rows.columns):
        column = rows[name]
        if name in left_out or pd.api.types.is_datetime64_any_dtype(column.dtype):
            continue
        if pd.api.types.is_float_dtype(column.dtype) and bool((column.dropna() % 1 != 0).any()):
            continue
        codes = _codes(column)
        distinct = int(np.count_nonzero(np.bincount(codes + 1)[1:]))
        fewest = FEWEST_NUMBERS if pd.api.types.is_numeric_dtype(column.dtype) else FEWEST_TEXTS
        if fewest <= distinct <= len(column) / FEWEST_EACH and not _told_by_time(codes, seen, rows):
            names.append(name)
    return names


def _told_by_time(codes: Any, seen: Seen, rows: pd.DataFrame) -> bool:
    """Whether the hour or the day of a row tells its value, as they do of a number of the week."""
    batches = seen.recipe.batches
    if batches is None or batches.column not in rows.columns:
        return False
    times = rows[batches.column]
    for part in (times.dt.hour, times.dt.floor("D")):
        among = pd.Series(codes).groupby(part.to_numpy())
        if among.ngroups > 1 and float((codes == among.transform("first").to_numpy()).mean()) >= BY_TIME:
            return True
    return False


def _codes(column: pd.Series[Any]) -> Any:
    try:
        return pd.factorize(column)[0]
    except TypeError:  # lists and the like
        return pd.factorize(column.map(str))[0]


def _correlation(column: pd.Series[Any], group: Any) -> float:
    """Intraclass correlation of a feature: numbers by their ranks, of categories the commonest level."""
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        values = column.rank().to_numpy(dtype=float)
        values = np.where(np.isnan(values), np.nanmean(values) if (~np.isnan(values)).any() else 0.0, values)
    else:
        codes = _codes(column)
        values = (codes == np.bincount(codes + 1).argmax() - 1).astype(float)
    sizes = np.bincount(group)
    each = float(sizes @ sizes) / len(group)
    return (by_group(values - values.mean(), group) - 1) / (each - 1) if each > 1 else 0.0
