"""A fitted network of Keras' layers as one model in Keras' own file, which wants neither scikit-learn nor ml_assets.

It takes the matrix of prepared rows, categories as the numbers of their levels, and answers with shares or numbers.
Each of its layers is Keras' own, so it is read as plain data, on any backend of Keras.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ml_assets.networks import keras_modules
from ml_assets.networks.columns import FARTHEST, Columns

keras: Any = keras_modules.keras  # type: ignore[attr-defined]  # imported there, behind what sets its backend
layers, ops = keras.layers, keras.ops


def write(model: Any, path: Path, *, single: bool = False) -> None:
    """Write a fitted network as a model of Keras, for any number of rows.

    Parameters
    ----------
    model : Learner
        Fitted, with `library: keras`.
    path : Path
        Ends in `.keras`.
    single : bool
        In single precision, and without a loop, as devices want it that know nothing else.
    """
    columns, kind = model.columns_, "float32" if single else "float64"
    fitted = model.network_.build(double=True)
    fitted.load_state_dict({name: torch.from_numpy(np.asarray(it)) for name, it in model.weights_.items()})
    with keras_modules.precision(double=not single):
        network = _of_plain_layers(fitted.model, unroll=single)
        rows = keras.Input((model.n_features_in_,), dtype=kind, name="rows")
        answer = network([_numbers(rows, columns, kind), _codes(rows, columns, kind)])
        if hasattr(model, "classes_"):
            answer = layers.Softmax(name="shares")(answer)
        else:
            size, away = (np.asarray(each, dtype=kind) for each in (model.scale_, model.mean_))
            answer = ops.add(ops.multiply(answer, size), away)
        whole = keras.Model(rows, answer, name="whole")
    with warnings.catch_warnings():  # Keras asks PyTorch for arrays as numpy 1 did
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        whole.save(path)


def answers(path: Path, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a model in a file answers to a matrix of shape (n_rows, n_columns)."""
    with torch.inference_mode(), keras.device("cpu"):
        found = keras.models.load_model(path)(torch.from_numpy(np.asarray(matrix, dtype=np.float64)))
    return np.asarray(found.numpy())


def _numbers(rows: Any, columns: Columns, kind: str) -> Any:
    """What the network takes of the numbers; see `networks.columns.taken`."""
    values = ops.take(rows, list(columns.numbers), axis=1)
    # Comparisons, and none of them turned round: what TFLite makes of the others takes a missing number for one.
    there = ops.less_equal(ops.absolute(values), np.full(1, np.finfo(kind).max))
    away, size = columns.mean.astype(kind), columns.scale.astype(kind)
    values = ops.where(there, values, np.broadcast_to(away, (1, len(away))))
    sized = ops.clip(ops.divide(ops.subtract(values, away), size), -FARTHEST, FARTHEST)
    if columns.gaps:
        missing = ops.subtract(np.ones(1, kind), ops.cast(ops.take(there, list(columns.gaps), axis=1), kind))
        sized = ops.concatenate([sized, missing], axis=1)
    return ops.cast(ops.cast(sized, "float32"), kind)


def _codes(rows: Any, columns: Columns, kind: str) -> Any:
    """The number of each category's level, 0 of one that it does not have."""
    found = ops.take(rows, list(columns.categories), axis=1)
    known = ops.logical_and(
        ops.greater_equal(found, 0), ops.less(found, np.asarray(columns.levels, dtype=kind))
    )
    return ops.cast(ops.where(known, found, ops.zeros_like(found)), "int64")


def _of_plain_layers(model: Any, *, unroll: bool) -> Any:
    """The same model with layers of Keras alone; `unroll`: steps of a sequence one behind the other, not in a loop."""

    def again(layer: Any) -> Any:
        if hasattr(layer, "plain"):
            return layer.plain()
        config = layer.get_config()
        if isinstance(layer, layers.GRU):
            config["unroll"] = unroll
        if isinstance(layer, layers.Layer) and not isinstance(layer, layers.InputLayer):
            config["dtype"] = keras.config.dtype_policy().name
        return type(layer).from_config(config)

    made = keras.models.clone_model(model, clone_function=again)
    for old, new in zip(model.layers, made.layers, strict=True):
        for weight, place in zip(old.weights, new.weights, strict=True):
            place.assign(weight.value.detach().reshape(place.shape))
    return made
