"""From columns to what an estimator takes: one transformer, fitted on training rows only and kept inside the model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from ml_assets.estimators.monotone import by_name
from ml_assets.features.by_targets import EachTargetEncoder
from ml_assets.features.carried import CarriedOn
from ml_assets.features.categories import TypedColumns
from ml_assets.features.columns import Roles
from ml_assets.features.lean import LeanColumns, LeanImputer, LeanScaler
from ml_assets.features.outliers import Outliers
from ml_assets.features.products import Crossed, Products
from ml_assets.features.rows import LearnedRows
from ml_assets.features.selection import selected
from ml_assets.features.treatment import INTERPOLATION, ONEHOT, Treatment, by_treatment, carrier
from ml_assets.features.values import MISSING, as_numbers, as_text
from ml_assets.recipe.schema import Recipe
from ml_assets.shown import listed
from ml_assets.tasks.all import task_of

RAREST_LEVEL = 5
"""Rows that a level needs for a column of its own; rarer and unseen levels share one."""
MOST_LEVELS = 50
"""Columns that one categorical feature becomes at most."""

SHOWN = 12
"""Columns of a selection that are named."""

SCALERS = {
    "standard": LeanScaler, "minmax": MinMaxScaler, "robust": RobustScaler, "normalizer": Normalizer,
}  # fmt: skip
IMPUTATIONS = {
    "mean": "mean", "median": "median", "mode": "most_frequent", "interpolation": "median", "drop": "median",
}  # fmt: skip
"""From the strategy for missing numbers to scikit-learn's; a row to predict is not dropped, and gets the median."""


def build(
    roles: Roles, recipe: Recipe, *, typed: bool = False, levels: dict[str, list[str]] | None = None
) -> Any:
    """Return the unfitted transformer of the features, by name; other columns are ignored.

    Numbers: outliers clipped or flagged, missing ones imputed, with an indicator where training rows miss some,
    and scaled. Categories: missing is a category or the most frequent one, then encoded; a level not seen in
    training counts as a rare one.
    A recommendation is given the users as they are.
    `typed`: for an estimator that understands missing numbers and categories, which are left as they are; `levels` of
    categories then come first.

    Raises
    ------
    ValueError
        If there is no feature.
    """
    if recipe.recommends:
        return FunctionTransformer(feature_names_out="one-to-one")
    if not roles.features:
        raise ValueError(f"No feature is left of {len(roles.excluded)} columns: {_reasons(roles)}.")
    others = () if recipe.model.ensemble is None else recipe.model.ensemble.estimators
    given = (recipe.model.hyperparameters, *(each.hyperparameters for each in others))
    constrained = any(by_name(each) for each in given)
    named = constrained and recipe.model.feature_selection is None
    if typed:
        return TypedColumns(list(roles.numeric), list(roles.categorical), RAREST_LEVEL, named, levels)
    parts = by_treatment(roles, recipe)
    branches = [
        *_numbered(
            "numeric", [_number_branch(how, names, roles, recipe) for how, names in parts["numeric"].items()]
        ),
        *_numbered(
            "categorical", [(_categories(how, recipe), names) for how, names in parts["categorical"].items()]
        ),
        *_numbered("missing", [(_missing(), names) for how, names in parts["numeric"].items() if _unit(how)]),
        *_numbered(
            "outliers",
            [
                (_flags(how.outliers[0], recipe), names)
                for how, names in parts["numeric"].items()
                if how.outliers is not None and how.outliers[1] == "flag"
            ],
        ),
    ]
    branches += _several(roles, recipe)
    made = LeanColumns(branches, sparse_threshold=0.0)
    return made.set_output(transform="pandas") if named else made


def steps(
    roles: Roles, recipe: Recipe, *, typed: bool = False, levels: dict[str, list[str]] | None = None
) -> list[tuple[str, Any]]:
    """Return the unfitted steps before the estimator, by name: `build`, and the selection where there is one."""
    wanted = recipe.model.feature_selection
    prepared = ("preprocessing", build(roles, recipe, typed=typed, levels=levels))
    if wanted is None:
        return [prepared]
    return [prepared, ("selection", selected(wanted, task_of(recipe).classes, recipe.random_state))]


def told_selection(pipeline: Pipeline) -> str:
    """Say which of the prepared columns a fitted Pipeline keeps."""
    kept = pipeline["selection"].get_support()
    names = pipeline["preprocessing"].get_feature_names_out()[kept]
    shown = ", ".join(name.partition("__")[2] for name in names[:SHOWN]) + (
        " …" if len(names) > SHOWN else ""
    )
    return f"feature_selection ({pipeline['selection'].method}) keeps {len(names)} of {len(kept)} columns: {shown}"


