"""The live score counts only rows that are labelled and new to the champion."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml_assets.monitoring.performance import performance_report, worse_than
from ml_assets.monitoring.reference import Scored
from ml_assets.records import PerformanceReport, Score
from ml_assets_tests.support.references import champion

HOLDOUT = Score(value=0.80, low=0.78, high=0.82)


def labels(rows: int, right: float, seed: int = 0) -> tuple[pd.Series, pd.DataFrame]:
    """Labels, and predictions of which the share `right` is right."""
    rng = np.random.default_rng(seed)
    y = pd.Series(np.where(rng.random(rows) < 0.5, "no", "yes"), dtype=object)
    wrong = rng.permutation(rows) >= round(right * rows)
    predicted = np.where(wrong, np.where(y == "no", "yes", "no"), y)
    return y, pd.DataFrame({"prediction": predicted})


def report(y, predictions, trained=None, scored_batch="2025-02-01", **changes) -> PerformanceReport:
    known = {"metric": "accuracy", "holdout": HOLDOUT} | changes
    scored = None if y is None else Scored(scored_batch, y, predictions, trained)
    return performance_report("2025-03-01", champion(**known), scored)


def test_live_score_with_interval_and_doubt() -> None:
    good, bad = report(*labels(2000, 0.80)), report(*labels(2000, 0.70))
    assert good.status == bad.status == "ok" and good.coverage == 1.0 and good.rows == 2000
    assert good.score and good.score.low < good.score.value == 0.8 < good.score.high
    assert good.p_value == pytest.approx(0.5, abs=0.01)
    assert bad.p_value is not None and bad.p_value < 1e-6
    assert "accuracy 0.7 " in bad.text and "surely worse than the hold-out's 0.8." in bad.text
    assert "no" in good.text and "than the hold-out's 0.8." in good.text


def test_late_labels_are_counted_not_guessed() -> None:
    y, predictions = labels(1000, 0.9)
    half = report(y.where(y.index < 500, None), predictions)
    assert half.rows == 500 and half.coverage == 0.5 and half.status == "ok"
    assert report(y.where(y.index < 0, None), predictions).status == "waiting"
    assert report(None, None).status == "waiting"


def test_training_rows_flatter_nobody() -> None:
    y, predictions = labels(1000, 0.5)
    trained = np.arange(1000) < 400
    flattered = predictions.assign(prediction=predictions["prediction"].where(~trained, y))
    part = report(y, flattered, trained)
    honest = report(y[400:], predictions[400:])
    assert part.rows == 600 and part.score == honest.score
    assert report(y, flattered, np.ones(1000, dtype=bool)).status == "in_sample"


def test_few_rows_prove_nothing() -> None:
    few = report(*labels(299, 0.1))
    assert few.status == "insufficient_data" and few.p_value is None and few.score is not None
    assert report(*labels(300, 0.1)).status == "ok"


def test_undefined_metric_is_no_score() -> None:
    y = pd.Series(["no"] * 400)
    predictions = pd.DataFrame({"prediction": y, "probability_no": 0.5, "probability_yes": 0.5})
    undefined = report(y, predictions, metric="roc_auc")
    assert undefined.status == "insufficient_data" and undefined.score is None and "roc_auc" in undefined.text


def test_no_champion_no_score() -> None:
    assert performance_report("b", None, Scored("a", *labels(400, 0.5))).status == "no_champion"


@pytest.mark.parametrize(("direction", "live", "worse"), [("maximize", 0.7, True), ("minimize", 0.7, False)])
def test_worse_follows_the_direction(direction, live: float, worse: bool) -> None:
    p_value = worse_than(Score(value=live, low=live - 0.02, high=live + 0.02), HOLDOUT, direction)
    assert (p_value < 0.01) == worse and (p_value > 0.99) == (not worse)


def test_alarm_on_an_unchanged_world_is_rare() -> None:
    """The normal approximation holds: p < 0.05 in about 5 % of equal hold-out and live samples."""
    rng = np.random.default_rng(1)
    small = 0
    for _ in range(2000):
        sides = rng.binomial((400, 1000), 0.8) / (400, 1000)
        errors = 1.96 * np.sqrt(sides * (1 - sides) / (400, 1000))
        holdout, live = (Score(value=v, low=v - e, high=v + e) for v, e in zip(sides, errors, strict=True))
        small += worse_than(live, holdout, "maximize") < 0.05
    assert 0.03 <= small / 2000 <= 0.07
