"""A network of Keras' layers in the formats of Keras and TensorFlow answers as the pipeline does."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from ml_assets import networks
from ml_assets.serving.export import of_keras, single
from ml_assets.serving.export.single import FormatError
from ml_assets_tests.networks.test_exported import fitted
from ml_assets_tests.networks.test_networks import EVERY

pytestmark = pytest.mark.extras
SHAPES: dict[str, dict[str, Any]] = {"RNN": {"units": 8, "layers": 2, "time_steps": 2}}


def of_keras_layers(network: Any) -> Any:
    return fitted(network, library="keras", **SHAPES.get(network.__name__[:3], {}))


def modules(config: Any) -> Iterator[str]:
    """Where each class of a saved model is from."""
    if isinstance(config, dict):
        if config.get("module") is not None:
            yield config["module"]
        config = list(config.values())
    if isinstance(config, list):
        for part in config:
            yield from modules(part)


@pytest.mark.parametrize("network", EVERY)
def test_keras_reads_it_without_us_and_it_answers_as_the_pipeline(network: Any, tmp_path: Path) -> None:
    from ml_assets.networks import archived

    pipeline, rows = of_keras_layers(network)
    told = of_keras.write_keras(tmp_path, pipeline, rows)
    assert told["file"] == "model.keras" and told["largest_difference"] < 1e-6
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        assert set(archive.namelist()) == {"metadata.json", "config.json", "model.weights.h5"}
        config = json.loads(archive.read("config.json"))
    assert {module.partition(".")[0] for module in modules(config)} == {"keras"}
    prepared = joblib.load(tmp_path / "preprocessor.joblib").transform(rows)
    if hasattr(prepared, "columns"):
        prepared = prepared.apply(lambda each: each.cat.codes if each.dtype == "category" else each)
    matrix = np.asarray(prepared, dtype=float)
    whole = archived.answers(tmp_path / "model.keras", matrix)
    alone = np.concatenate([archived.answers(tmp_path / "model.keras", matrix[[k]]) for k in (0, 3, 9)])
    np.testing.assert_allclose(alone, whole[[0, 3, 9]], rtol=1e-6)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("tensorflow") is None, reason="1.2 GB: pip install 'ml_assets[tensorflow]'")
@pytest.mark.parametrize("form", ["savedmodel", "tflite"])
@pytest.mark.parametrize(
    "network",
    [networks.MLPClassifier, networks.CNNRegressor, networks.RNNClassifier, networks.TransformerRegressor],
)
def test_tensorflow_answers_as_the_pipeline(network: Any, form: str, tmp_path: Path) -> None:
    pipeline, rows = of_keras_layers(network)
    write = {"savedmodel": of_keras.write_savedmodel, "tflite": of_keras.write_tflite}[form]
    told = write(tmp_path, pipeline, rows)
    assert told["largest_difference"] < 1e-6 and told["rows"] == len(rows)
    assert {path.name for path in tmp_path.iterdir()} == {told["file"], "preprocessor.joblib"}


def test_what_cannot_be_is_refused_with_what_to_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ml_assets.serving.export import on_tensorflow

    with pytest.raises(FormatError, match=r"keras: MLPClassifier is made of PyTorch's layers: take native"):
        of_keras.write_keras(tmp_path, *fitted(networks.MLPClassifier))
    keras = fitted(networks.TransformerClassifier, library="keras")
    with pytest.raises(FormatError, match=r"native: .*take keras, joblib or package"):
        single.write_native(tmp_path, *keras)
    monkeypatch.setattr(on_tensorflow, "find_spec", lambda name: None)
    with pytest.raises(
        FormatError, match=r"tflite needs TensorFlow: run `pip install 'ml_assets\[tensorflow\]'`"
    ):
        of_keras.write_tflite(tmp_path, *keras)


def test_other_numbers_are_refused(tmp_path: Path) -> None:
    pipeline, rows = of_keras_layers(networks.MLPClassifier)
    network = pipeline.steps[-1][1]
    network = network if hasattr(network, "network_") else network.estimator_
    right = network.predict_proba
    network.predict_proba = lambda X: right(X) + 2e-6
    with pytest.raises(FormatError, match="keras: its numbers differ from the pipeline's by up to 2e-06"):
        of_keras.write_keras(tmp_path, pipeline, rows)
