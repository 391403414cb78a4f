"""A decision as persons want it: a training that they asked for, a pause, `retraining.mode: suggest`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ml_assets.records import Ask, History, RetrainDecision, Said

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Retraining


TRIES: Final = 3
"""How often a training that was asked for is begun: one that was killed, or has failed, is begun again."""


def as_said(
    decision: RetrainDecision, retraining: Retraining, said: Said, history: History
) -> RetrainDecision:
    """Change what the policy decided where a person has said otherwise.

    Parameters
    ----------
    decision : RetrainDecision
        The policy's.
    retraining : section of the recipe
        Its `mode`.
    said : Said
        What persons have said and is in force.
    history : History
        The attempts since.

    Returns
    -------
    RetrainDecision
        The same where nobody has said anything. The policy's own reasons stay beside the person's.
    """
    if said.ask is not None and is_open(said.ask, history):
        return _asked(decision, said.ask, history)
    if not decision.retrain:
        return decision
    if said.paused:
        return _held(decision, "none", "paused", said.paused)
    if said.waits is not None:
        waits = f"version {said.waits} waits for an approval: another challenger would take its place"
        return _held(decision, "none", "waits", waits)
    if retraining.mode == "suggest":
        how = f"retraining.mode is suggest: `ml-assets retrain {decision.recipe} REASON` trains"
        return _held(decision, "suggest", "suggested", how)
    return decision


def if_it_lasts(retraining: Retraining, paused: bool, spent: str = "") -> str:
    """Say what comes of a drift or a breach that lasts: whether a person must act, or need not.

    Parameters
    ----------
    retraining : section of the recipe
        Its `mode`.
    paused : bool
        Whether a pause is in force.
    spent : str
        That its budget of CPU is spent, in words.
    """
    if not retraining.on:
        return "nothing is trained by itself here (retraining is off): `ml-assets retrain` asks for it"
    if paused:
        return "nothing is trained by itself while it is paused: `ml-assets resume`, or `ml-assets retrain`"
    if spent:
        return f"{spent}: `ml-assets retrain` trains all the same, and a larger budget lets it be trained by itself"
    if retraining.mode == "suggest":
        return "if it lasts, a training is suggested, which a person begins by `ml-assets retrain`"
    return "nothing more yet: the model is trained again by itself if it lasts"


def is_open(ask: Ask, history: History) -> bool:
    """Whether no training that was asked for has ended, or failed as often as one is begun."""
    begun = [attempt for attempt in history.attempts if attempt.at >= ask.at]
    return all(attempt.outcome == "failed" for attempt in begun) and len(begun) < TRIES


def _asked(decision: RetrainDecision, ask: Ask, history: History) -> RetrainDecision:
    reason = f"asked for by {ask.actor}: {ask.reason}"
    running = [attempt for attempt in history.attempts if attempt.outcome == "in_flight"]
    if running:
        return _held(decision, "none", "in_flight", f"a run is in flight since {running[-1].at}; {reason}")
    changes: dict[str, Any] = {
        "action": "retrain",
        "rule": "asked",
        "reasons": (reason,),
        "batch": decision.batch or ask.batch,
        "asked": ask.id,
        "attempt": decision.attempt + sum(each.at >= ask.at for each in history.attempts),
    }
    return decision.model_copy(update=changes)


def _held(decision: RetrainDecision, action: str, rule: str, reason: str) -> RetrainDecision:
    changes: dict[str, Any] = {"action": action, "rule": rule, "reasons": (reason, *decision.reasons)}
    return decision.model_copy(update=changes)
