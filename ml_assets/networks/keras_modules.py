"""The same networks made of Keras' layers, on its PyTorch backend: they learn and are kept as the others are."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ml_assets.networks.modules import Ends, Level

# Keras reads it where it is imported: there is no other way to tell it.
asked = (
    sys.modules["keras"].config.backend()
    if "keras" in sys.modules
    else os.environ.setdefault("KERAS_BACKEND", "torch")
)
if asked != "torch":
    raise ValueError(
        f"library: keras: Keras is set to {asked}, and these networks learn with PyTorch. Set KERAS_BACKEND=torch, or "
        "leave it unset"
    )

import keras  # noqa: E402  # behind the lines that tell it its backend
from keras import layers  # noqa: E402  # likewise

MOMENTUM = 0.9
"""Of batch normalisation's moving means, as PyTorch has it: Keras' .99 has not seen enough after a few epochs."""


class KerasNetwork(nn.Module):  # type: ignore[misc]  # torch is not there where types are checked
    """A model of Keras as a module: numbers (n_rows, width) and codes of categories in, (n_rows, outputs) out.

    Parameters
    ----------
    body : callable
        From tensors of Keras, numbers and each category's embedding, to what goes into the last layer.
    """

    def __init__(self, ends: Ends, body: Callable[..., Any]) -> None:
        super().__init__()
        with keras.device("cpu"):
            numbers, codes = keras.Input((ends.width,)), keras.Input((len(ends.levels),), dtype="int64")
            self.model = keras.Model(
                [numbers, codes], _dense(ends.outputs)(body(numbers, codes, ends.levels))
            )

    @property
    def answering(self) -> Any:
        """The layer that answers."""
        return self.model.layers[-1]

    def forward(self, numbers: Tensor, codes: Tensor) -> Any:
        """Return (n_rows, outputs)."""
        with keras.device("gpu" if numbers.is_cuda else "cpu"):
            return self.model([numbers, codes], training=self.training)


class MLP(KerasNetwork):
    """A multilayer perceptron."""

    def __init__(
        self,
        ends: Ends,
        *,
        hidden: Sequence[int],
        dropout: float,
    ) -> None:
        def body(numbers: Any, codes: Any, levels: Sequence[Level]) -> Any:
            return _hidden(_beside(numbers, codes, levels), hidden, dropout)

        super().__init__(ends, body)


class CNN(KerasNetwork):
    """Convolutions over rows that are images: two of 3 × 3 before each halving; categories join behind them."""

    def __init__(
        self,
        ends: Ends,
        *,
        shape: tuple[int, int, int],
        channels: Sequence[int],
        hidden: Sequence[int],
        dropout: float,
    ) -> None:
        def body(numbers: Any, codes: Any, levels: Sequence[Level]) -> Any:
            images = layers.Permute((2, 3, 1))(layers.Reshape(shape)(numbers))
            for size in channels:
                for _ in range(2):
                    images = layers.Conv2D(size, 3, padding="same", kernel_initializer=_drawn())(images)
                    images = layers.ReLU()(layers.BatchNormalization(momentum=MOMENTUM)(images))
                if images.shape[1] > 1 and images.shape[2] > 1:
                    images = layers.MaxPooling2D(2)(images)
            flat = layers.Dropout(dropout, seed=_seed())(layers.Flatten()(images))
            return _hidden(_beside(flat, codes, levels), hidden, dropout)

        super().__init__(ends, body)


class RNN(KerasNetwork):
    """A recurrent network (GRU) over rows that are sequences; what it holds at the end is judged."""

    def __init__(
        self,
        ends: Ends,
        *,
        steps: int,
        units: int,
        layers: int,
        hidden: Sequence[int],
        dropout: float,
    ) -> None:
        def body(numbers: Any, codes: Any, levels: Sequence[Level]) -> Any:
            held = keras.layers.Reshape((steps, ends.width // steps))(numbers)
            for layer in range(layers):
                last = layer == layers - 1
                held = keras.layers.GRU(
                    units,
                    return_sequences=not last,
                    kernel_initializer=_drawn(),
                    recurrent_initializer=keras.initializers.Orthogonal(seed=_seed()),
                    seed=_seed(),
                )(held)
                held = held if last else keras.layers.Dropout(dropout, seed=_seed())(held)
            return _hidden(_beside(held, codes, levels), hidden, dropout)

        super().__init__(ends, body)


class Transformer(KerasNetwork):
    """A transformer over the columns of a row, each a token (Gorishniy and others 2021, section 3.3)."""

    def __init__(
        self,
        ends: Ends,
        *,
        size: int,
        heads: int,
        layers: int,
        dropout: float,
    ) -> None:
        of = keras.layers

        def body(numbers: Any, codes: Any, levels: Sequence[Level]) -> Any:
            tokens = [_Tokens(size)(numbers)]
            tokens += [
                of.Reshape((1, size))(table)
                for table in _tables(codes, [Level(count, size) for count, _ in levels])
            ]
            each = _Judged()(of.Concatenate(axis=1)(tokens))
            for _ in range(layers):
                seen = of.LayerNormalization()(each)
                seen = of.MultiHeadAttention(
                    heads, size // heads, dropout=dropout, kernel_initializer=_drawn(), seed=_seed()
                )(seen, seen)
                each = of.Add()([each, of.Dropout(dropout, seed=_seed())(seen)])
                wide = _dense(2 * size, "gelu")(of.LayerNormalization()(each))
                back = _dense(size)(of.Dropout(dropout, seed=_seed())(wide))
                each = of.Add()([each, of.Dropout(dropout, seed=_seed())(back)])
            return of.ReLU()(of.LayerNormalization()(each[:, 0]))

        super().__init__(ends, body)


class _Tokens(layers.Layer):  # type: ignore[misc]  # Keras is not there where types are checked
    """A number becomes a token: the number times what is learned for its column, and something added."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def build(self, input_shape: tuple[int | None, int]) -> None:
        shape = (input_shape[-1], self.size)
        drawn = keras.initializers.RandomNormal(stddev=self.size**-0.5, seed=_seed())
        self.scale = self.add_weight(shape=shape, initializer=drawn, name="scale")
        drawn = keras.initializers.RandomNormal(stddev=self.size**-0.5, seed=_seed())
        self.bias = self.add_weight(shape=shape, initializer=drawn, name="bias")

    def call(self, numbers: Any) -> Any:
        return numbers[:, :, None] * self.scale + self.bias

    def plain(self) -> Any:
        """A layer of Keras itself that does the same with the same weights."""
        return layers.EinsumDense("bc,cd->bcd", tuple(self.scale.shape), bias_axes="cd", name="tokens")


