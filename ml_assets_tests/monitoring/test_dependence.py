"""Rows that belong together count as fewer: of entities, and in order of time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from ml_assets.features.columns import Roles
from ml_assets.monitoring.column_tests import outcomes
from ml_assets.monitoring.dependence import Related, Sides, design_effect, joined, related
from ml_assets.monitoring.drift import drift_report
from ml_assets.monitoring.performance import performance_report, worse_than
from ml_assets.monitoring.reference import InMemory, Reference, Scored
from ml_assets.monitoring.samples import LevelPair, NumberPair, Pair, levels, numbers
from ml_assets.monitoring.sequential import loss_summary, sequential_test
from ml_assets.records import Score
from ml_assets.tasks.intervals import widened, wilson
from ml_assets_tests.support.references import champion

QUARTER = 15 * 60 * 10**9


def ar(rng: np.random.Generator, rows: int, coefficient: float) -> np.ndarray:
    noise = rng.normal(size=rows + 1_000)
    return np.asarray(lfilter([np.sqrt(1 - coefficient**2)], [1, -coefficient], noise))[1_000:]


@pytest.mark.parametrize(("coefficient", "rows"), [(0.0, 500), (0.5, 1_000), (0.9, 3_000)])
def test_rows_in_order_of_time_count_as_theory_says(coefficient: float, rows: int) -> None:
    rng = np.random.default_rng(0)
    time = np.arange(rows) * QUARTER
    found = [design_effect(ar(rng, rows, coefficient), Related(time=time)) for _ in range(40)]
    assert np.median(found) == pytest.approx((1 + coefficient) / (1 - coefficient), rel=0.15)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_rows_of_entities_count_as_theory_says(share: float) -> None:
    rng = np.random.default_rng(1)
    entity = np.repeat(np.arange(100), 20).astype(np.uint64)
    found = [
        design_effect(
            np.sqrt(share) * rng.normal(size=100)[entity] + np.sqrt(1 - share) * rng.normal(size=2_000),
            Related(entity),
        )
        for _ in range(40)
    ]
    assert np.mean(found) == pytest.approx(1 + 19 * share, rel=0.15) and min(found) >= 1


def test_cycle_of_the_day_is_no_dependence_and_shuffled_rows_count_the_same() -> None:
    rng = np.random.default_rng(2)
    at = pd.date_range("2024-01-01", periods=7 * 96, freq="15min")
    frame = pd.DataFrame({"at": at, "x": 2 * np.sin(2 * np.pi * at.hour / 24) + rng.normal(size=len(at))})
    frame["day"] = frame["at"].dt.floor("D")
    mixed = frame.sample(frac=1.0, random_state=0)
    for time, most in (("at", 1.5), ("day", 40.0)):
        found = [design_effect(each["x"], related(each, [], time)) for each in (frame, mixed)]
        assert found[0] == pytest.approx(found[1]) and found[0] < most
    assert related(frame, ["nobody"], "nothing") is None
    assert joined([related(frame, ["day"], "at"), None]) is None
    whole = joined([related(frame, ["day"], "at")] * 2)
    assert whole is not None and whole.entity is not None and len(whole.entity) == 2 * len(frame)


def pairs_of_one_world(rng: np.random.Generator) -> list[Pair]:
    """A number, its size, a category and holes: 400 entities known, 40 others in the batch, 25 rows each."""
    sides = []
    for count in (400, 40):
        who = np.repeat(np.arange(count), 25)
        own = rng.normal(size=count)[who]
        number = pd.Series(
            np.where(own + rng.normal(size=len(who)) > 1.5, np.nan, own + 0.1 * rng.normal(size=len(who)))
        )
        level = pd.Series(np.array(list("abc"), dtype=object)[(own > -0.5).astype(int) + (own > 0.5)])
        sides.append((number, level, Related(who.astype(np.uint64))))
    together = Sides.of(sides[0][2], sides[1][2])
    made = [
        (NumberPair(numbers(sides[0][0]), numbers(sides[1][0])), 0),
        (LevelPair(levels(sides[0][1]), levels(sides[1][1])), 1),
    ]
    return [together.designed(pair, sides[0][at], sides[1][at]) for pair, at in made]


def test_no_test_of_a_column_alarms_where_entities_are_new_and_nothing_else() -> None:
    """As independent rows, most of these pairs differ with p < 0.001."""
    rng = np.random.default_rng(3)
    found: dict[str, list[float]] = {}
    for _ in range(60):
        for pair in pairs_of_one_world(rng):
            for outcome in outcomes(pair):
                found.setdefault(outcome.test, []).append(outcome.p_value)
    assert {"location", "scale", "KS", "range", "chi2", "missingness"} <= found.keys()
    for test, p_values in found.items():
        assert np.mean(np.array(p_values) < 0.05) <= 0.13, test
        assert np.mean(np.array(p_values) < 0.001) <= 0.02, test


def test_column_that_steps_within_a_batch_is_found() -> None:
    """Though its rows, in order of time, look as if they depended on one another."""
    rng = np.random.default_rng(5)
    at = pd.date_range("2024-01-01", periods=5_000, freq="5min")
    frame = pd.DataFrame({"at": at, "x": rng.normal(size=5_000), "y": ar(rng, 5_000, 0.9)})
    known, batch = frame.head(4_000), frame.tail(1_000).reset_index(drop=True)
    batch["x"] += np.where(batch.index >= 500, 0.5, 0.0)
    together = Sides.of(*(related(side, [], "at") for side in (known, batch)))
    found = {}
    for name in ("x", "y"):
        pair = NumberPair(numbers(known[name]), numbers(batch[name]))
        found[name] = together.designed(pair, known[name], batch[name])
    assert found["x"].design.location[1] <= 1.5 < 10 < found["y"].design.location[1]
    assert min(each.p_value for each in outcomes(found["x"])) < 1e-5


def test_sensors_that_wander_into_each_others_range_are_not_swapped() -> None:
    rng = np.random.default_rng(6)
    at = pd.date_range("2024-01-01", periods=1_500, freq="15min")
    wander = {name: ar(rng, 1_500, 0.995) for name in ("u", "v")}
    frame = pd.DataFrame({"at": at, **wander})
    frame["v"] += 2.0
    known, batch = frame.head(1_200), frame.tail(300).reset_index(drop=True)
    batch["u"] += float(known["v"].mean() - batch["u"].mean())
    batch["v"] += float(known["u"].mean() - batch["v"].mean())
    kept = InMemory(known, Roles(("u", "v"), ()))
    found = [
        drift_report("b", batch, Reference.of_rows(kept, 300, version=1, **timed)).status
        for timed in ({"time": "at"}, {})
    ]
    assert found == ["ok", "fault"]


def test_live_score_and_sequential_test_know_that_rows_belong_together() -> None:
    rng = np.random.default_rng(4)
    who = np.repeat(np.arange(30), 20)
    right = rng.random(30)[who] < 0.7
    y = pd.Series(np.where(right, "yes", "no"), dtype=object)
    answers = pd.DataFrame(
        {"prediction": np.repeat("yes", 600), "probability_no": 0.2, "probability_yes": 0.8}
    )
    known = champion(metric="accuracy", holdout=Score(value=0.8, low=0.78, high=0.82))
    entity = Related(who.astype(np.uint64))
    plain, counted = (
        performance_report("b", known, Scored("b", y, answers, related=rows)) for rows in (None, entity)
    )
    assert plain.score is not None and counted.score is not None
    assert plain.score.value == counted.score.value
    wider = (counted.score.high - counted.score.low) / (plain.score.high - plain.score.low)
    assert wider == pytest.approx(np.sqrt(20), rel=0.1)
    losses = (~right).astype(float)
    summaries = [loss_summary(losses, "error", rows) for rows in (None, entity)]
    assert summaries[0] is not None and summaries[1] is not None
    assert summaries[0].design == 1 and summaries[1].design == pytest.approx(20, rel=0.1)
    tests = [sequential_test(1.0 - losses, summaries[0], "b", 1, (), rows) for rows in (None, entity)]
    assert tests[0] is not None and tests[1] is not None
    assert tests[0].rows == 600 and tests[1].rows == pytest.approx(30, abs=3)
    assert tests[1].total / tests[1].rows == pytest.approx(tests[0].total / tests[0].rows)
    assert widened(plain.score, 1.0) == plain.score


@pytest.mark.parametrize("end", [0, 1])
def test_the_interval_that_is_told_of_a_share_ends_at_0_and_1_and_the_test_goes_by_its_whole_width(
    end: int,
) -> None:
    who = np.repeat(np.arange(30), 20)
    right = (who < 2) != bool(end)
    y = pd.Series(np.where(right, "yes", "no"), dtype=object)
    answers = pd.DataFrame({"prediction": np.repeat("yes", 600)})
    value = (0.15, 0.99)[end]
    holdout = Score(value=value, low=value - 0.01, high=value + 0.01)
    live = Scored("b", y, answers, related=Related(who.astype(np.uint64)))
    report = performance_report("b", champion(metric="accuracy", holdout=holdout), live)
    assert report.score is not None and report.p_value is not None
    assert (report.score.low, report.score.high)[end] == end
    low, high = wilson(report.score.value, 600)
    whole = widened(Score(value=report.score.value, low=low, high=high), 20)
    assert not 0 <= (whole.low, whole.high)[end] <= 1
    assert report.p_value == pytest.approx(worse_than(whole, holdout, "maximize"), rel=0.1)
    assert report.p_value > 1.1 * worse_than(report.score, holdout, "maximize")


def test_the_interval_of_a_hold_out_is_widened_once() -> None:
    """By what its own evaluation does not know yet."""
    y = pd.Series(np.resize(["yes", "no"], 600), dtype=object)
    answers = pd.DataFrame({"prediction": y, "probability_no": np.where(y == "no", 0.8, 0.2)})
    answers["probability_yes"] = 1 - answers["probability_no"]
    losses = loss_summary(np.resize([0.0, 1.0], 600), "error", None)
    assert losses is not None
    together = losses.model_copy(update={"design": 4.0})
    widths = []
    for design in (1.0, 4.0, 9.0):
        score = Score(value=0.8, low=0.78, high=0.82)
        known = champion(metric="accuracy", holdout=score, holdout_design=design, losses=together)
        told = performance_report("b", known, Scored("b", y, answers)).holdout
        assert told is not None
        widths.append(told.high - told.low)
    assert widths == pytest.approx([0.08, 0.04, 0.04])
