"""A network of Keras' layers in the formats of Keras and TensorFlow: `.keras`, SavedModel and TFLite."""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ml_assets.serving.export.on_tensorflow import Form, converted
from ml_assets.serving.export.single import FormatError, as_numbers, held, inner, numbers, prepared

if TYPE_CHECKING:
    import pandas as pd

ARCHIVE: Final = "model.keras"
TARGETS: Final[dict[Form, str]] = {"savedmodel": "model", "tflite": "model.tflite"}
"""What is written, a folder or a file."""


def write_keras(folder: Path, pipeline: Any, clean: pd.DataFrame) -> dict[str, Any]:
    """Write the network as `model.keras`, and the preprocessor beside it.

    Raises
    ------
    FormatError
        If the model is no network of Keras' layers, or gives other numbers when it is read back.
    """
    network, classes = _network("keras", pipeline)
    _write_archive("keras", network, folder / ARCHIVE)
    from ml_assets.networks import archived

    found = archived.answers(folder / ARCHIVE, prepared(folder, pipeline, clean, coded=True))
    return held("keras", ARCHIVE, as_numbers(found, classes), numbers(pipeline, clean))


def write_savedmodel(folder: Path, pipeline: Any, clean: pd.DataFrame) -> dict[str, Any]:
    """Write the network as TensorFlow's folder `model`, and the preprocessor beside it; FormatError as above."""
    return _on_tensorflow("savedmodel", folder, pipeline, clean)


def write_tflite(folder: Path, pipeline: Any, clean: pd.DataFrame) -> dict[str, Any]:
    """Write the network as `model.tflite`, in single precision, and the preprocessor beside it."""
    return _on_tensorflow("tflite", folder, pipeline, clean)


def _on_tensorflow(form: Form, folder: Path, pipeline: Any, clean: pd.DataFrame) -> dict[str, Any]:
    network, classes = _network(form, pipeline)
    matrix = prepared(folder, pipeline, clean, coded=True)
    with tempfile.TemporaryDirectory() as aside:
        archive = Path(aside) / ARCHIVE
        _write_archive(form, network, archive)
        found = converted(form, archive, folder / TARGETS[form], matrix)
    return held(form, TARGETS[form], as_numbers(found, classes), numbers(pipeline, clean))


def _write_archive(form: str, network: Any, path: Path) -> None:
    try:
        from ml_assets.networks import archived

        archived.write(network, path, single=form == "tflite")
    except Exception as error:  # noqa: BLE001 - Keras is set to another backend, or says something of its own
        raise FormatError(
            f"{form}: {type(network).__name__} cannot be written ({' '.join(str(error).split())[:200]}): "
            "take joblib or package"
        ) from None


def _network(form: str, pipeline: Any) -> tuple[Any, Any]:
    """The fitted network, and its classes."""
    network, classes = inner(pipeline)
    if not hasattr(network, "network_"):
        raise FormatError(
            f"{form}: {type(network).__name__} is no network of Keras' layers: take joblib or package"
        )
    if network.library != "keras":
        raise FormatError(
            f"{form}: {type(network).__name__} is made of PyTorch's layers: take native, or train it again with the "
            "hyperparameter `library: keras`"
        )
    if find_spec("keras") is None:
        raise FormatError(f"{form} needs Keras: run `pip install 'ml_assets[keras]'`")
    return network, classes