class _Judged(layers.Layer):  # type: ignore[misc]  # likewise
    """A token of its own before the others, from which the answer is read."""

    def build(self, input_shape: tuple[int | None, int, int]) -> None:
        self.judge = self.add_weight(shape=(1, 1, input_shape[-1]), initializer="zeros", name="judge")

    def call(self, tokens: Any) -> Any:
        judge = keras.ops.repeat(self.judge, keras.ops.shape(tokens)[0], axis=0)
        return keras.ops.concatenate([judge, tokens], axis=1)

    def plain(self) -> Any:
        """A model of layers of Keras itself that does the same with the same weights."""
        _, count, size = self.input.shape
        tokens = keras.Input((count, size))
        first = keras.ops.cast(keras.ops.zeros_like(tokens[:, :1, 0]), "int64")
        told = layers.Concatenate(axis=1)([layers.Embedding(1, size)(first), tokens])
        return keras.Model(tokens, told, name="judged")


def _tables(codes: Any, levels: Sequence[Level]) -> list[Any]:
    """What is learned for the level of each category."""
    return [
        layers.Embedding(
            count,
            size,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=1.0, seed=_seed()),
        )(codes[:, k])
        for k, (count, size) in enumerate(levels)
    ]


def _beside(numbers: Any, codes: Any, levels: Sequence[Level]) -> Any:
    """Lay what stands for the codes beside the numbers."""
    tables = _tables(codes, levels)
    return layers.Concatenate()([numbers, *tables]) if tables else numbers


def _hidden(inside: Any, sizes: Sequence[int], dropout: float) -> Any:
    """Layers with batch normalisation, ReLU and dropout."""
    for size in sizes:
        inside = layers.ReLU()(layers.BatchNormalization(momentum=MOMENTUM)(_dense(size)(inside)))
        inside = layers.Dropout(dropout, seed=_seed())(inside)
    return inside


def _dense(size: int, activation: str | None = None) -> Any:
    return layers.Dense(size, activation=activation, kernel_initializer=_drawn())


def _drawn() -> Any:
    return keras.initializers.GlorotUniform(seed=_seed())


def _seed() -> int:
    """A seed from PyTorch's, which `train` has set: Keras itself would draw from Python's."""
    return int(torch.randint(2**31 - 1, ()))


MODULES: dict[str, Callable[..., KerasNetwork]] = {
    "MLP": MLP,
    "CNN": CNN,
    "RNN": RNN,
    "Transformer": Transformer,
}


@contextmanager
def precision(*, double: bool) -> Iterator[None]:
    """Let a network that is built meanwhile count in double or single precision."""
    before = keras.config.dtype_policy()
    keras.utils.clear_session(free_memory=False)  # names of weights are counted from the beginning
    keras.config.set_dtype_policy("float64" if double else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
