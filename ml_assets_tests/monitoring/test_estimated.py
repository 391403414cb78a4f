"""Without labels the metric is estimated as it will be, where rows that look alike have labels alike."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml_assets.monitoring.estimated import calibrated, estimate, expected_score, with_record
from ml_assets.monitoring.reference import Holdout
from ml_assets.recipe.tasks import TASK_METRICS
from ml_assets.records import Estimate, PerformanceReport, Score
from ml_assets.tasks.metrics import METRICS, score
from ml_assets.tasks.several import column_of


def frame_of(shares: np.ndarray, names: tuple[str, ...]) -> pd.DataFrame:
    frame = pd.DataFrame({f"probability_{name}": shares[:, k] for k, name in enumerate(names)})
    frame.insert(0, "prediction", np.array(names, dtype=object)[shares.argmax(axis=1)])
    return frame


def drawn(shares: np.ndarray, names: tuple[str, ...], rng: np.random.Generator) -> pd.Series:
    place = (rng.random((len(shares), 1)) > shares.cumsum(axis=1)).sum(axis=1)
    return pd.Series(np.array(names, dtype=object)[place.clip(max=len(names) - 1)], dtype=object)


@pytest.mark.parametrize("names", [("no", "yes"), ("a", "b", "c")])
@pytest.mark.parametrize("metric", TASK_METRICS["classification"])
def test_expected_score_is_the_mean_over_drawn_labels(metric: str, names: tuple[str, ...]) -> None:
    """The truth differs from what the model says, ties and rare classes among it."""
    rng = np.random.default_rng(0)
    truth = rng.dirichlet(np.linspace(1.5, 0.3, len(names)), 500)
    said = truth**0.6 / (truth**0.6).sum(axis=1, keepdims=True)
    predictions = frame_of(np.round(said, 2), names)
    scores = [score(metric, drawn(truth, names, rng), predictions, None) for _ in range(300)]
    tolerance = 4 * np.std(scores) / np.sqrt(len(scores)) + 1 / len(truth)
    assert expected_score(METRICS[metric], predictions, truth) == pytest.approx(
        np.mean(scores), abs=tolerance
    )


def world(rows: int, seed: int, centre: float = 0.0) -> tuple[pd.DataFrame, pd.Series, pd.DataFrame]:
    """One feature, and a model that is three times too sure; far from 0 rows are easy."""
    rng = np.random.default_rng(seed)
    x = rng.normal(centre, 1.0, rows)
    y = pd.Series(np.where(rng.random(rows) < 1 / (1 + np.exp(-x)), "yes", "no"), dtype=object)
    p = 1 / (1 + np.exp(-3 * x))
    return pd.DataFrame({"x": x, "y": y}), y, frame_of(np.column_stack([1 - p, p]), ("no", "yes"))


@pytest.mark.parametrize("metric", ["accuracy", "roc_auc", "log_loss", "f1"])
@pytest.mark.parametrize(("holdout_rows", "tolerance"), [(400, 0.05), (4000, 0.02)])
def test_estimate_follows_a_change_of_the_inputs(metric: str, holdout_rows: int, tolerance: float) -> None:
    known, _, guesses = world(holdout_rows, 1)
    rows, labels, predictions = world(20_000, 2, centre=1.0)
    found = estimate("b", 1, Holdout(metric, "y", known, guesses), rows, predictions)
    realised = score(metric, labels, predictions, None)
    assert found.value == pytest.approx(realised, abs=tolerance * (5 if metric == "log_loss" else 1))
    raw = expected_score(METRICS[metric], predictions, predictions.iloc[:, 1:].to_numpy())
    assert abs(found.value - realised) < abs(raw - realised)  # calibration was needed
    assert ("isotonic" if holdout_rows == 4000 else "logistic") in found.method


@pytest.mark.parametrize("metric", ["accuracy", "roc_auc"])
def test_estimate_of_several_targets_is_the_mean(metric: str) -> None:
    def both(frames: list[pd.DataFrame]) -> pd.DataFrame:
        parts = zip("yz", frames, strict=True)
        return pd.concat(
            [part.rename(columns=lambda c, name=name: column_of(c, name)) for name, part in parts], axis=1
        )

    one, other = world(1000, 1), world(1000, 5)
    rows, new, later = world(500, 2), world(500, 3, centre=1.0), 0.0
    known = one[0].assign(z=other[1])
    found = estimate(
        "b", 1, Holdout(metric, ["y", "z"], known, both([one[2], other[2]])), rows[0], both([rows[2], new[2]])
    )
    for name, labels, guesses, given in (("y", one[1], one[2], rows[2]), ("z", other[1], other[2], new[2])):
        alone = estimate(
            "b", 1, Holdout(metric, name, known.assign(**{name: labels}), guesses), rows[0], given
        )
        assert alone.value is not None
        later += alone.value / 2
    assert found.value == pytest.approx(later)


def test_shares_of_several_classes_sum_to_one() -> None:
    rng = np.random.default_rng(3)
    names = ("a", "b", "c")
    truth = rng.dirichlet((1, 1, 1), 3000)
    shares, how = calibrated(
        drawn(truth, names, rng), frame_of(truth**3 / (truth**3).sum(axis=1, keepdims=True), names),
        frame_of(truth[:50] ** 3 / (truth[:50] ** 3).sum(axis=1, keepdims=True), names),
    )  # fmt: skip
    assert shares.sum(axis=1) == pytest.approx(1.0) and how == "calibrated (isotonic)"
    assert np.abs(shares - truth[:50]).mean() < 0.08


def regression(rows: int, seed: int, noisy: float) -> tuple[pd.DataFrame, pd.Series, pd.DataFrame]:
    """Errors are four times as large in the shop "noisy", which has the share `noisy` of the rows."""
    rng = np.random.default_rng(seed)
    shop = np.where(rng.random(rows) < noisy, "noisy", "calm")
    base = rng.uniform(120, 220, rows)
    y = base + rng.normal(0, np.where(shop == "noisy", 20.0, 5.0))
    frame = pd.DataFrame({"shop": pd.Series(shop, dtype=object), "base": base, "y": y})
    return frame, frame["y"], pd.DataFrame({"prediction": base})


@pytest.mark.parametrize("metric", TASK_METRICS["regression"])
def test_loss_is_learned_from_the_features(metric: str) -> None:
    known, _, guesses = regression(3000, 1, noisy=0.3)
    rows, labels, predictions = regression(5000, 2, noisy=0.9)
    found = estimate("b", 1, Holdout(metric, "y", known, guesses, ["shop", "base"]), rows, predictions)
    realised, before = score(metric, labels, predictions, None), score(metric, known["y"], guesses, None)
    assert found.value == pytest.approx(realised, rel=0.15)
    assert abs(found.value - realised) < abs(before - realised) / 3
    assert (
        found.value
        == estimate("b", 1, Holdout(metric, "y", known, guesses, ["shop", "base"]), rows, predictions).value
    )


def test_strange_values_in_a_batch_are_missing_not_fatal() -> None:
    known, _, guesses = regression(600, 1, noisy=0.3)
    rows, _, predictions = regression(400, 2, noisy=0.3)
    rows["shop"] = "never seen"
    rows["base"] = rows["base"].astype(object).where(rows.index > 9, "text")
    assert estimate("b", 1, Holdout("rmse", "y", known, guesses, ["shop", "base"]), rows, predictions).value
    assert estimate(
        "b", 1, Holdout("rmse", "y", known, guesses, ["shop", "base"]), rows[[]], predictions
    ).value


def test_what_cannot_be_estimated_has_a_reason() -> None:
    known, _, guesses = world(2000, 1)
    rows, _, predictions = world(500, 2)
    hard = estimate(
        "b", 1, Holdout("f1", "y", known, guesses[["prediction"]]), rows, predictions[["prediction"]]
    )
    assert hard.value is None and "no probabilities" in hard.reason
    few = estimate("b", 1, Holdout("f1", "y", known[:99], guesses[:99]), rows, predictions)
    assert few.value is None and "99 rows" in few.reason
    none = estimate("b", 1, Holdout("f1", "y", known, guesses), rows[:0], predictions[:0])
    assert none.value is None and "no row that is new" in none.reason
    numbers, _, guessed = regression(500, 1, 0.5)
    numbers.loc[0, "y"] = 0.0
    mape = estimate("b", 1, Holdout("mape", "y", numbers, guessed, ["base"]), numbers, guessed)
    assert mape.value is None and "labels of 0" in mape.reason
    text = with_record(mape, [], report("b", None)).text
    assert text.startswith("No estimate of mape in b: the hold-out has labels of 0")


def report(
    batch: str, scored: str | None, value: float = 0.8, guess: Estimate | None = None, version: int = 1
) -> PerformanceReport:
    return PerformanceReport(
        batch=batch,
        scored_batch=scored,
        champion_version=version,
        status="ok" if scored else "waiting",
        metric="roc_auc",
        direction="maximize",
        rows=500,
        coverage=1.0,
        score=Score(value=value, low=value - 0.01, high=value + 0.01) if scored else None,
        estimate=guess,
    )


def guess(batch: str, value: float | None, version: int = 1) -> Estimate:
    return Estimate(batch=batch, champion_version=version, metric="roc_auc", rows=500, value=value)


def test_earlier_estimates_are_held_against_what_came() -> None:
    first = with_record(guess("1", 0.81), [], report("1", None))
    assert first.mean_error is None and "no earlier estimate has its labels yet" in first.text
    history = [report("1", None, guess=first), report("2", "1", 0.80, guess("2", 0.84))]
    third = with_record(guess("3", 0.80), history, report("3", "2", 0.80))
    assert third.matured_batches == 2 and third.mean_error == pytest.approx((0.01 + 0.04) / 2)
    assert third.matured is not None and third.matured.batch == "2"
    assert (third.matured.value, third.matured.realised) == (0.84, 0.80)
    assert third.matured.error == pytest.approx(0.04)
    assert third.text == (
        "Estimated roc_auc 0.8 in 3, without labels; earlier estimates were off by 0.025 on average (2 batches)."
    )


def test_score_of_another_champion_matures_nothing() -> None:
    history = [report("1", None, guess=guess("1", 0.81, version=1))]
    found = with_record(guess("2", 0.8), history, report("2", "1", 0.7, version=2))
    assert found.matured_batches == 0 and found.matured is None


def test_labels_that_come_at_once_mature_their_own_estimate() -> None:
    found = with_record(guess("1", 0.81), [], report("1", "1", 0.80))
    assert found.matured is not None and found.matured.error == pytest.approx(0.01)
