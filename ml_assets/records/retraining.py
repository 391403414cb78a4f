"""What the decision to train again looks at, and its answer."""

from __future__ import annotations

from typing import Any, Final, Literal

from ml_assets.records.base import Record
from ml_assets.records.monitoring import DriftReport, PerformanceReport
from ml_assets.records.promotion import Comparison


class BatchEvidence(Record):
    """What is known about one batch when a decision is made."""

    batch: str
    index: int
    drift: DriftReport | None = None
    performance: PerformanceReport | None = None


class Attempt(Record):
    """One training run asked for by a decision: which batch it belongs to and how it ended."""

    batch_index: int
    outcome: Literal["in_flight", "failed", "promote", "waits", "keep", "inconclusive"]
    at: str
    cpu_seconds: float | None = None
    """What it has cost; None where nobody asks, or no step of it was measured."""
    run: str = ""
    """Its run in Dagster; of a replay there is none."""


class Champion(Record):
    """The model in charge, as a decision sees it."""

    version: int
    as_of_index: int
    trained_at: str
    rows: int = 0
    """Rows that it has learned; 0: those that its window held."""


class History(Record):
    """Everything `decide_retrain` may look at.

    `labels` are the labelled rows of each batch that a training may learn from, by its index; faulty ones are left out.
    """

    recipe: str
    batches: tuple[BatchEvidence, ...]
    attempts: tuple[Attempt, ...]
    champion: Champion | None
    labelled_batches: int = 0
    labelled_rows: int = 0
    labels: tuple[tuple[int, int], ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    """Of newer with older models of this recipe: how fast it ages."""
    metric: str = ""
    """The champion's; comparisons by another do not count."""
    one_table: bool = False
    """Whether no batch ever comes."""


RULES_IN_WORDS: Final = {
    "disabled": "switched off",
    "first_model": "waiting for a first model",
    "fault": "faulty data",
    "older_champion": "no report on this champion yet",
    "one_table": "nothing to watch",
    "minimum_rows": "too few rows",
    "k_of_n": "no lasting change",
    "labels_due": "labels are due",
    "no_harm": "drift that does no harm",
    "in_flight": "a training is in flight",
    "cooldown": "resting after a training",
    "budget": "budget spent",
    "cpu_budget": "budget of CPU spent",
    "not_staleness": "age is not the trouble",
    "circuit_breaker": "paused after failures",
    "retrain": "it was due",
    "asked": "asked for by a person",
    "paused": "paused by a person",
    "waits": "a challenger waits for a person",
    "suggested": "a training is suggested",
}
"""Rules of a decision as a person says them."""


class Ask(Record):
    """A person's word that a model be trained again; `id` is its entry of the ledger."""

    id: int
    at: str
    actor: str
    reason: str
    batch: str | None


class Said(Record):
    """What persons have said of a model, and what is in force now."""

    ask: Ask | None = None
    """The newest wish for a training; whether it was fulfilled the attempts tell."""
    paused: str = ""
    """Why nothing is trained by itself, with who said so; empty where it is."""
    waits: int | None = None
    """Version that waits for an approval."""


Action = Literal["none", "retrain", "suggest", "blocked", "first"]
"""What a decision about a training asks for."""


class RetrainDecision(Record):
    """The answer to "train again now?", with its reasons and the identity of its evidence."""

    recipe: str
    action: Action
    rule: str
    reasons: tuple[str, ...]
    batch: str | None
    champion_version: int | None
    attempt: int = 0
    evidence: dict[str, Any] = {}
    asked: int | None = None
    """Entry of the ledger by which a person asked for the training."""

    @property
    def said(self) -> str:
        """The rule and the reasons, as a person says them."""
        return f"{RULES_IN_WORDS.get(self.rule, self.rule)}: {'; '.join(self.reasons)}"

    @property
    def retrain(self) -> bool:
        """Whether a training run is asked for."""
        return self.action in ("retrain", "first")

    @property
    def key(self) -> str:
        """Identity of the evidence and the attempt: the run key."""
        asked = "" if self.asked is None else f":asked{self.asked}"
        return f"{self.recipe}:{self.batch}:v{self.champion_version or 0}:a{self.attempt}{asked}"
