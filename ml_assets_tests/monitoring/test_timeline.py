"""The pictures over batches: small, drawn for any history, and different where the history differs."""

from __future__ import annotations

import pytest

from ml_assets.monitoring.timeline import drift_map, live_score
from ml_assets.records import ColumnDrift, DriftReport, Estimate, PerformanceReport, Score

LIMIT = 30_000


def drift(batch: int, effects: dict[str, float], version: int = 1) -> DriftReport:
    columns = tuple(
        ColumnDrift(
            column=name,
            kind="numeric",
            test="KS",
            effect_name="Wasserstein",
            effect=effect,
            p_value=0.001,
            drifted=effect > 0.1,
        )
        for name, effect in effects.items()
    )
    return DriftReport(
        batch=f"2024-{batch:03d}",
        champion_version=version,
        status="ok",
        rows=500,
        reference_rows=500,
        share=0.0,
        columns=columns,
    )


def live(batch: int, value: float, version: int = 1) -> PerformanceReport:
    return PerformanceReport(
        batch=f"2024-{batch:03d}",
        scored_batch=f"2024-{batch:03d}",
        champion_version=version,
        status="ok",
        metric="roc_auc",
        direction="maximize",
        rows=500,
        coverage=1.0,
        score=Score(value=value, low=value - 0.02, high=value + 0.02),
        holdout=Score(value=0.8, low=0.78, high=0.82),
    )


@pytest.mark.parametrize("batches", [0, 1, 2, 200])
@pytest.mark.parametrize("columns", [1, 40])
def test_drift_map_is_a_small_picture_of_any_history(batches: int, columns: int) -> None:
    effects = {f"a column with a long name and a $ {i}": i / 40 for i in range(columns)}
    png = drift_map([drift(b, effects, 1 + b // 7) for b in range(batches)])
    assert png.startswith(b"\x89PNG")
    assert len(png) <= LIMIT


@pytest.mark.parametrize("batches", [0, 1, 2, 200])
def test_live_score_is_a_small_picture_of_any_history(batches: int) -> None:
    reports = [live(b, 0.8 - 0.001 * b, 1 + b // 9) for b in range(batches)]
    png = live_score(reports, retrains=[report.batch for report in reports[::10]])
    assert png.startswith(b"\x89PNG")
    assert len(png) <= LIMIT


def test_a_drifted_column_and_a_promotion_are_seen() -> None:
    quiet = [drift(b, {"x": 0.05, "z": 0.05}) for b in range(5)]
    assert drift_map(quiet) != drift_map([*quiet[:4], drift(4, {"x": 0.5, "z": 0.05})])
    assert drift_map(quiet) != drift_map([*quiet[:4], drift(4, {"x": 0.05, "z": 0.05}, version=2)])
    scores = [live(b, 0.8) for b in range(5)]
    assert live_score(scores) != live_score(scores, retrains=["2024-002"])
    assert live_score(scores) != live_score([*scores[:4], live(4, 0.8, version=2)])


def estimated(report: PerformanceReport, batch: str, value: float | None) -> PerformanceReport:
    guess = Estimate(batch=batch, champion_version=1, metric="roc_auc", rows=500, value=value)
    return report.model_copy(update={"estimate": guess})


def test_estimates_are_drawn_over_their_scores_and_behind_the_last() -> None:
    scores = [live(b, 0.8) for b in range(5)]
    unseen = [estimated(report, report.batch, None) for report in scores]
    assert live_score(unseen) == live_score(scores)
    over = [estimated(report, report.batch, 0.79) for report in scores]
    behind = [*scores[:4], estimated(scores[4], "2024-005", 0.79)]
    pictures = {live_score(scores), live_score(over), live_score(behind), live_score(over[:4])}
    assert len(pictures) == 4
    many = [estimated(live(b, 0.8), f"2024-{b + 1:03d}", 0.81) for b in range(200)]
    assert len(live_score(many)) <= LIMIT


def test_estimate_is_told_while_no_score_is_known() -> None:
    waiting = live(1, 0.8).model_copy(update={"score": None, "status": "waiting"})
    guess = Estimate(
        batch="2024-001", champion_version=1, metric="roc_auc", rows=5, value=0.7, text="Estimated"
    )
    assert live_score([waiting]) != live_score([waiting.model_copy(update={"estimate": guess})])
