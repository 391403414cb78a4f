"""Time series, and the horizon at which a row is predicted."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Final

from ml_assets.recipe.durations import duration
from ml_assets.recipe.periods import PERIODS
from ml_assets.recipe.planned import not_yet
from ml_assets.recipe.rules.engineering import MADE
from ml_assets.recipe.rules.found import Found
from ml_assets.recipe.schema import Recipe

MONTH: Final = 31
"""Days of the longest month."""


def horizon(recipe: Recipe) -> Found:
    """Horizon and season are stretches of time, and something looks back over them."""
    made = recipe.model.feature_engineering
    looks = made.lags is not None or recipe.forecasts
    for name, used in (("horizon", looks or made.rolling is not None), ("season", looks)):
        text = getattr(made, name)
        if text is None:
            continue
        try:
            length = duration(text)
        except ValueError as error:
            yield (*MADE, name), str(error)
            continue
        if not length:
            yield (*MADE, name), f"found {text!r}, which is no time: leave it out"
        elif not used:
            yield (*MADE, name), "nothing looks back: name columns in lags, or leave it out"


def series(recipe: Recipe) -> Found:
    """A time series is one number of an entity over time, held out by time, and predicted once its past is known."""
    if not recipe.forecasts:
        return
    made, validation = recipe.model.feature_engineering, recipe.evaluation.validation
    if len(recipe.targets) > 1:
        yield (
            ("model", "data_interface", "target_col"),
            not_yet(f"{recipe.task} of several targets", "Name one"),
        )
    if recipe.batches is None and made.time_col is None:
        yield (
            (*MADE, "time_col"),
            f"{recipe.task} needs the time of each row: name its column here, or write `batches`",
        )
    if validation.method == "train_test_split":
        yield (
            ("evaluation", "validation", "method"),
            f"the hold-out of {recipe.task} is its newest times: write time_split, or leave it out",
        )
    yield from _labels(recipe)


def _labels(recipe: Recipe) -> Found:
    """What a row is predicted from must have its labels, and lie in the batches that are looked at."""
    made, batches = recipe.model.feature_engineering, recipe.batches
    ahead, season = _length(made.horizon), _length(made.season)
    if batches is None or ahead is None or season is None:
        return
    step, delay = PERIODS[batches.period].step, recipe.monitoring.label_delay
    longest = step if isinstance(step, timedelta) else timedelta(days=MONTH * step)
    if ahead < delay * longest:
        yield (
            (*MADE, "horizon"),
            f"labels come {delay} {batches.period} batches late, so the values of {_words(delay * longest)} before a "
            f"row are not known when it is predicted: write horizon: {_words(delay * longest)} or longer",
        )
    shortest = step if isinstance(step, timedelta) else timedelta(days=28 * step)
    back = max(ahead, season * math.ceil(ahead / season) if season and ahead else season)
    if back > made.history * shortest:
        yield (
            (*MADE, "history"),
            f"{made.history} {batches.period} batches do not reach back {_words(back)}, to where a row's past begins: "
            f"write history: {math.ceil(back / shortest) + 1}",
        )


def _length(text: str | None) -> timedelta | None:
    """A stretch of time, none where there is none; None where it cannot be read, which is told elsewhere."""
    try:
        return timedelta() if text is None else duration(text)
    except ValueError:
        return None


def _words(length: timedelta) -> str:
    """
    Write a stretch of time as a recipe has it.

    >>> _words(timedelta(days=2)), _words(timedelta(hours=30))
    ('2d', '30h')
    """
    hours = math.ceil(length / timedelta(hours=1))
    return f"{hours}h" if hours % 24 else f"{hours // 24}d"
