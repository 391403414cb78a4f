"""How a model is, in a word, with the finding behind it and what to do: true of the champion in charge now."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from ml_assets.monitoring.wording import ONE_TABLE, faults_told, without_alarm
from ml_assets.names import STATIC
from ml_assets.orchestration.refused import Refused
from ml_assets.retraining.breaches import drift_breach, performance_breach

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Retraining
    from ml_assets.records import BatchEvidence, DriftReport, History, PerformanceReport

Status = Literal[
    "no model",
    "no report yet",
    "serving",
    "healthy",
    "waits for approval",
    "drifting",
    "degraded",
    "fault",
    "training",
    "insufficient data",
    "batch refused",
    "run failed",
    "lost",
    "alias moved",
    "broken recipe",
    "recipe missing",
    "damaged",
]

REMEDIES: Final[dict[Status, str]] = {
    "no model": "train it: `ml-assets train --recipe-file FILE`, or wait until enough labelled rows have arrived",
    "no report yet": "materialize drift_report in the web UI, or wait for the next batch, which brings a report",
    "serving": "nothing",
    "healthy": "nothing",
    "waits for approval": "look at its report, then `ml-assets approve` or `ml-assets refuse`, with the reason",
    "drifting": "look at the columns named",
    "degraded": "look at the labels and the columns",
    "fault": "mend the feed and send the batch again; or, if it is meant, `ml-assets accept NAME BATCH REASON`; "
    "training waits",
    "training": "wait; the web UI shows how far it is",
    "insufficient data": "nothing, unless batches should be larger",
    "batch refused": "mend the source, then send the batch again; nothing was learned from it",
    "run failed": "look at the run in the web UI, mend what it names, and run it again",
    "lost": "restore mlflow.db from a backup, or train the model again",
    "alias moved": "do what it says: accept the version by `ml-assets promote`, or set the alias back",
    "broken recipe": "mend the recipe; `ml-assets validate` checks it",
    "recipe missing": "bring its recipe back, or `ml-assets rename` gives its history to a recipe of another name",
    "damaged": "restore what the reason names from a backup",
}
"""What a person does about each."""

WELL: Final[frozenset[Status]] = frozenset({"serving", "healthy"})
"""Those of which nobody needs to know more."""
LASTING: Final[frozenset[Status]] = frozenset({"drifting", "degraded"})
"""Those of which something comes if they last: see `retraining.said.if_it_lasts`."""


class Health(NamedTuple):
    """A word, and the finding that it rests on."""

    status: Status
    why: str = ""


class About(NamedTuple):
    """What the reports say of the champion in charge: those on other versions do not count."""

    newest: BatchEvidence | None
    """The newest batch with a report, whoever it speaks of."""
    drift: DriftReport | None
    performance: PerformanceReport | None


def about_champion(history: History) -> About:
    """Find the newest reports that speak of the champion."""
    version = history.champion.version if history.champion else None

    def newest(
        told: Callable[[BatchEvidence], DriftReport | PerformanceReport | None],
    ) -> BatchEvidence | None:
        found = (b for b in reversed(history.batches) if (r := told(b)) and r.champion_version == version)
        return next(found, None) if version else None

    drift = newest(lambda batch: batch.drift)
    scored = newest(
        lambda batch: batch.performance if batch.performance and batch.performance.score else None
    )
    return About(
        history.batches[-1] if history.batches else None,
        drift.drift if drift else None,
        scored.performance if scored else None,
    )


def _which(newest: BatchEvidence | None) -> str:
    return "the table" if newest is not None and newest.batch == STATIC else "the newest batch"


def health(
    history: History, retraining: Retraining, refused: Refused | None, *, is_static: bool = False
) -> Health:
    """Say how a model is, the most urgent first.

    Parameters
    ----------
    history : History
        What is known of its batches, trainings and champion.
    retraining : Retraining
        When a report is a breach.
    refused : Refused or None
        The newest batch, where it was not taken in.
    is_static : bool
        Whether it is one table, of which no batch comes.
    """
    about = about_champion(history)
    running = [attempt for attempt in history.attempts if attempt.outcome == "in_flight"]
    if running:
        return Health("training", f"since {running[-1].at[:16].replace('T', ' ')}")
    if history.champion is None:
        return Health("no model", f"the newest batch was refused: {refused.why}" if refused else "")
    if refused is not None:
        return Health(
            "batch refused" if refused.by_contract else "run failed", f"{refused.batch}: {refused.why}"
        )
    newest, drift, performance = about
    if newest is None and is_static:
        return Health("serving", ONE_TABLE)
    if newest is None or drift is None or drift.batch != newest.batch:
        version = history.champion.version
        other = newest.drift.champion_version if newest and newest.drift else None
        told = f"; the reports of {newest.batch} speak of version {other}" if newest and other else ""
        return Health("no report yet", f"no report of {_which(newest)} speaks of version {version}{told}")
    if drift.faults:
        return Health("fault", f"{drift.batch}: {faults_told(drift.faults)}")
    if performance is not None and performance_breach(performance, retraining):
        return Health("degraded", performance.text)
    if drift_breach(drift, retraining):
        return Health("drifting", f"{drift.batch}: {drift.text}")
    if drift.status == "insufficient_data" and is_static:
        return Health("serving", ONE_TABLE)
    if drift.status == "insufficient_data":
        return Health("insufficient data", f"{drift.batch}: {drift.text}")
    if drift.status == "drift":
        return Health("healthy", f"{drift.batch}: {without_alarm(drift)}")
    return Health("healthy")
