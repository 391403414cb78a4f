"""Compile a fitted pipeline, hold it against itself on hard rows, and write it into the model's folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml_assets.compiled.inputs import Inputs
from ml_assets.compiled.parity import awkward, frame_of
from ml_assets.compiled.refusal import NotCompiledError
from ml_assets.compiled.run import CLOSE, Compiled, difference
from ml_assets.compiled.spec import (
    ARRAYS,
    CHECK,
    FOLDER,
    SPECIFICATION,
    Refused,
    Specification,
    Threshold,
)
from ml_assets.compiled.write_blocks import blocks
from ml_assets.compiled.write_models import write_model
from ml_assets.features.cleaning import clean_alone
from ml_assets.shown import shown

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe
    from ml_assets.records import Schema

CHECKED_AT_LOAD = 40
"""Of the hard rows, which a server answers before it takes a version."""


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


def write(folder: Path, pipeline: Any, known: Taken, recipe: Recipe, rows: pd.DataFrame) -> str | None:
    """Compile a pipeline into a model's folder.

    A pipeline that cannot be compiled, or that answers otherwise by more than 1e-6 on any of 1,200 hard rows, is
    served as it is; the folder then has the reason.

    Parameters
    ----------
    folder : Path
        The model's folder.
    pipeline : Pipeline
        Fitted.
    known : Taken
    recipe : Recipe
    rows : DataFrame of shape (n_rows, n_columns)
        Clean rows, of which hard ones are made.

    Returns
    -------
    str or None
        Why it is not compiled; None where it is.
    """
    place = folder / FOLDER
    place.mkdir()
    try:
        _write(place, pipeline, known, recipe, rows)
    except Exception as error:  # noqa: BLE001 - whatever an estimator does, the pipeline itself can be served
        told = str(error) if isinstance(error, NotCompiledError) else f"{type(error).__name__}: {error}"
        why = shown(told, 300)
        shutil.rmtree(place)
        place.mkdir()
        (place / SPECIFICATION).write_text(Refused(why=why).model_dump_json())
        return why
    return None


def _write(place: Path, pipeline: Any, known: Taken, recipe: Recipe, rows: pd.DataFrame) -> None:
    if recipe.model.feature_engineering.functions:
        raise NotCompiledError("its features are made by functions")
    steps = dict(pipeline.steps)
    if not set(steps) <= {"preprocessing", "selection", "estimator"}:
        raise NotCompiledError(f"the pipeline has the steps {', '.join(steps)}")
    inputs = Inputs(recipe, known.columns)
    parts, arrays = blocks(steps["preprocessing"], inputs)
    kept = None
    if "selection" in steps:
        kept = tuple(map(int, np.flatnonzero(steps["selection"].get_support())))
    model, own = write_model(steps["estimator"], place)
    spec = Specification(
        numbers=inputs.numbers,
        categories=inputs.categories,
        blocks=tuple(parts),
        kept=kept,
        model=model,
        classes=_classes(pipeline),
        threshold=_threshold(steps["estimator"]),
    )
    arrays |= own
    worst, hard, scores = check(place, spec, arrays, pipeline, known, recipe, rows)
    if worst > CLOSE:
        raise NotCompiledError(f"compiled, it answers otherwise, by {worst:.2g} on hard rows")
    spec = spec.model_copy(update={"rows_checked": len(hard), "worst": worst})
    np.savez_compressed(place / ARRAYS, **arrays)  # type: ignore[arg-type]  # its stub wants no further names
    (place / SPECIFICATION).write_text(spec.model_dump_json(indent=1))
    kept_rows = {
        "rows": hard[:CHECKED_AT_LOAD],
        "scores": [each[:CHECKED_AT_LOAD].tolist() for each in scores],
    }
    (place / CHECK).write_text(json.dumps(kept_rows))


def check(
    place: Path,
    spec: Specification,
    arrays: dict[str, NDArray[Any]],
    pipeline: Any,
    known: Taken,
    recipe: Recipe,
    rows: pd.DataFrame,
) -> tuple[float, list[tuple[Any, ...]], list[NDArray[Any]]]:
    """Answer hard rows by both: the largest difference, the rows, and the pipeline's answers."""
    kinds = dict(known.kinds.columns)
    levels = {category.column: category.levels for category in spec.categories}
    hard = awkward(rows, known.columns, kinds, levels, _bounds(arrays))
    na_values = recipe.model.loader.na_values
    compiled = Compiled(spec, arrays, place, known.columns, kinds, na_values)
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
    """Shares of classes, or numbers, of each target: what a compiled model has to give, too."""
    with np.errstate(over="ignore"):  # the exponential of what is beyond all bounds
        if hasattr(pipeline, "predict_proba"):
            shares = pipeline.predict_proba(features)
            each = shares if isinstance(shares, list) else [shares]
            return [np.asarray(one, np.float64) for one in each]
        values = np.asarray(pipeline.predict(features), dtype=np.float64)
    if values.ndim == 2 and values.shape[1] > 1:
        return list(values.T)
    return [values.ravel()]


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


def _threshold(estimator: Any) -> Threshold | None:
    """What the labels are decided by, where it is not the largest share."""
    if type(estimator).__name__ != "FixedThresholdClassifier":
        return None
    names = [str(name) for name in estimator.classes_]
    return Threshold(positive=names.index(str(estimator.pos_label)), value=float(estimator.threshold))


def _classes(pipeline: Any) -> tuple[tuple[str, ...], ...]:
    if not hasattr(pipeline, "predict_proba"):
        return ()
    classes = pipeline.classes_
    each = classes if isinstance(classes, list) else [classes]
    return tuple(tuple(map(str, names)) for names in each)


def _bounds(arrays: dict[str, NDArray[Any]]) -> NDArray[np.float64]:
    """Some numbers at which trees part, and the next ones beside them."""
    found = [values for name, values in arrays.items() if name.endswith(".threshold")]
    if not found:
        return np.zeros(0)
    parting = np.unique(np.concatenate(found))
    parting = parting[np.isfinite(parting)]
    some = parting[:: max(1, len(parting) // 2_000)]
    return np.concatenate([some, np.nextafter(some, np.inf), np.nextafter(some, -np.inf)])
