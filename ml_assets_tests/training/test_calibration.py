"""Calibrated shares come true as often as they say, are learned on rows no fit had learned, and go with the model."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ml_assets.compiled import run
from ml_assets.compiled.write import write
from ml_assets.evaluation.evaluate import predict
from ml_assets.features.cleaning import clean
from ml_assets.recipe.schema import Recipe
from ml_assets.records import TrainingResult
from ml_assets.registry.standard import raw_rows
from ml_assets.serving.standard import Cleaner, Predictor
from ml_assets.serving.ways import Arrayed, Piped
from ml_assets.tasks.metrics import score
from ml_assets.training import deciding
from ml_assets.training.calibration import calibrate
from ml_assets.training.fit import fit, refit

SURE: dict[str, Any] = {"class_path": "sklearn.naive_bayes.GaussianNB"}
DEEP: dict[str, Any] = {
    "class_path": "xgboost.XGBClassifier",
    "hyperparameters": {"n_estimators": 60, "max_depth": 7, "learning_rate": 0.5},
}
MONTHS = {"batches": {"column": "month", "period": "monthly"}}


def recipe(calibration: str, model: dict[str, Any] = SURE, **sections: Any) -> Recipe:
    given = {
        **model,
        "loader": {"source_uri": "rows.csv"},
        "data_interface": {"task_type": "classification", "target_col": "target"},
        "calibration": calibration,
    }
    threshold = {"threshold": sections.pop("threshold")} if "threshold" in sections else {}
    return Recipe.model_validate({"name": "example", "model": given | threshold, **sections})


def echoed(n: int, seed: int = 0, classes: int = 2) -> pd.DataFrame:
    """Eight columns that nearly say the same, which a naive Bayes counts eight times: it is far too sure."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=n)
    cuts = np.quantile(np.random.default_rng(1).normal(size=10_000) * 1.41, np.arange(1, classes) / classes)
    labels = np.digitize(hidden + rng.normal(size=n), cuts)
    frame = pd.DataFrame({f"x{k}": hidden + 0.2 * rng.normal(size=n) for k in range(8)})
    frame["target"] = np.array(["no", "yes"] if classes == 2 else ["a", "b", "c"])[labels]
    return frame.assign(row_id__=np.arange(n, dtype=np.uint64) + 10_000 * seed)


def log_loss(model: Any, rows: pd.DataFrame) -> float:
    positive = "yes" if "yes" in set(rows["target"]) else None
    return score("log_loss", rows["target"], predict(model, rows), positive)


def gap(shares: pd.Series, rows: pd.DataFrame) -> float:
    """Between what the highest fifth of shares says and how often it comes true."""
    high = shares > shares.quantile(0.8)
    true = rows["target"] == str(shares.name).removeprefix("probability_")
    return abs(float(shares[high].mean()) - float(true[high].mean()))


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize(("model", "classes"), [(SURE, 2), (SURE, 3), (DEEP, 2), (DEEP, 3)])
def test_one_that_is_too_sure_comes_true_as_often_as_it_says(
    method: str, model: dict[str, Any], classes: int
) -> None:
    frame, later = echoed(1_200, classes=classes), echoed(4_000, seed=1, classes=classes)
    plain, _ = fit(frame, recipe("off", model))
    fitted, result = fit(frame, recipe(method, model))
    before, after = log_loss(plain, later), log_loss(fitted, later)
    assert after < before - 0.1
    assert result.calibration is not None and result.calibration.rows == 1_200
    assert result.calibration.after == pytest.approx(after, abs=0.08)
    assert result.calibration.before == pytest.approx(before, rel=0.3)
    shares = predict(fitted, later).filter(like="probability_")
    assert len(shares.columns) == classes and np.allclose(shares.sum(axis=1), 1.0)
    said = predict(plain, later)
    for name in shares:
        assert gap(shares[name], later) < max(0.04, gap(said[name], later) / 2)
    assert any(f"calibrated by {method} on 1,200 rows" in note for note in result.notes)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_what_is_learned_by_heart_is_not_believed(method: str) -> None:
    """Labels of which nothing tells anything: on its own rows such a model is sure, and right."""
    rng = np.random.default_rng(0)
    frame = echoed(800).assign(target=np.where(rng.random(800) < 0.3, "yes", "no"))
    fitted, result = fit(frame, recipe(method, DEEP))
    found = predict(fitted, frame)["probability_yes"]
    assert found.quantile(0.02) > 0.15 and found.quantile(0.98) < 0.5
    assert result.calibration is not None and result.calibration.after == pytest.approx(0.61, abs=0.02)


