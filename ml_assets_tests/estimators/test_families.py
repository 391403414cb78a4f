import pytest

from ml_assets.estimators.build import build
from ml_assets.estimators.families import families


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_linear_model_is_always_a_candidate(task: str) -> None:
    found = families(task)
    assert set(found) == {"linear", "xgboost", "forest"}
    for candidate in found.values():
        build(candidate.class_path, candidate.first, 0, task)
        assert set(candidate.first) <= set(candidate.hyperparameters)
