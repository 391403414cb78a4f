import numpy as np

from ml_assets.estimators.wrappers import LabelEncodedClassifier

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4))
LABELS = np.array(["low", "middle", "top"])[np.digitize(X[:, 0], [-0.4, 0.4])]


def test_encoded_labels_change_no_prediction() -> None:
    from xgboost import XGBClassifier

    plain = XGBClassifier(n_estimators=5, n_jobs=1, random_state=0)
    codes = np.searchsorted(["low", "middle", "top"], LABELS)
    wrapped = LabelEncodedClassifier(plain).fit(X, LABELS)
    np.testing.assert_array_equal(wrapped.predict_proba(X), plain.fit(X, codes).predict_proba(X))
    np.testing.assert_array_equal(wrapped.feature_importances_, plain.feature_importances_)
