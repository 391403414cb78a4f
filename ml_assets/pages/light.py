"""How a model is, for a person who wants to know whether to act: a sign and a word, never a colour alone."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, NamedTuple

from ml_assets.monitoring.wording import ONE_TABLE, faults_told
from ml_assets.recipe.schema import Retraining
from ml_assets.records import DriftReport, PerformanceReport
from ml_assets.registry.ledger import Entry
from ml_assets.retraining.breaches import drift_breach, performance_breach

Level = Literal["act", "watch", "well", "none"]

SIGNS: Final[dict[Level, tuple[str, str]]] = {
    "act": ("▲", "needs you"),
    "watch": ("◆", "keep an eye on it"),
    "well": ("●", "all is well"),
    "none": ("○", "no model yet"),
}
"""A sign of its own shape, and words."""

URGENT: Final = {
    "failed_run": "a run failed",
    "unreadable": "the source cannot be read",
    "missing_batch": "a batch has not come",
    "alias_moved": "others moved its alias",
    "rollback_failed": "a rollback failed",
}
"""Alerts that wait for a person until something newer is decided."""


class Light(NamedTuple):
    """How a model is, why, and what a person does about it."""

    level: Level
    word: str
    why: str = ""
    todo: str = ""


def light(
    drift: DriftReport | None,
    live: PerformanceReport | None,
    retraining: Retraining,
    champion: int | None,
    newest: tuple[Entry | None, Entry | None, Entry | None],
    accepted: bool,
    is_static: bool = False,
    lasts: str = "",
) -> Light:
    """Say how a model is, the most urgent first.

    Parameters
    ----------
    drift, live : reports
        The newest that speak of the champion.
    retraining : section of the recipe
        When a report is a breach.
    champion : int or None
        Version in charge.
    newest : (Entry or None, Entry or None, Entry or None)
        The challenger that waits, the newest decision to train or not, the newest alert.
    accepted : bool
        Whether a person has confirmed what the newest report found.
    is_static : bool
        Whether no batches come.
    lasts : str
        What comes of a drift or a breach that lasts, see `retraining.said.if_it_lasts`.
    """
    waiting, decision, alert = newest
    if waiting is not None:
        return Light("act", "waits for approval", waiting.reason, "approve or refuse it")
    event = str(alert.record.get("event")) if alert is not None else ""
    if alert is not None and event in URGENT and (decision is None or alert.id > decision.id):
        return Light(
            "act", URGENT[event], alert.reason, "look at what is named; the page of the model has the rest"
        )
    if drift is not None and drift.status == "fault" and not accepted:
        why = f"{drift.batch}: {faults_told(drift.faults)}"
        return Light("act", "faulty data", why, "mend the feed, or confirm that it is meant; training waits")
    if decision is not None and decision.record.get("action") == "suggest":
        return Light("act", "training suggested", decision.reason, "train it, or pause it")
    if champion is None:
        return Light("none", "no model yet", decision.reason if decision else "", "train it, or wait")
    if live is not None and performance_breach(live, retraining):
        return Light("watch", "worse than it was", live.text, lasts)
    if drift is not None and drift_breach(drift, retraining):
        return Light("watch", "drifting", f"{drift.batch}: {drift.text}", lasts)
    if is_static and (drift is None or drift.status == "insufficient_data"):
        return Light("well", "serving", ONE_TABLE)
    if drift is None:
        return Light("watch", "no report yet", "no report speaks of the champion", "wait for the next batch")
    if drift.status == "insufficient_data":
        return Light(
            "watch",
            "too few rows to tell",
            f"{drift.batch}: {drift.text}",
            "nothing, unless batches are too small",
        )
    return Light("well", "healthy", drift.text)


def late(found: Light, newest: str, due: datetime) -> Light:
    """Say that no batch has come, where nothing is more urgent: of what does not come, nothing is known.

    >>> late(Light("well", "healthy"), "2024-01-01", datetime(2024, 1, 3)).word
    'no batch since 2024-01-01'
    >>> late(Light("act", "faulty data"), "2024-01-01", datetime(2024, 1, 3)).word
    'faulty data'
    """
    if found.level != "well":
        return found
    why = f"the batch after {newest} was to be there on {due:%Y-%m-%d %H:%M} UTC; until then: {found.word}"
    todo = (
        "see that the daemon runs, or ask the owner of the source; if none is to come, say so by batches.end"
    )
    return Light("watch", f"no batch since {newest}", why, todo)