def learned_rows(roles: Roles, recipe: Recipe) -> LearnedRows | None:
    """Return which training rows are learned; None where the recipe leaves none out."""
    if recipe.recommends:
        return None
    parts = by_treatment(roles, recipe)
    dropping = [names for kind in parts.values() for how, names in kind.items() if how.missing == "drop"]
    removing: dict[Any, list[str]] = {}
    for how, names in parts["numeric"].items():
        if how.outliers is not None and how.outliers[1] == "remove":
            removing.setdefault(how.outliers[0], []).extend(names)
    if not dropping and not removing:
        return None
    return LearnedRows(
        tuple(sorted(name for names in dropping for name in names)),
        tuple((method, tuple(sorted(names))) for method, names in removing.items()),
        recipe.random_state,
    )


def _several(roles: Roles, recipe: Recipe) -> list[tuple[str, Any, list[str]]]:
    """Branches whose columns are made of several features: products of numbers, pairs of levels."""
    wanted, params = recipe.model.feature_engineering, recipe.model.preprocessor.params
    powers, degree = (
        (wanted.polynomials.columns, wanted.polynomials.degree) if wanted.polynomials else ((), 2)
    )
    numbers = tuple(name for names in by_treatment(roles, recipe)["numeric"].values() for name in names)
    _check_several(replace(roles, numeric=numbers), powers, wanted.interactions)
    products = tuple((a, b) for a, b in wanted.interactions if a in roles.numeric)
    crossed = tuple((a, b) for a, b in wanted.interactions if a in roles.categorical)
    branches: list[tuple[str, Any, list[str]]] = []
    if products or powers:
        used = Roles(tuple(sorted({*powers, *(name for pair in products for name in pair)})), ())
        parts = by_treatment(used, recipe)["numeric"].items()
        filled = [_number_branch(how, names, roles, recipe, beside=False) for how, names in parts]
        values = ColumnTransformer(_numbered("numeric", filled), verbose_feature_names_out=False).set_output(
            transform="pandas"
        )
        scale = (
            StandardScaler
            if params.numerical_strategy == "normalizer"
            else SCALERS[params.numerical_strategy]
        )
        several = ("several", Products(products, powers, degree))
        taken = [name for _, names in filled for name in names]
        branches += [("products", Pipeline([("values", values), several, ("scale", scale())]), taken)]
    if crossed:
        encode = ("encode", _encoder(params.categorical_strategy or ONEHOT, recipe))
        names = sorted({name for pair in crossed for name in pair})
        branches += [("pairs", Pipeline([("several", Crossed(crossed)), encode]), names)]
    return branches


def _check_several(roles: Roles, powers: Iterable[str], pairs: Iterable[tuple[str, ...]]) -> None:
    """Refuse columns that are no features, and pairs of two kinds.

    Raises
    ------
    ValueError
    """
    named = [("polynomials", name) for name in powers] + [
        ("interactions", name) for pair in pairs for name in pair
    ]
    for key, name in named:
        if name not in (roles.features if key == "interactions" else roles.numeric):
            kind = "feature" if key == "interactions" else "numeric feature"
            why = (
                "it is a category"
                if name in roles.categorical
                else roles.excluded.get(name, "no such column")
            )
            raise ValueError(
                f"{key}: {name!r} is no {kind} of the model ({why}): leave it out of model.feature_engineering"
            )
    for a, b in pairs:
        if (a in roles.numeric) != (b in roles.numeric):
            number, category = (a, b) if a in roles.numeric else (b, a)
            raise ValueError(
                f"interactions: {number!r} is a number and {category!r} a category: name two of one kind, or "
                f"{number!r} in categorical_features, too"
            )


def _numbered(kind: str, parts: list[tuple[Any, list[str]]]) -> list[tuple[str, Any, list[str]]]:
    """Name the branches of a kind: numeric, numeric_2 and so on."""
    return [(kind if k == 1 else f"{kind}_{k}", *part) for k, part in enumerate(parts, start=1)]


