"""How a network learns: Adam, a smaller rate on a plateau, an early end with the best weights, a file to go on from.

All that the next epoch depends on is in that file, so a training that was killed ends with the weights that it would
have had. It is read without pickle.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ml_assets.networks.modules import MODULES, Ends, Level, size_of

Weights = dict[str, NDArray[Any]]
ROWS_AT_ONCE = 4096


@dataclass(frozen=True, kw_only=True)
class Lessons:
    """How long and how fast."""

    learning_rate: float
    batch_size: int
    max_epochs: int
    patience: int
    """Epochs without a gain on the rows set aside, after which the best weights are taken back."""
    plateau_patience: int
    plateau_factor: float
    weight_decay: float
    frozen_epochs: int
    """First epochs in which the last layer alone learns."""
    seed: int
    threads: int
    device: str


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Numbers, codes of categories and what is to be learned, of shape (n_rows, …); which rows are set aside."""

    numbers: NDArray[np.float32]
    codes: NDArray[np.int64]
    y: NDArray[Any]
    aside: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network by name, with its arguments: enough to build it."""

    name: str
    width: int
    levels: tuple[int, ...]
    outputs: int
    arguments: Mapping[str, Any]
    library: str = "torch"
    sizes: tuple[int, ...] = ()
    """Numbers that stand for a level of each category; empty: by how many levels it has."""

    def build(self, *, double: bool = False) -> Any:
        """Return it with weights drawn at random, in double precision if that is asked for."""
        levels = [
            Level(*each) for each in zip(self.levels, self.sizes or map(size_of, self.levels), strict=True)
        ]
        ends = Ends(self.width, levels, self.outputs)
        if self.library == "keras":
            from ml_assets.networks import keras_modules

            with keras_modules.precision(double=double):
                return keras_modules.MODULES[self.name](ends, **self.arguments)
        module = MODULES[self.name](ends, **self.arguments)
        return module.double() if double else module


def train(
    network: Network,
    rows: Rows,
    lessons: Lessons,
    weights: NDArray[np.float32] | None = None,
    folder: Path | None = None,
    begun: Weights | None = None,
) -> tuple[Weights, list[dict[str, float]]]:
    """Let a network learn.

    Parameters
    ----------
    weights : ndarray of shape (n_classes,), optional
        Weights of classes: y is their codes. Otherwise numbers of shape (n_rows, 1), and the loss their squared error.
    folder : Path, optional
        Where the file to go on from is kept, under a name made of all that the outcome depends on; gone at the end.
    begun : dict of str to ndarray, optional
        Weights to begin from, of such a network, perhaps with fewer levels; without them they are drawn at random.

    Returns
    -------
    weights : dict of str to ndarray
    history : list of dict
        `epoch`, `loss` and `loss_aside` (means over rows), `learning_rate` of each epoch.
    """
    kept = folder / f"{_identity(network, rows, lessons, weights, begun)}.pt" if folder is not None else None
    with _alone(lessons):
        device = _device(lessons)
        loss = _loss(weights, device)
        module = network.build().to(device)
        if begun is not None:
            _take(module, begun)
        made = _Course(module, lessons)
        if kept is not None and kept.exists():
            made.read(kept)
        while made.goes_on:
            made.epoch(rows, loss, device)
            if kept is not None:
                made.write(kept)
    if kept is not None:
        kept.unlink(missing_ok=True)
    return {name: value.cpu().numpy().copy() for name, value in made.best.items()}, made.history


def answer(
    network: Network, weights: Weights, numbers: NDArray[Any], codes: NDArray[Any]
) -> NDArray[np.float64]:
    """Return what a network says of rows, of shape (n_rows, outputs).

    In double precision, so that a row gets the same answer alone and among others.
    """
    module = network.build(double=True).eval()
    module.load_state_dict({name: torch.from_numpy(np.asarray(value)) for name, value in weights.items()})
    parts = []
    with torch.inference_mode():
        for first in range(0, len(numbers), ROWS_AT_ONCE):
            part = slice(first, first + ROWS_AT_ONCE)
            taken = torch.from_numpy(numbers[part].astype(np.float64)), torch.from_numpy(codes[part])
            parts.append(module(*taken).numpy())
    return np.concatenate(parts) if parts else np.zeros((0, network.outputs))


class _Course:
    """A training at some epoch."""

    def __init__(self, module: Any, lessons: Lessons) -> None:
        self.module, self.lessons = module, lessons
        self.learning = [weight for weight in module.parameters() if weight.requires_grad]
        self.optimizer = torch.optim.Adam(
            module.parameters(), lr=lessons.learning_rate, weight_decay=lessons.weight_decay
        )
        self.plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
            self.optimizer, factor=lessons.plateau_factor, patience=lessons.plateau_patience
        )
        self.best: dict[str, Tensor] = _copied(module.state_dict())
        self.least, self.since = math.inf, 0
        self.history: list[dict[str, float]] = []

    @property
    def frozen(self) -> bool:
        """Whether the last layer alone learns in this epoch."""
        return len(self.history) < self.lessons.frozen_epochs

    @property
    def goes_on(self) -> bool:
        return len(self.history) < self.lessons.max_epochs and self.since < self.lessons.patience

    def epoch(self, rows: Rows, loss: Any, device: str) -> None:
        learning, aside = np.flatnonzero(~rows.aside), np.flatnonzero(rows.aside)
        self.module.train(not self.frozen)
        answering = {id(weight) for weight in _last(self.module).parameters()}
        for weight in self.learning:
            weight.requires_grad_(not self.frozen or id(weight) in answering)
        order = learning[torch.randperm(len(learning)).numpy()]
        total = sum(
            self._step(part, rows, loss, device) * len(part) for part in _batches(order, self.lessons)
        )
        found = total / len(learning)
        outside = self._outside(aside, rows, loss, device) if len(aside) else found
        self.history.append(
            {
                "epoch": len(self.history) + 1,
                "loss": found,
                "loss_aside": outside,
                "learning_rate": self.optimizer.param_groups[0]["lr"],
            }
        )
        self.plateau.step(outside)
        self.since += 1
        if outside < self.least:
            self.least, self.since, self.best = outside, 0, _copied(self.module.state_dict())

    def _step(self, part: NDArray[Any], rows: Rows, loss: Any, device: str) -> float:
        self.optimizer.zero_grad()
        cost = loss(self.module(*_tensors(rows, part, device)), _tensor(rows.y[part], device))
        cost.backward()
        self.optimizer.step()
        return float(cost.detach())

    def _outside(self, aside: NDArray[Any], rows: Rows, loss: Any, device: str) -> float:
        self.module.eval()
        with torch.inference_mode():
            parts = [aside[first : first + ROWS_AT_ONCE] for first in range(0, len(aside), ROWS_AT_ONCE)]
            costs = [
                float(loss(self.module(*_tensors(rows, part, device)), _tensor(rows.y[part], device)))
                * len(part)
                for part in parts
            ]
        return sum(costs) / len(aside)

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".part")
        torch.save(
            {
                "module": self.module.state_dict(),
                "best": self.best,
                "optimizer": self.optimizer.state_dict(),
                "plateau": self.plateau.state_dict(),
                "random": torch.get_rng_state(),
                "least": self.least,
                "since": self.since,
                "history": self.history,
            },
            beside,
        )
        beside.replace(path)

    def read(self, path: Path) -> None:
        held = torch.load(path, weights_only=True)
        self.module.load_state_dict(held["module"])
        self.optimizer.load_state_dict(held["optimizer"])
        self.plateau.load_state_dict(held["plateau"])
        torch.set_rng_state(held["random"])
        self.best, self.least, self.since = held["best"], held["least"], held["since"]
        self.history = held["history"]


def _last(module: Any) -> Any:
    """The layer that answers."""
    return (
        getattr(module, "answering", None)
        or [each for each in module.modules() if isinstance(each, nn.Linear)][-1]
    )


def _take(module: Any, begun: Weights) -> None:
    """Give a network weights of one like it; a level that it did not know begins as those that no row had."""
    with torch.no_grad():
        for name, value in module.state_dict().items():
            old = torch.from_numpy(np.asarray(begun[name])).to(value.device)
            if old.shape != value.shape:
                old = torch.cat([old, old[:1].expand(len(value) - len(old), *old.shape[1:])])
            value.copy_(old)


def _batches(order: NDArray[Any], lessons: Lessons) -> Iterator[NDArray[Any]]:
    """Parts of some size; a last one of a single row, of which no spread can be taken, joins the one before."""
    size = lessons.batch_size
    firsts = list(range(0, len(order), size))
    if len(firsts) > 1 and len(order) - firsts[-1] == 1:
        firsts.pop()
    for first, after in zip(firsts, [*firsts[1:], len(order)], strict=True):
        yield order[first:after]


def _loss(weights: NDArray[np.float32] | None, device: str) -> Any:
    return nn.MSELoss() if weights is None else nn.CrossEntropyLoss(torch.from_numpy(weights).to(device))


def _tensors(rows: Rows, part: NDArray[Any], device: str) -> tuple[Tensor, Tensor]:
    return _tensor(rows.numbers[part], device), _tensor(rows.codes[part], device)


def _tensor(values: NDArray[Any], device: str) -> Tensor:
    return torch.from_numpy(values).to(device)


def _copied(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in state.items()}


def _device(lessons: Lessons) -> str:
    if lessons.device != "auto":
        return lessons.device
    return "cuda" if torch.cuda.is_available() else "cpu"


@contextmanager
def _alone(lessons: Lessons) -> Iterator[None]:
    """Draw from a seed of one's own, on so many threads; both are as before afterwards."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng():
        torch.manual_seed(lessons.seed)
        torch.set_num_threads(lessons.threads)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def _identity(
    network: Network,
    rows: Rows,
    lessons: Lessons,
    weights: NDArray[np.float32] | None,
    begun: Weights | None,
) -> str:
    told = {"network": asdict(network), "lessons": asdict(lessons)}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True, default=list).encode())
    before = [begun[name] for name in sorted(begun)] if begun is not None else []
    for values in (rows.numbers, rows.codes, rows.y, rows.aside, weights, *before):
        if values is not None:
            digest.update(str(values.shape).encode() + np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()[:24]
