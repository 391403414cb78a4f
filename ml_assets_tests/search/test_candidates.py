"""What an estimator is fitted on follows from what it understands, and from what the recipe says of preparation."""

from __future__ import annotations

import pytest

from ml_assets.recipe.loading import dump_recipe, parse_recipe
from ml_assets.recipe.parts import code_versions
from ml_assets.recipe.schema import Recipe
from ml_assets.recipe.yaml_text import dump_yaml
from ml_assets.search.candidates import candidate
from ml_assets_tests.support.options import options

OPTIONS = {"nothing": {}} | options(("age", "income"), ("region", "plan"), "at", classes=True)
AS_THEY_ARE = {
    "nothing", "scaler standard", "own function", "date parts", "lags", "rolling",
}  # fmt: skip
"""Options that ask for no preparation but the default: columns of clean rows are given as they are."""


def recipe_with(option: str) -> Recipe:
    return parse_recipe(
        dump_yaml(
            {
                "name": "example",
                "model": {
                    "class_path": "lightgbm.LGBMClassifier",
                    "loader": {"source_uri": "rows.csv"},
                    "data_interface": {"task_type": "classification", "target_col": "target"},
                    **OPTIONS[option],
                },
            }
        )
    )


@pytest.mark.parametrize("option", OPTIONS)
def test_a_preparation_that_the_recipe_names_is_kept_to_whatever_the_library_understands(option: str) -> None:
    recipe, plain = recipe_with(option), recipe_with("nothing")
    expected = "categories" if option in AS_THEY_ARE else "numbers"
    assert candidate("lightgbm.LGBMClassifier", {}, recipe).input == expected
    assert candidate("sklearn.svm.SVC", {}, recipe).input == "numbers"
    # Another input is another model, by the recipe's text, its hashes and the search's name too.
    again = parse_recipe(dump_recipe(recipe))
    assert candidate("lightgbm.LGBMClassifier", {}, again).input == expected
    assert (
        expected == "categories"
        or code_versions(recipe)["trained_model"] != code_versions(plain)["trained_model"]
    )