def _number_branch(
    how: Treatment, names: list[str], roles: Roles, recipe: Recipe, *, beside: bool = True
) -> tuple[Any, list[str]]:
    """Carry on, clip, impute and, with an indicator beside, scale; else only numbers that miss nothing come out."""
    carried = []
    if how.missing == INTERPOLATION:
        carried = [("carry", CarriedOn(tuple(names)))]
        names = names + [carrier(name) for name in names if carrier(name) in roles.numeric]
    clipped = []
    if how.outliers is not None and how.outliers[1] == "clip":
        clipped = [("clip", Outliers(how.outliers[0], random_state=recipe.random_state))]
    # In place: what comes is a copy, which the transformer of columns made.
    imputer = LeanImputer(
        strategy=IMPUTATIONS[how.missing],
        add_indicator=beside and not _unit(how),
        keep_empty_features=True,
        copy=False,
    )
    scaled = [("scale", SCALERS[how.strategy](copy=False))] if beside else []
    return Pipeline([_as_numbers(), *carried, *clipped, ("impute", imputer), *scaled]), names


def _categories(how: Treatment, recipe: Recipe) -> Any:
    most = SimpleImputer(strategy="most_frequent", missing_values=MISSING, keep_empty_features=True)
    filled = [("impute", most)] if how.missing == "mode" else []
    text = ("text", FunctionTransformer(as_text, feature_names_out="one-to-one"))
    return Pipeline([text, *filled, ("encode", _encoder(how.strategy, recipe))])


def _unit(how: Treatment) -> bool:
    """Whether each row is brought to length 1: what is missing is then told beside it."""
    return how.strategy == "normalizer"


def _missing() -> Any:
    return Pipeline([_as_numbers(), ("indicate", MissingIndicator(error_on_new=False))])


def _flags(method: Any, recipe: Recipe) -> Any:
    return Pipeline([_as_numbers(), ("flag", Outliers(method, "flag", random_state=recipe.random_state))])


def _as_numbers() -> tuple[str, Any]:
    return "numbers", FunctionTransformer(as_numbers, feature_names_out="one-to-one", kw_args={"spent": True})


def output_columns(transformer: Any) -> dict[str, list[int]] | None:
    """Return the places of the columns that each feature becomes, of a fitted transformer from `build`.

    None where a column is made of several features.
    """
    if isinstance(transformer, FunctionTransformer):
        return {name: [k] for k, name in enumerate(transformer.get_feature_names_out())}
    if isinstance(transformer, TypedColumns):
        return {name: [k] for k, name in enumerate((*transformer.numeric, *transformer.categorical))}
    places: dict[str, list[int]] = {}
    for branch, steps, columns in transformer.transformers_:
        if branch == "remainder":
            continue
        first = transformer.output_indices_[branch].start
        own = _own_columns(steps, len(columns))
        if own is None:
            return None
        for place, feature in enumerate(own, start=first):
            places.setdefault(columns[feature], []).append(place)
    return places


def _own_columns(steps: Any, n_features: int) -> list[int] | None:
    """Which feature each column of a branch comes from; None where one comes from several."""
    each = list(range(n_features))
    last, known = steps[-1], steps.named_steps
    if "several" in known or "carry" in known:
        return None
    if "encode" in known:
        return [k for k, columns in enumerate(encoded_counts(last, n_features)) for _ in range(columns)]
    if isinstance(last, MissingIndicator):
        return list(last.features_)
    if isinstance(last, Normalizer) or (isinstance(last, Outliers) and last.forest_ is not None):
        return None if n_features > 1 else each
    # Numbers first, then an indicator of each column that misses some.
    indicator = known["impute"].indicator_ if "impute" in known else None
    return each + (list(indicator.features_) if indicator is not None else [])


def encoded_counts(encoder: Any, n_features: int) -> list[int]:
    """How many columns each categorical feature becomes."""
    if isinstance(encoder, OneHotEncoder):
        rare = encoder.infrequent_categories_
        return [
            len(levels) - (0 if few is None else len(few) - 1)
            for levels, few in zip(encoder.categories_, rare, strict=True)
        ]
    if isinstance(encoder, EachTargetEncoder):
        return [sum(encoder.widths())] * n_features
    if isinstance(encoder, TargetEncoder) and encoder.target_type_ == "multiclass":
        return [len(encoder.classes_)] * n_features
    return [1] * n_features


def _encoder(strategy: str, recipe: Recipe) -> Any:
    if strategy == "target":
        # Cross-fitted in fit_transform: no row's own target is in its code (Micci-Barreca 2001).
        encoder = TargetEncoder(
            target_type=task_of(recipe).encoded_target or "auto",
            cv=KFold(5, shuffle=True, random_state=recipe.random_state),
        )
        return EachTargetEncoder(encoder) if len(recipe.targets) > 1 else encoder
    if strategy in ("label", "ordinal"):
        return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=RAREST_LEVEL,
        max_categories=MOST_LEVELS,
        sparse_output=False,
    )


def _reasons(roles: Roles) -> str:
    return listed((f"{column}: {reason}" for column, reason in roles.excluded.items()), between="; ")
