"""The networks themselves: from numbers and codes of categories to one figure for each class, or for each target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


def size_of(levels: int) -> int:
    """How many numbers stand for a category: a rule of thumb, 1.6 · levels^0.56, at most 50.

    >>> size_of(3), size_of(1000)
    (3, 50)
    """
    return int(min(50, round(1.6 * levels**0.56)))


class Level(NamedTuple):
    """A category."""

    known: int
    """Levels that it has, one for what no training row had among them."""
    size: int
    """Numbers that stand for each."""


class Ends(NamedTuple):
    """What every network begins and ends with."""

    width: int
    """Numbers of a row."""
    levels: Sequence[Level]
    """Of each category."""
    outputs: int
    """Figures of an answer."""


class Embedded(nn.Module):  # type: ignore[misc]  # torch is not there where types are checked
    """Categories as learned numbers, beside the numbers."""

    def __init__(self, width: int, levels: Sequence[Level]) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(count, size) for count, size in levels)
        self.width = width + sum(size for _, size in levels)

    def forward(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """Lay numbers (n_rows, width) and what stands for the codes beside each other."""
        return torch.cat([numbers, *(table(codes[:, k]) for k, table in enumerate(self.tables))], dim=1)


class Dense(nn.Sequential):  # type: ignore[misc]  # likewise
    """Layers with batch normalisation, ReLU and dropout, and a last one without."""

    def __init__(self, width: int, hidden: Sequence[int], outputs: int, dropout: float) -> None:
        layers: list[Any] = []
        for size in hidden:
            layers += [nn.Linear(width, size), nn.BatchNorm1d(size), nn.ReLU(), nn.Dropout(dropout)]
            width = size
        super().__init__(*layers, nn.Linear(width, outputs))


class MLP(nn.Module):  # type: ignore[misc]  # likewise
    """A multilayer perceptron."""

    def __init__(self, ends: Ends, *, hidden: Sequence[int], dropout: float) -> None:
        super().__init__()
        self.embedded = Embedded(ends.width, ends.levels)
        self.dense = Dense(self.embedded.width, hidden, ends.outputs, dropout)

    def forward(self, numbers: Tensor, codes: Tensor) -> Any:
        """Return (n_rows, outputs)."""
        return self.dense(self.embedded(numbers, codes))


class CNN(nn.Module):  # type: ignore[misc]  # likewise
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
        super().__init__()
        self.shape, self.places = shape, shape[0] * shape[1] * shape[2]
        layers: list[Any] = []
        depth, height, wide = shape
        for size in channels:
            for before in (depth, size):
                layers += [nn.Conv2d(before, size, 3, padding=1), nn.BatchNorm2d(size), nn.ReLU()]
            depth = size
            if height > 1 and wide > 1:
                layers.append(nn.MaxPool2d(2))
                height, wide = height // 2, wide // 2
        self.convolutions = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(dropout))
        self.embedded = Embedded(depth * height * wide, ends.levels)
        self.dense = Dense(self.embedded.width, hidden, ends.outputs, dropout)

    def forward(self, numbers: Tensor, codes: Tensor) -> Any:
        """Return (n_rows, outputs)."""
        images = numbers.reshape(numbers.shape[0], *self.shape)
        return self.dense(self.embedded(self.convolutions(images), codes))


class RNN(nn.Module):  # type: ignore[misc]  # likewise
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
        super().__init__()
        self.steps = steps
        between = dropout if layers > 1 else 0.0
        self.recurrent = nn.GRU(ends.width // steps, units, layers, batch_first=True, dropout=between)
        self.embedded = Embedded(units, ends.levels)
        self.dense = Dense(self.embedded.width, hidden, ends.outputs, dropout)

    def forward(self, numbers: Tensor, codes: Tensor) -> Any:
        """Return (n_rows, outputs)."""
        _, held = self.recurrent(numbers.reshape(numbers.shape[0], self.steps, -1))
        return self.dense(self.embedded(held[-1], codes))


class Transformer(nn.Module):  # type: ignore[misc]  # likewise
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
        super().__init__()
        self.weight = nn.Parameter(torch.randn(ends.width, size) / size**0.5)
        self.bias = nn.Parameter(torch.randn(ends.width + len(ends.levels), size) / size**0.5)
        self.tables = nn.ModuleList(nn.Embedding(count, size) for count, _ in ends.levels)
        self.judge = nn.Parameter(torch.zeros(1, 1, size))
        layer = nn.TransformerEncoderLayer(
            size, heads, 2 * size, dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.last = nn.Sequential(nn.LayerNorm(size), nn.ReLU(), nn.Linear(size, ends.outputs))

    def forward(self, numbers: Tensor, codes: Tensor) -> Any:
        """Return (n_rows, outputs)."""
        tokens = [numbers.unsqueeze(2) * self.weight]
        tokens += [table(codes[:, k]).unsqueeze(1) for k, table in enumerate(self.tables)]
        each = torch.cat(tokens, dim=1) + self.bias
        judged = torch.cat([self.judge.expand(each.shape[0], 1, -1), each], dim=1)
        return self.last(self.encoder(judged)[:, 0])


MODULES = {"MLP": MLP, "CNN": CNN, "RNN": RNN, "Transformer": Transformer}
