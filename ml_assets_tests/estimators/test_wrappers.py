"""A wrapper is an estimator as scikit-learn wants one: whatever check the estimator in it passes, it passes too."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from xgboost import XGBClassifier

from ml_assets.estimators.wrappers import LabelEncodedClassifier


def test_names_and_categories_of_a_frame_reach_the_estimator_and_are_held_to() -> None:
    frame = pd.DataFrame({"a": [0.0, 1.0, np.nan] * 10, "b": pd.Categorical(["x", "y", "z"] * 10)})
    inner = XGBClassifier(n_estimators=2, enable_categorical=True, n_jobs=1)
    model = LabelEncodedClassifier(inner).fit(frame, ["no", "yes", "no"] * 10)
    assert list(model.feature_names_in_) == ["a", "b"]
    assert set(model.predict(frame)) <= {"no", "yes"}
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame.rename(columns={"a": "c"}))
    with pytest.raises(ValueError, match="minimum of 1"):
        model.predict(frame.iloc[:0])
