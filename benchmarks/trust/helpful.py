"""Inputs that move while the model gets better: how often drift asks for a training."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.trust.streams import HELPS_AT, fixed_fits, helpful_rows, made_recipe
from benchmarks.trust.table import Row, Workers
from ml_assets.backtest.policies import BOTH, DEFAULTS, Evidence, Policy
from ml_assets.backtest.replay import Reports, replay
from ml_assets.backtest.stream import Stream
from ml_assets.retraining.breaches import drift_breach

BATCHES, FIRST, ROWS = 60, 12, 500
WAITS = {"labels one batch late": True, "by the estimate": False}


@dataclass(frozen=True)
class Helped:
    """Batches since the drift, those of them whose drift is a breach, requests, gain of the live score."""

    batches: int
    breached: int
    requests: int
    gain: float


def helped(seed: int, wait: bool, batches: int = BATCHES, sees: tuple[Evidence, ...] = BOTH) -> Helped:
    """Replay alarms alone on a stream whose drift helps; not to wait for labels means to go by the estimate."""
    stream = Stream(made_recipe(12, FIRST, 1), helpful_rows(batches, ROWS, seed))
    section = DEFAULTS.model_copy(update={"max_age": "off", "growth": None, "wait_for_labels": wait})
    reports = Reports(fixed_fits(stream, n_estimators=50))
    run = replay(Policy("alarms alone", section, sees, when="better"), reports, stream.labels[FIRST], 12)
    after = stream.labels[HELPS_AT:]
    breached = [drift_breach(reports.drift(run.served[batch], batch), section) for batch in after]
    live = [reports.performance(run.served[batch], batch, batch) for batch in after]
    gains = [each.score.value - each.holdout.value for each in live if each.score and each.holdout]
    return Helped(len(after), sum(breached), len(run.dates), sum(gains) / len(gains))


def lines(pool: Workers, seeds: range) -> list[Row]:
    """One line for labels that come late, and one for a decision before any comes."""
    rows = []
    for name, wait in WAITS.items():
        runs = pool.each(helped, [(seed, wait) for seed in seeds])
        asked, batches = sum(run.requests for run in runs), sum(run.batches for run in runs)
        breached = sum(run.breached for run in runs)
        gain = sum(run.gain for run in runs) / len(runs)
        words = f"{asked} requests by drift; a breach in {breached / batches:.0%} of batches, live roc_auc {gain:+.3f}"
        rows.append(Row(f"helpful drift, {name}", "0 requests by drift", words, asked == 0, batches))
    return rows
