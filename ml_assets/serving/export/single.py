"""The model of a version in another format, each held against the pipeline before it is given away.

A format that cannot say what the model does is refused with the reason. What is written beside `preprocessor.joblib`
takes the matrix that the preprocessor makes of clean rows.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ml_assets.failures import MendableError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

PARITY: Final = 1e-6
"""Most by which a number in another format may differ, as a share of the largest where that is above 1."""


class FormatError(MendableError, ValueError):
    """A format that this model does not allow."""


def write_joblib(folder: Path, pipeline: Any, clean: pd.DataFrame) -> dict[str, Any]:
    """Write `model.joblib`, the whole pipeline, and load it again."""
    import joblib
    import numpy as np

    joblib.dump(pipeline, folder / "model.joblib")
    again = numbers(joblib.load(folder / "model.joblib"), clean)
    if not np.array_equal(again, numbers(pipeline, clean), equal_nan=True):
        raise FormatError("joblib: the pipeline that was read back gives other numbers")
    return {"file": "model.joblib", "largest_difference": 0.0, "rows": len(clean)}


def write_pickle(folder: Path, pipeline: Any, clean: pd.DataFrame) -> dict[str, Any]:
    """Write `model.pkl`, the whole pipeline as Python's own pickle, and load it again."""
    import pickle

    import numpy as np

    written = pickle.dumps(pipeline)
    (folder / "model.pkl").write_bytes(written)
    again = numbers(pickle.loads(written), clean)  # noqa: S301 - what was written here a line above
    if not np.array_equal(again, numbers(pipeline, clean), equal_nan=True):
        raise FormatError("pickle: the pipeline that was read back gives other numbers")
    return {"file": "model.pkl", "largest_difference": 0.0, "rows": len(clean)}


def write_native(folder: Path, pipeline: Any, clean: pd.DataFrame) -> dict[str, Any]:
    """Write the library's own file of a boosted model or a network, and the preprocessor beside it.

    Raises
    ------
    FormatError
        If the model is of no library that has such a file, or gives other numbers when it is read back.
    """
    estimator, classes = inner(pipeline)
    library = type(estimator).__module__.partition(".")[0]
    if library not in NATIVE:
        raise FormatError(
            f"native: {type(estimator).__name__} of {library} has no file of its own: take joblib, or package "
            f"(of their own are {', '.join(name for name in NATIVE if name != NETWORKS)} and networks)"
        )
    name, write, raw = NATIVE[library]
    try:
        write(estimator, folder / name)
    except Exception as error:  # noqa: BLE001 - what cannot be written, each library says in its own way
        keras = "keras, " if getattr(estimator, "library", None) == "keras" else ""
        raise FormatError(
            f"native: {type(estimator).__name__} cannot be written ({' '.join(str(error).split())[:200]}): take "
            f"{keras}joblib or package"
        ) from None
    matrix = prepared(folder, pipeline, clean, coded=library == NETWORKS)
    found = raw(folder / name, matrix)
    return held("native", name, as_numbers(found, classes), numbers(pipeline, clean))


def write_onnx(folder: Path, pipeline: Any, clean: pd.DataFrame) -> dict[str, Any]:
    """Write the estimator as `model.onnx`, and the preprocessor beside it.

    Raises
    ------
    FormatError
        If no converter knows it, or ONNX Runtime gives other numbers: some conversions are wrong without a word.
    """
    import numpy as np

    try:
        import onnxruntime
        from skl2onnx import to_onnx
        from skl2onnx.common.data_types import FloatTensorType
    except ImportError:
        raise FormatError("onnx needs its libraries: run `pip install 'ml_assets[onnx]'`") from None

    estimator, classes = inner(pipeline)
    matrix = prepared(folder, pipeline, clean).astype(np.float32)
    try:
        _with_converters()
        options = {"zipmap": False} if classes is not None else None
        made = to_onnx(
            estimator,
            initial_types=[("X", FloatTensorType([None, matrix.shape[1]]))],
            options=None if options is None else {id(estimator): options},
            target_opset={"": 17, "ai.onnx.ml": 3},
        )
    except Exception as error:  # noqa: BLE001 - each converter has errors of its own
        raise FormatError(
            f"onnx: {type(estimator).__name__} cannot be converted ({' '.join(str(error).split())[:200]}): "
            "take joblib or package"
        ) from None
    (folder / "model.onnx").write_bytes(made.SerializeToString())
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    answers = session.run(None, {"X": matrix})
    found = np.asarray(answers[1] if classes is not None else answers[0], dtype=float)
    return held("onnx", "model.onnx", as_numbers(found, classes), numbers(pipeline, clean))


def numbers(pipeline: Any, clean: pd.DataFrame) -> NDArray[np.float64]:
    """Give what is compared: shares of classes, or predictions, of shape (n_rows, n_numbers)."""
    import numpy as np

    from ml_assets.compiled.alike import numbers_of

    made = pipeline.predict_proba(clean) if hasattr(pipeline, "predict_proba") else pipeline.predict(clean)
    if isinstance(made, list):  # one matrix for each of several targets
        made = np.hstack(made)
    made = np.asarray(made)
    if made.dtype.kind not in "biuf":  # items, or labels of a classifier without shares
        made = numbers_of(made)
    return np.asarray(made, dtype=float).reshape(len(clean), -1)


