"""The curves of an evaluation say what its scores say."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from ml_assets.evaluation.curves import FEWEST, GROUPS, POINTS, curves
from ml_assets.records import Curve
from ml_assets.reports.svg import panels
from ml_assets.tasks.base import Labels, Numbers
from ml_assets.tasks.metrics import labelled


def binary(truth: list[int], scores: list[float]) -> Labels:
    predictions = pd.DataFrame(
        {
            "prediction": np.where(np.array(scores) > 0.5, "yes", "no"),
            "probability_no": 1 - np.array(scores),
            "probability_yes": scores,
        }
    )
    rows = labelled(
        pd.Series(np.where(np.array(truth) == 1, "yes", "no")), predictions, "classification", "yes"
    )
    assert isinstance(rows, Labels)
    return rows


def named(rows: Labels | Numbers) -> dict[str, Curve]:
    return {curve.name: curve for curve in curves(rows)}


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=4, max_size=60))
def test_areas_under_the_curves_are_the_metrics(rows: list[tuple[int, int]]) -> None:
    truth, scores = [y for y, _ in rows], [s / 20 for _, s in rows]
    found = named(binary(truth, scores))
    if len(set(truth)) == 1:
        assert "roc" not in found
        return
    roc, exact = found["roc"], found["precision_recall"]
    assert np.trapezoid(roc.y, roc.x) == pytest.approx(roc_auc_score(truth, scores), abs=1e-3)
    steps = np.diff(np.r_[0.0, exact.x])
    assert float(steps @ np.array(exact.y)) == pytest.approx(average_precision_score(truth, scores), abs=1e-3)
    assert (roc.x[0], roc.y[0], roc.x[-1], roc.y[-1]) == (0, 0, 1, 1)


@pytest.mark.parametrize("rows", [5, 37, 5_000])
def test_groups_of_the_calibration_hold_all_rows(rows: int) -> None:
    random = np.random.default_rng(rows)
    said = random.random(rows)
    truth = (random.random(rows) < said).astype(int)
    curve = named(binary(list(truth), list(said)))["calibration"]
    assert len(curve.x) <= min(GROUPS, max(1, rows // FEWEST))
    assert list(curve.x) == sorted(curve.x)
    assert all(low <= y <= high for low, y, high in zip(curve.low, curve.y, curve.high, strict=True))


def test_what_is_calibrated_lies_on_the_diagonal_and_what_is_not_does_not() -> None:
    random = np.random.default_rng(0)
    said = random.random(20_000)
    truth = list((random.random(20_000) < said).astype(int))
    honest = named(binary(truth, list(said)))["calibration"]
    bold = named(binary(truth, list(np.where(said > 0.5, said**0.25, said**4))))["calibration"]
    off = [abs(np.array(curve.x) - np.array(curve.y)).max() for curve in (honest, bold)]
    assert off[0] < 0.03 < 0.1 < off[1]


def test_equal_predictions_are_one_group() -> None:
    curve = named(binary([0, 1] * 50, [0.5] * 100))["calibration"]
    assert (curve.x, curve.y) == ((0.5,), (0.5,))


def test_numbers_have_their_calibration_and_the_sizes_of_their_errors() -> None:
    random = np.random.default_rng(1)
    said = random.normal(size=1_000)
    found = named(Numbers(said * 2 + random.normal(size=1_000) * 0.1, said))
    assert np.polyfit(found["calibration"].x, found["calibration"].y, 1)[0] == pytest.approx(2, abs=0.05)
    errors = found["errors"]
    assert len(errors.x) <= POINTS
    assert list(errors.x) == sorted(errors.x)
    assert errors.y[-1] == 1.0


def test_picture_of_any_curves_is_small_and_whole() -> None:
    random = np.random.default_rng(2)
    said = random.random(5_000)
    for rows in (
        binary(list((random.random(5_000) < said).astype(int)), list(said)),
        binary([0, 1], [0.1, 0.9]),
        Numbers(np.array([1.0]), np.array([1.0])),
        Numbers(said * 1e12, said * 1e12),
    ):
        picture = panels(curves(rows))
        assert len(picture) < 30_000
        assert b"nan" not in picture and b"inf" not in picture
        assert ElementTree.fromstring(picture).tag.endswith("svg")
