"""A person's own metric and estimator, by import path, from `validate` to the live score."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from ml_assets.lifecycle.served import served
from ml_assets.lifecycle.state import ModelState
from ml_assets.recipe.loading import load_recipe
from ml_assets.records import PerformanceReport
from ml_assets.serving.standard import RowError, load
from ml_assets.settings import read_settings
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import ml_assets, shoppers
from ml_assets_tests.support.own_metrics import profit

OURS = "ml_assets_tests.support"
LOGISTIC = "sklearn.linear_model.LogisticRegression"
SETTINGS = "hyperparameter_tuning: {enabled: false, metric: roc_auc, direction: maximize}"
TUNED = f"hyperparameter_tuning: {{n_trials: 4, metric: {OURS}.own_metrics.profit, direction: maximize}}"
REPORTED = "evaluation: {metrics: [roc_auc, accuracy]}"
OWN = {
    f"class_path: {LOGISTIC}": f"class_path: {OURS}.own_models.Nearest",
    "{C: 1.0}": "{power: {type: float, low: 1.0, high: 4.0}}",
    SETTINGS: TUNED,
    REPORTED: f"evaluation: {{metrics: [accuracy], targets: {{{OURS}.own_metrics.profit: 0.1}}}}",
}


@pytest.fixture(autouse=True)
def _allowed(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ML_ASSETS_MODULES", OURS)


def test_own_metric_chooses_judges_and_is_watched(shop: Shop, environment: pytest.MonkeyPatch) -> None:
    """Search, hold-out, gate and live score are those of the function."""
    months = [shoppers(160, month).assign(day=f"2024-0{month}-15") for month in (1, 2, 3)]
    monthly = (
        "batches: {column: day, period: monthly}\ntraining: {window: all, first: 1}\n"
        "monitoring: {min_rows: 50, label_delay: 0}"
    )
    path = shop.recipe("monthly", pd.concat(months), **OWN, **{"training: {window: all}": monthly})
    checked = ml_assets("validate", path, "--json")
    assert checked.code == 0, checked.out
    walked = ml_assets("backfill", "monthly", "--json")
    assert walked.code == 0, walked.err
    assert walked.result["metric"] == f"{OURS}.own_metrics.profit"
    state = ModelState(load_recipe(path), path, read_settings())
    champion = state.registry.champion("monthly")
    assert champion is not None
    kept = state.registry.files.holdout("monthly", champion.version)
    assert kept is not None
    rows, given = kept
    score = champion.evaluation.scores[champion.metric].value
    assert score == pytest.approx(profit(rows["bought"].to_numpy(str), given["prediction"].to_numpy(str)))
    tuning = champion.trained.training.tuning
    assert tuning is not None
    assert tuning.best_score == max(trial.value for trial in tuning.history if trial.value is not None)
    scored = 0
    for batch in state.store.batches("performance_report"):
        report = state.store.read_record("performance_report", batch, PerformanceReport)
        if report.score is None:
            continue
        answered = served(state, str(report.scored_batch))
        assert answered is not None
        labelled, answers = answered.labelled("bought")
        by_hand = profit(labelled["bought"].to_numpy(str), answers["prediction"].to_numpy(str))
        assert report.score.value == pytest.approx(by_hand)
        scored += 1
    assert scored
    with state.registry.files.verified_model(champion.trained, "monthly") as folder:
        answered = load(folder).predict(months[0])
        assert set(answered) <= {0, 1}
        environment.setenv("ML_ASSETS_MODULES", "")
        with pytest.raises(RowError, match=r"Nearest' is not allowed"):
            load(folder)
        environment.setenv("ML_ASSETS_MODULES", OURS)
    trained = ml_assets("train", "--recipe-file", path, "--json")
    assert trained.code == 0, trained.err
    assert trained.result["metric"] == f"{OURS}.own_metrics.profit"


def test_rows_are_predicted_without_the_outcomes_that_no_function_reads(shop: Shop) -> None:
    """And the rows that were left out of the training are not counted as learned."""
    rows = shoppers(400).assign(returned=lambda rows: rows["bought"] * 3)
    rows.loc[rows.index % 10 == 0, "spent"] = None
    path = shop.recipe("own", rows)
    made = "  preprocessor: {params: {exclude_cols: [returned], missing_strategy: drop}}\n"
    made += f"  feature_engineering: {{functions: [{OURS}.own_features.per_year]}}\n"
    path.write_text(path.read_text().replace("  data_interface:", made + "  data_interface:"))
    trained = ml_assets("train", "--recipe-file", path, "--json")
    assert trained.code == 0, trained.err
    assert trained.result["learned"]["rows"] == trained.result["account"]["learned"]
    (shoppers(20).drop(columns="bought")).to_csv(shop.folder / "new.csv", index=False)
    told = ml_assets(
        "batch-inference", "--model", "own", "--version", "1", "--source", shop.folder / "new.csv",
        "--output", shop.folder / "told.csv", "--json",
    )  # fmt: skip
    assert told.code == 0, told.err
    assert len(pd.read_csv(shop.folder / "told.csv")) == 20


@pytest.mark.parametrize(
    ("changed", "modules", "words"),
    [
        ({f"class_path: {LOGISTIC}": f"class_path: {OURS}.own_models.Nearest", "{C: 1.0}": "{}"}, "",
         "good.yaml:3 model.class_path: 'ml_assets_tests.support.own_models.Nearest' is not allowed"),
        ({f"class_path: {LOGISTIC}": f"class_path: {OURS}.own_models.Mean", "{C: 1.0}": "{}"}, OURS,
         "Mean is no estimator for classification"),
        ({f"class_path: {LOGISTIC}": f"class_path: {OURS}.own_models.NoKind", "{C: 1.0}": "{}"}, OURS,
         "does not say whether it is a classifier or a regressor"),
        ({f"class_path: {LOGISTIC}": f"class_path: {OURS}.own_models.Nearest"}, OURS,
         "good.yaml:4 model.hyperparameters.C: "),
        ({SETTINGS: TUNED}, "", "own_metrics.profit' is of a module that is not allowed (allowed: none)"),
        ({REPORTED: f"evaluation: {{metrics: [{OURS}.own_metrics.profit]}}"}, OURS, "which way is"),
        ({REPORTED: f"evaluation: {{own_metrics: {{{OURS}.own_metrics.profti: maximize}}}}"}, OURS,
         "Did you mean 'profit'?"),
        ({REPORTED: "evaluation: {own_metrics: {profit: maximize}}"}, OURS, "is no import path"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_told_in_one_line_of_the_recipe(
    changed: dict[str, str], modules: str, words: str, shop: Shop, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("ML_ASSETS_MODULES", modules)
    path = shop.recipe("good", shoppers(), **changed)
    checked = ml_assets("validate", path, "--json")
    assert checked.code == 2, checked.out
    messages = [fault["message"] for fault in checked.result["files"][0]["errors"]]
    assert any(words in message for message in messages), messages
    assert not any("\n" in message or "Traceback" in message for message in messages)


@pytest.mark.parametrize(("name", "words"), [("broken", "KeyError"), ("total", "a mean per row, not a sum")])
def test_metric_that_fails_is_told_in_one_line(name: str, words: str, shop: Shop) -> None:
    reported = f"evaluation: {{own_metrics: {{{OURS}.own_metrics.{name}: maximize}}}}"
    path = shop.recipe("good", shoppers(), **{REPORTED: reported})
    trained = ml_assets("train", "--recipe-file", path, "--json")
    assert words in trained.message
    assert f"own_metrics: {OURS}.own_metrics.{name}" in trained.message


def test_a_package_says_which_modules_it_needs_and_where_they_are_not_allowed(
    shop: Shop, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    inner = (
        f"{{n_estimators: 2, estimator: {{class_path: {OURS}.own_models.Nearest, hyperparameters: {{}}}}}}"
    )
    bagged = {f"class_path: {LOGISTIC}": "class_path: sklearn.ensemble.BaggingClassifier", "{C: 1.0}": inner}
    assert (
        ml_assets("train", "--recipe-file", shop.recipe("bagged", shoppers(), **bagged), "--json").code == 0
    )
    folder = tmp_path / "away"
    assert ml_assets("export", "bagged", "--to", folder, "--json").code == 0
    assert f"ML_ASSETS_MODULES={OURS}.own_models`" in (folder / "DEPLOYMENT.md").read_text()
    environment.setenv("ML_ASSETS_MODULES", "")
    refused = ml_assets("export", "bagged", "--to", tmp_path / "again", "--json").message
    assert "Nearest' is not allowed" in refused and "recipe of bagged: model" in refused
    assert "Value error" not in refused
