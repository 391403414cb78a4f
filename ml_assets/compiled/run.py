"""A compiled model at work: nothing is unpickled, and a row alone needs no frame."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_assets.compiled.blocks import prepared
from ml_assets.compiled.encode import Encoder
from ml_assets.compiled.models import by_rows, model
from ml_assets.compiled.refusal import NotCompiledError
from ml_assets.compiled.spec import ARRAYS, CHECK, FOLDER, FORMAT, SPECIFICATION, Specification, Trees

Array = NDArray[Any]
CLOSE = 1e-6
"""Largest difference to the pipeline, of shares, and of numbers relative to their size where it is above 1."""


class Compiled:
    """A model of plain data.

    Parameters
    ----------
    spec : Specification
    arrays : mapping of str to ndarray
    folder : Path
        Where the files in the libraries' own formats are; they are read here.
    columns, kinds, na_values
        As in `encode.Encoder`.
    """

    def __init__(
        self,
        spec: Specification,
        arrays: Mapping[str, Array],
        folder: Path,
        columns: Sequence[str],
        kinds: Mapping[str, str],
        na_values: Collection[str] = (),
    ) -> None:
        self.spec = spec
        self.encoder = Encoder(spec, columns, kinds, na_values)
        # Trees that cut numbers to 32 bits get them so: no second copy of many rows is made.
        single = isinstance(spec.model, Trees) and spec.model.single
        self._prepare = prepared(spec.blocks, arrays, spec.kept, np.float32 if single else np.float64)
        self.by_rows = by_rows(spec.model)
        """Whether a row gets the very numbers alone that it gets among others, to the last bit."""
        self._predict = model(spec.model, arrays, "model", folder)

    def scores(self, V: Array, C: Array) -> list[Array]:
        """Predict numbers and codes of levels from the encoder.

        Returns
        -------
        list of ndarray
            For each target the shares of its classes, of shape (n_rows, n_classes), or numbers of shape (n_rows,).
        """
        # Row after row in memory: else sums over columns add in another order than those of a row alone.
        found = self._predict(np.ascontiguousarray(self._prepare(np.ascontiguousarray(V), C)))
        return found if isinstance(found, list) else [found]

    def labels(self, shares: Array) -> Array:
        """Places of the labels among the classes of a target, of shape (n_rows,), from shares."""
        decided = self.spec.threshold
        if decided is None:
            return np.asarray(shares.argmax(axis=1))
        taken = shares[:, decided.positive] >= decided.value
        return np.where(taken, decided.positive, 1 - decided.positive)


def load(
    folder: Path, columns: Sequence[str], kinds: Mapping[str, str], na_values: Collection[str] = ()
) -> Compiled:
    """Load a compiled model from a model's folder, and hold it against the answers that were kept with it.

    Raises
    ------
    NotCompiledError
        If there is none, with the reason, or it answers otherwise here.
    """
    place = folder / FOLDER
    try:
        said = json.loads((place / SPECIFICATION).read_text())
    except FileNotFoundError:
        raise NotCompiledError("it was saved before models were compiled: train it again") from None
    if "why" in said:
        raise NotCompiledError(said["why"])
    if said.get("format") != FORMAT:
        raise NotCompiledError("it was compiled by another version of ml_assets: train it again")
    spec = Specification.model_validate(said)
    with np.load(place / ARRAYS, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    compiled = Compiled(spec, arrays, place, columns, kinds, na_values)
    check = json.loads((place / CHECK).read_text())
    rows = [tuple(row) for row in check["rows"]]
    for expected, found in zip(check["scores"], compiled.scores(*compiled.encoder.rows(rows)), strict=True):
        if (worst := difference(np.array(expected), found)) > CLOSE:
            raise NotCompiledError(f"compiled, it answers otherwise here, by {worst:.2g}")
    return compiled


def difference(expected: Array, found: Array) -> float:
    """Largest difference, relative where the expected number is above 1; infinite where shapes differ."""
    if expected.shape != found.shape:
        return float("inf")
    if not expected.size:
        return 0.0
    with np.errstate(invalid="ignore"):
        apart = np.abs(expected - found) / np.maximum(1.0, np.abs(expected))
    same = (expected == found) | (np.isnan(expected) & np.isnan(found))
    worst = np.where(same, 0.0, apart)
    return float(np.where(np.isnan(worst), np.inf, worst).max())
