"""What was known of an entity before a row: its earlier values, and figures of them.

Nothing of the row's own time or later is looked at, so a row that arrives later changes no row before it. Earlier
batches give the past of the rows of a batch; rows to predict need the same past beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml_assets.features.treatment import INTERPOLATION, carrier
from ml_assets.recipe.durations import duration

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe


WHO = "who__"
"""Number of the entity."""

STATISTICS: dict[str, Callable[[Any], Any]] = {
    "mean": lambda window: window.mean(),
    "std": lambda window: window.std(),
    "min": lambda window: window.min(),
    "max": lambda window: window.max(),
    "sum": lambda window: window.sum(),
    "count": lambda window: window.count(),
}
"""From a window of earlier values to a figure."""


@dataclass(frozen=True)
class Wanted:
    """What a recipe wants to know of the past.

    Parameters
    ----------
    lags : tuple of (column, step)
    windows : tuple of (column, window, statistic)
    carried : tuple of str
        Columns whose last known value is wanted.
    """

    lags: tuple[tuple[str, int], ...] = ()
    windows: tuple[tuple[str, int | str, str], ...] = ()
    carried: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of which something is wanted."""
        named = {name for name, _ in self.lags} | {name for name, _, _ in self.windows}
        return tuple(sorted(named | set(self.carried)))


def wanted(recipe: Recipe) -> Wanted:
    """What the recipe asks for by name."""
    made, params = recipe.model.feature_engineering, recipe.model.preprocessor.params
    lags, rolling = made.lags, made.rolling
    named = params.numerical_features if params.missing_strategy == INTERPOLATION else None
    own = {name: group.missing_strategy for group in params.column_sets for name in group.columns}
    carried = [name for name in named or () if own.get(name) is None]
    carried += [name for name, strategy in own.items() if strategy == INTERPOLATION]
    return Wanted(
        tuple((name, step) for name in lags.columns for step in lags.steps) if lags else (),
        tuple(
            (name, window, statistic)
            for name in rolling.columns
            for window in rolling.windows
            for statistic in rolling.statistics
        )
        if rolling
        else (),
        tuple(carried),
    )


def made_names(recipe: Recipe) -> dict[str, str]:
    """Columns that are made of the past, each with the key that asks for it."""
    asked, key = wanted(recipe), "model.feature_engineering"
    return {
        **{f"{name}_lag_{step}": f"{key}.lags" for name, step in asked.lags},
        **{f"{name}_{which}_{window}": f"{key}.rolling" for name, window, which in asked.windows},
        **{carrier(name): "model.preprocessor.params.column_sets" for name in asked.carried},
    }


def time_of(recipe: Recipe) -> str | None:
    """Column with the time of each row."""
    own = recipe.model.feature_engineering.time_col
    return own if own is not None else (recipe.batches.column if recipe.batches is not None else None)


def past_columns(recipe: Recipe) -> list[str]:
    """Columns of earlier rows that the past is told from; none where the recipe asks for nothing."""
    asked, time = wanted(recipe), time_of(recipe)
    if not asked.columns or time is None:
        return []
    return list(dict.fromkeys([*recipe.model.data_interface.entity_cols, time, *asked.columns]))


def past_of(frames: Mapping[str, pd.DataFrame], batch: str, recipe: Recipe) -> pd.DataFrame | None:
    """Rows of the batches before one, as far back as the recipe looks; None where none are there, or wanted."""
    columns = past_columns(recipe)
    earlier = sorted(label for label in frames if label < batch)[-recipe.model.feature_engineering.history :]
    if not columns or not earlier:
        return None
    return pd.concat([_typed(frames[label], recipe) for label in earlier], ignore_index=True)


def _typed(frame: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Give the columns of `past_columns` one type in every batch, also where they are empty or were not there yet."""
    columns = past_columns(recipe)
    kinds: dict[str, Any] = dict.fromkeys(columns, object)
    kinds |= dict.fromkeys(wanted(recipe).columns, np.float64)
    times = {name: "datetime64[us]" for name in (time_of(recipe),) if name is not None}
    return frame.reindex(columns=columns).astype(kinds | times)


def with_past(
    frame: pd.DataFrame, recipe: Recipe, past: pd.DataFrame | None = None
) -> dict[str, NDArray[np.float64]]:
    """Columns that tell the past of each row.

    Rows of one entity at one time count as one, with the mean of their values. A row without a time or an entity has
    no past.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        Clean rows.
    past : DataFrame, optional
        Earlier clean rows, with the columns of `past_columns`; rows that are no earlier do no harm.
    """
    asked, time = wanted(recipe), time_of(recipe)
    if not asked.columns or time is None:
        return {}
    entity = list(recipe.model.data_interface.entity_cols)
    own = _typed(frame, recipe)
    rows = own if past is None else pd.concat([past, own])
    rows = rows.reset_index(drop=True)
    known = rows[[*entity, time]].notna().all(axis=1)
    rows = rows[known].sort_values([*entity, time, *asked.columns], kind="stable")
    who = rows.groupby(entity, sort=True).ngroup() if entity else pd.Series(0, index=rows.index)
    place = rows.assign(**{WHO: who}).groupby([WHO, time], sort=True).ngroup()
    moments = rows.groupby(place.to_numpy(), sort=True)[list(asked.columns)].mean()
    moments[WHO] = who.groupby(place.to_numpy()).first()
    times = rows[time].groupby(place.to_numpy()).first()
    made = _figures(moments, times, asked)
    first = len(past) if past is not None else 0
    ours = place[place.index >= first]
    found: dict[str, NDArray[np.float64]] = {}
    for name, values in made.items():
        column = np.full(len(frame), np.nan)
        column[ours.index.to_numpy() - first] = values[ours.to_numpy()]
        found[name] = column
    return found


def _figures(moments: pd.DataFrame, times: pd.Series[Any], asked: Wanted) -> dict[str, NDArray[np.float64]]:
    """Each figure for each moment of each entity, from the moments before it alone."""
    each = moments.groupby(WHO, sort=True)
    made: dict[str, Any] = {f"{name}_lag_{step}": each[name].shift(step) for name, step in asked.lags}
    for name in asked.carried:
        made[carrier(name)] = each[name].ffill().groupby(moments[WHO]).shift(1)
    for name, window, which in asked.windows:
        if isinstance(window, int):
            before = each[name].shift(1).groupby(moments[WHO], sort=True)
            figures = STATISTICS[which](before.rolling(window, min_periods=1))
        else:
            dated = moments[[WHO, name]].set_index(pd.DatetimeIndex(times))
            of_time = dated.groupby(WHO, sort=True)[name]
            figures = STATISTICS[which](of_time.rolling(duration(window), closed="left", min_periods=1))
        made[f"{name}_{which}_{window}"] = figures.fillna(0.0) if which == "count" else figures
    return {name: values.to_numpy(np.float64) for name, values in made.items()}
