from typing import Any

import pytest

from ml_assets.estimators.constraints import wrong_values
from ml_assets.recipe.space_text import parse_hyperparameters


@pytest.mark.parametrize(
    ("class_path", "hyperparameters", "key"),
    [
        ("sklearn.linear_model.LogisticRegression", {"C": 2, "solver": "saga"}, None),
        ("sklearn.linear_model.LogisticRegression", {"C": "many"}, ("C",)),
        ("sklearn.linear_model.Ridge", {"alpha": {"type": "float", "low": -1.0, "high": 1.0}}, ("alpha",)),
        (
            "sklearn.svm.SVC",
            {"kernel": {"type": "categorical", "choices": ["rbf", "round"]}},
            ("kernel",),
        ),
        (
            "sklearn.ensemble.BaggingClassifier",
            {"estimator": {"class_path": "sklearn.svm.SVC", "hyperparameters": {"C": -1.0}}},
            ("estimator", "hyperparameters", "C"),
        ),
        (
            "sklearn.ensemble.VotingClassifier",
            {
                "estimators": [
                    {"name": "a", "estimator": {"class_path": "xgboost.XGBClassifier"}},
                    {
                        "name": "b",
                        "estimator": {"class_path": "sklearn.svm.SVC", "hyperparameters": {"C": -1.0}},
                    },
                ]
            },
            ("estimators", 1, "estimator", "hyperparameters", "C"),
        ),
    ],
)
def test_value_that_an_estimator_does_not_take_is_found_before_training(
    class_path: str, hyperparameters: dict[str, Any], key: tuple[str | int, ...] | None
) -> None:
    found = wrong_values(class_path, parse_hyperparameters(hyperparameters))
    assert [place for place, _ in found] == ([] if key is None else [key])
    for _, message in found:
        assert "parameter of" in message
        assert "Got" in message
