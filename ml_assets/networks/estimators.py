"""The networks by name, each for classes and for numbers.

torch is imported where it is used, so that names, parameters and defaults are known without it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from ml_assets.networks import columns as known
from ml_assets.networks.learner import Classifier, Learner, Regressor, estimator

if TYPE_CHECKING:
    from ml_assets.networks.training import Network


@estimator
class _MLP(Learner):
    """A multilayer perceptron.

    Parameters
    ----------
    hidden : sequence of int
        Width of each layer; behind it batch normalisation, ReLU and dropout.
    """

    hidden: Sequence[int] = (256, 128, 64)

    def _network(self, columns: known.Columns, outputs: int) -> Network:
        return self._named("MLP", columns, outputs, hidden=tuple(self.hidden), dropout=self.dropout)


@estimator
class _CNN(Learner):
    """A network of convolutions over rows that are images.

    Parameters
    ----------
    image_shape : sequence of int, optional
        Height and width, or channels, height and width, of the columns in the order of their names; default: a square.
    channels : sequence of int
        Of each pair of convolutions, behind which the image is halved.
    hidden : sequence of int
        Layers behind the convolutions.
    """

    image_shape: Sequence[int] | None = None
    channels: Sequence[int] = (32, 64)
    hidden: Sequence[int] = (128,)

    _alike: ClassVar[bool] = True

    def _network(self, columns: known.Columns, outputs: int) -> Network:
        return self._named(
            "CNN",
            columns,
            outputs,
            shape=_shape(self.image_shape, columns.width),
            channels=tuple(self.channels),
            hidden=tuple(self.hidden),
            dropout=self.dropout,
        )


@estimator
class _RNN(Learner):
    """A recurrent network over rows that are sequences.

    Parameters
    ----------
    time_steps : int, optional
        Steps of a row, the earliest first, of equally many columns each by the order of their names; default: one.
    units, layers : int
        Size and number of the recurrent layers.
    hidden : sequence of int
        Layers behind them.
    """

    time_steps: int | None = None
    units: int = 64
    layers: int = 1
    hidden: Sequence[int] = (64,)

    _alike: ClassVar[bool] = True

    def _network(self, columns: known.Columns, outputs: int) -> Network:
        steps = columns.width if self.time_steps is None else self.time_steps
        if columns.width < 1 or columns.width % steps:
            raise ValueError(
                f"time_steps: {columns.width} columns of numbers are not {steps} steps of equally many."
            )
        return self._named(
            "RNN",
            columns,
            outputs,
            steps=steps,
            units=self.units,
            layers=self.layers,
            hidden=tuple(self.hidden),
            dropout=self.dropout,
        )


@estimator
class _Transformer(Learner):
    """A transformer over the columns of a row.

    Parameters
    ----------
    size, heads, layers : int
        Numbers that stand for a column, heads of the attention, and layers.
    """

    size: int = 64
    heads: int = 4
    layers: int = 2
    dropout: float = 0.1

    def _network(self, columns: known.Columns, outputs: int) -> Network:
        if self.size % self.heads:
            raise ValueError(f"size: {self.size} is no multiple of heads, {self.heads}.")
        return self._named(
            "Transformer",
            columns,
            outputs,
            size=self.size,
            heads=self.heads,
            layers=self.layers,
            dropout=self.dropout,
        )


def _shape(wanted: Sequence[int] | None, width: int) -> tuple[int, int, int]:
    """Channels, height and width of an image.

    >>> _shape(None, 64), _shape([4, 2], 8)
    ((1, 8, 8), (1, 4, 2))
    """
    if wanted is None:
        side = math.isqrt(width)
        if side * side != width or width < 1:
            raise ValueError(
                f"image_shape: {width} columns are no square image; write [height, width] or [channels, height, width]."
            )
        return 1, side, side
    shape = tuple(int(size) for size in wanted)
    shape = (1, *shape) if len(shape) == 2 else shape
    if len(shape) != 3 or math.prod(shape) != width:
        raise ValueError(
            f"image_shape: {list(wanted)} is no image of {width} columns; allowed: [height, width] or "
            "[channels, height, width], whose product is the number of columns."
        )
    return shape[0], shape[1], shape[2]


@estimator
class MLPClassifier(Classifier, _MLP):
    """A multilayer perceptron, for classes."""


@estimator
class MLPRegressor(Regressor, _MLP):
    """A multilayer perceptron, for numbers."""


@estimator
class CNNClassifier(Classifier, _CNN):
    """Convolutions over rows that are images, for classes."""


@estimator
class CNNRegressor(Regressor, _CNN):
    """Convolutions over rows that are images, for numbers."""


@estimator
class RNNClassifier(Classifier, _RNN):
    """A recurrent network over rows that are sequences, for classes."""


@estimator
class RNNRegressor(Regressor, _RNN):
    """A recurrent network over rows that are sequences, for numbers."""


@estimator
class TransformerClassifier(Classifier, _Transformer):
    """A transformer over the columns of a row, for classes."""


@estimator
class TransformerRegressor(Regressor, _Transformer):
    """A transformer over the columns of a row, for numbers."""
