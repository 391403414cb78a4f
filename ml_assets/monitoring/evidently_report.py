"""Evidently's drift report: for people to look at. The decision is `drift.drift_report`'s, not this one's."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence

import pandas as pd

SAMPLE_ROWS = 50_000  # at a million rows the report takes minutes and 2.6 GB


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
    frame gives a report that says so.

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

        definition = DataDefinition(numerical_columns=numbers, categorical_columns=levels)
        sides = [
            Dataset.from_pandas(_prepared(frame, numbers, levels, random_state), data_definition=definition)
            for frame in (current, reference)
        ]
        snapshot = Report([DataDriftPreset()]).run(*sides)
        record = json.loads(snapshot.json(), parse_constant=lambda _: None)  # NaN is no JSON
        html = snapshot.get_html_str(as_iframe=False)
    return json.dumps({**record, "left_out": left_out}), str(html)


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
        columns[name] = values.where(values.abs() < float("inf"))
    for name in categorical:
        columns[name] = rows[name].astype(object).where(rows[name].notna(), None).map(str, na_action="ignore")
    return pd.DataFrame(columns, index=rows.index).reset_index(drop=True)
