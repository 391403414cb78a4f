"""The backtest: same rows, true label delay, shared fits, the live decision; the policy on made streams."""

from __future__ import annotations

import itertools
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from benchmarks.trust.policy import flapping_metric
from benchmarks.trust.streams import MADE, fixed_fits, made_recipe, made_rows
from ml_assets.backtest import what_if as turning
from ml_assets.backtest.backtest import Backtest, PolicyScore, backtest, first_batch, recommend
from ml_assets.backtest.errors import TooShortError
from ml_assets.backtest.fits import Fits
from ml_assets.backtest.pictures import pareto
from ml_assets.backtest.policies import (
    AGES,
    AT_ONCE,
    CALENDARS,
    DEFAULTS,
    Policy,
    calendar,
    own_policies,
    same_number,
    section_of,
    standard_policies,
)
from ml_assets.backtest.replay import Replay, Reports, replay
from ml_assets.backtest.stream import Stream
from ml_assets.recipe.loading import parse_recipe
from ml_assets.recipe.schema import Budget, PromotionSection
from ml_assets.records.policies import NEVER, ORACLE, RECIPE, about
from ml_assets.retraining.ageing import FITS

BATCHES, ROWS, CHANGE = 21, 300, 10
FEW = (NEVER, "every 4 batches", "performance only", RECIPE, "one breach, unless worse")
DEFAULT = Policy(RECIPE, DEFAULTS)
ALARMS = Policy("alarms alone", DEFAULTS.model_copy(update={"max_age": "off"}), when="better")


def stream(change_at: int | None = CHANGE, batches: int = BATCHES, seed: int = 0, **more: Any) -> Stream:
    recipe = made_recipe(**{"window": 4, "first": 6} | more)
    return Stream(recipe, made_rows(batches, ROWS, seed, change_at))


def reports(given: Stream, folder: Path | None = None) -> Reports:
    return Reports(fixed_fits(given, folder, n_estimators=20))


@pytest.fixture(scope="module")
def changed() -> Reports:
    return reports(stream())


@pytest.fixture(scope="module")
def result(changed: Reports) -> Backtest:
    return backtest(changed, workers=2)


def few(given: Stream) -> list[Policy]:
    """A calendar, a policy that learns how fast models age, and one whose challengers meet the gate and probation."""
    return [policy for policy in standard_policies(given.recipe) if policy.name in FEW]


class Kept(NamedTuple):
    """A small backtest of few policies with its fits on disk, and what was told while it ran."""

    stream: Stream
    folder: Path
    result: Backtest
    progress: list[tuple[str, int, int]]

    def copy(self, folder: Path) -> Reports:
        """The same stream, with the fits in another folder."""
        shutil.copytree(self.folder, folder)
        return reports(self.stream, folder)

    def told(self, again: Backtest) -> bool:
        """Whether another backtest says the same, but for the seconds of fits."""
        return all(
            (ours.policy, ours.score, ours.dates) == (theirs.policy, theirs.score, theirs.dates)
            for ours, theirs in zip(self.result.policies, again.policies, strict=True)
        )


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    given, folder, seen = stream(batches=12), tmp_path_factory.mktemp("kept"), []
    made = backtest(
        reports(given, folder), policies=few(given), workers=2, progress=lambda *news: seen.append(news)
    )
    return Kept(given, folder, made, seen)


def named(result: Backtest, policy: str) -> PolicyScore:
    return next(row for row in result.policies if row.policy == policy)


def places(run: Replay, given: Stream) -> list[int]:
    return [given.labels.index(date) for date in run.dates]


def test_every_policy_serves_the_same_rows_with_no_row_it_was_trained_on(changed: Reports) -> None:
    given = changed.stream
    for policy in standard_policies(given.recipe):
        run = replay(policy, changed, given.labels[6], 4)
        assert list(run.served) == list(given.labels[7:])
        for batch, serving in run.served.items():
            assert serving.fit.record.batches[-1] < serving.as_of < batch  # labels come one batch late
            assert serving.as_of in (given.labels[6], *run.dates)
            assert given.spans[batch][0] in serving.fit.live.index


@pytest.mark.parametrize("delay", [0, 1, 3])
def test_model_learns_only_from_labels_that_had_arrived(delay: int) -> None:
    given = stream(label_delay=delay, batches=14)
    run = replay(calendar(2), reports(given), given.labels[8], 4)
    for serving in run.served.values():
        place = given.labels.index(serving.as_of)
        assert serving.fit.record.batches == given.labels[place - delay - 3 : place - delay + 1]


