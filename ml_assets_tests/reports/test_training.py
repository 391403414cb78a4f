"""The page of a training: whole, small, safe, and it says what the records say."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from ml_assets.evaluation.evaluate import evaluate
from ml_assets.recipe import Recipe
from ml_assets.records import (
    GateCheck,
    Leak,
    Promotion,
    SegmentGain,
    TrainedModel,
    TrainingResult,
    Trial,
    TuningResult,
)
from ml_assets.reports.svg import panels
from ml_assets.reports.training import Left, summary, training_page
from ml_assets_tests.reports.test_data import EVIL, Page


def page(classes: tuple[str, ...] = ("no", "yes"), word: str = "age", trials: int = 40) -> str:
    """Page of a challenger that lost, with everything that a page can have."""
    random = np.random.default_rng(0)
    y = pd.Series(random.choice(classes, 500))
    shares = random.dirichlet(np.ones(len(classes)), 500)
    predictions = pd.DataFrame(shares, columns=[f"probability_{name}" for name in classes])
    predictions.insert(0, "prediction", np.array(classes)[shares.argmax(axis=1)])
    recipe = Recipe.model_validate(
        {
            "name": "shop",
            "model": {
                "loader": {"source_uri": "x.csv"},
                "data_interface": {"task_type": "classification", "target_col": "y"},
            },
        }
    )
    evaluation = evaluate(recipe, y, predictions, y).model_copy(
        update={"leaks": (Leak(column=word, score=1.0, text="each class has a value"),), "mixed": (word,)}
    )
    history = tuple(
        Trial(number=k, params={word: k}, value=k / trials, state="complete", seconds=1.0)
        for k in range(trials)
    )
    training = TrainingResult(
        class_path="xgboost.XGBClassifier",
        params={word: word},
        metric="roc_auc",
        direction="maximize",
        cv_scores=(0.7, 0.8),
        rows=2_000,
        features=(word,),
        excluded={},
        classes=classes,
        random_state=0,
        seconds=3.0,
        notes=(word,),
        tuning=TuningResult(
            engine="optuna", metric="roc_auc", direction="maximize", best_params={}, best_score=0.9, history=history,
            total_trials=trials, pruned_trials=0, optimization_time=40.0,
        ),
    )  # fmt: skip
    trained = TrainedModel(
        recipe="shop", as_of="2024-05-01", batches=(), run_id="r", model_uri="m", sha256="s", recipe_sha256="s",
        data_sha256="s", trained_at="2024-06-01T00:00:00+00:00", training=training,
    )  # fmt: skip
    segment = SegmentGain(
        segment=word, rows=100, champion_score=0.8, challenger_score=0.7, gain=-0.1, p_value=0.01, worse=True
    )
    promotion = Promotion(
        outcome="keep", champion_version=2, reason="a segment is worse", metric="roc_auc", direction="maximize",
        rows=500, champion_score=0.8, challenger_score=0.7, gain=-0.1, gain_low=-0.2, gain_high=0.0,
        segments=(segment,), checks=(GateCheck(name="segments", passed=False, text=word),),
    )  # fmt: skip
    left = Left({"in the files": 2_600, "learned": 2_000}, {f"{word}{k}": "constant" for k in range(80)})
    return training_page(trained, 3, evaluation, promotion, left, {"curves": panels(evaluation.curves)})


def test_page_says_the_outcome_first_and_shows_the_best_trials() -> None:
    text = page()
    Page(text)
    assert "shop, version 3, did not replace the champion" in text
    assert "A segment is worse." in text
    numbers = re.findall(r'<tr><td class="n">(\d+)</td><td class="n">[\d.]+</td><td class="n">1</td>', text)
    assert numbers == [str(k) for k in range(39, 29, -1)]
    assert "FAILED" in text
    assert "and 30 others" in text


@pytest.mark.parametrize("classes", [("no", "yes"), tuple(f"class {k}" for k in range(40))])
def test_page_is_small_and_needs_no_network(classes: tuple[str, ...]) -> None:
    text = page(classes, trials=1_000)
    Page(text)
    assert len(text.encode()) < 1_500_000
    assert not re.search(r"https?://|url\(|src=\"(?!data:)", text)


def test_names_and_texts_stay_text() -> None:
    text = page(word=EVIL)
    Page(text)
    assert "<script" not in text
    assert text.count("&lt;script") >= 6


def test_score_that_is_not_defined_is_said() -> None:
    recipe = Recipe.model_validate(
        {
            "name": "shop",
            "model": {
                "loader": {"source_uri": "x.csv"},
                "data_interface": {"task_type": "regression", "target_col": "y"},
            },
            "hyperparameter_tuning": {"metric": "mape"},
        }
    )
    y = pd.Series([0.0, 1.0, 2.0])
    evaluation = evaluate(recipe, y, pd.DataFrame({"prediction": [0.0, 1.0, 2.0]}), y)
    assert summary(evaluation) == "mape is not defined on these 3 rows."
