"""Whether what was saved answers as what was fitted: a pipeline that is loaded again, and its compiled form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml_assets.compiled.parity import awkward, frame_of
from ml_assets.compiled.run import CLOSE, Compiled, difference, load
from ml_assets.compiled.spec import ANSWERS, ARRAYS, CHECKED_AT_LOAD, FOLDER
from ml_assets.features.cleaning import clean_alone

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe
    from ml_assets.records import Schema

KEPT = 100
"""Rows of each kind, learned and hard ones, whose answers are kept with a model."""
ANSWER = "answer__"
"""Begins the names of the columns of kept answers."""


class Taken(Protocol):
    """What is known of the rows that a model takes (`registry.standard.RawRows`)."""

    @property
    def kinds(self) -> Schema:
        """Kind of each column."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the source that a prediction needs."""

    @property
    def features(self) -> tuple[str, ...]:
        """Columns that the pipeline learned."""


class Apart(NamedTuple):
    """How far two answers to the same rows are apart, at most."""

    rows: int
    worst: float


def keep_answers(place: Path, pipeline: Any, known: Taken, recipe: Recipe, rows: pd.DataFrame) -> None:
    """Write down what a fitted pipeline answers to some rows, learned and hard ones, before it is saved."""
    columns = list(known.features)
    some = rows[columns].head(KEPT).reset_index(drop=True)
    scores = answers(pipeline, some)
    try:
        kinds = dict(known.kinds.columns)
        hard = frame_of(
            awkward(rows, known.columns, kinds, {}, np.zeros(0), seed=1)[:KEPT], known.columns, kinds
        )
        both = pd.concat([some, clean_alone(hard, recipe, known.kinds)[columns]], ignore_index=True)
        some, scores = both, answers(pipeline, both)
    except Exception:  # noqa: BLE001 - features of the past or of functions, or an estimator without an answer
        pass
    found = np.column_stack([each.reshape(len(some), -1) for each in scores])
    kept = {f"{ANSWER}{k}": found[:, k] for k in range(found.shape[1])}
    some.assign(**kept).to_parquet(place / ANSWERS, index=False)


def reloaded(folder: Path, pipeline: Any, known: Taken) -> Apart | None:
    """Hold a pipeline that was loaded again against its kept answers; None where an older version kept none."""
    place = folder / FOLDER / ANSWERS
    if not place.exists():
        return None
    kept = pd.read_parquet(place)
    scores = answers(pipeline, kept[list(known.features)])
    found = np.column_stack([each.reshape(len(kept), -1) for each in scores])
    expected = kept[[name for name in kept if str(name).startswith(ANSWER)]].to_numpy(np.float64)
    return Apart(len(kept), difference(expected, found))


