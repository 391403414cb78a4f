"""How long a model takes to answer one row, as it is served: a median, so that what else happens does not decide."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeVar

import numpy as np
import pandas as pd

from ml_assets.compiled.alike import KEPT, Taken
from ml_assets.compiled.models import model
from ml_assets.compiled.parity import awkward, frame_of
from ml_assets.compiled.run import load
from ml_assets.compiled.spec import CHECK, FOLDER
from ml_assets.compiled.write_models import write_model
from ml_assets.features.cleaning import clean_alone

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe

T = TypeVar("T")

WARM: Final = 3
"""Answers before the clock runs: the first ones load code and fill caches."""
REPEATS: Final = 100
FEWEST: Final = 9
"""Answers that are timed, and how many of them at least, however long they take."""
LONGEST: Final = 1.0
"""Seconds of timed answers after which no further one is asked for."""


class Latency(NamedTuple):
    """Median of the seconds of single rows, how many were timed, and which form answered."""

    seconds: float
    answers: int
    way: Literal["compiled", "pipeline"]


def seconds_alone(
    answer: Callable[[T], object], rows: Sequence[T], clock: Callable[[], float] = time.process_time
) -> tuple[float, int]:
    """Median of the seconds that single rows take, and how many were timed.

    The clock is that of the processor: what else a machine does is no fault of the model's.

    Parameters
    ----------
    answer : callable
        Answers one row.
    rows : sequence
        Rows, in turn.
    clock : callable
        Seconds, from any start.

    >>> from itertools import count
    >>> seconds_alone(str, [1, 2], count().__next__)
    (1, 9)
    """
    turns = cycle(rows)
    for _ in range(WARM):
        answer(next(turns))
    taken: list[float] = []
    while len(taken) < REPEATS and (len(taken) < FEWEST or sum(taken) < LONGEST):
        row = next(turns)
        started = clock()
        answer(row)
        taken.append(clock() - started)
    return median(taken), len(taken)


def of_version(
    folder: Path, pipeline: Any, known: Taken, recipe: Recipe, rows: pd.DataFrame, *, compiled: bool = True
) -> Latency:
    """How long a version takes, from the values of a row to its answer, by the form that a server takes.

    Parameters
    ----------
    folder : Path
        The model's folder.
    pipeline : Pipeline
        Of that folder; it answers where there is no compiled form, as it does when served.
    known : Taken
    recipe : Recipe
    rows : DataFrame of shape (n_rows, n_columns)
        Clean rows, of which some are asked for.
    compiled : bool
        Whether its compiled form may answer.
    """
    if compiled:
        try:
            return _compiled(folder, known, recipe)
        except Exception:  # noqa: BLE001 - of whatever kind: a server takes the pipeline then
            pass
    features, kinds = list(known.features), dict(known.kinds.columns)
    try:
        asked = awkward(rows, known.columns, kinds, {}, np.zeros(0), seed=2)[:KEPT]
        raw = [frame_of([row], known.columns, kinds) for row in asked]
        pipeline.predict(clean_alone(raw[0], recipe, known.kinds)[features])
    except Exception:  # noqa: BLE001 - features of the past or of functions: the pipeline alone is timed
        clean = [rows[features].iloc[[place]] for place in range(min(KEPT, len(rows)))]
        return Latency(*seconds_alone(pipeline.predict, clean), "pipeline")
    return Latency(
        *seconds_alone(
            lambda row: pipeline.predict(clean_alone(row, recipe, known.kinds)[features]), raw
        ),
        "pipeline",
    )  # fmt: skip


def _compiled(folder: Path, known: Taken, recipe: Recipe) -> Latency:
    found = load(folder, known.columns, known.kinds.columns, recipe.model.loader.na_values)
    asked = json.loads((folder / FOLDER / CHECK).read_text())["rows"]

    def answer(row: tuple[Any, ...]) -> None:
        scores = found.scores(*found.encoder.rows([row]))
        if found.spec.classes:
            for each in scores:
                found.labels(each)

    return Latency(*seconds_alone(answer, [tuple(row) for row in asked]), "compiled")


def of_estimator(estimator: Any, row: Any) -> float:
    """Seconds of one prepared row by a fitted estimator: compiled, where it can be, as it would be served.

    Parameters
    ----------
    estimator : estimator
    row : array or DataFrame of shape (1, n_features)
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            spec, arrays = write_model(estimator, Path(folder))
            predict = model(spec, arrays, "model", Path(folder))
            return seconds_alone(predict, [np.zeros((1, row.shape[1]))])[0]
        except Exception:  # noqa: BLE001 - of whatever kind: it is then served as it is
            pass
    own = getattr(estimator, "predict_proba", estimator.predict)
    return seconds_alone(own, [row])[0]
