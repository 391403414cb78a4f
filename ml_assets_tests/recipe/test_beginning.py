"""What a recipe whose network begins from a version must say, and must not."""

from __future__ import annotations

import pytest

from ml_assets.recipe import RecipeError
from ml_assets.recipe.faults import Faults
from ml_assets.recipe.loading import parse_recipe

RECIPE = """\
name: shop
model:
  class_path: ml_assets.networks.MLPClassifier
  hyperparameters: {start_from: champion, frozen_epochs: 2, max_epochs: 5}
  loader: {source_uri: shop.csv}
  data_interface: {task_type: classification, target_col: bought}
hyperparameter_tuning: {enabled: false}
"""
NESTED = """\
  class_path: sklearn.ensemble.BaggingClassifier
  hyperparameters: {estimator: {class_path: ml_assets.networks.MLPClassifier, hyperparameters: {start_from: 1}}}
"""


@pytest.mark.parametrize("version", ["champion", "3"])
def test_the_champion_or_a_version(version: str) -> None:
    recipe = parse_recipe(RECIPE.replace("champion", version))
    assert str(recipe.model.start_from) == version


def test_other_estimators_begin_from_nothing() -> None:
    assert (
        parse_recipe(RECIPE.replace("start_from: champion, frozen_epochs: 2, ", "")).model.start_from is None
    )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("champion", "newest", "start_from: found 'newest'; allowed: champion, or the number of a version"),
        ("champion", "0", "found 0"),
        ("champion", "true", "found True"),
        ("champion", "{type: int, low: 1, high: 3}", "allowed: champion, or the number of a version"),
        ("frozen_epochs: 2", "frozen_epochs: -1", "frozen_epochs: must be a whole number ≥ 0"),
        ("frozen_epochs: 2", "frozen_epochs: few", "must be a whole number ≥ 0, as 3; found 'few'"),
        ("start_from: champion, ", "", "frozen_epochs: is for a network that begins from a version"),
        ("max_epochs: 5", "dropout: {type: float, low: 0.1, high: 0.5}", "dropout: is searched, and a search judges"),
        ("  loader", "  threshold: 0.3\n  loader", "threshold: is learned on rows that no fit had learned"),
        ("  loader", "  calibration: sigmoid\n  loader", "calibration: is learned on rows that no fit had learned"),
        ("target_col: bought", "target_col: [bought, paid]", "start_from with several targets is not yet supported"),
        ("  loader", "  preprocessor: {name: custom_preprocessor, params: {numerical_strategy: robust}}\n  loader",
         "numerical_strategy: is learned anew by each training"),
        ("  loader", "  preprocessor: {name: custom_preprocessor, params: {categorical_strategy: onehot}}\n  loader",
         "categorical_strategy: is learned anew by each training"),
        ("  loader", "  feature_selection: {method: anova, keep: 2}\n  loader", "is learned anew by each training"),
        ("  loader",
         "  ensemble: {method: averaging, estimators: [{class_path: sklearn.linear_model.Perceptron}]}\n  loader",
         "an ensemble with start_from is not yet supported"),
        (RECIPE[RECIPE.index("  class_path") : RECIPE.index("  loader")], NESTED, "start_from is for the network of"),
        ("ml_assets.networks.MLPClassifier", "sklearn.linear_model.LogisticRegression", "unknown hyperparameter"),
    ],
)  # fmt: skip
def test_what_contradicts_a_beginning_is_refused(old: str, new: str, words: str) -> None:
    assert old in RECIPE
    with pytest.raises((RecipeError, Faults)) as caught:
        parse_recipe(RECIPE.replace(old, new))
    assert words in str(caught.value)
