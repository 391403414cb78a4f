import pickle

import pytest

from ml_assets.estimators.wrappers import LabelEncodedClassifier
from ml_assets.features import values
from ml_assets.registry.pipelines import answer_to_former_names


@pytest.mark.parametrize(
    ("module", "name", "now"),
    [
        ("ml_assets.training.estimators", "LabelEncodedClassifier", LabelEncodedClassifier),
        ("ml_assets.features.preprocessing", "as_numbers", values.as_numbers),
        ("ml_assets.features.preprocessing", "as_text", values.as_text),
    ],
)
def test_models_saved_before_a_module_moved_are_still_read(module: str, name: str, now: object) -> None:
    saved = f"c{module}\n{name}\n.".encode()
    for _ in range(2):
        answer_to_former_names()
        assert pickle.loads(saved) is now
