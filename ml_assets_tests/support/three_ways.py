"""Awkward rows, and one answer for each of them from the server, the batch and the pipeline."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ml_assets.compiled.run import difference
from ml_assets.evaluation.evaluate import predict
from ml_assets.features.cleaning import clean_alone, label
from ml_assets.recipe.schema import Recipe
from ml_assets.registry.standard import RawRows
from ml_assets.serving.body import Asked, read
from ml_assets.serving.ways import Way
from ml_assets.tasks.base import PREDICTION, PROBABILITY

ROWS = 1_000
CLOSE = 1e-6
NUMBERS = (
    None, 0, -0.0, 1, 1.0, True, False, "1", " 1.0 ", -1, 0.1, 1e-12, 2**53 + 1, 10**30, 1e30, -1e30, 16_777_217,
    "-1e6", float(np.float32(0.1)), 1e6,
)  # fmt: skip
TEXTS = (
    None, "", " ", "1", "1.0", 1, 1.0, True, False, "True", "true", 0, 0.5, -0.0, 2**60, "missing", "nan", "None",
    "été ☃", "never seen", "a & b", "0",
)  # fmt: skip
TIMES = (
    None, "2024-03-01", "2024-03-01T12:00:00Z", "2024-03-01 12:00", "2024-03-01T00:30:00+02:00", "1950-01-01",
    "2199-12-31T23:59:59.999999", "2024-02-29T23:59:59.5Z", "1969-12-31T23:59:59.999999",
)  # fmt: skip
ODD = {"number": NUMBERS, "text": TEXTS, "time": TIMES}


def awkward_rows(known: RawRows, rows: pd.DataFrame, seed: int, count: int = ROWS) -> list[dict[str, Any]]:
    """Rows as JSON has them: two thirds of the values were learned, the rest is odd."""
    rng = np.random.default_rng(seed)
    columns = {}
    for name in known.columns:
        kind = known.kinds.columns.get(name, "text")
        learned = rows[name].sample(count, replace=True, random_state=int(rng.integers(2**31)))
        values = [None if value != value else value for value in learned.tolist()]
        if kind == "time":
            values = [None if pd.isna(value) else value.isoformat() for value in values]
        for place in np.flatnonzero(rng.random(count) < 1 / 3):
            values[place] = ODD[kind][int(rng.integers(len(ODD[kind])))]
        columns[name] = values
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def asked_of(known: RawRows, rows: list[dict[str, Any]], shares: bool) -> Asked:
    """What the server reads."""
    return read(json.dumps({"rows": rows, "probabilities": shares}).encode(), known, len(rows))


def hold_one_answer(way: Way, pipeline: Any, recipe: Recipe, rows: pd.DataFrame, seed: int) -> None:
    """Awkward rows get the same numbers and labels served together, as columns of a batch, and from the pipeline."""
    asked = asked_of(way.known, awkward_rows(way.known, rows, seed), way.shares)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # libraries' about so few rows
        expected = list(_columns(predict(pipeline, clean_alone(asked.frame(), recipe, way.known.kinds))))
        labels, shares = way.answers(asked)
        answers = pd.DataFrame(labels if way.known.answers else {PREDICTION: labels})
        named = {} if shares is None else pd.DataFrame(shares)
        by_columns = way.table(_table(asked), way.shares)
    assert len(answers) == len(asked.values)
    for target, kind, found in expected:
        where = f"_{target}" if target else ""
        served = answers[target or PREDICTION]
        batch = pd.Series(pa.array(by_columns[f"prediction{where}"]).to_pylist())
        if kind == "number":
            values = found[PREDICTION].to_numpy()
            for other in (served, batch):
                assert difference(values, other.to_numpy(np.float64)) <= CLOSE, target
            continue
        close = _close_call(found)
        for other in (served, batch):
            differs = other.map(_said).str.casefold() != found[PREDICTION].str.casefold()
            assert not (differs.to_numpy() & ~close).any(), target
        for name in [name for name in found if name.startswith(PROBABILITY)] if way.shares else ():
            given = name.removeprefix(PROBABILITY)
            for other in (
                named[f"{target}_{given}" if target else given],
                by_columns[f"probability{where}_{given}"],
            ):
                assert difference(found[name].to_numpy(), np.asarray(other, np.float64)) <= CLOSE, name


def _said(value: Any) -> str | None:
    """A label, or a list of items, as the pipeline says it."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else label(value)


def _columns(found: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Of each target its name (none of one alone), what it is, and what the pipeline predicts."""
    several = [name.removeprefix(f"{PREDICTION}_") for name in found if name.startswith(f"{PREDICTION}_")]
    for target in several or [""]:
        own = found
        if target:
            ends = f"_{target}"
            own = found[[name for name in found if name.endswith(ends)]].rename(
                columns=lambda name: name.removesuffix(ends)  # noqa: B023 - used before the next target
            )
        yield target, "number" if pd.api.types.is_float_dtype(own[PREDICTION]) else "label", own


def _close_call(found: pd.DataFrame) -> Any:
    """Rows whose two largest shares are nearly the same, so that the last digit says which label it is."""
    shares = found[[name for name in found if name.startswith(PROBABILITY)]].to_numpy()
    if not shares.shape[1]:
        return np.zeros(len(found), dtype=bool)
    largest = np.sort(shares, axis=1)[:, -2:]
    return largest[:, 1] - largest[:, 0] <= CLOSE


def _table(asked: Asked) -> pa.Table:
    """The rows as a file has them: each column of one type."""
    types = {"number": pa.float64(), "text": pa.string(), "time": pa.timestamp("us")}
    made = {}
    for place, name in enumerate(asked.known.columns):
        kind = asked.known.kinds.columns.get(name, "text")
        values = [row[place] for row in asked.values]
        if kind == "text":
            values = [None if value is None else label(value) for value in values]
        made[name] = pa.array(values, types[kind])
    return pa.table(made)
