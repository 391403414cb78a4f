"""What the drift decision is made of: joint change, a column's history, trend, importance, predictions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml_assets.features.columns import Roles
from ml_assets.monitoring.profile import effects_between
from ml_assets.monitoring.verdict import limit, outputs
from ml_assets.recipe.schema import Monitoring, Retraining
from ml_assets.records import DriftReport, Profile
from ml_assets.retraining.breaches import drift_breach
from ml_assets_tests.support.references import compared

NAMES = list("abcdef")
MONITORING = Monitoring(min_rows=100)


def batch(rng: np.random.Generator, means: float | list[float] = 0.0, rows: int = 600) -> pd.DataFrame:
    """Six columns; `a` and `b` go together."""
    frame = pd.DataFrame(rng.normal(size=(rows, 6)), columns=NAMES)
    frame["b"] = 0.7 * frame["a"] + 0.7 * frame["b"]
    return frame + means


def report(current: pd.DataFrame, reference: pd.DataFrame, label: str = "b", **known: object) -> DriftReport:
    return compared(label, current, reference, NAMES, [], MONITORING, **known)


def drifted(found: DriftReport) -> set[str]:
    return {column.column for column in found.columns if column.drifted}


def test_pair_that_no_longer_goes_together_is_drift_though_each_column_is_as_before() -> None:
    rng = np.random.default_rng(0)
    reference, current = batch(rng, rows=4000), batch(rng)
    current["a"] = rng.permutation(current["a"].to_numpy())
    found = report(current, reference)
    assert found.status == "drift" and not drifted(found)
    assert found.joint is not None and found.joint.pairs == (("a", "b"),) and found.joint.auc > 0.6
    assert found.share == pytest.approx(2 / 6) and "a with b" in found.text


def test_pairs_of_categories_count_too() -> None:
    rng = np.random.default_rng(1)
    codes = rng.choice(["x", "y", "z"], 4000)
    old = pd.DataFrame({"c": codes, "d": np.char.add(codes, "1"), "n": rng.normal(size=4000)})
    new = old.assign(d=rng.permutation(old["d"].to_numpy())).head(800)
    found = compared("b", new, old, ["n"], ["c", "d"], MONITORING)
    assert found.joint is not None and found.joint.drifted and found.joint.pairs[0] == ("c", "d")
    assert not drifted(found)


def test_moved_columns_are_no_joint_change() -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        found = report(batch(rng, [1.0, 0.5, 0, 0, 0, 0]), batch(rng, rows=3000))
        assert drifted(found) >= {"a", "b"} and found.joint is not None and not found.joint.drifted


def test_joint_change_rarely_raises_a_false_alarm() -> None:
    rng = np.random.default_rng(3)
    p_values = [
        r.joint.p_value for r in (report(batch(rng), batch(rng, rows=2000)) for _ in range(150)) if r.joint
    ]
    assert np.mean(np.array(p_values) < 0.5) <= 0.12  # of the 10 % of the error that it may spend: 5 %


def stream(rng: np.random.Generator, deviation: float, batches: int) -> list[pd.DataFrame]:
    return [batch(rng, list(deviation * rng.normal(size=6))) for _ in range(batches)]


def test_column_is_judged_by_what_its_own_batches_did_before() -> None:
    rng = np.random.default_rng(4)
    training = stream(rng, 0.3, 20)
    labelled = {f"{k:02d}": frame for k, frame in enumerate(training)}
    known = Profile(metric="rmse", usual=effects_between(labelled, Roles(tuple(NAMES), ()), MONITORING, 0))
    reference = pd.concat(training, ignore_index=True)
    later = stream(rng, 0.3, 20)
    naive = [report(frame, reference) for frame in later]
    informed = [report(frame, reference, profile=known) for frame in later]
    assert np.mean([found.status == "drift" for found in naive]) > 0.9
    assert np.mean([found.status == "drift" for found in informed]) <= 0.1
    assert "c" in drifted(report(batch(rng, [0, 0, 3.0, 0, 0, 0]), reference, profile=known))


def test_earlier_reports_are_a_history_once_there_are_eight_quiet_ones() -> None:
    rng = np.random.default_rng(5)
    reference = batch(rng, rows=3000)
    moved = [0.0, 0.0, 0.0, 0.25, 0.0, 0.0]
    quiet = []
    for k in range(8):
        found = report(batch(rng, moved), reference, f"{k:02d}")
        columns = tuple(c.model_copy(update={"drifted": False}) for c in found.columns)
        quiet.append(found.model_copy(update={"columns": columns, "status": "ok"}))
    assert "d" in drifted(report(batch(rng, moved), reference, earlier=quiet[:7]))
    assert "d" not in drifted(report(batch(rng, moved), reference, earlier=quiet))
    others = [found.model_copy(update={"champion_version": 2}) for found in quiet]
    assert "d" in drifted(report(batch(rng, moved), reference, earlier=others))
    loud = [
        found.model_copy(
            update={"columns": tuple(c.model_copy(update={"drifted": True}) for c in found.columns)}
        )
        for found in quiet
    ]
    assert "d" in drifted(report(batch(rng, moved), reference, earlier=loud))


def test_limit_is_never_below_the_largest_quiet_effect() -> None:
    rng = np.random.default_rng(6)
    for size in (8, 20, 60):
        values = list(rng.exponential(size=size))
        assert limit(values) >= 1.25 * max(values)
    assert limit([0.1] * 7) is None


@pytest.mark.parametrize(("step", "trend"), [(0.0, "moved once"), (0.3, "keeps moving")])
def test_trend_tells_a_column_that_moved_once_from_one_that_keeps_moving(step: float, trend: str) -> None:
    rng = np.random.default_rng(7)
    reference = batch(rng, rows=4000)
    frames: dict[str, pd.DataFrame] = {}
    reports: list[DriftReport] = []
    for k in range(4):
        current = batch(rng, [0, 0, 0, 0, 0, 0.6 + k * step], rows=1000)
        reports.append(report(current, reference, str(k), earlier=reports, trailing=frames))
        frames = {**frames, str(k): current}
    trends = [{c.column: c.trend for c in found.columns}["f"] for found in reports]
    assert trends[0] == "moved now" and trends[3] == trend and trend in reports[3].text
    assert all(c.trend == "" for c in reports[3].columns if not c.drifted)


def test_shift_of_a_column_without_importance_is_reported_and_asks_for_nothing() -> None:
    rng = np.random.default_rng(8)
    reference, current = batch(rng, rows=3000), batch(rng, [0, 0, 0, 0, 0, 0.8])
    for importance, breach in (({"a": 0.1, "f": 0.0}, False), ({"a": 0.1, "f": 0.1}, True), ({}, True)):
        found = report(current, reference, profile=Profile(metric="rmse", importance=importance))
        assert found.status == "drift" and drifted(found) == {"f"} and found.share > 0.1
        assert drift_breach(found, Retraining()) is breach
    assert drift_breach(report(current, reference), Retraining())


def test_estimated_loss_is_what_permuting_costs_for_the_rows_that_moved() -> None:
    rng = np.random.default_rng(9)
    reference, current = batch(rng, rows=3000), batch(rng)
    current["f"] = 50 + 0 * current["f"]  # all rows moved
    known = Profile(metric="rmse", importance={"f": 0.4, "a": 1.2})
    found = report(current, reference, profile=known)
    assert found.estimated_loss == pytest.approx(0.4) and found.weight == pytest.approx(0.25)
    half = report(
        current.assign(f=np.where(rng.random(600) < 0.5, 50, reference["f"].head(600))),
        reference,
        profile=known,
    )
    assert half.estimated_loss == pytest.approx(0.2, abs=0.03)
    quiet = report(batch(rng), reference, profile=known)
    assert quiet.estimated_loss == 0.0 and quiet.weight == 0.0


def test_predictions_that_moved_are_drift_of_themselves() -> None:
    rng = np.random.default_rng(10)
    reference, current = batch(rng, rows=3000), batch(rng)
    known = Profile(metric="rmse", predictions={"prediction": tuple(rng.normal(size=1000))})

    def found(by: float) -> DriftReport:
        predictions = pd.DataFrame({"prediction": rng.normal(size=600) + by}, index=current.index)
        return report(current, reference, profile=known, predictions=predictions)

    assert found(0.0).status == "ok" and not found(0.0).predictions[0].drifted
    assert found(0.5).status == "drift" and found(0.5).predictions[0].drifted and found(0.5).share == 0.0
    assert "predictions moved" in found(0.5).text


def test_labels_are_compared_where_there_are_no_probabilities() -> None:
    labels = pd.DataFrame({"prediction": ["x", "y"]})
    assert outputs(labels) == ["prediction"]
    assert outputs(labels.assign(scores="[0.3]")) == []  # another list from another fit is no drift
    shares = {f"probability_{name}": [0.5, 0.5] for name in "xyz"}
    assert outputs(labels.assign(**shares)) == list(shares)


def test_slow_climb_does_not_lift_its_own_limit() -> None:
    """Each batch a fifth above the one before, and what was quiet joins the history."""
    history = [0.05, 0.08, 0.11, 0.13] * 4
    quiet, effect = 0, 0.14
    while effect <= (limit(history) or 0.0) and quiet < 20:
        history.append(effect)
        quiet, effect = quiet + 1, 1.2 * effect
    assert quiet <= 8  # for ever, where the newest batches lift it by a quarter as well
