"""One feed replayed: refused by the contract or judged by drift report, policy and gate, month by month."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from benchmarks.feed_faults.feeds import RECIPE
from benchmarks.trust.streams import fixed_fits
from ml_assets.backtest.policies import Policy
from ml_assets.backtest.replay import Reports, replay
from ml_assets.backtest.stream import Stream
from ml_assets.quality.contract import check_raw, learn_schema
from ml_assets.recipe.schema import Breaches, Retraining
from ml_assets.records.policies import RECIPE as OWN

GOOD = 9
"""Months before the first model."""
EAGER = Policy(
    "eager",
    Retraining(breaches=Breaches(k=1, n=1), cooldown=0, max_age=1, wait_for_labels=False),
    when="not_worse",
)
"""Trains whenever it may, and promotes what is not surely worse: what bad data could get past at all."""
USUAL = Policy(OWN, Retraining(max_age="off"))


@dataclass(frozen=True)
class Outcome:
    """What became of a feed: words on each month that was refused or faulty, trainings, and their batches."""

    told: Mapping[str, str]
    trainings: tuple[str, ...]
    promoted: tuple[tuple[str, ...], ...]
    """Batches that each new champion learned from."""

    def learned(self, months: Mapping[str, str] | tuple[str, ...]) -> int:
        """New champions that learned from one of these months."""
        return sum(bool(set(batches) & set(months)) for batches in self.promoted)


def outcome(months: Mapping[str, pd.DataFrame], policy: Policy) -> Outcome:
    """Replay a feed after nine good months."""
    schema = learn_schema(months[sorted(months)[GOOD - 1]], RECIPE)
    told: dict[str, str] = {}
    accepted = []
    for label, frame in months.items():
        findings = check_raw(frame, RECIPE, schema)
        if findings:
            told[label] = "refused: " + "; ".join(finding.message for finding in findings)
        else:
            accepted.append(frame)
    stream = Stream.of(RECIPE, pd.concat(accepted, ignore_index=True))
    run = replay(
        policy, Reports(fixed_fits(stream, n_estimators=30)), stream.labels[GOOD - 1], RECIPE.training.window
    )
    for decision in run.decisions:
        if decision.action == "blocked":
            told[str(decision.batch)] = "fault: " + "; ".join(decision.reasons[1:])
    champions = {serving.version: serving.fit.record.batches for serving in run.served.values()}
    new = tuple(batches for version, batches in champions.items() if version > 1)
    return Outcome(told, run.dates, new)
