"""How each column is prepared: the recipe's settings for all columns, and for sets of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.recipe.schema import ColumnSet, Recipe
from ml_assets.recipe.schema.preparing import OutlierMethod, OutlierTreatment

if TYPE_CHECKING:
    from ml_assets.features.columns import Roles

ONEHOT = "onehot"
"""Value of `categorical_strategy` where none is named and the estimator understands no categories."""
INTERPOLATION = "interpolation"
"""Value of `missing_strategy`: the last known value of the entity."""
OF_NUMBERS = ("mean", "median", "mode", INTERPOLATION, "drop")
OF_CATEGORIES = ("category", "mode", "drop")
"""Values of `missing_strategy` that a kind of column has; with another it is treated as where none is named."""


def carrier(column: str) -> str:
    """Name of the column with the last known value of another.

    >>> carrier("price")
    'price_last_known'
    """
    return f"{column}_last_known"


@dataclass(frozen=True)
class Treatment:
    """What is done with a column inside the model.

    `outliers` is how they are found and what is done with them; None where they are left as they are.
    """

    strategy: str
    missing: str
    outliers: tuple[OutlierMethod, OutlierTreatment] | None = None


def numeric(column: str, recipe: Recipe) -> Treatment:
    """How a numeric column is prepared: scaler, missing numbers, outliers."""
    params, own = recipe.model.preprocessor.params, _own(column, recipe)
    missing = own.missing_strategy or params.missing_strategy
    wanted = params.outlier_detection if own.outlier_detection is None else own.outlier_detection
    return Treatment(
        own.numerical_strategy or params.numerical_strategy,
        missing if missing in OF_NUMBERS else "median",
        (own.outlier_method or params.outlier_method, own.outlier_treatment or params.outlier_treatment)
        if wanted
        else None,
    )


def categorical(column: str, recipe: Recipe) -> Treatment:
    """How a categorical column is prepared: encoder, missing values."""
    params, own = recipe.model.preprocessor.params, _own(column, recipe)
    missing = own.missing_strategy or params.missing_strategy
    return Treatment(
        own.categorical_strategy or params.categorical_strategy or ONEHOT,
        missing if missing in OF_CATEGORIES else "category",
    )


def by_treatment(roles: Roles, recipe: Recipe) -> dict[str, dict[Treatment, list[str]]]:
    """Columns of each kind by how they are prepared, in the order of their names."""
    found: dict[str, dict[Treatment, list[str]]] = {"numeric": {}, "categorical": {}}
    carriers = {carrier(name) for name in roles.numeric if numeric(name, recipe).missing == INTERPOLATION}
    for column in roles.numeric:
        if column in carriers:
            continue  # it fills its column, and is no number of its own
        found["numeric"].setdefault(numeric(column, recipe), []).append(column)
    for column in roles.categorical:
        found["categorical"].setdefault(categorical(column, recipe), []).append(column)
    return found


def unprepared(recipe: Recipe) -> bool:
    """Whether an estimator that understands missing numbers and categories itself may be given them as they are."""
    params = recipe.model.preprocessor.params
    default = type(params)()
    made = recipe.model.feature_engineering
    if made.interactions or made.polynomials is not None or recipe.model.feature_selection is not None:
        return False
    settings = ("numerical_strategy", "missing_strategy", "outlier_detection", "column_sets")
    # An embedding is learned inside the estimator.
    encoded = params.categorical_strategy not in (None, "embedding")
    return not encoded and all(getattr(params, setting) == getattr(default, setting) for setting in settings)


def _own(column: str, recipe: Recipe) -> ColumnSet:
    sets = recipe.model.preprocessor.params.column_sets
    return next((group for group in sets if column in group.columns), ColumnSet(columns=(column,)))