@pytest.mark.parametrize("every", CALENDARS)
def test_calendar_trains_every_so_many_batches(changed: Reports, every: int) -> None:
    given = changed.stream
    assert places(replay(calendar(every), changed, given.labels[6], 4), given) == list(
        range(6 + every, BATCHES, every)
    )


def test_policies_are_all_there_with_their_costs(result: Backtest) -> None:
    assert all(about(row.policy) for row in result.policies), "a person reads what each of them does"
    names = [row.policy for row in result.policies]
    base = (RECIPE, "one breach", "calm")
    own = [*base, *(f"{name}, {age} batches old at most" for age in AGES for name in base)]
    assert names == [
        NEVER, "every batch", "every 2 batches", "every 4 batches", "every 8 batches", "literal thresholds",
        "drift only", "performance only", "k of n", *own, *(f"{name}, unless worse" for name in own), ORACLE,
    ]  # fmt: skip
    for row in result.policies:
        assert row.retrains == len(row.dates) == sum(row.retrains_by_half)
        assert row.interval[0] <= row.score <= row.interval[1]
        assert (row.seconds > 0) == (row.retrains > 0)
    assert named(result, NEVER).retrains == 0 and named(result, NEVER).gain.value == 0.0
    assert result.rows == (BATCHES - 7) * ROWS


def test_retraining_pays_after_a_change_and_the_oracle_is_best(result: Backtest) -> None:
    assert named(result, "every batch").gain.low > 0.1
    assert named(result, RECIPE).gain.low > 0.05
    assert named(result, ORACLE).score > max(r.score for r in result.policies if r.policy != ORACLE) - 0.02


def test_literal_thresholds_mean_what_they_say(result: Backtest, changed: Reports) -> None:
    given = changed.stream
    literal = next(p for p in standard_policies(given.recipe) if p.name == "literal thresholds")
    run = replay(literal, changed, given.labels[6], 4)
    for decision in run.decisions:
        performance, drift = decision.evidence["performance"], decision.evidence["drift"]
        seen = changed.drift(run.served[decision.batch], decision.batch)
        breached = (performance["values"] and performance["values"][-1] < 0.8) or (
            drift["values"] and drift["values"][-1] > 0.1 and seen.weight > 0.05
        )
        assert decision.retrain == bool(breached)
    assert run.dates == named(result, "literal thresholds").dates


def test_no_fit_is_made_twice(kept: Kept, tmp_path: Path) -> None:
    """Fits are shared by all policies, and found again by another process and another threshold."""
    folder = tmp_path / "again"
    identity = kept.copy(folder).fits.identity
    made = sorted(folder.rglob("*.json"))
    fitted = sum(".profile" not in path.name for path in made)
    assert 0 < fitted <= len(kept.stream.labels) - 5 + FITS  # windows, and trainings' refits on history

    def refuse(frame: pd.DataFrame) -> Any:
        raise AssertionError("fitted again")

    fits = Fits(kept.stream, refuse, folder, identity)
    assert backtest(Reports(fits), policies=few(kept.stream)) == kept.result


def test_other_settings_are_replayed_on_kept_fits_alone(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turning, "MOST", 12 * (12 - 5))
    made = kept.copy(tmp_path / "again")
    files = sorted(tmp_path.rglob("*"))
    fit = made.fits.fit
    tried = turning.what_if(made, kept.result.first)
    assert sorted(tmp_path.rglob("*")) == files and made.fits.fit is fit, "nothing was fitted for it"
    section, own = kept.stream.recipe.retraining, tried.settings[0]
    assert {key: getattr(own, key) for key in tried.stops} == {
        key: getattr(section, key) for key in tried.stops
    }
    row = next(row for row in kept.result.policies if row.policy == RECIPE)
    assert own.score == (row.score, *row.interval) and own.gain == tuple(row.gain.model_dump().values())
    assert (own.retrains, own.promoted, own.undone, own.needs) == (row.retrains, row.promoted, row.undone, "")
    every = len(list(itertools.product(*tried.stops.values())))
    assert 1 < len(tried.settings) < every and tried.untried == every - len(tried.settings)
    for path in sorted((tmp_path / "again").rglob("*.profile.json")):
        path.unlink()
    poor = Reports(Fits(kept.stream, fit, tmp_path / "again", made.fits.identity))
    lacking = turning.what_if(poor, kept.result.first).settings[0]
    words = re.fullmatch(
        r"a model trained on (\S+) to (\S+) .*which no policy of this backtest made", lacking.needs
    )
    assert words is not None and set(words.groups()) <= set(kept.stream.labels) and lacking.score is None


