"""What the web UI shows: the verdict first, numbers that fit, the same words as everywhere."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import numpy as np
import pytest

from ml_assets.backtest.backtest import Backtest, PolicyScore
from ml_assets.backtest.scale import Interval
from ml_assets.lifecycle.pictured import Pictured
from ml_assets.monitoring.wording import describe
from ml_assets.orchestration import display
from ml_assets.orchestration.assets import ASSETS
from ml_assets.orchestration.graph import Graph
from ml_assets.orchestration.health import REMEDIES
from ml_assets.orchestration.model_status import LastDecision, ModelStatus
from ml_assets.orchestration.overview import _last_decisions, flat, needed
from ml_assets.records import ColumnDrift, DriftReport, GateCheck, PerformanceReport, Promotion, Score
from ml_assets_tests.support.registry_workers import training_result

DRIFTED = ColumnDrift(
    column="price",
    kind="numeric",
    test="location",
    effect_name="Wasserstein",
    effect=3.8414772,
    p_value=0.0,
    drifted=True,
    trend="moved once",
    importance=0.053389123,
)


def drift() -> DriftReport:
    return DriftReport(
        batch="2025-03-01",
        champion_version=1,
        status="drift",
        rows=2000,
        reference_rows=8000,
        share=1.0,
        weight=0.3891835667763083,
        columns=(DRIFTED,),
        text="1 of 1 columns drifted",
    )


def test_verdict_and_reason_of_the_gate_come_before_its_tables() -> None:
    promotion = Promotion(
        outcome="promote",
        reason="better",
        metric="roc_auc",
        direction="maximize",
        rows=1596,
        challenger_score=0.7167286050896502,
        checks=(GateCheck(name="size", passed=True, text="small"),),
    )
    shown = display.promotion_metadata(promotion)
    assert list(shown)[:2] == ["outcome", "reason"]
    assert shown["challenger_score"] == 0.7167
    assert list(shown)[-2:] == ["checks", "segments"]


def test_record_is_the_last_thing_a_person_meets() -> None:
    report = PerformanceReport(
        batch="2025-12-01",
        scored_batch="2025-11-01",
        champion_version=3,
        status="ok",
        metric="roc_auc",
        direction="maximize",
        rows=1908,
        coverage=1.0,
        score=Score(value=0.7183755931902708, low=0.69, high=0.74),
    )
    shown = display.performance_metadata(report)
    assert list(shown)[-1] == "record"
    assert shown["live_roc_auc"] == 0.7184
    later = display.shown(Pictured(pictures={"history": b"a picture"}), shown)
    assert list(later)[-3:] == ["history", "record", "seal"] and later.keys() == {*shown, "history", "seal"}
    words = [word for value in later.values() if isinstance(value, str) for word in value.split()]
    assert max(map(len, words)) <= 32  # a longer one makes the table wider than its page
    assert display.shown(Pictured(), {"status": "no champion"}) == {"status": "no champion"}


@pytest.mark.parametrize("make", ASSETS)
def test_every_asset_shows_the_pictures_of_its_step(make: Callable[[Graph], dg.AssetsDefinition]) -> None:
    calls = [node for node in ast.walk(ast.parse(inspect.getsource(make))) if isinstance(node, ast.Call)]
    assert "display.shown" in {ast.unparse(call.func) for call in calls}, "takes what is pictured alone"


def test_columns_of_a_drift_report_are_told_as_in_its_summary() -> None:
    shown = display.drift_metadata(drift())
    assert shown["drifted_importance"] == 0.3892
    (row,) = shown["columns"].records
    assert describe(DRIFTED) == "3.84 standard deviations away, moved once"
    assert row.data["found"] == f"drifted: {describe(DRIFTED)} (p < 0.0001)"
    assert row.data["importance"] == 0.05339


def test_counts_are_not_rounded() -> None:
    assert display.numbers({"rows": 1234567, "mean": 123456.7, "none": None, "nan": float("nan")}) == {
        "rows": 1234567,
        "mean": 123457.0,
    }


def test_row_of_the_overview_is_short() -> None:
    row = flat(
        ModelStatus(
            name="churn",
            champion_version=3,
            age_days=0.2,
            metric="roc_auc",
            holdout_score=0.71672,
            live_score=0.71837,
            drift=0.3,
            status="healthy",
        )
    )
    assert list(row) == ["name", "status", "champion", "score", "drift"]
    assert row["score"] == "roc_auc: hold-out 0.7167, live 0.7184"
    assert flat(ModelStatus(name="new", metric="rmse", status="no model"))["score"] is None


def test_who_needs_nobody_is_not_among_those_who_do() -> None:
    rows = [ModelStatus(name=status, status=status, todo=remedy) for status, remedy in REMEDIES.items()]
    names = [row["name"] for row in needed(rows)]
    assert names == [name for name in REMEDIES if name not in ("serving", "healthy")]
    assert all(row["what to do"] != "nothing" for row in needed(rows))


def test_reason_of_a_last_decision_is_told_whole() -> None:
    reason = "drift share 0.3 > 0.1 in 3 of the last 3 batches"
    last = LastDecision(action="retrain", at="2026-11-21T10:47:13.000000+00:00", reason=reason)
    rows = [
        ModelStatus(name="churn", status="training", last_decision=last),
        ModelStatus(name="new", status="no model"),
    ]
    (row,) = _last_decisions(rows)
    assert row == {"name": "churn", "at": "2026-11-21 10:47", "decision": "retrain", "reason": reason}


def test_dates_of_a_policy_stay_out_of_the_table_of_a_backtest() -> None:
    nothing = Interval(value=0.0, low=0.0, high=0.0)
    policy = PolicyScore(
        policy="every batch",
        score=0.758603,
        interval=(0.703455, 0.800384),
        gain=nothing,
        retrains=2,
        promoted=2,
        seconds=19.891864,
        dates=("2024-01-01", "2024-02-01"),
        first_half=0.0,
        first_half_low=0.0,
        second_half=0.0,
        retrains_by_half=(1, 1),
    )
    result = Backtest(
        name="churn",
        metric="roc_auc",
        direction="maximize",
        first="2024-01-01",
        batches=2,
        rows=4000,
        halves=("2024-01-01", "2024-02-01"),
        window=4,
        policies=(policy,),
        recommended="every batch",
        reason="it gains",
        note="A refit.",
    )
    shown = display.backtest_metadata(result)
    (row,) = shown["policies"].records
    assert row.data == {
        "policy": "every batch",
        "roc_auc (95 %)": "0.7586 (0.703 to 0.8)",
        "gain": 0.0,
        "retrains": "2, 2 won",
    }
    assert shown["dates"].value == {"every batch": ["2024-01-01", "2024-02-01"]}


def test_a_search_of_many_parameters_is_no_wider_than_one_of_few() -> None:
    found = training_result(trials=1)
    assert found.tuning is not None
    many = {f"parameter_{k}": k / 3 for k in range(12)}
    trial = found.tuning.history[0].model_copy(update={"params": many})
    tuning = found.tuning.model_copy(update={"history": (trial,)})
    shown = display.training_metadata(
        found.model_copy(update={"tuning": tuning, "seconds": 17.77841093500001})
    )
    assert [column.name for column in shown["search"].schema.columns] == [
        "trial",
        "roc_auc",
        "state",
        "parameters",
    ]
    told = shown["search"].records[0].data["parameters"]
    assert told.startswith("parameter_0 0.0, parameter_1 0.333333, ") and told.endswith(
        "parameter_11 3.666667"
    )
    assert shown["seconds"] == 17.78


WIDEST = 45
"""Letters of a word on an asset's page of 1,400 pixels: a longer one pushes the ends of all sentences out of sight."""


