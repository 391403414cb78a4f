"""What was known of an entity before a row: its earlier values, and figures of them.

Nothing of the row's own time or later is looked at, so a row that arrives later changes no row before it; with a
horizon nothing that is nearer than that, either. Earlier batches give the past of the rows of a batch; rows to predict
need the same past beside them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml_assets.features.rolled import figures_of
from ml_assets.features.treatment import INTERPOLATION, carrier
from ml_assets.recipe.durations import duration

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe


WHO = "who__"
"""Number of the entity."""
AT, PLACE = "at__", "place__"
"""A time, and the number of a moment."""
OWN_STEPS = (1, 2, 3)
"""Values of its own that a time series is told where the recipe asks for none."""
OWN_WINDOW = 7
"""Of so many values, or of a season, the mean."""
MEETINGS = 52
"""Batches back to which a user who meets an item meets it again, and not for the first time."""


@dataclass(frozen=True)
class Wanted:
    """What a recipe wants to know of the past.

    Parameters
    ----------
    lags : tuple of (column, step)
    windows : tuple of (column, window, statistic)
    carried : tuple of str
        Columns whose last known value is wanted.
    horizon : timedelta or None
        Time before a row at which its past ends. None: just before it.
    season : timedelta or None
        Time after which the columns of the lags come again.
    """

    lags: tuple[tuple[str, int], ...] = ()
    windows: tuple[tuple[str, int | str, str], ...] = ()
    carried: tuple[str, ...] = ()
    horizon: timedelta | None = None
    season: timedelta | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of which something is wanted."""
        named = {name for name, _ in self.lags} | {name for name, _, _ in self.windows}
        return tuple(sorted(named | set(self.carried)))

    @property
    def seasonal(self) -> dict[str, str]:
        """Columns that are told as they were a season before, by the names of what is made of them."""
        return {f"{name}_season": name for name, _ in self.lags} if self.season is not None else {}

    @property
    def since(self) -> timedelta:
        """How long before a row its value of the season was: as many seasons as the horizon asks for."""
        assert self.season is not None
        return self.season * max(1, -(-(self.horizon or self.season) // self.season))


def wanted(recipe: Recipe) -> Wanted:
    """What the recipe asks for by name."""
    made, params = recipe.model.feature_engineering, recipe.model.preprocessor.params
    lags, rolling = made.lags, made.rolling
    named = params.numerical_features if params.missing_strategy == INTERPOLATION else None
    own = {name: group.missing_strategy for group in params.column_sets for name in group.columns}
    carried = [name for name in named or () if own.get(name) is None]
    carried += [name for name, strategy in own.items() if strategy == INTERPOLATION]
    asked = [(name, step) for name in lags.columns for step in lags.steps] if lags else []
    windows: list[tuple[str, int | str, str]] = []
    if rolling:
        windows = [
            (name, window, which)
            for name in rolling.columns
            for window in rolling.windows
            for which in rolling.statistics
        ]
    for target in recipe.targets if recipe.forecasts else ():
        if not any(name == target for name, *_ in (*asked, *windows)):
            asked += [(target, step) for step in OWN_STEPS]
            windows.append((target, made.season or OWN_WINDOW, "mean"))
        elif (target, 1) not in asked:  # the naive forecast
            asked.append((target, 1))
    return Wanted(
        tuple(asked), tuple(windows), tuple(carried), _duration(made.horizon), _duration(made.season)
    )


def _duration(text: str | None) -> timedelta | None:
    return None if text is None else duration(text)


def naive_column(recipe: Recipe) -> str | None:
    """Column with the naive forecast of a time series: its newest known value, or that of a season before."""
    if not recipe.forecasts:
        return None
    return f"{recipe.targets[0]}_{'lag_1' if recipe.model.feature_engineering.season is None else 'season'}"


def made_names(recipe: Recipe) -> dict[str, str]:
    """Columns that are made of the past, each with the key that asks for it."""
    asked, key = wanted(recipe), "model.feature_engineering"
    return {
        **{f"{name}_lag_{step}": f"{key}.lags" for name, step in asked.lags},
        **{f"{name}_{which}_{window}": f"{key}.rolling" for name, window, which in asked.windows},
        **{carrier(name): "model.preprocessor.params.column_sets" for name in asked.carried},
        **dict.fromkeys(asked.seasonal, f"{key}.season"),
    }


def figures(recipe: Recipe, features: Collection[str]) -> frozenset[str]:
    """Features that tell a window of another one: they hover where it lies, and their unit is that of the other."""
    asked = wanted(recipe)
    lags = {name for name, step in asked.lags if f"{name}_lag_{step}" in features}
    return frozenset(
        f"{name}_{which}_{window}"
        for name, window, which in asked.windows
        if name in features or name in lags
    )


def time_of(recipe: Recipe) -> str | None:
    """Column with the time of each row."""
    own = recipe.model.feature_engineering.time_col
    return own if own is not None else (recipe.batches.column if recipe.batches is not None else None)


def features_look_back(recipe: Recipe) -> bool:
    """Whether a row to predict needs earlier rows."""
    return bool(wanted(recipe).columns) and time_of(recipe) is not None


def reach(recipe: Recipe) -> int:
    """How many batches the recipe looks back."""
    return MEETINGS if recipe.recommends else recipe.model.feature_engineering.history


def past_columns(recipe: Recipe) -> list[str]:
    """Columns of earlier rows that the past is told from; none where the recipe asks for nothing.

    Of a recommendation who had what: whether a user meets an item for the first time is told beside the row.
    """
    if recipe.recommends:
        return list(recipe.ids) if recipe.batches is not None else []
    asked, time = wanted(recipe), time_of(recipe)
    if not asked.columns or time is None:
        return []
    return list(dict.fromkeys([*recipe.model.data_interface.entity_cols, time, *asked.columns]))


def past_of(frames: Mapping[str, pd.DataFrame], batch: str | None, recipe: Recipe) -> pd.DataFrame | None:
    """Rows of the batches before one, or of all, as far back as the recipe looks; None without any, or any wish."""
    columns = past_columns(recipe)
    earlier = sorted(label for label in frames if batch is None or label < batch)[-reach(recipe) :]
    if not columns or not earlier:
        return None
    return pd.concat([_typed(frames[label], recipe) for label in earlier], ignore_index=True)


def beyond(frame: pd.DataFrame, recipe: Recipe, past: pd.DataFrame) -> NDArray[np.bool_]:
    """Rows of a time series that lie farther ahead than it predicts: what they follow from is not known yet.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        Clean rows to predict.
    past : DataFrame
        Earlier clean rows, from `past_of`.

    Returns
    -------
    array of bool of shape (n_rows,)
        False of a row without a time, and of an entity of which nothing is known.
    """
    time, near = time_of(recipe), wanted(recipe).horizon
    if not recipe.forecasts or time is None:
        return np.zeros(len(frame), dtype=bool)
    own, target = _typed(frame, recipe), recipe.targets[0]
    names = list(recipe.model.data_interface.entity_cols)
    rows = pd.concat([past, own], ignore_index=True)
    who = pd.Series(rows.groupby(names, dropna=False).ngroup() if names else 0, index=rows.index)
    newest = who.map(rows[time].where(rows[target].notna()).groupby(who).max())
    if near is None:  # the first moment after it
        later = rows[time].where(rows[time] > newest)
        last = who.map(later.groupby(who).min())
    else:
        last = newest + near
    return np.asarray((rows[time] > last).to_numpy()[len(past) :], dtype=bool)


def _typed(frame: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Give the columns of `past_columns` one type in every batch, also where they are empty or were not there yet."""
    columns = past_columns(recipe)
    kinds: dict[str, Any] = dict.fromkeys(columns, object)
    kinds |= dict.fromkeys(wanted(recipe).columns, np.float64)
    times = {name: "datetime64[us]" for name in (time_of(recipe),) if name is not None}
    return frame.reindex(columns=columns).astype(
        {name: kind for name, kind in (kinds | times).items() if name in columns}
    )


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
    """Each figure for each moment of each entity, from the moments that were known before it alone."""
    each = moments.groupby(WHO, sort=True)
    who, near = moments[WHO].to_numpy(), asked.horizon
    last = np.arange(len(moments)) - 1 if near is None else _newest(moments, times - near, times)
    known = (last >= 0) & (who == who[last])

    def at(values: Any, back: int = 0) -> NDArray[np.float64]:
        """Values of the moment that is known last, or of one before it."""
        place = np.maximum(last - back, 0)
        there = known & (last >= back) & (who == who[place])
        return np.where(there, values.to_numpy(np.float64)[place], np.nan)

    made = {f"{name}_lag_{step}": at(moments[name], step - 1) for name, step in asked.lags}
    made |= {carrier(name): at(each[name].ffill()) for name in asked.carried}
    for name, window, which in asked.windows:
        if isinstance(window, int):
            figures = at(pd.Series(figures_of(moments[name], who, window, which)))
        elif near is None:
            dated = moments[name].set_axis(pd.DatetimeIndex(times))
            figures = figures_of(dated, who, duration(window), which, "left")
        else:
            figures = _until(moments[[WHO, name]], times, near, duration(window), which)
        made[f"{name}_{which}_{window}"] = np.nan_to_num(figures) if which == "count" else figures
    for title, name in asked.seasonal.items():
        place = _newest(moments, times - asked.since, times)
        made[title] = np.where(place >= 0, moments[name].to_numpy(np.float64)[place], np.nan)
    return made


def _newest(moments: pd.DataFrame, until: pd.Series[Any], times: pd.Series[Any]) -> NDArray[np.intp]:
    """Number of the newest moment of its entity at or before a time, for each moment; -1 where there is none."""
    who, place = moments[WHO].to_numpy(), np.arange(len(moments))
    asking = pd.DataFrame({WHO: who, AT: until.to_numpy(), "asks": place}).sort_values(AT, kind="stable")
    there = pd.DataFrame({WHO: who, AT: times.to_numpy(), PLACE: place}).sort_values(AT, kind="stable")
    found = pd.merge_asof(asking, there, on=AT, by=WHO)
    newest = np.full(len(moments), -1, dtype=np.intp)
    newest[found["asks"].to_numpy()] = found[PLACE].fillna(-1).to_numpy(np.intp)
    return newest


def _until(
    moments: pd.DataFrame,
    times: pd.Series[Any],
    near: timedelta,
    window: timedelta,
    which: str,
) -> NDArray[np.float64]:
    """A figure of a stretch of time that ends a horizon before each moment, what is then included."""
    name, count = str(moments.columns[-1]), len(moments)
    known, asks = moments.copy(), moments.copy()
    known[AT], known[PLACE] = times.to_numpy(), -1
    asks[name], asks[AT], asks[PLACE] = np.nan, (times - near).to_numpy(), np.arange(count)
    both = pd.concat([known, asks])
    both = both.sort_values([WHO, AT, PLACE], kind="stable").set_index(AT)
    figures = figures_of(both[name], both[WHO].to_numpy(), window, which, "right")
    asked = both[PLACE].to_numpy()
    found = np.full(count, np.nan)
    found[asked[asked >= 0]] = figures[asked >= 0]
    return found
