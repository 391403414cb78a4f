from importlib.util import find_spec

import pytest

from ml_assets.estimators import boosters
from ml_assets.estimators.build import build
from ml_assets.estimators.candidate import Candidate
from ml_assets.estimators.families import FEW_ROWS, families
from ml_assets.recipe.space import Categorical, Nested, filled, searched

CORE = {"linear", "kernel", "xgboost", "forest", "mlp"}


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_linear_model_is_always_a_candidate(task: str) -> None:
    extra = {name for name in ("lightgbm", "catboost") if find_spec(name)}
    of_classes = {"discriminant"} if task == "classification" else set()
    assert set(families(task)) == CORE | of_classes | extra
    assert set(families(task, FEW_ROWS + 1)) == {"linear", "xgboost"} | extra


def inside(candidate: Candidate) -> None:
    """Each point lies in the spaces: one that does not would be another in the search, without a word."""
    spaces = searched(candidate.hyperparameters)
    for point in (candidate.first, *candidate.more):
        assert set(point) == set(spaces)
        for name, value in point.items():
            space = spaces[name]
            if isinstance(space, Categorical):
                assert value in space.choices
            else:
                assert space.low <= value <= space.high, (name, value)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("few", [False, True])
@pytest.mark.parametrize("kind", ["Classifier", "Regressor"])
def test_points_of_boosting_lie_in_the_spaces_whatever_is_installed(
    kind: str, few: bool, several: bool
) -> None:
    for candidate in (boosters.xgboost(kind), boosters.lightgbm(kind), boosters.catboost(kind, few, several)):
        inside(candidate)


@pytest.mark.parametrize("rows", [FEW_ROWS, FEW_ROWS + 1])
@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_every_point_lies_in_the_spaces_and_can_be_built(task: str, several: bool, rows: int) -> None:
    for family in families(task, rows, several=several).values():
        candidate = family.candidate
        inside(candidate)
        for point in (candidate.first, *candidate.more):
            build(candidate.class_path, filled(candidate.hyperparameters, point), 0, task)
        assert not any(isinstance(value, Nested) for value in candidate.first.values())
