"""The sections `model.feature_engineering` and `model.feature_selection`: columns made of others, which are kept."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ml_assets.recipe.schema.section import Names, Section

Part = Literal[
    "year", "quarter", "month", "week", "day", "day_of_year", "weekday", "weekend", "hour", "minute", "days"
]
Statistic = Literal["mean", "std", "min", "max", "sum", "count"]
Selection = Literal["chi2", "anova", "mutual_information", "rfe", "lasso", "forest", "sequential"]


class DateParts(Section):
    """Numbers that a time is made of: column `signup` gives `signup_month` and so on."""

    columns: Names
    """Columns that hold times."""
    parts: Annotated[tuple[Part, ...], Field(strict=False)] = ("month", "weekday", "hour")
    """Parts of each; `weekday` is 0 on Monday, `weekend` 1 on Saturday and Sunday, `days` counts from 1970-01-01."""


class Polynomials(Section):
    """Powers of numbers, and products of all of them, up to a degree."""

    columns: Names
    """Numeric features."""
    degree: int = Field(2, ge=2, le=4)
    """Highest degree of a product."""


class Lags(Section):
    """Earlier values of the entity: `price_lag_1` is the one before."""

    columns: Names
    """Columns of numbers."""
    steps: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(strict=False)] = (1,)
    """How many rows of the entity back; rows of one time count as one."""


class Rolling(Section):
    """Figures of the entity's earlier values: `price_mean_7d` is the mean of the seven days before."""

    columns: Names
    """Columns of numbers."""
    windows: Annotated[tuple[Annotated[int, Field(ge=1)] | str, ...], Field(strict=False)]
    """Rows of the entity, as `3`, or a stretch of time, as `7d`, `6h` or `90m`, that ends just before the row."""
    statistics: Annotated[tuple[Statistic, ...], Field(strict=False)] = ("mean",)
    """What is told of each window."""


class FeatureEngineering(Section):
    """Columns that are made of others."""

    date_parts: DateParts | None = None
    """Parts of times; they are columns of `cleaned_features`."""
    interactions: Annotated[
        tuple[Annotated[tuple[str, ...], Field(strict=False, min_length=2, max_length=2)], ...],
        Field(strict=False),
    ] = ()
    """Pairs `[[price, rating]]`: of two numbers the product, of two categories the pair of levels as a category."""
    polynomials: Polynomials | None = None
    """Powers and products of numbers."""
    lags: Lags | None = None
    """Earlier values of an entity; they are columns of `cleaned_features`."""
    rolling: Rolling | None = None
    """Figures of earlier values of an entity; they are columns of `cleaned_features`."""
    time_col: str | None = None
    """Column with the time of each row, by which rows are earlier or later. Default: `batches.column`."""
    functions: Names = ()
    """Functions of your own by import path, `shop.features.ratio`, of modules that `ML_ASSETS_MODULES` allows."""
    horizon: str | None = None
    """Stretch of time, as `6h` or `7d`, before a row at which its past ends: what is later is not known yet when it is
    predicted. Default: the past ends just before the row."""
    season: str | None = None
    """Stretch of time after which values come again, as `7d`: `price_season` is the value that long before, of as many
    seasons as the horizon asks for; of a time series it is the naive forecast."""
    history: int = Field(12, ge=1)
    """Batches before its own that a row's past is looked for in."""


class FeatureSelection(Section):
    """Which of the prepared columns the estimator is given: chosen inside the model, on its training rows alone."""

    method: Selection
    """What the columns are chosen by."""
    keep: Annotated[int, Field(ge=1)] | Annotated[float, Field(gt=0, lt=1)] | None = None
    """Columns kept, or their share. Default: half; of `lasso`, `forest` and `sequential` what they choose."""
