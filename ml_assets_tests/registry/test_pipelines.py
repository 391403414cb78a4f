import pickle
import sys

from ml_assets.estimators.wrappers import LabelEncodedClassifier
from ml_assets.registry.pipelines import MOVED, former_modules


def test_models_saved_before_a_module_moved_are_still_read() -> None:
    saved = b"cml_assets.training.estimators\nLabelEncodedClassifier\n."
    with former_modules():
        assert pickle.loads(saved) is LabelEncodedClassifier
    assert not set(MOVED) & set(sys.modules)