def test_killed_backtest_goes_on(kept: Kept, tmp_path: Path) -> None:
    half = reports(kept.stream, tmp_path)
    for end in kept.stream.labels[5:8]:
        half.fits.get(end, 4)
    next(tmp_path.rglob("*.json")).unlink()  # killed before the record was written: the fit is not whole
    assert kept.told(backtest(reports(kept.stream, tmp_path), policies=few(kept.stream)))


@pytest.mark.parametrize("keep", [lambda size: size // 2, lambda size: 0, lambda size: size - 1])
def test_damaged_files_of_a_backtest_are_made_anew(
    kept: Kept, tmp_path: Path, keep: Callable[[int], int], caplog: pytest.LogCaptureFixture
) -> None:
    again = kept.copy(tmp_path / "damaged")
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert {path.name.partition(".")[2].partition("_")[0] for path in files} >= {
        "json", "profile.json", "live.parquet", "tested.parquet"
    }  # fmt: skip
    for path in files[::2]:
        os.truncate(path, keep(path.stat().st_size))
    assert kept.told(backtest(again, policies=few(kept.stream)))
    assert "is damaged and is made anew" in caplog.text


def test_other_rows_are_other_fits(tmp_path: Path) -> None:
    for seed, made in ((0, 1), (1, 2), (0, 2)):
        given = stream(batches=8, seed=seed)
        reports(given, tmp_path).fits.get(given.labels[5], 4)
        assert len(list(tmp_path.rglob("*.json"))) == made


def test_progress_ends_with_all_done(kept: Kept) -> None:
    for what in ("fits", "policies"):
        done = [(n, total) for name, n, total in kept.progress if name == what]
        assert [n for n, _ in done] == list(range(1, done[-1][1] + 1))


def test_too_little_history_is_said() -> None:
    given = stream(batches=7, label_delay=0)
    with pytest.raises(TooShortError, match="7 batches, too few"):
        first_batch(given)
    assert first_batch(stream(batches=12)) == given.labels[6]  # the labels of six batches, one late


def test_same_number_is_evenly_spaced() -> None:
    batches = [str(n) for n in range(100)]
    for retrains in (1, 3, 10, 50):
        dates = same_number("x", retrains, batches).dates
        assert dates is not None and len(dates) == retrains
        gaps = np.diff([-1, *map(int, dates), 100])
        assert gaps.max() - gaps.min() <= 2


def test_section_of_a_policy_means_the_policy() -> None:
    """Written into the recipe, what is recommended is what was tried."""
    recipe = made_recipe().model_copy(update={"promotion": PromotionSection(min_gain=0.01, min_rows=60)})
    for policy in (*own_policies(recipe.retraining), *own_policies(recipe.retraining, "not_worse")):
        text = section_of(policy, recipe.promotion)
        assert text is not None
        if "promotion" not in text:  # the recipe's own stays
            text += "\npromotion: {min_gain: 0.01, min_rows: 60}"
        given = parse_recipe(MADE.format(window=12, first=12, label_delay=1) + text)
        assert given.retraining == policy.retraining and given.promotion == policy.promotion_of(recipe)
    assert section_of(calendar(4)) is None
    assert section_of(standard_policies(recipe)[0]) == "retraining: {enabled: false}"


def score(policy: str, first: float, second: float, retrains: int, low: float | None = None) -> PolicyScore:
    gain = {"value": 0.0, "low": 0.0, "high": 0.0}
    return PolicyScore.model_validate(
        {
            "policy": policy,
            "score": 0.5,
            "interval": (0.4, 0.6),
            "gain": gain,
            "retrains": 2 * retrains,
            "promoted": 2 * retrains,
            "seconds": 1.0,
            "dates": (),
            "first_half": first,
            "first_half_low": first / 2 if low is None else low,
            "second_half": second,
            "retrains_by_half": (retrains, retrains),
            "section": None if policy in (ORACLE, "every 2 batches") else "retraining: {}",
        }
    )


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([score(NEVER, 0, 0, 0), score("often", 0.10, 0.1, 9), score("seldom", 0.09, 0.0, 8)], "seldom"),
        ([score(NEVER, 0, 0, 0), score("more", 0.09, 0.0, 8), score("less", 0.08, 9.9, 3)], "more"),
        ([score(NEVER, 0, 0, 0), score("more", 0.09, 0.0, 8), score("less", 0.09, 0.0, 3)], "less"),
        ([score(NEVER, 0, 0, 0), score("a", -0.1, 0.9, 3)], NEVER),
        ([score(NEVER, 0, 0, 0), score("a", 0.1, 0.1, 3, -0.01), score(RECIPE, 0, 0, 0)], RECIPE),
        ([score(NEVER, 0, 0, 0), score(ORACLE, 0.5, 0.5, 1), score("a", 0.1, 0.1, 4)], "a"),
        ([score(NEVER, 0, 0, 0), score("every 2 batches", 0.5, 0.5, 8), score("a", 0.1, 0.1, 4)], "a"),
    ],
)
def test_recommended_is_chosen_on_the_first_half_alone(rows: list[PolicyScore], expected: str) -> None:
    assert recommend(rows, 20)[0] == expected


