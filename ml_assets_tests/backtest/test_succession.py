"""What a replay says about a challenger is what the graph says: the same gate, the same rows, the same probation."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.trust.streams import fixed_fits, made_recipe, made_rows
from ml_assets.backtest.fits import Fits, fixed_fit
from ml_assets.backtest.policies import Policy, When
from ml_assets.backtest.replay import Replay, Reports, replay
from ml_assets.backtest.stream import Stream
from ml_assets.backtest.succession import Serving, Succession
from ml_assets.lifecycle.backtest import stream_of_store
from ml_assets.lifecycle.reference import reference
from ml_assets.lifecycle.state import ModelState
from ml_assets.lifecycle.watch import StoredBatches
from ml_assets.monitoring.watched import watched
from ml_assets.recipe.schema import PromotionSection
from ml_assets.records import Comparison, DriftReport, PerformanceReport, Promotion, TrainedModel
from ml_assets.registry import champions
from ml_assets_tests.support.shore import Shore, day

ROWS, WINDOW, FIRST = 150, 4, 5
TURNED = {7, 8, 9, 10}
"""Days on which the meaning is turned round: a model of these days is soon wrong again."""
TRAININGS = (7, 9, 10, 13, 16, 17, 18)


def put(shore: Shore, number: int) -> None:
    random = np.random.default_rng(number)
    frame = pd.DataFrame(random.normal(size=(ROWS, 3)), columns=["a", "b", "c"])
    margin = (2.0 * frame["a"] - frame["b"]) * (-1 if number in TURNED else 1)
    frame["y"] = np.where(random.random(ROWS) < 1 / (1 + np.exp(-margin)), "yes", "no")
    shore.put(number, frame)
    shore.take_in(number)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, mlflow_template: Path) -> tuple[Shore, list[Promotion]]:
    """Twenty days through the steps of the graph, with trainings on some."""
    home = tmp_path_factory.mktemp("home")
    shutil.copyfile(mlflow_template, home / "mlflow.db")
    shore = Shore(tmp_path_factory.mktemp("recipes"), home, WINDOW)
    promotions = []
    for number in range(20):
        put(shore, number)
        if number == FIRST:
            assert shore.train(number).outcome == "promote"
        elif number in TRAININGS:
            promotions.append(shore.train(number))
    return shore, promotions


@pytest.fixture(scope="module")
def replayed(lived: tuple[Shore, list[Promotion]]) -> Replay:
    """The same trainings on the same days, replayed."""
    state: ModelState = lived[0].state
    fits = replayed_fits(state)
    policy = Policy("as lived", dates=tuple(map(day, TRAININGS)), when=state.recipe.promotion.when)
    return replay(policy, Reports(fits), day(FIRST), WINDOW)


def replayed_fits(state: ModelState) -> Fits:
    first = state.store.read_record("trained_model", day(FIRST), TrainedModel).training
    return Fits(stream_of_store(state), fixed_fit(state.recipe, first))


def rounded(comparison: Comparison | None) -> dict[str, Any] | None:
    if comparison is None:
        return None
    told = comparison.model_dump()
    return {name: round(value, 9) if isinstance(value, float) else value for name, value in told.items()}


def told(promotion: Promotion) -> dict[str, Any]:
    numbers = {name: getattr(promotion, name) for name in ("gain", "gain_low", "champion_score", "alpha")}
    return {
        "outcome": promotion.outcome,
        "rows": promotion.rows,
        "champion": promotion.champion_version,
        "looks": promotion.looks,
        "aged": rounded(promotion.comparison),
        "reason": promotion.reason.partition("; served numbers")[0],  # a replay serves nobody
        **{name: None if value is None else round(value, 9) for name, value in numbers.items()},
    }


def test_replay_asks_the_gate_what_the_graph_asked(
    lived: tuple[Shore, list[Promotion]], replayed: Replay
) -> None:
    _, promotions = lived
    assert [told(promotion) for promotion in replayed.promotions] == [told(one) for one in promotions]
    outcomes = [promotion.outcome for promotion in promotions]
    assert "promote" in outcomes and {"keep", "inconclusive"} & set(outcomes)


def test_replay_undoes_what_probation_undid(lived: tuple[Shore, list[Promotion]], replayed: Replay) -> None:
    state = lived[0].state
    live = [entry.record for entry in state.ledger.entries("tide", "probation")]
    assert [
        (one.outcome, one.champion_version, one.rows, round(one.loss or 0.0, 9))
        for one in replayed.probations
    ] == [
        (one["outcome"], one["champion_version"], one["rows"], round(one["loss"] or 0.0, 9)) for one in live
    ]
    assert replayed.undone == 1
    assert "keep" in [attempt.outcome for attempt in replayed.attempts]


def test_replay_serves_every_batch_with_the_version_that_served_it(
    lived: tuple[Shore, list[Promotion]], replayed: Replay
) -> None:
    state = lived[0].state
    for batch, serving in replayed.served.items():
        (version,) = state.store.read_frame("predictions", batch)["champion_version"].unique()
        assert serving.version == version
    now = champions.champion(state.ledger, "tide")
    assert now is not None and now.version == replayed.served[day(19)].version


def test_replay_reports_the_drift_that_the_graph_reports(
    lived: tuple[Shore, list[Promotion]], replayed: Replay
) -> None:
    """By one function, of the same rows, with the same history of columns and predictions."""
    state = lived[0].state
    reports = Reports(replayed_fits(state))
    batches = [day(number) for number in (7, 8, 9)]
    version = replayed.served[batches[0]].version
    stored, earlier = StoredBatches(state, version), list[DriftReport]()
    for batch in batches:
        live = watched(batch, stored, reference(state, version), earlier)
        assert reports.drift(replayed.served[batch], batch) == live
        assert live.predictions and live.predictions[0].usual is None  # of four batches: too few
        earlier.append(live)


def test_replay_estimates_what_the_graph_estimates(
    lived: tuple[Shore, list[Promotion]], replayed: Replay
) -> None:
    """Before the labels: so drift asks, or does not, for the same reason."""
    state = lived[0].state
    reports = Reports(replayed_fits(state))
    for batch in [day(number) for number in (7, 12, 19)]:
        live = state.store.read_record("performance_report", batch, PerformanceReport).estimate
        again = reports.estimated(replayed.served[batch], batch)
        assert live is not None and live.value is not None and again.value is not None
        assert round(again.value, 9) == round(live.value, 9)
        assert again.champion_version == live.champion_version


def test_replay_knows_of_ageing_what_the_ledger_knows(
    lived: tuple[Shore, list[Promotion]], replayed: Replay
) -> None:
    """Refits at each training, each gate and each probation that ended; so age and gate decide alike."""
    state = lived[0].state
    live = champions.comparisons(state.ledger, "tide")
    kinds = [len(replayed.refits), len(replayed.promotions), len(replayed.probations)]
    again = [*replayed.refits, *(one.comparison for one in (*replayed.promotions, *replayed.probations))]
    assert min(kinds) >= 1
    assert sorted(map(str, map(rounded, live))) == sorted(str(rounded(one)) for one in again if one)
    assert "newer models gained" in "".join(one.reason for one in replayed.promotions)


def test_a_third_of_what_is_new_to_a_young_champion_judges_its_challenger(
    lived: tuple[Shore, list[Promotion]],
) -> None:
    """A hold-out is 180 rows; two days are new to the champion of day 5, and its challenger learned most of them."""
    rows = [promotion.rows for promotion in lived[1]]
    assert rows[0] == 2 * ROWS // 3 and set(rows) <= {
        min(180, days * ROWS // 3) for days in range(1, WINDOW + 1)
    }


@pytest.fixture(scope="module")
def unchanging() -> Reports:
    return Reports(fixed_fits(Stream(made_recipe(4, 6, 1), made_rows(24, 300, 0)), n_estimators=20))


@pytest.mark.parametrize(
    ("when", "promoted"),
    [("better", range(1)), ("auto", range(4)), ("not_worse", range(6, 9)), (None, [8])],
)
def test_burden_of_proof_decides_what_equal_challengers_become(
    unchanging: Reports, when: When | None, promoted: Any
) -> None:
    """Where nothing changes, challengers are no better and no worse."""
    labels = unchanging.stream.labels
    dates = labels[8:24:2]
    run = replay(Policy("some", dates=dates, when=when), unchanging, labels[6], 4)
    assert sum(attempt.outcome == "promote" for attempt in run.attempts) in promoted
    assert len(run.promotions) == (0 if when is None else len(dates))


def test_rows_that_spoke_for_an_undone_champion_are_not_asked_again() -> None:
    given = Stream(made_recipe(4, 6, 1), made_rows(14, 300, 0))
    fits = fixed_fits(given, n_estimators=20)
    first = Serving(fits.of(given.labels[1:5]), given.labels[5], 1)
    line = Succession(fits, first, PromotionSection(when="not_worse"))
    good = fits.of(given.labels[5:9])
    turned = {"probability_0": good.live["probability_1"], "probability_1": good.live["probability_0"]}
    line.ask(replace(good, live=good.live.assign(**turned)), given.labels[9])
    assert line.promotions[-1].outcome == "promote" and line.champion.version == 2
    line.watch(given.labels[11], {given.labels[10]: line.champion})
    assert line.probations[-1].outcome == "rollback" and line.champion is first
    line.ask(good, given.labels[11])
    again = line.promotions[-1]
    assert (again.outcome, again.rows) == ("inconclusive", 0) and line.champion is first


def test_targets_missed_fail_a_training_that_meets_the_gate_and_no_other() -> None:
    recipe = made_recipe(4, 6, 1)
    targets = recipe.evaluation.model_copy(update={"targets": {"roc_auc": 0.999}})
    given = Stream(recipe.model_copy(update={"evaluation": targets}), made_rows(12, 300, 0))
    reports = Reports(fixed_fits(given, n_estimators=20))
    for when, outcome in (("better", "failed"), (None, "promote")):
        policy = Policy("once", dates=(given.labels[9],), when=when)
        assert [a.outcome for a in replay(policy, reports, given.labels[6], 4).attempts] == [outcome]


def test_segments_are_cut_by_what_the_model_takes_as_features_not_by_the_judged_rows() -> None:
    """In one day every `code` is another, so these rows alone would call it an identifier; the model uses it."""
    frames = made_rows(14, 300, 0)
    for frame in frames.values():
        frame["code"] = [f"c{row}" if row % 2 else None for row in range(len(frame))]
    fits = fixed_fits(Stream(made_recipe(4, 6, 1), frames), n_estimators=20)
    labels = fits.stream.labels
    first = Serving(fits.of(labels[1:5]), labels[5], 1)
    line = Succession(fits, first, PromotionSection(when="not_worse", confidence=0.999))
    line.ask(fits.of(labels[5:9]), labels[9])
    assert "code" in fits.roles(labels[5:9]).features
    assert {part.segment for part in line.promotions[-1].segments} == {"code missing"}
