"""A network in a file of PyTorch answers as the pipeline does, without scikit-learn; what cannot be is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest

from ml_assets import networks
from ml_assets.serving.export.single import FormatError, write_native, write_onnx
from ml_assets.training.fit import fit
from ml_assets_tests.networks.test_networks import EVERY
from ml_assets_tests.support.training_examples import mixed_rows, recipe_of

pytestmark = pytest.mark.extras


def fitted(network: Any, **more: Any) -> tuple[Any, pd.DataFrame]:
    """A pipeline, and rows with levels that it did not learn and gaps."""
    task = "classification" if hasattr(network, "predict_proba") else "regression"
    rows = mixed_rows(120, task=task)
    image = network.__name__.startswith("CNN")
    changes: dict[str, Any] = {"image_shape": [1, 2]} if image else {}
    params = {"max_epochs": 2, **changes, **more}
    recipe = recipe_of(task, f"ml_assets.networks.{network.__name__}", params, training={"folds": 2})
    pipeline, _ = fit(rows, recipe)
    rows.loc[:5, "region"] = [None, "never seen", "", "north", None, "x"]
    rows.loc[3:9, "income"] = [np.nan, 1e9, -1e9, np.inf, 0.0, np.nan, 3.0]
    return pipeline, rows


@pytest.mark.parametrize("network", EVERY)
def test_its_program_answers_as_the_pipeline(network: Any, tmp_path: Path) -> None:
    from ml_assets.networks import exported

    pipeline, rows = fitted(network)
    told = write_native(tmp_path, pipeline, rows)
    assert told["file"] == "model.pt2" and told["largest_difference"] < 1e-9
    prepared = joblib.load(tmp_path / "preprocessor.joblib").transform(rows)
    if hasattr(prepared, "columns"):
        prepared = prepared.apply(lambda each: each.cat.codes if each.dtype == "category" else each)
    matrix = np.asarray(prepared, dtype=float)
    whole = exported.answers(tmp_path / "model.pt2", matrix)
    alone = np.concatenate([exported.answers(tmp_path / "model.pt2", matrix[[k]]) for k in (0, 3, 9)])
    np.testing.assert_allclose(alone, whole[[0, 3, 9]], rtol=1e-9)


def test_what_has_no_such_file_is_told(tmp_path: Path) -> None:
    pipeline, rows = fitted(networks.TransformerClassifier, library="keras")
    with pytest.raises(
        FormatError, match=r"native: TransformerClassifier cannot be written .*take keras, joblib or package"
    ):
        write_native(tmp_path, pipeline, rows)
    with pytest.raises(FormatError, match="onnx"):
        write_onnx(tmp_path, pipeline, rows)
