"""What a recipe of an effect must say, and must not."""

from __future__ import annotations

import pytest

from ml_assets.recipe import RecipeError
from ml_assets.recipe.faults import Faults
from ml_assets.recipe.loading import parse_recipe
from ml_assets_tests.support.calls import RECIPE

INTERFACE = "task_type: causal, target_col: bought, treatment_col: called"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (", treatment_col: called", "", "causal needs treatment_col"),
        ("treatment_col: called", "treatment_col: bought", "'bought' is the target"),
        ("target_col: bought", "target_col: [bought, paid]", "several targets is not yet supported"),
        ("task_type: causal", "task_type: regression", "is for task_type causal, not for regression"),
        (INTERFACE, f"{INTERFACE}, entity_cols: [called]", "'called' is the treatment; leave it out"),
        ("ml_assets.uplift.TLearner\n  hyperparameters: {learner: {class_path: sklearn.linear_model.Ridge}}",
         "sklearn.linear_model.Ridge", "predicts an outcome, not what treating changes"),
        ("sklearn.linear_model.Ridge", "ml_assets.uplift.SLearner", "one of outcomes is needed"),
        ("sklearn.linear_model.Ridge", "sklearn.cluster.KMeans", "name a regressor or a classifier"),
        ("sklearn.linear_model.Ridge", "sklearn.decomposition.TruncatedSVD", "name a regressor or a classifier"),
        ("ml_assets.uplift.TLearner\n  hyperparameters: {learner: {class_path: sklearn.linear_model.Ridge}}",
         "econml.dml.LinearDML\n  hyperparameters: {discrete_treatment: false}", "Leave it out"),
        ("ml_assets.uplift.TLearner\n  hyperparameters: {learner: {class_path: sklearn.linear_model.Ridge}}",
         "econml.dml.LinearDML\n  hyperparameters: {model_y: {class_path: sklearn.cluster.KMeans}}",
         "name a regressor or a classifier"),
        ("{enabled: false}", "{enabled: false, metric: rmse}", "no metric of causal. Allowed: qini, auuc"),
        ("hyperparameter_tuning", "evaluation: {metrics: [shop.profit]}\nhyperparameter_tuning", "own_metrics"),
        ("  loader", "  feature_selection: {method: anova, keep: 2}\n  loader", "not the effect"),
        ("  loader", "  preprocessor: {name: custom_preprocessor, params: {categorical_strategy: target}}\n  loader",
         "encodes a category by its outcome"),
        ("  loader", "  preprocessor: {name: custom_preprocessor, params: {numerical_features: [called]}}\n  loader",
         "is not known of a row to predict"),
        ("{learner: ", "{lerner: ", "Did you mean 'learner'"),
    ],
)  # fmt: skip
def test_what_contradicts_an_effect_is_refused(old: str, new: str, words: str) -> None:
    assert old in RECIPE
    with pytest.raises((RecipeError, Faults)) as caught:
        parse_recipe(RECIPE.replace(old, new))
    assert words in str(caught.value)


def test_treatment_is_part_of_what_is_known_later() -> None:
    recipe = parse_recipe(RECIPE)
    assert (recipe.target, recipe.targets, recipe.answered) == (
        ["bought", "called"],
        ("bought", "called"),
        (),
    )
    assert [one.targets for one in recipe.of_each_target()] == [("bought",), ("called",)]