def test_picture_is_small(result: Backtest) -> None:
    png = pareto(result)
    assert png.startswith(b"\x89PNG") and len(png) <= 40_000


def test_no_name_stands_on_another(result: Backtest) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from ml_assets.backtest.pictures import name_points

    alike = [
        row.model_copy(update={"retrains": 2 + i % 2, "score": 0.7}) for i, row in enumerate(result.policies)
    ]
    figure = Figure(figsize=(7.2, 4.2), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set(xlim=(0, 20), ylim=(0.6, 0.8))
    name_points(axes, alike)
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) > 8 and {NEVER, RECIPE, ORACLE} <= {text.get_text() for text in axes.texts}
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_no_alarm_asks_on_a_stationary_stream() -> None:
    given = stream(None, batches=60, seed=1)
    assert replay(ALARMS, reports(given), given.labels[6], 4).dates == ()


def test_broken_feed_trains_nothing_and_is_not_learned_later() -> None:
    given = stream(None, batches=24)
    broken = given.labels[12:15]
    for batch in broken:
        given.frames[batch]["a"] *= 1000
    made = reports(given)
    run = replay(DEFAULT, made, given.labels[6], 4)
    assert not set(run.dates) & set(broken)
    assert [d.rule for d in run.decisions if d.batch in broken] == ["fault"] * 3
    after = Policy("after", AT_ONCE.model_copy(update={"max_age": 10}))
    run = replay(after, made, given.labels[6], 4)
    assert run.dates
    for serving in run.served.values():
        assert not set(serving.fit.record.batches) & set(broken)


def test_training_that_fails_keeps_the_champion_and_the_budget() -> None:
    given = stream()
    made = fixed_fits(given, n_estimators=20)
    working = made.fit

    def failing(frame: pd.DataFrame) -> Any:
        if frame["batch__"].max() > given.labels[5]:  # the first model's newest labelled batch
            raise ValueError("out of memory")
        return working(frame)

    run = replay(DEFAULT, Reports(Fits(given, failing)), given.labels[6], 4)
    assert run.dates and run.dates == run.failed
    assert {serving.version for serving in run.served.values()} == {1}
    budget = DEFAULTS.budget
    found = places(run, given)
    assert all(sum(0 <= p - q < budget.batches for p in found) <= budget.retrains for q in found)


def test_replay_counts_what_a_training_costs_against_the_budget_of_cpu(changed: Reports) -> None:
    hour = Budget(cpu_hours=1.0, batches=100)
    frugal = replace(ALARMS, retraining=ALARMS.retraining.model_copy(update={"budget": hour}))
    start = changed.stream.labels[6]
    trained = {
        cost: len(replay(frugal, replace(changed, cpu_seconds=cost), start, 4).dates)
        for cost in (None, 60.0, 3600.0)
    }
    assert trained[None] == trained[60.0] > 0 == trained[3600.0]  # the first model has spent it
    held = replay(frugal, replace(changed, cpu_seconds=3600.0), start, 4).decisions
    assert {decision.rule for decision in held} > {"cpu_budget"}


def test_abrupt_change_is_one_retrain() -> None:
    """With `window: auto` the one training learns from the new time only, so nothing is left to alarm."""
    given = stream(batches=24, window="auto")
    run = replay(ALARMS, reports(given), given.labels[6], "auto")
    assert places(run, given) == [CHANGE + 2]  # two batches of the new time are labelled by then
    newest = run.served[given.labels[-1]].fit.record.batches
    assert min(newest) >= given.labels[CHANGE - 1]


def test_flapping_metric_spends_no_more_than_the_budget() -> None:
    budget = DEFAULTS.budget
    assert 2 <= flapping_metric(60) <= budget.retrains
