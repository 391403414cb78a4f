"""A data profile: what is missing, how values are spread, what goes with the target, and all that over batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

from ml_assets.names import BATCH, RESERVED
from ml_assets.records import BatchProfile, ColumnProfile, DataProfile, Level, Pair
from ml_assets.records.quality import TARGET
from ml_assets.tasks.all import task_of

if TYPE_CHECKING:
    from ml_assets.features.columns import Roles
    from ml_assets.recipe.schema import Recipe

ROWS = 50_000
"""Rows from which distributions are taken."""
MOST_COLUMNS = 200
"""Features, and columns that are not learned, that are profiled; more are counted."""
BINS, LEVELS = 24, 8
EDGE = 0.005
"""Share of the values that lies beyond each end of a picture."""
TOGETHER = 0.8
"""Rank correlation from which two columns are named as a pair."""
FEWEST_TOGETHER = 30
"""Rows that have both columns, below which nothing is said of the two."""
PAIRS = 20
"""Pairs that are named."""
MOST_LEVELS = 50
"""Levels of a category that are told apart; the rarest of more are one."""


def data_profile(rows: pd.DataFrame, roles: Roles, recipe: Recipe, notes: Sequence[str] = ()) -> DataProfile:
    """Profile clean rows.

    Parameters
    ----------
    rows : DataFrame of shape (n_rows, n_columns)
        With `batch__` where there are batches.
    roles : Roles
        What their columns are to the model.
    recipe : Recipe
        Names the targets.
    notes : sequence of str
        What was found besides, in words.
    """
    looked_at = rows if len(rows) <= ROWS else rows.sample(ROWS, random_state=recipe.random_state)
    classes = task_of(recipe).classes
    told = _told(looked_at, roles.features[:MOST_COLUMNS], recipe)
    features = sorted(told, key=lambda name: -(told[name] or 0.0))
    left_out = [name for name in roles.excluded if name not in (*RESERVED, *recipe.targets)]
    reasons = {name: roles.excluded[name] for name in left_out[:MOST_COLUMNS]}
    targets = recipe.targets if recipe.has_target else ()
    columns = [_column(rows, looked_at, name, TARGET) for name in targets]
    columns += [
        _column(rows, looked_at, name, "feature").model_copy(update={"tells": told[name]})
        for name in features
    ]
    columns += [_column(rows, looked_at, name, reason) for name, reason in reasons.items()]
    first = targets[0] if targets else ""
    named = None if not classes else _class(rows[first], recipe)
    return DataProfile(
        recipe=recipe.name,
        rows=len(rows),
        looked_at=len(looked_at),
        target=first,
        share_of=named,
        columns=tuple(columns),
        features=len(roles.features),
        left_out=len(left_out),
        pairs=tuple(_pairs(looked_at, [name for name in features if name in roles.numeric])),
        batches=tuple(_batches(rows, roles.features, first, named)) if BATCH in rows else (),
        notes=tuple(notes),
    )


def _told(rows: pd.DataFrame, features: Sequence[str], recipe: Recipe) -> dict[str, float | None]:
    """How strongly each feature goes with the target, of several with the one it goes with most."""
    classes = task_of(recipe).classes
    told: dict[str, float | None] = {}
    if not recipe.has_target:
        return dict.fromkeys(features)
    for target in recipe.targets:
        known = rows[target].notna().to_numpy()
        y = rows[target][known]
        answer = _codes(y) if classes else _ranks(y)
        for name in features:
            found = (told.get(name), _tells(rows[name][known], answer, classes))
            told[name] = max((value for value in found if value is not None), default=None)
    return told


def association(first: pd.Series[Any], second: pd.Series[Any]) -> float | None:
    """How strongly two columns go together, 0 to 1; None where one of them is constant.

    Of two numbers the correlation of their ranks (Spearman 1904), of a number and a category the correlation ratio of
    the ranks (Pearson 1905), of two categories Cramér's V without its bias (Bergsma 2013).

    >>> association(pd.Series([1.0, 2.0, 3.0]), pd.Series([-1.0, -8.0, -27.0]))
    1.0
    >>> association(pd.Series(["a", "a", "b", "b"]), pd.Series([1.0, 1.0, 5.0, 5.0]))
    1.0
    """
    there = (first.notna() & second.notna()).to_numpy()
    classes = not _is_number(second)
    return _tells(first[there], _codes(second[there]) if classes else _ranks(second[there]), classes)


def _tells(column: pd.Series[Any], answer: NDArray[Any], classes: bool) -> float | None:
    known = column.notna().to_numpy()
    values, answer = column[known], answer[known]
    if len(values) < 2:
        return None
    if _is_number(values):
        ranks = _ranks(values)
        found = _ratio(answer, ranks) if classes else _correlation(ranks, answer)
    else:
        codes = _codes(values)
        found = _cramer(codes, answer) if classes else _ratio(codes, answer)
    return None if found is None else round(min(1.0, max(0.0, found)), 4)


def _is_number(column: pd.Series[Any]) -> bool:
    return is_numeric_dtype(column.dtype) and not is_bool_dtype(column.dtype)


def _ranks(column: pd.Series[Any]) -> NDArray[np.float64]:
    return np.asarray(column.rank(), dtype=np.float64)


def _codes(column: pd.Series[Any]) -> NDArray[np.intp]:
    """Numbers of the levels, the commonest first; all beyond `MOST_LEVELS` are one."""
    text = column.map(str)
    common = text.value_counts().index[:MOST_LEVELS]
    codes = common.get_indexer(pd.Index(text))
    return np.where(codes < 0, len(common), codes)


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    if first.std() == 0 or second.std() == 0:
        return None
    return abs(float(np.corrcoef(first, second)[0, 1]))


def _ratio(codes: NDArray[np.intp], ranks: NDArray[np.float64]) -> float | None:
    """Correlation ratio, with the share that so many groups explain by chance taken off (Wherry's correction)."""
    groups = np.bincount(codes)
    used = int(np.count_nonzero(groups))
    whole = float(((ranks - ranks.mean()) ** 2).sum())
    if used < 2 or whole == 0 or len(ranks) <= used:
        return None
    means = np.bincount(codes, ranks) / np.maximum(groups, 1)
    within = float(((ranks - means[codes]) ** 2).sum())
    return float(np.sqrt(max(0.0, 1 - within / whole * (len(ranks) - 1) / (len(ranks) - used))))


def _cramer(first: NDArray[np.intp], second: NDArray[np.intp]) -> float | None:
    table = np.zeros((int(first.max()) + 1, int(second.max()) + 1))
    np.add.at(table, (first, second), 1)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    rows, columns = table.shape
    count = float(table.sum())
    if rows < 2 or columns < 2 or count < 2:
        return None
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / count
    squared = float(((table - expected) ** 2 / expected).sum()) / count
    by_chance = (rows - 1) * (columns - 1) / (count - 1)
    most = min(rows - (rows - 1) ** 2 / (count - 1), columns - (columns - 1) ** 2 / (count - 1)) - 1
    return float(np.sqrt(max(0.0, squared - by_chance) / most)) if most > 0 else None


def _column(rows: pd.DataFrame, looked_at: pd.DataFrame, name: str, role: str) -> ColumnProfile:
    """Profile one column: what is missing from all rows, the rest from those that were looked at."""
    missing = float(rows[name].isna().mean())
    values = looked_at[name].dropna()
    if is_datetime64_any_dtype(values.dtype):
        kind, figures = "time", values.to_numpy("datetime64[s]").astype(np.float64)
    elif _is_number(values):
        kind, figures = "number", values.to_numpy(np.float64)
    else:
        kind, figures = "category", None
    try:
        distinct = int(values.nunique())
    except TypeError:  # lists and the like
        return ColumnProfile(column=name, kind="other", role=role, missing=missing, distinct=0)
    known = ColumnProfile(column=name, kind=kind, role=role, missing=missing, distinct=distinct)
    if figures is None:
        shares = values.map(str).value_counts(normalize=True).iloc[:LEVELS]
        levels = tuple(Level(name=str(level), share=float(share)) for level, share in shares.items())
        return known.model_copy(update={"levels": levels})
    figures = figures[np.isfinite(figures)]
    return known.model_copy(update=_spread(figures)) if len(figures) else known


def _spread(values: NDArray[np.float64]) -> dict[str, Any]:
    """How numbers are spread."""
    low, quarter, median, three, high = (float(q) for q in np.quantile(values, (0, 0.25, 0.5, 0.75, 1)))
    reach = 1.5 * (three - quarter)
    first, last = (float(q) for q in np.quantile(values, (EDGE, 1 - EDGE)))
    places = np.full(len(values), BINS // 2)
    if last > first:
        places = ((values.clip(first, last) - first) / (last - first) * BINS).astype(int).clip(0, BINS - 1)
    return {
        "mean": float(values.mean()),
        "sd": float(values.std()),
        "quantiles": (low, quarter, median, three, high),
        "outliers": float(((values < quarter - reach) | (values > three + reach)).mean()),
        "bins": tuple(map(int, np.bincount(places, minlength=BINS))),
        "span": (first, last),
    }


def _pairs(rows: pd.DataFrame, names: Sequence[str]) -> Iterator[Pair]:
    """Pairs of columns of numbers that say nearly the same, the closest first."""
    known = rows[list(names)].astype(np.float64)
    known = known.loc[:, known.nunique() > 1]
    if known.shape[1] < 2:
        return
    matrix = _correlations(known.rank().to_numpy())
    places = combinations(range(known.shape[1]), 2)
    found = sorted(
        ((abs(matrix[i, j]), i, j) for i, j in places if abs(matrix[i, j]) >= TOGETHER), reverse=True
    )
    for _, i, j in found[:PAIRS]:
        first, second = str(known.columns[i]), str(known.columns[j])
        yield Pair(first=first, second=second, correlation=round(float(matrix[i, j]), 3))


def _correlations(ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation of each two columns over the rows that have both; 0 where these are few, or all alike."""
    there = ~np.isnan(ranks)
    ranks = (ranks - np.nanmean(ranks, axis=0)) / np.nanstd(ranks, axis=0)
    known, filled = there.astype(np.float64), np.where(there, ranks, 0.0)
    both = known.T @ known
    count = np.maximum(both, 1.0)
    means = filled.T @ known / count  # of the first column, in the rows that have the second
    spreads = np.square(filled).T @ known / count - np.square(means)
    product = filled.T @ filled / count - means * means.T
    within = np.sqrt(np.maximum(spreads, 0.0) * np.maximum(spreads.T, 0.0))
    enough = (both >= min(FEWEST_TOGETHER, len(ranks))) & (within > 1e-9)
    return np.asarray(np.divide(product, within, out=np.zeros_like(product), where=enough))


def _class(target: pd.Series[Any], recipe: Recipe) -> str:
    """Class whose share is told: the positive one of two, else the commonest."""
    positive = task_of(recipe).positive
    known = target.dropna()
    found = positive(known, recipe.model.data_interface.positive_class) if positive is not None else None
    return str(found if found is not None else known.value_counts().index[0]) if len(known) else ""


def _batches(
    rows: pd.DataFrame, features: Sequence[str], target: str, named: str | None
) -> Iterator[BatchProfile]:
    """What each batch is like, oldest first."""
    empty = rows[list(features)].isna().mean(axis=1)
    y = rows[target] if target else pd.Series(np.nan, rows.index)
    label = (y.map(str) == named).astype(float).where(y.notna()) if named is not None else y.astype(float)
    parts = pd.DataFrame({BATCH: rows[BATCH], "missing": empty, "label": label}).groupby(BATCH, sort=True)
    for batch, part in parts:
        labelled = int(part["label"].notna().sum())
        yield BatchProfile(
            batch=str(batch),
            rows=len(part),
            missing=float(part["missing"].mean()),
            labelled=labelled,
            target=float(part["label"].mean()) if labelled else None,
        )
