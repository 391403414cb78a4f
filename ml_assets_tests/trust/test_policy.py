"""What the lines of `benchmarks/trust` about alarms count."""

from __future__ import annotations

from benchmarks.trust.policy import ALARMS, DEFAULT
from ml_assets.backtest.policies import Policy
from ml_assets.recipe.schema import Monitoring, Training
from ml_assets.records import BatchEvidence, Champion, History, PerformanceReport, RetrainDecision, Score
from ml_assets.retraining.policy import decide_retrain

SCORE = Score(value=0.8, low=0.78, high=0.82)


def decided(policy: Policy, value: float) -> RetrainDecision:
    """What a policy decides at the 50th batch of 500 rows, 12 being learned, with a live score of the last three."""
    batches = tuple(
        BatchEvidence(
            batch=f"{index:03}",
            index=index,
            performance=PerformanceReport(
                batch=f"{index:03}",
                scored_batch=f"{index:03}",
                champion_version=1,
                status="ok",
                metric="accuracy",
                direction="maximize",
                rows=500,
                coverage=1.0,
                score=Score(value=value, low=value - 0.02, high=value + 0.02),
                holdout=SCORE,
                p_value=1e-9 if value < SCORE.low else 0.5,
            ),
        )
        for index in (47, 48, 49)
    )
    history = History(
        recipe="made",
        batches=batches,
        attempts=(),
        champion=Champion(version=1, as_of_index=12, trained_at="", rows=6_000),
        labels=tuple((index, 500) for index in range(50)),
    )
    return decide_retrain("made", policy.retraining, Monitoring(), Training(), history, "")


def test_rows_that_multiply_are_no_alarm() -> None:
    """The default recipe trains for them, a stationary stream has them, and no alarm tells of them."""
    grown = decided(DEFAULT, 0.8)
    assert grown.retrain and "4.2 times" in " ".join(grown.reasons)
    assert not decided(ALARMS, 0.8).retrain
    assert decided(ALARMS, 0.6).retrain
