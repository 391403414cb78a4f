"""Prepared columns of numbers and levels, as the fitted transformer would make them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_assets.compiled.spec import Block, Flagged, Indicated, Multiplied, Numbers, Paired, Tabled

Array = NDArray[Any]
Prepare = Callable[[Array, Array], Array]
"""From numbers (n_rows, n_numbers) and codes of levels (n_rows, n_categories) to columns."""
LARGEST = 1e30
"""As in `features.products`."""


def prepared(
    blocks: Sequence[Block], arrays: Mapping[str, Array], kept: Sequence[int] | None, kind: type = np.float64
) -> Prepare:
    """Put the blocks side by side, as numbers of a kind; `kept` are the columns that a selection keeps."""
    parts = [part for k, spec in enumerate(blocks) for part in _pieces(spec, arrays, f"block{k}", kind)]
    places = None if kept is None else np.array(kept, dtype=np.intp)
    if len(parts) == 1 and places is None:
        return parts[0]

    def prepare(V: Array, C: Array) -> Array:
        with np.errstate(over="ignore"):
            X: Array = np.concatenate([part(V, C) for part in parts], axis=1, dtype=kind, casting="same_kind")
        return X if places is None else X[:, places]

    return prepare


def _pieces(spec: Block, arrays: Mapping[str, Array], name: str, kind: type) -> list[Prepare]:
    """What of a block lies side by side, each by itself: so that all columns are copied once."""
    if isinstance(spec, Tabled):
        return [_looked_up(arrays[f"{name}.{k}"].astype(kind), place) for k, place in enumerate(spec.columns)]
    return [block(spec, arrays, name)]


def block(spec: Block, arrays: Mapping[str, Array], name: str) -> Prepare:
    """Put one block together; `name` begins the names of its arrays."""
    match spec:
        case Numbers():
            return _numbers(spec, arrays, name)
        case Tabled():
            return _tabled(spec, arrays, name)
        case Indicated():
            places = np.array(spec.columns, dtype=np.intp)
            return lambda V, _: np.isnan(V[:, places]).astype(np.float64)
        case Flagged():
            where = np.array(spec.columns, dtype=np.intp)
            low, high = arrays[f"{name}.low"], arrays[f"{name}.high"]
            return lambda V, _: ((V[:, where] < low) | (V[:, where] > high)).astype(np.float64)
        case Multiplied():
            return _multiplied(spec, arrays, name)
        case Paired():
            return _paired(spec, arrays, name)


def _numbers(spec: Numbers, arrays: Mapping[str, Array], name: str) -> Prepare:
    places = np.array(spec.columns, dtype=np.intp)
    low, high, fill = (arrays.get(f"{name}.{part}") for part in ("low", "high", "fill"))
    indicated = np.array(spec.indicated, dtype=np.intp)
    carried = [(k, last) for k, last in enumerate(spec.carried) if last >= 0]
    scale = _scaling(spec.scaling, arrays, name)

    as_they_are = places.tolist() == list(range(len(places))) and not carried

    def prepare(V: Array, _: Array) -> Array:
        X = V[:, : len(places)] if as_they_are else V.take(places, axis=1)
        for k, last in carried:
            X[:, k] = np.where(np.isnan(X[:, k]), V[:, last], X[:, k])
        if low is not None and high is not None:
            X = np.minimum(np.maximum(X, low), high)
        if fill is not None:
            missing = np.isnan(X)
            X = np.where(missing, fill, X)
            if len(indicated):
                X = np.concatenate([X, missing[:, indicated]], axis=1)
        return scale(X)

    return prepare


def _scaling(scaling: str, arrays: Mapping[str, Array], name: str) -> Callable[[Array], Array]:
    """In scikit-learn's order of operations, so that the last digit is the same."""
    if scaling == "none":
        return lambda X: X
    if scaling == "unit":
        return _unit
    shift, scale = arrays[f"{name}.shift"], arrays[f"{name}.scale"]
    if scaling == "minmax":
        return lambda X: X * scale + shift
    return lambda X: (X - shift) / scale


def _unit(X: Array) -> Array:
    lengths = np.sqrt((X * X).sum(axis=1, keepdims=True))
    return np.asarray(X / np.where(lengths == 0, 1.0, lengths))


def _tabled(spec: Tabled, arrays: Mapping[str, Array], name: str) -> Prepare:
    pieces = _pieces(spec, arrays, name, np.float64)
    return lambda V, C: np.concatenate([piece(V, C) for piece in pieces], axis=1)


def _looked_up(table: Array, place: int) -> Prepare:
    return lambda _, C: table.take(C[:, place], axis=0)


def _multiplied(spec: Multiplied, arrays: Mapping[str, Array], name: str) -> Prepare:
    values = [block(part, arrays, f"{name}.{k}") for k, part in enumerate(spec.values)]
    powers, scale = arrays[f"{name}.powers"], _scaling(spec.scaling, arrays, name)

    def prepare(V: Array, C: Array) -> Array:
        filled = np.ascontiguousarray(np.concatenate([part(V, C) for part in values], axis=1))
        with np.errstate(over="ignore"):
            products = np.stack([np.prod(filled**power, axis=1) for power in powers], axis=1)
        return scale(np.clip(products, -LARGEST, LARGEST))

    return prepare


def _paired(spec: Paired, arrays: Mapping[str, Array], name: str) -> Prepare:
    pairs = [(a, b, arrays[f"{name}.codes{k}"], arrays[f"{name}.{k}"]) for k, (a, b) in enumerate(spec.pairs)]
    return lambda _, C: np.concatenate(
        [table[codes[C[:, a], C[:, b]]] for a, b, codes, table in pairs], axis=1
    )