def test_no_row_has_a_say_in_its_own_share() -> None:
    """By shares that tell nothing, other rows do worse than a coin; only a map of its own rows would do better."""
    told = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        parts = []
        for _ in range(2):
            shares = rng.random(60)
            frame = pd.DataFrame(
                {"prediction": "no", "probability_no": 1 - shares, "probability_yes": shares}
            )
            parts.append((pd.Series(np.where(rng.random(60) < 0.5, "yes", "no")), frame))
        told.append(calibrate(parts, "isotonic", "yes")[0].after)
    assert np.mean(told) > np.log(2)


def test_many_rows_are_calibrated_on_one_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "JUDGED_ROWS", 500)
    _, result = fit(echoed(1_000), recipe("isotonic"))
    assert result.calibration is not None and result.calibration.rows == 200
    assert len(result.cv_scores) == 2  # the halves of the one fold


def test_by_time_it_is_learned_on_newer_rows_than_the_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of six months the oldest is learned by every fit, so that no map knows its labels."""
    frame = echoed(600)
    frame["month"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(600) // 100 * 31, unit="D")
    frame["batch__"] = [f"{each:%Y-%m}" for each in frame["month"]]
    turned = frame.copy()
    turned.loc[:99, "target"] = np.where(frame["target"][:100] == "yes", "no", "yes")
    asked = recipe("sigmoid", **MONTHS)
    _, result = fit(frame, asked)
    assert result.calibration is not None and result.calibration.rows == 500
    from ml_assets.training import calibration

    seen: list[Any] = []
    learn = calibration.calibrate

    def spy(parts: Any, *options: Any) -> Any:
        seen.extend(index for y, _ in parts for index in y.index)
        return learn(parts, *options)

    monkeypatch.setattr(calibration, "calibrate", spy)
    fit(turned, asked)
    assert set(seen) == set(range(100, 600))


@pytest.mark.parametrize("model", [SURE, DEEP])
def test_a_refit_is_the_same_to_the_bit_and_keeps_the_maps(model: dict[str, Any]) -> None:
    asked, frame = recipe("isotonic", model), echoed(400)
    fitted, result = fit(frame, asked)
    read = TrainingResult.model_validate_json(result.model_dump_json())
    for again in (refit(frame, asked, read), fit(frame.sample(frac=1, random_state=1), asked)[0]):
        pd.testing.assert_frame_equal(predict(again, frame), predict(fitted, frame), check_exact=True)
    other = refit(echoed(500, seed=2), asked, read)
    assert other[-1].maps == fitted[-1].maps


def test_a_threshold_is_chosen_on_calibrated_shares() -> None:
    costs = {"metric": "cost", "costs": {"false_positive": 1, "false_negative": 4}}
    frame = echoed(3_000)
    _, told = fit(frame, recipe("off", threshold=costs))
    fitted, result = fit(frame, recipe("sigmoid", threshold=costs))
    assert result.threshold is not None and told.threshold is not None
    assert abs(result.threshold.value - 0.2) < 0.08 < abs(told.threshold.value - 0.2)  # by Bayes 1 / (1 + 4)
    found = predict(fitted, frame)
    assert ((found["probability_yes"] >= result.threshold.value) == (found["prediction"] == "yes")).all()
    assert len(result.notes) == 2


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("classes", [2, 3])
def test_every_way_of_serving_gives_calibrated_shares(tmp_path: Path, method: str, classes: int) -> None:
    model = {"class_path": "xgboost.XGBClassifier", "hyperparameters": {"n_estimators": 15, "max_depth": 5}}
    raw = echoed(400, classes=classes).drop(columns="row_id__")
    asked = recipe(method, model)
    rows = clean(raw, asked, "all").frame
    pipeline, result = fit(rows, asked)
    known = raw_rows(asked, result, rows, raw)
    why = write(tmp_path, pipeline, known, asked, rows)
    assert why is None, why
    compiled = run.load(tmp_path, known.columns, known.kinds.columns, ())
    cleaner, expected = Cleaner(known, {}), predict(pipeline, rows)
    assert expected["prediction"].nunique() == classes
    table = pa.Table.from_pandas(raw[list(known.columns)], preserve_index=False)
    for way in (Arrayed(compiled, cleaner), Piped(Predictor(pipeline, cleaner), "")):
        found = pd.DataFrame(way.table(table, True))
        assert found["prediction"].tolist() == expected["prediction"].tolist()
        for column in expected.filter(like="probability_"):
            np.testing.assert_allclose(found[column], expected[column], atol=1e-6)


def test_one_that_only_votes_is_refused() -> None:
    inner = {"name": "bayes", "estimator": SURE}
    votes = {
        "class_path": "sklearn.ensemble.VotingClassifier",
        "hyperparameters": {"estimators": [inner], "voting": "hard"},
    }
    with pytest.raises(ValueError, match=r"model\.calibration: this estimator gives no probabilities"):
        fit(echoed(200), recipe("sigmoid", votes, hyperparameter_tuning={"metric": "accuracy"}))


def test_what_an_automatic_search_chooses_is_calibrated() -> None:
    frame, later = echoed(300), echoed(2_000, seed=1)
    asked = recipe("sigmoid", {}, hyperparameter_tuning={"enabled": False})
    fitted, result = fit(frame, asked)
    assert result.choice is not None and result.calibration is not None
    assert log_loss(fitted, later) < 0.6
    pd.testing.assert_frame_equal(predict(refit(frame, asked, result), later), predict(fitted, later))


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("levels", [2, 3, 7, 400])
def test_no_order_of_rows_changes_a_map_and_rows_of_one_share_are_of_one_step(
    method: Any, levels: int
) -> None:
    """A tree gives few shares, each to many rows: more rows than the map has points."""
    draw = np.random.default_rng(levels)
    shares = np.linspace(0, 1, levels)[draw.integers(0, levels, 1500)]
    true = draw.random(1500) < 0.1 + 0.8 * shares

    def learned(order: Any) -> Any:
        y = pd.Series(np.where(true[order], "yes", "no"))
        each = pd.DataFrame(
            {"prediction": y, "probability_no": 1 - shares[order], "probability_yes": shares[order]}
        )
        parts = [(y.iloc[part], each.iloc[part]) for part in (slice(0, 700), slice(700, None))]
        return calibrate(parts, method, "yes")[0].maps["yes"]

    found, again = learned(np.arange(1500)), learned(draw.permutation(1500))
    np.testing.assert_allclose((found.slope, found.intercept), (again.slope, again.intercept), rtol=1e-6)
    np.testing.assert_allclose(found.given, again.given, rtol=1e-12)
    np.testing.assert_allclose(found.meant, again.meant, rtol=1e-12)
    if method == "isotonic" and levels < 4:
        means = [
            (true[shares == level].sum() + true.mean()) / ((shares == level).sum() + 1)
            for level in np.unique(shares)
        ]
        np.testing.assert_allclose(found.meant, means)
        np.testing.assert_allclose(found.given, np.unique(shares), atol=1e-12)
