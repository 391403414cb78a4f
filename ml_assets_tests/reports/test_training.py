"""The report of a training: whole, small, safe, and it says what the records say, in both renderings."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ml_assets.evaluation.evaluate import evaluate
from ml_assets.evaluation.mistakes import wrong_rows
from ml_assets.evaluation.parts import rows_of
from ml_assets.names import ROW_ID
from ml_assets.recipe import Recipe
from ml_assets.records import (
    GateCheck,
    Leak,
    Promotion,
    SegmentGain,
    Swarm,
    TrainedModel,
    TrainingResult,
    Trial,
    TuningResult,
)
from ml_assets.reports.as_html import as_html
from ml_assets.reports.as_markdown import as_markdown
from ml_assets.reports.training import Facts, summary, training_document
from ml_assets.tasks.over_folds import over_folds
from ml_assets_tests.reports.test_data import EVIL, profiled
from ml_assets_tests.support.reports import Read, told_by

HOSTILE = (
    EVIL,
    "a|b",
    "two\nlines",
    "`rm`",
    "<img src=http://x.example/y>",
    "[a](javascript:x)",
    "_x_ *y* ~~z~~",
    "# a",
)


def facts(
    classes: tuple[str, ...] = ("no", "yes"), word: str = "age", trials: int = 40, rows: int = 500
) -> Facts:
    """A challenger that lost, with everything that a report can have."""
    random = np.random.default_rng(0)
    y = pd.Series(random.choice(classes, rows))
    shares = random.dirichlet(np.ones(len(classes)), rows)
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
    frame = pd.DataFrame({word: random.normal(size=rows), "level": random.choice([word, "b"], rows), "y": y})
    frame[ROW_ID] = np.arange(rows, dtype=np.uint64)
    evaluation = evaluate(recipe, y, predictions, y, seen=(frame, (word, "level"))).model_copy(
        update={
            "leaks": (Leak(column=word, score=1.0, text="each class has a value"),),
            "mixed": (word,),
            "swarms": (Swarm(column=word, mean=0.2, adds=(0.1, -0.3), place=(0.0, 1.0)),),
            "swarms_of": f"probability of {word}",
        }
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
        over_folds=over_folds((0.7, 0.8)),
        rows=2_000,
        features=(word, "level"),
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
    positive = classes[-1] if len(classes) == 2 else None
    return Facts(
        trained,
        3,
        evaluation,
        promotion,
        champion=evaluation,
        importance={word: 0.25, "level": 0.0},
        profile=profiled(frame.drop(columns=ROW_ID), notes=(word,)),
        wrong=wrong_rows(
            rows_of(recipe, frame, predictions, positive), (word, "level"), ("level", word), frame
        ),
        rows={"in the files": 2_600, "learned": 2_000},
        columns={f"{word}{k}": "constant" for k in range(80)},
    )


def both(given: Facts) -> tuple[str, str]:
    """The two renderings."""
    made = training_document(given)
    return as_html(made), as_markdown(made)


def test_report_says_the_outcome_first_and_shows_the_best_trials() -> None:
    html, text = both(facts())
    page = Read(html)
    assert page.texts[:2] == [
        "shop, version 3, did not become champion",
        "shop, version 3, did not become champion",
    ]
    assert page.texts[2].startswith("A segment is worse. On 500 rows that it had not seen, roc_auc is ")
    assert text.startswith("# shop, version 3, did not become champion\n\nA segment is worse. ")
    trials = [row[0] for table in page.tables for row in table if table[0][0] == "trial"][1:]
    assert trials == [str(k) for k in range(39, 29, -1)]
    assert "✕ fail" in html and "✕ fail" in text and "30 others are not listed" in text


@pytest.mark.parametrize("classes", [("no", "yes"), tuple(f"class {k}" for k in range(40))])
def test_both_renderings_hold_the_same_tables_and_the_numbers_of_the_records(
    classes: tuple[str, ...],
) -> None:
    given = facts(classes, trials=1_000)
    html, text = both(given)
    told_by(given, html, text)


def test_a_report_without_what_an_older_training_did_not_know_is_made() -> None:
    whole = facts()
    bare = replace(whole, champion=None, importance={}, profile=None, wrong=None, rows={}, columns={})
    older = {"confusions": (), "parts": (), "curves": (), "swarms": (), "class_intervals": {}}
    given = replace(bare, evaluation=whole.evaluation.model_copy(update=older))
    told_by(given, *both(given))


@pytest.mark.parametrize("word", HOSTILE)
def test_what_is_in_the_data_stays_text(word: str) -> None:
    given = facts(word=word)
    html, text = both(given)
    told_by(given, html, text)
    seen = " ".join(Read(html).texts)
    assert seen.count(" ".join(word.split("\n"))) >= 6
    assert not re.search(r"<(?!br)[a-z]", text)


def test_what_few_rows_share_and_what_is_no_feature_is_not_shown() -> None:
    recipe = Recipe.model_validate(
        {
            "name": "shop",
            "model": {
                "loader": {"source_uri": "x.csv"},
                "data_interface": {"task_type": "classification", "target_col": "y"},
            },
        }
    )
    rows = 60
    frame = pd.DataFrame(
        {
            "phone": 491_511_234_567.0 + np.arange(rows),
            "town": ["Rome"] * 50 + ["Nowhere"] * 10,
            "told": [f"story {k}" for k in range(rows)],
            "email": [f"{k}@example.org" for k in range(rows)],
            "y": ["no", "yes"] * (rows // 2),
        }
    )
    wrong_of_all = pd.DataFrame(
        {
            "prediction": ["yes"] * rows,
            "probability_no": np.linspace(0, 1, rows),
            "probability_yes": np.linspace(1, 0, rows),
        }
    )
    leans = ("phone", "town", "told", "email")
    found = wrong_rows(rows_of(recipe, frame, wrong_of_all, "yes"), leans[:3], leans, frame)
    assert found is not None and len(found.rows) == 10
    written = found.model_dump_json()
    assert "@" not in written and "story" not in written and "4567" not in written and "Rome" in written
    assert found.rare >= 10
    losses = [row.loss for row in found.rows]
    assert (
        losses == sorted(losses, reverse=True) and found.rows[0].truth == "no" and found.rows[0].share == 0.0
    )


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