def held(form: str, name: str, found: NDArray[np.float64], expected: NDArray[np.float64]) -> dict[str, Any]:
    """Hold numbers against the pipeline's: how far they are apart at most, FormatError if too far."""
    import numpy as np

    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    worst = (
        float(np.abs(found - expected).max(initial=0.0)) / scale
        if found.shape == expected.shape
        else float("inf")
    )
    if not worst <= PARITY:
        wrong = "another shape" if worst == float("inf") else f"up to {worst:.2g}"
        raise FormatError(
            f"{form}: its numbers differ from the pipeline's by {wrong} on {len(expected):,} rows, and {PARITY:g} is "
            f"allowed: take joblib or package"
        )
    return {
        "file": name,
        "preprocessor": "preprocessor.joblib",
        "largest_difference": worst,
        "rows": len(expected),
    }


def inner(pipeline: Any) -> tuple[Any, Any]:
    """The estimator itself, out of our wrappers, and its classes."""
    last = pipeline.steps[-1][1]
    classes = getattr(last, "classes_", None)
    if type(last).__name__ == "FixedThresholdClassifier":  # it moves labels, and what is given away is shares
        last = last.estimator_
    if type(last).__name__ == "CalibratedClassifier":
        raise FormatError("calibrated shares are given away as joblib or package")
    while type(last).__module__.startswith("ml_assets.") and not hasattr(last, "network_"):
        inner = getattr(last, "estimator_", None)
        if inner is None or not type(last).__name__.startswith("LabelEncoded"):
            raise FormatError(
                f"{type(last).__name__} stands between the model and its numbers, which only joblib and package keep"
            )
        last = inner
    if isinstance(classes, list):
        raise FormatError("a model of several targets is given away as joblib or package")
    return last, classes


def prepared(folder: Path, pipeline: Any, clean: pd.DataFrame, *, coded: bool = False) -> NDArray[np.float64]:
    """Write the preprocessor, and give the matrix that it makes; `coded`: of a category the number of its level."""
    import joblib
    import numpy as np

    before = pipeline[:-1]
    joblib.dump(before, folder / "preprocessor.joblib")
    made: Any = before.transform(clean) if len(pipeline.steps) > 1 else clean
    made = made.toarray() if hasattr(made, "toarray") else made
    if coded and hasattr(made, "columns"):
        made = made.apply(lambda column: column.cat.codes if column.dtype == "category" else column)
    try:
        return np.asarray(made, dtype=float)
    except (TypeError, ValueError):
        raise FormatError(
            "its matrix holds text, which this format does not take: take joblib or package"
        ) from None


def as_numbers(found: Any, classes: Any) -> NDArray[np.float64]:
    """Answers as `numbers` gives them: of one share of two classes, both."""
    import numpy as np

    made = np.asarray(found, dtype=float)
    made = made.reshape(len(made), -1)
    if classes is not None and len(classes) == 2 and made.shape[1] == 1:
        made = np.hstack([1 - made, made])
    return made


def _xgboost(path: Path, matrix: Any) -> Any:
    import xgboost

    booster = xgboost.Booster(model_file=path)
    return booster.inplace_predict(matrix)


def _lightgbm(path: Path, matrix: Any) -> Any:
    import lightgbm

    return lightgbm.Booster(model_file=str(path)).predict(matrix)


def _catboost(path: Path, matrix: Any) -> Any:
    import catboost

    model = catboost.CatBoost().load_model(str(path))
    kind = (
        "Probability"
        if model.get_all_params().get("loss_function") in ("Logloss", "MultiClass")
        else "RawFormulaVal"
    )
    return model.predict(matrix, prediction_type=kind)


def _write_network(model: Any, path: Path) -> None:
    from ml_assets.networks import exported

    exported.write(model, path)


def _network(path: Path, matrix: Any) -> Any:
    from ml_assets.networks import exported

    return exported.answers(path, matrix)


NETWORKS: Final = "ml_assets"
"""Of our own estimators networks alone have a file of their own."""
NATIVE: Final[dict[str, tuple[str, Callable[[Any, Path], Any], Callable[[Path, Any], Any]]]] = {
    "xgboost": ("model.ubj", lambda model, path: model.save_model(path), _xgboost),
    "lightgbm": ("model.txt", lambda model, path: model.booster_.save_model(str(path)), _lightgbm),
    "catboost": ("model.cbm", lambda model, path: model.save_model(str(path)), _catboost),
    NETWORKS: ("model.pt2", _write_network, _network),
}
"""By library: name of its file, how it is written, and what it predicts when it is read back."""


def _with_converters() -> None:
    """Tell skl2onnx of the estimators of other libraries that are here."""
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )

    options = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
    try:
        import xgboost
        from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
    except ImportError:
        return
    for kind, shapes, more in (
        (xgboost.XGBClassifier, calculate_linear_classifier_output_shapes, options),
        (xgboost.XGBRegressor, calculate_linear_regressor_output_shapes, None),
    ):
        update_registered_converter(kind, kind.__name__, shapes, convert_xgboost, options=more)