def test_a_sample_shows_every_column_and_a_page_its_place_in_the_home(tmp_path: Path) -> None:
    rows = [{f"column_{k}": k * place for k in range(30)} for place in range(5)]
    shown = display.turned(rows)
    assert [record.data["column"] for record in shown.records] == list(rows[0])
    assert [column.name for column in shown.schema.columns] == ["column", "row 1", "row 2", "row 3"]
    assert shown.records[2].data == {"column": "column_2", "row 1": 0, "row 2": 2, "row 3": 4}
    assert display.turned([]).records == []
    home = tmp_path / "a_long_path_of_a_home_that_is_somewhere_deep"
    page = home / "batches" / "churn" / "evaluation_report" / "2025-08-01.files" / "version_3.html"
    (told,) = display.page_metadata("report", page, home).values()
    assert home / told.path == page and max(map(len, told.path.split("-"))) < WIDEST
    (elsewhere,) = display.page_metadata("report", page, tmp_path / "other").values()
    assert elsewhere.path == str(page)
    assert display.page_metadata("report", None, home) == {}


def test_a_table_shows_values_of_any_kind_and_no_empty_column() -> None:
    rows = [
        {"list": np.array([1, 2]), "struct": {"k": 1}, "none": None, "nan": float("nan"), "blank": "", "n": 0}
    ]
    shown = display.table(rows)
    assert [column.name for column in shown.schema.columns] == ["list", "struct", "n"]
    assert shown.records[0].data == {"list": "[1 2]", "struct": "{'k': 1}", "n": 0}
