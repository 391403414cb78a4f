"""A constraint by column holds for every row: nothing else that a model is given may follow from the column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from ml_assets.recipe.rules.found import Found
from ml_assets.recipe.schema import Recipe
from ml_assets.recipe.schema.preparing import ColumnSet

MONOTONE: Final = ("monotone_constraints", "monotonic_cst")
"""Hyperparameters that name columns."""


def monotone(recipe: Recipe) -> Found:
    """No column made of a constrained one goes another way."""
    for inner, _, hyperparameters in recipe.model.named:
        for name in MONOTONE:
            given = hyperparameters.get(name)
            for column, way in given.items() if isinstance(given, Mapping) else ():
                for reason in _others(str(column), recipe) if way else ():
                    yield ("model", *inner, "hyperparameters", name), f"{column!r}: {reason}"


def _others(column: str, recipe: Recipe) -> Iterator[str]:
    """Why the answer may go another way, and what to do."""
    params, made = recipe.model.preprocessor.params, recipe.model.feature_engineering
    own = next(
        (group for group in params.column_sets if column in group.columns), ColumnSet(columns=(column,))
    )
    if (own.numerical_strategy or params.numerical_strategy) == "normalizer":
        yield (
            "numerical_strategy normalizer brings a row to length 1, so that its other numbers change with the "
            "column: take another, or leave the constraint out"
        )
    detected = params.outlier_detection if own.outlier_detection is None else own.outlier_detection
    if detected and (own.outlier_treatment or params.outlier_treatment) == "flag":
        yield (
            "outlier_treatment flag makes a column that says where it is far from the others, and knows no order: "
            "write clip, or leave the constraint out"
        )
    powers = made.polynomials.columns if made.polynomials is not None else ()
    for key, names in (
        ("interactions", [each for pair in made.interactions for each in pair]),
        ("polynomials", powers),
    ):
        if column in names:
            yield f"{key} make products of it, which rise and fall: leave it out of them, or the constraint"
