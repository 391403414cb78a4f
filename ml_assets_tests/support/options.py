"""Every way to prepare, make and select columns, as parts of a recipe, for any table."""

from __future__ import annotations

from typing import Any, get_args

from ml_assets.recipe.schema.engineering import Part, Selection, Statistic
from ml_assets.recipe.schema.preparing import Encoder, Missing, OutlierMethod, OutlierTreatment, Scaler

Option = dict[str, Any]


def options(
    numbers: tuple[str, str], categories: tuple[str, str], time: str | None, classes: bool
) -> dict[str, Option]:
    """Parts of `model`, by what is tried; those that need times only where there is a column of them."""
    a, b = numbers
    made: dict[str, Option] = {
        f"missing {each}": prepared(missing_strategy=each)
        for each in get_args(Missing)
        if each != "interpolation"
    }
    for method in get_args(OutlierMethod):
        for treatment in get_args(OutlierTreatment):
            made[f"outliers {method} {treatment}"] = prepared(
                outlier_detection=True, outlier_method=method, outlier_treatment=treatment
            )
    made |= {f"scaler {each}": prepared(numerical_strategy=each) for each in get_args(Scaler)}
    made |= {
        f"encoder {each}": prepared(categorical_strategy=each)
        for each in get_args(Encoder)
        if each != "embedding"
    }
    made["sets of columns"] = prepared(
        outlier_detection=True,
        column_sets=[
            {
                "columns": [a],
                "missing_strategy": "drop",
                "outlier_treatment": "remove",
                "numerical_strategy": "robust",
            },
            {"columns": [categories[0]], "categorical_strategy": "target", "missing_strategy": "mode"},
        ],
    )
    made["interactions"] = engineered(interactions=[[a, b], list(categories)])
    made["polynomials"] = engineered(polynomials={"columns": [a, b], "degree": 3})
    made["own function"] = engineered(functions=["ml_assets_tests.support.own_features.magnitude"])
    made |= {
        f"selection {each}": {
            "feature_selection": {"method": each, **({} if each == "sequential" else {"keep": 0.6})}
        }
        for each in get_args(Selection)
        if classes or each != "chi2"
    }
    if time is not None:
        past = {"columns": [b], "windows": [3, "2d"], "statistics": list(get_args(Statistic))}
        made |= {
            "date parts": engineered(date_parts={"columns": [time], "parts": list(get_args(Part))}),
            "lags": engineered(lags={"columns": [a, b], "steps": [1, 2]}, time_col=time),
            "rolling": engineered(rolling=past, time_col=time),
            "missing interpolation": prepared(
                column_sets=[{"columns": [a], "missing_strategy": "interpolation"}]
            )
            | engineered(time_col=time),
            "all at once": prepared(
                outlier_detection=True,
                outlier_treatment="flag",
                column_sets=[{"columns": [a], "missing_strategy": "interpolation"}],
            )
            | engineered(
                time_col=time,
                lags={"columns": [b]},
                rolling=past,
                date_parts={"columns": [time]},
                interactions=[[a, b], list(categories)],
                polynomials={"columns": [a]},
            )
            | {"feature_selection": {"method": "anova", "keep": 12}},
        }
    return made


def prepared(**params: Any) -> Option:
    """A custom preprocessor."""
    return {"preprocessor": {"name": "custom_preprocessor", "params": params}}


def engineered(**wanted: Any) -> Option:
    """Columns made of others."""
    return {"feature_engineering": wanted}
