"""Compiled models: from prepared columns to shares of classes, or to numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_assets.compiled import native
from ml_assets.compiled.spec import (
    Calibrated,
    Kernel,
    Layers,
    Linear,
    Link,
    Mean,
    Model,
    Several,
    Stacked,
    Trees,
)
from ml_assets.compiled.trees import Walk
from ml_assets.tasks.calibrated import held_odds, mapped

Array = NDArray[Any]
Predict = Callable[[Array], Any]
"""From columns of shape (n_rows, n_columns) to shares (n_rows, n_classes), numbers (n_rows,), or a list of these."""


def model(spec: Model, arrays: Mapping[str, Array], name: str, folder: Path) -> Predict:
    """Put a model together; `name` begins the names of its arrays."""
    own = {key[len(name) + 1 :]: value for key, value in arrays.items() if key.startswith(f"{name}.")}
    match spec:
        case Linear():
            return _linear(spec, own)
        case Trees():
            return _trees(spec, own, folder)
        case Layers():
            return _layers(spec, own)
        case Kernel():
            return _kernel(spec, own)
        case Several():
            parts = [model(part, arrays, f"{name}.{k}", folder) for k, part in enumerate(spec.parts)]
            return lambda X: [part(X) for part in parts]
        case Mean():
            parts, weights = _parts(spec.parts, arrays, name, folder), own["weights"]
            if spec.votes:
                parts = [_vote(part) for part in parts]
            return lambda X: sum(w * part(X) for w, part in zip(weights, parts, strict=True)) / weights.sum()
        case Stacked():
            parts = _parts(spec.parts, arrays, name, folder)
            final = model(spec.final, arrays, f"{name}.final", folder)
            return lambda X: final(_stacked(parts, X, spec))
        case Calibrated():
            part = model(spec.part, arrays, f"{name}.0", folder)
            maps = [_map(own, k) for k in range(spec.classes)]
            return lambda X: mapped(np.asarray(part(X), np.float64), maps)


def by_rows(spec: Model) -> bool:
    """Whether a row gets the very numbers alone that it gets among others: not by BLAS, which adds in another order."""
    match spec:
        case Linear() | Trees():
            return True
        case Several() | Mean():
            return all(by_rows(part) for part in spec.parts)
        case Stacked():
            return all(by_rows(part) for part in (*spec.parts, spec.final))
        case Calibrated():
            return by_rows(spec.part)
        case _:
            return False


def _map(own: Mapping[str, Array], k: int) -> dict[str, Any] | None:
    """The map of a class; None where it has none."""
    if f"maps.{k}.given" in own:
        return {"given": own[f"maps.{k}.given"].tolist(), "meant": own[f"maps.{k}.meant"].tolist()}
    if f"maps.{k}.platt" in own:
        return {"platt": own[f"maps.{k}.platt"].tolist()}
    found = own.get(f"maps.{k}.sigmoid")
    return None if found is None else {"slope": found[0], "intercept": found[1]}


def linked(link: Link, sums: Array) -> Array:
    """From sums of shape (n_rows, n_outputs) to shares, or to numbers of shape (n_rows,)."""
    if link == "identity":
        return sums[:, 0]
    with np.errstate(over="ignore", under="ignore"):
        if link == "exponential":
            return np.asarray(np.exp(sums[:, 0]))
        if link == "softmax":
            shares = np.exp(sums - sums.max(axis=1, keepdims=True))
            return np.asarray(shares / shares.sum(axis=1, keepdims=True))
        second = 1.0 / (1.0 + np.exp(-sums))
    if link == "sigmoid":
        return np.concatenate([1.0 - second[:, :1], second[:, :1]], axis=1)
    return _to_one(second)


def _linear(spec: Linear, own: Mapping[str, Array]) -> Predict:
    coef, intercept = own["coef"], own["intercept"]

    def predict(X: Array) -> Array:
        # By rows, not by BLAS: a row alone gets the very number that it gets among others.
        sums = np.stack([(X * weights).sum(axis=1) for weights in coef], axis=1) + intercept
        if spec.calibrated:
            with np.errstate(over="ignore"):
                shares = 1.0 / (1.0 + np.exp(own["sigmoid_a"] * sums + own["sigmoid_b"]))
            return np.concatenate([1.0 - shares, shares], axis=1) if len(coef) == 1 else _to_one(shares)
        return linked(spec.link, sums)

    return predict


def _trees(spec: Trees, own: Mapping[str, Array], folder: Path) -> Predict:
    walk, value = Walk(own, spec.depth, spec.single), own["value"]
    if spec.averaged:
        many = len(value[0])

        def averaged(X: Array) -> Array:
            means: Array = value[walk.leaves(X)].mean(axis=1)
            return means[:, 0] if many == 1 and spec.link == "identity" else means

        return averaged
    base, group = own["base"], own["group"]
    kind = np.float32 if spec.sums == "float32" else np.float64
    values = value.astype(kind)
    start = base.astype(kind)
    places = [np.flatnonzero(group == k) for k in range(len(base))]
    all_one = len(base) == 1

    def summed(X: Array) -> Array:
        leaves = values[walk.leaves(X)]
        columns = []
        for k, place in enumerate(places):
            own_leaves = leaves if all_one else leaves[:, place]
            first = np.full((len(X), 1), start[k], dtype=kind)
            # One after the other, as the library adds: the sum has the same last digit.
            columns.append(np.add.accumulate(np.concatenate([first, own_leaves], axis=1), axis=1)[:, -1])
        return np.stack(columns, axis=1).astype(np.float64)

    if spec.native is None:
        return lambda X: linked(spec.link, summed(X))
    margins, few = native.fastest(folder / spec.native, summed, _width(own))
    return lambda X: linked(spec.link, summed(X) if len(X) <= few else margins(X))


def _width(own: Mapping[str, Array]) -> int:
    return int(own["columns"][0])


def _layers(spec: Layers, own: Mapping[str, Array]) -> Predict:
    activations: dict[str, Predict] = {
        "identity": lambda X: X,
        "logistic": lambda X: 1.0 / (1.0 + np.exp(-X)),
        "tanh": np.tanh,
        "relu": lambda X: np.maximum(X, 0.0),
    }
    between = activations[spec.activation]

    def predict(X: Array) -> Array:
        with np.errstate(over="ignore"):
            for k in range(spec.layers):
                X = X @ own[f"coef{k}"] + own[f"intercept{k}"]
                if k < spec.layers - 1:
                    X = between(X)
        return linked(spec.link, X)

    return predict


def _kernel(spec: Kernel, own: Mapping[str, Array]) -> Predict:
    centres, weights = own["centres"], own["weights"].T
    squares = (centres**2).sum(axis=1)

    def predict(X: Array) -> Array:
        X = X * own["scale"] + own["shift"]
        X = X / np.sqrt(1.0 + (X / spec.within) ** 2) if spec.smoothly else X.clip(-spec.within, spec.within)
        distances = np.maximum((X**2).sum(axis=1)[:, None] + squares - 2.0 * (X @ centres.T), 0.0)
        return linked(spec.link, np.exp(-spec.gamma * distances) @ weights + own["intercept"])

    return predict


def _parts(parts: tuple[Model, ...], arrays: Mapping[str, Array], name: str, folder: Path) -> list[Predict]:
    return [model(part, arrays, f"{name}.{k}", folder) for k, part in enumerate(parts)]


def _vote(part: Predict) -> Predict:
    """A whole share for the label of each row."""

    def vote(X: Array) -> Array:
        shares = part(X)
        return np.asarray(np.eye(shares.shape[1])[shares.argmax(axis=1)])

    return vote


def _stacked(parts: list[Predict], X: Array, spec: Stacked) -> Array:
    columns = []
    for part in parts:
        found = part(X)
        found = found[:, None] if found.ndim == 1 else found[:, 1:] if found.shape[1] == 2 else found
        columns.append(held_odds(found) if spec.odds else found)
    return np.concatenate([*columns, X] if spec.passthrough else columns, axis=1)


def _to_one(shares: Array) -> Array:
    total = shares.sum(axis=1, keepdims=True)
    even = np.full_like(shares, 1.0 / shares.shape[1])
    found: Array = np.divide(shares, total, out=even, where=total != 0)
    return found