def compared(folder: Path, pipeline: Any, known: Taken, recipe: Recipe, rows: pd.DataFrame) -> Apart:
    """Hold the compiled form in a model's folder against its pipeline, on other hard rows than when it was written.

    Raises
    ------
    NotCompiledError
        If there is no compiled form.
    """
    compiled = load(folder, known.columns, known.kinds.columns, recipe.model.loader.na_values)
    with np.load(folder / FOLDER / ARRAYS, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    worst, hard, _ = check(compiled, arrays, pipeline, (known, recipe, rows), seed=1)
    return Apart(len(hard), worst)


def check(
    compiled: Compiled,
    arrays: Mapping[str, NDArray[Any]],
    pipeline: Any,
    of: tuple[Taken, Recipe, pd.DataFrame],
    seed: int = 0,
) -> tuple[float, list[tuple[Any, ...]], list[NDArray[Any]]]:
    """Answer hard rows, made of clean ones, by both: the largest difference, the rows, and the pipeline's answers."""
    known, recipe, rows = of
    kinds = dict(known.kinds.columns)
    levels = {category.column: category.levels for category in compiled.spec.categories}
    hard = awkward(rows, known.columns, kinds, levels, _bounds(arrays), seed)
    clean = clean_alone(frame_of(hard, known.columns, kinds), recipe, known.kinds)
    expected = answers(pipeline, clean[list(known.features)])
    V, C = compiled.encoder.rows(hard)
    found = compiled.scores(V, C)
    by_frame = compiled.scores(*compiled.encoder.frame(clean))
    alone = [compiled.scores(V[k : k + 1], C[k : k + 1]) for k in range(CHECKED_AT_LOAD)]
    single = [np.concatenate(parts) for parts in zip(*alone, strict=True)]
    worst = max(
        [difference(a, b) for a, b in zip(expected, found, strict=True)]
        + [difference(a, b) for a, b in zip(expected, by_frame, strict=True)]
        + [difference(a[:CHECKED_AT_LOAD], b) for a, b in zip(expected, single, strict=True)]
        + _other_labels(pipeline, clean[list(known.features)], compiled, found)
    )
    return worst, hard, expected


def answers(pipeline: Any, features: pd.DataFrame) -> list[NDArray[Any]]:
    """Shares of classes, or numbers, of each target: what a compiled model has to give, too.

    A classifier that tells no shares gives the places of its labels among its classes, a list of items a number that is
    another for any other list.
    """
    with np.errstate(over="ignore"):  # the exponential of what is beyond all bounds
        if hasattr(pipeline, "predict_proba"):
            shares = pipeline.predict_proba(features)
            each = shares if isinstance(shares, list) else [shares]
            return [np.asarray(one, np.float64) for one in each]
        found = np.asarray(pipeline.predict(features))
    if hasattr(pipeline, "classes_"):
        each = pipeline.classes_ if isinstance(pipeline.classes_, list) else [pipeline.classes_]
        columns = found.reshape(len(features), -1).T
        return [
            np.array([names.index(str(label)) for label in labels], dtype=np.float64)
            for names, labels in zip(([str(name) for name in own] for own in each), columns, strict=True)
        ]
    if hasattr(pipeline[-1], "recommended"):
        return [numbers_of(found)]
    values = np.asarray(found, dtype=np.float64)
    if values.ndim == 2 and values.shape[1] > 1:
        return list(values.T)
    return [values.ravel()]


def numbers_of(texts: NDArray[Any]) -> NDArray[np.float64]:
    """Hashes of texts, of 52 bits each: as many as a float holds."""
    return np.asarray(pd.util.hash_array(texts.astype(object)) >> np.uint64(12), dtype=np.float64)


def _other_labels(
    pipeline: Any, features: pd.DataFrame, compiled: Compiled, found: Sequence[NDArray[Any]]
) -> list[float]:
    """Infinite where a label differs, but for a share that is nearly where the label changes."""
    spec = compiled.spec
    if not spec.classes:
        return []
    labels = np.asarray(pipeline.predict(features), dtype=object).reshape(len(features), -1)
    apart = []
    for k, (classes, shares) in enumerate(zip(spec.classes, found, strict=True)):
        other = np.array(classes, dtype=object)[compiled.labels(shares)] != labels[:, k].astype(str)
        highest = np.sort(shares, axis=1)[:, -2:]
        margin = highest[:, 1] - highest[:, 0]
        if spec.threshold is not None:
            margin = np.abs(shares[:, spec.threshold.positive] - spec.threshold.value)
        apart.append(float("inf") if (other & (margin > CLOSE)).any() else 0.0)
    return apart


def _bounds(arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    """Some numbers at which trees part, and the next ones beside them."""
    found = [values for name, values in arrays.items() if name.endswith(".threshold")]
    if not found:
        return np.zeros(0)
    parting = np.unique(np.concatenate(found))
    parting = parting[np.isfinite(parting)]
    some = parting[:: max(1, len(parting) // 2_000)]
    return np.concatenate([some, np.nextafter(some, np.inf), np.nextafter(some, -np.inf)])
