import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV

from ml_assets.estimators.build import build
from ml_assets.estimators.peculiar import REQUIRED
from ml_assets.recipe.catalogue import ESTIMATORS
from ml_assets_tests.support.libraries import marks_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4))
LABELS = np.array(["low", "middle", "top"])[np.digitize(X[:, 0], [-0.4, 0.4])]
BUILDABLE = [
    pytest.param(path, known.task, marks=marks_of(path))
    for path, known in ESTIMATORS.items()
    if known.task in ("classification", "regression") and not known.required and path not in REQUIRED
]


@pytest.mark.filterwarnings("ignore:Class PassiveAggressive:FutureWarning")
@pytest.mark.parametrize(("class_path", "task"), BUILDABLE)
def test_every_allowed_estimator_can_be_built_and_cloned(class_path: str, task: str) -> None:
    estimator = build(class_path, {}, 0, task)
    assert is_classifier(estimator) == (task == "classification")
    clone(estimator)


@pytest.mark.parametrize(
    ("class_path", "params", "message"),
    [
        (
            "xgboost.XGBClassifier",
            {"max_dept": 3},
            "xgboost.XGBClassifier has no parameter 'max_dept'.*'max_depth'",
        ),
        ("sklearn.svm.SVR", {}, "no estimator for classification"),
        ("os.system", {}, "not allowed"),
        ("sklearn.ensemble.VotingClassifier", {}, "needs estimators"),
        ("sklearn.semi_supervised.SelfTrainingClassifier", {}, "needs estimator"),
    ],
)
def test_what_cannot_be_built_says_why(class_path: str, params: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(class_path, params, 0, "classification")


@pytest.mark.parametrize(
    ("class_path", "params"),
    [
        ("xgboost.XGBClassifier", {"n_estimators": 5}),
        ("sklearn.svm.SVC", {}),
        ("sklearn.linear_model.RidgeClassifier", {}),
        ("sklearn.ensemble.RandomForestClassifier", {"n_estimators": 5}),
        (
            "sklearn.ensemble.VotingClassifier",
            {
                "estimators": [
                    {
                        "name": "svm",
                        "estimator": {"class_path": "sklearn.svm.SVC", "hyperparameters": {"C": 2.0}},
                    },
                    {"name": "boost", "estimator": {"class_path": "xgboost.XGBClassifier"}},
                ]
            },
        ),
    ],
)
def test_classifiers_take_text_labels_and_give_probabilities(
    class_path: str, params: dict[str, object]
) -> None:
    estimator = build(class_path, params, 0, "classification").fit(X, LABELS)
    assert list(estimator.classes_) == ["low", "middle", "top"]
    np.testing.assert_allclose(estimator.predict_proba(X).sum(axis=1), 1, atol=1e-6)
    assert (estimator.predict(X) == LABELS).mean() > 0.7


def test_estimators_are_seeded_and_single_threaded_unless_told_otherwise() -> None:
    forest = build("sklearn.ensemble.RandomForestRegressor", {}, 7, "regression")
    assert (forest.random_state, forest.n_jobs) == (7, None)
    boosted = build("xgboost.XGBRegressor", {}, 7, "regression")
    assert (boosted.random_state, boosted.n_jobs) == (7, 1)
    told = build("xgboost.XGBRegressor", {"n_jobs": 2, "random_state": 1}, 7, "regression")
    assert (told.random_state, told.n_jobs) == (1, 2)
    inner = {
        "estimator": {"class_path": "sklearn.tree.DecisionTreeRegressor", "hyperparameters": {"max_depth": 3}}
    }
    bagged = build("sklearn.ensemble.BaggingRegressor", inner, 7, "regression")
    assert (bagged.estimator.max_depth, bagged.estimator.random_state) == (3, 7)


def test_only_what_gives_no_probabilities_is_calibrated() -> None:
    assert isinstance(build("sklearn.svm.SVC", {}, 0, "classification"), CalibratedClassifierCV)
    assert not isinstance(
        build("sklearn.naive_bayes.GaussianNB", {}, 0, "classification"), CalibratedClassifierCV
    )
