"""What an estimator is fitted on follows from what it understands, and from what the recipe says of preparation."""

from __future__ import annotations

import pytest

from ml_assets.recipe.loading import parse_recipe
from ml_assets.recipe.yaml_text import dump_yaml
from ml_assets.search.candidates import candidate
from ml_assets_tests.support.options import options

OPTIONS = {"nothing": {}} | options(("age", "income"), ("region", "plan"), "at", classes=True)
AS_THEY_ARE = {
    "nothing", "missing median", "scaler standard", "own function", "date parts", "lags", "rolling",
}  # fmt: skip
"""Options that ask for no preparation but the default: columns of clean rows are given as they are."""


@pytest.mark.parametrize("option", OPTIONS)
def test_a_preparation_that_the_recipe_names_is_kept_to_whatever_the_library_understands(option: str) -> None:
    recipe = parse_recipe(
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
    expected = "categories" if option in AS_THEY_ARE else "numbers"
    assert candidate("lightgbm.LGBMClassifier", {}, recipe).input == expected
    assert candidate("sklearn.svm.SVC", {}, recipe).input == "numbers"
