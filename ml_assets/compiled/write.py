"""Compile a fitted pipeline, hold it against itself on hard rows, and write it into the model's folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ml_assets.compiled.alike import Taken, check, keep_answers
from ml_assets.compiled.inputs import Inputs
from ml_assets.compiled.refusal import NotCompiledError
from ml_assets.compiled.run import CLOSE, Compiled
from ml_assets.compiled.spec import (
    ARRAYS,
    CHECK,
    CHECKED_AT_LOAD,
    FOLDER,
    SPECIFICATION,
    Refused,
    Specification,
    Threshold,
)
from ml_assets.compiled.write_blocks import blocks
from ml_assets.compiled.write_models import write_model
from ml_assets.shown import shown

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe


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
    why = None
    try:
        _write(place, pipeline, known, recipe, rows)
    except Exception as error:  # noqa: BLE001 - whatever an estimator does, the pipeline itself can be served
        told = str(error) if isinstance(error, NotCompiledError) else f"{type(error).__name__}: {error}"
        why = shown(told, 300)
        shutil.rmtree(place)
        place.mkdir()
        (place / SPECIFICATION).write_text(Refused(why=why).model_dump_json())
    keep_answers(place, pipeline, known, recipe, rows)
    return why


def _write(place: Path, pipeline: Any, known: Taken, recipe: Recipe, rows: pd.DataFrame) -> None:
    if recipe.model.feature_engineering.functions:
        raise NotCompiledError("its features are made by functions")
    if recipe.recommends:
        raise NotCompiledError("it answers with items, and users and items are looked up in its pipeline")
    if not recipe.has_target:
        raise NotCompiledError("the number of a cluster is looked up in its pipeline")
    steps = dict(pipeline.steps)
    if not set(steps) <= {"preprocessing", "selection", "estimator"}:
        raise NotCompiledError(f"the pipeline has the steps {', '.join(steps)}")
    if hasattr(pipeline, "classes_") and not hasattr(pipeline, "predict_proba"):
        raise NotCompiledError(f"{type(steps['estimator']).__name__} tells no shares")
    inputs = Inputs(recipe, known.columns, known.kinds.truths)
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
    kinds, na_values = known.kinds.columns, recipe.model.loader.na_values
    compiled = Compiled(spec, arrays, place, known.columns, kinds, na_values)
    worst, hard, scores = check(compiled, arrays, pipeline, (known, recipe, rows))
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
