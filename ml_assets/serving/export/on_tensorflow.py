"""The program that makes TensorFlow's formats of a `.keras` file, in a process whose Keras runs on TensorFlow.

Where networks learn, Keras runs on PyTorch, and a process has one backend.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ml_assets.serving.export.single import FormatError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Form = Literal["savedmodel", "tflite"]


def converted(form: Form, archive: Path, target: Path, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Write a `.keras` file in a format of TensorFlow's, and say what the format's own runtime then answers.

    Parameters
    ----------
    form : {"savedmodel", "tflite"}
    archive, target : Path
        The `.keras` file, and the folder or file to be written.
    matrix : ndarray of shape (n_rows, n_columns)
        Prepared rows.

    Returns
    -------
    ndarray of shape (n_rows, n_numbers)

    Raises
    ------
    FormatError
        If TensorFlow is not installed, or cannot write or run it.
    """
    import numpy as np

    if find_spec("tensorflow") is None:
        raise FormatError(f"{form} needs TensorFlow: run `pip install 'ml_assets[tensorflow]'`")

    quiet = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    with tempfile.TemporaryDirectory() as folder:
        rows, found = Path(folder) / "rows.npy", Path(folder) / "answers.npy"
        np.save(rows, matrix)
        told = subprocess.run(
            [sys.executable, "-m", __name__, form, archive, target, rows, found],
            env=os.environ | quiet, capture_output=True, text=True, errors="replace",
        )  # fmt: skip
        if told.returncode:
            last = (told.stderr.strip() or f"it ended with {told.returncode}").splitlines()[-1]
            raise FormatError(
                f"{form}: TensorFlow cannot write this network ({last[:200]}): take keras, joblib or package"
            )
        return np.asarray(np.load(found), dtype=float)


def _savedmodel(model: Any, target: Path, matrix: Any) -> Any:
    import tensorflow as tf

    model.export(str(target), format="tf_saved_model", verbose=False)
    read = tf.saved_model.load(str(target))  # its variables live as long as it does
    return read.serve(tf.constant(matrix)).numpy()


def _tflite(model: Any, target: Path, matrix: Any) -> Any:
    import tensorflow as tf

    target.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    reader = tf.lite.Interpreter(model_path=str(target))
    (taken,), (given,) = reader.get_input_details(), reader.get_output_details()
    reader.resize_tensor_input(taken["index"], matrix.shape)
    reader.allocate_tensors()
    reader.set_tensor(taken["index"], matrix.astype(taken["dtype"]))
    reader.invoke()
    return reader.get_tensor(given["index"])


def main(form: str, archive: str, target: str, rows: str, found: str) -> None:
    """Write the format, and what it answers to the rows."""
    import keras
    import numpy as np

    write = {"savedmodel": _savedmodel, "tflite": _tflite}[form]
    np.save(found, write(keras.models.load_model(archive), Path(target), np.load(rows)))


if __name__ == "__main__":
    main(*sys.argv[1:])
