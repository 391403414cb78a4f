"""Evidently's drift report: for people to look at. The decision is `drift.drift_report`'s, not this one's."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import pandas as pd

SAMPLE_ROWS = 50_000  # at a million rows the report takes minutes and 2.6 GB

TAGS: Final = "<>"
"""What a page would obey in the name of a column or a level: Evidently writes them into a script as they are."""
MARKS: Final = "\ue000\ue001"
"""What stands for them inside of Evidently."""
INERT: Final = "‹›"
"""What its page shows instead."""


def report(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    numeric: Sequence[str],
    categorical: Sequence[str],
    *,
    random_state: int = 0,
) -> tuple[str, str]:
    """Evidently's data drift preset, as JSON and HTML.

    Columns without a value on either side are left out: one of them makes the whole report raise. An empty
    frame gives a report that says so. Names and levels are data: none of them becomes a part of the page.

    Parameters
    ----------
    reference, current : DataFrame of shape (n_rows, n_columns)
        Each is sampled to at most 50,000 rows.
    numeric, categorical : sequence of str
        Columns to compare, by kind.
    random_state : int
        Seed of the sample.

    Returns
    -------
    tuple of str
        The JSON (with the columns left out under `left_out`) and the HTML (some MB).
    """
    numbers = [name for name in numeric if _has_numbers(reference, name) and _has_numbers(current, name)]
    levels = [name for name in categorical if _has_values(reference, name) and _has_values(current, name)]
    left_out = sorted({*numeric, *categorical} - {*numbers, *levels})
    if not numbers and not levels:
        text = f"Nothing to compare: {len(current)} rows in the batch, {len(reference)} in the reference."
        return json.dumps({"metrics": [], "left_out": left_out, "text": text}), f"<p>{text}</p>"
    with warnings.catch_warnings():
        # Evidently, and litestar below it, call what NumPy and litestar have deprecated.
        warnings.simplefilter("ignore")
        from evidently import DataDefinition, Dataset, Report
        from evidently.presets import DataDriftPreset

        definition = DataDefinition(
            numerical_columns=list(map(_marked, numbers)), categorical_columns=list(map(_marked, levels))
        )
        sides = [
            Dataset.from_pandas(_prepared(frame, numbers, levels, random_state), data_definition=definition)
            for frame in (current, reference)
        ]
        with _drawn_once():
            snapshot = Report([DataDriftPreset()]).run(*sides)
        text = _unmarked(snapshot.json(), TAGS)
        html = _unmarked(str(snapshot.get_html_str(as_iframe=False)), INERT)
    record = json.loads(text, parse_constant=lambda _: None)  # NaN is no JSON
    return json.dumps({**record, "left_out": left_out}), html


@contextmanager
def _drawn_once() -> Iterator[None]:
    """Leave out the picture that each column's score makes of it: the preset draws its own, and shows no other."""
    from evidently.metrics.column_statistics import ValueDriftCalculation

    drawn = ValueDriftCalculation._render
    ValueDriftCalculation._render = lambda *_: []
    try:
        yield
    finally:
        ValueDriftCalculation._render = drawn


def _marked(text: str) -> str:
    return text.translate(str.maketrans(TAGS, MARKS))


def _unmarked(text: str, instead: str) -> str:
    """Replace the marks, as they are and as JSON writes them out."""
    for mark, character in zip(MARKS, instead, strict=True):
        written_out = mark.encode("unicode_escape").decode()
        text = text.replace(mark, character).replace(written_out, character)
    return text


def _has_numbers(frame: pd.DataFrame, name: str) -> bool:
    if name not in frame.columns:
        return False
    return bool(pd.to_numeric(frame[name], errors="coerce").abs().lt(float("inf")).any())


def _has_values(frame: pd.DataFrame, name: str) -> bool:
    return name in frame.columns and bool(frame[name].notna().any())


def _prepared(
    frame: pd.DataFrame, numeric: Sequence[str], categorical: Sequence[str], random_state: int
) -> pd.DataFrame:
    """Sample the rows; plain floats and plain text."""
    rows = frame if len(frame) <= SAMPLE_ROWS else frame.sample(SAMPLE_ROWS, random_state=random_state)
    columns: dict[str, pd.Series] = {}
    for name in numeric:
        values = pd.to_numeric(rows[name], errors="coerce").astype("float64")
        columns[_marked(name)] = values.where(values.abs() < float("inf"))
    for name in categorical:
        values = rows[name].astype(object).where(rows[name].notna(), None)
        columns[_marked(name)] = values.map(lambda level: _marked(str(level)), na_action="ignore")
    return pd.DataFrame(columns, index=rows.index).reset_index(drop=True)
