"""The sections `model.feature_engineering` and `model.feature_selection`: columns made of others, which are kept."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ml_assets.recipe.schema.section import Names, Section

Part = Literal[
    "year", "quarter", "month", "week", "day", "day_of_year", "weekday", "weekend", "hour", "minute", "days"
]
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


class FeatureSelection(Section):
    """Which of the prepared columns the estimator is given: chosen inside the model, on its training rows alone."""

    method: Selection
    """What the columns are chosen by."""
    keep: Annotated[int, Field(ge=1)] | Annotated[float, Field(gt=0, lt=1)] | None = None
    """Columns kept, or their share. Default: half; `lasso`: what has a weight; `forest`: what has over the mean."""
