"""The retrain sensor: it repeats what `decide_retrain` says, and sees to it that nothing runs twice."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import dagster as dg

from ml_assets.lifecycle.alerts import tell
from ml_assets.lifecycle.approval import look_at_approval
from ml_assets.lifecycle.at_work import at_work_elsewhere
from ml_assets.lifecycle.batch_page import renew_batch_report
from ml_assets.lifecycle.changes import outworn
from ml_assets.lifecycle.in_charge import look_at_alias
from ml_assets.lifecycle.state import ModelState
from ml_assets.names import ACTOR_TAG, AS_OF_TAG, DECISION_TAG, MODEL_TAG, REASON_TAG, RULE_TAG, TRAINING_TAG
from ml_assets.orchestration.champion_event import champion_event
from ml_assets.orchestration.live_answers import look
from ml_assets.orchestration.pace import DECISION, seconds_between
from ml_assets.orchestration.reaper import open_runs
from ml_assets.orchestration.standing import Memory, place_of, standing_history, standing_instance
from ml_assets.records import History, RetrainDecision
from ml_assets.registry.persons import said
from ml_assets.retraining.policy import decide_retrain
from ml_assets.retraining.said import as_said
from ml_assets.shown import clipped, spanned

_DECIDED: Final[Memory[tuple[History, RetrainDecision]]] = Memory()
"""What was decided last, and on what: the same history asks for the same, and the ledger has it."""


def decide(
    instance: dg.DagsterInstance, state: ModelState, running: Sequence[dg.RunRecord] | None = None
) -> tuple[RetrainDecision, bool]:
    """Decide on what is known now, and write a decision that is new to the ledger.

    Parameters
    ----------
    instance : DagsterInstance
        Where the events are.
    state : ModelState
        The model.
    running : sequence of RunRecord, optional
        Runs that have not ended, where they are known.

    Returns
    -------
    RetrainDecision, bool
        The decision, and whether it is new.
    """
    recipe, place = state.recipe, place_of(instance, state)
    history = standing_history(instance, state, running)
    known = _DECIDED.known(place, id(history))
    if known is not None and known[0] is history:  # nothing has happened since
        _tell(state, known[1], False)
        return known[1], False
    now = datetime.now(UTC)
    decision = decide_retrain(
        recipe.name, recipe.retraining, recipe.monitoring, recipe.training, history, now
    )
    decision = as_said(decision, recipe.retraining, said(state.ledger, state.name, now), history)
    _, created = state.ledger.append_once(
        state.name,
        "retrain_decision",
        key=f"decision:{decision.key}:{decision.rule}",
        actor="sensor",
        from_version=decision.champion_version,
        batch=decision.batch,
        reason="; ".join(decision.reasons),
        record=decision,
    )
    _tell(state, decision, created)
    if created and decision.batch is not None:
        renew_batch_report(state, decision.batch)
    _DECIDED.keep(place, id(history), (history, decision))
    return decision, created


def _tell(state: ModelState, decision: RetrainDecision, created: bool) -> None:
    """Tell the operator what a decision does, or that training is not the answer; that again while it lasts."""
    text = "; ".join(decision.reasons)
    if decision.action == "retrain" and created:
        tell(state, "retrain", decision.key, text, decision.batch)
    elif decision.action == "suggest":
        tell(state, "suggested", decision.key, text, decision.batch)
    elif decision.action == "blocked":
        # The report of the batch has told it; here it is told again while it lasts.
        tell(state, "fault", str(decision.batch), text, decision.batch)
    elif decision.rule == "not_staleness":
        tell(state, "not_staleness", f"v{decision.champion_version}", text, decision.batch)
    elif decision.rule == "cpu_budget":
        tell(state, "budget", str(decision.evidence["trained"]), text, decision.batch)


def run_request(state: ModelState, decision: RetrainDecision) -> dg.RunRequest:
    """Ask for the training run of a decision; its evidence travels in the run's tags."""
    return dg.RunRequest(
        run_key=decision.key,
        job_name=f"{state.name}_train",
        tags={
            MODEL_TAG: state.name,
            TRAINING_TAG: state.name,
            AS_OF_TAG: str(decision.batch),
            DECISION_TAG: decision.key,
            RULE_TAG: decision.rule,
            REASON_TAG: clipped("; ".join(decision.reasons), 500),
            ACTOR_TAG: "sensor",
        },
    )


def retrain_sensor(state: ModelState, models: int = 1) -> dg.SensorDefinition:
    """Make the sensor of one model among so many."""

    @dg.sensor(
        name=f"{state.name}_retrain",
        job_name=f"{state.name}_train",
        minimum_interval_seconds=seconds_between(state.settings.sensor_seconds, models, DECISION),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Trains {state.name} again when its policy says so; the skip message says why not.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if at_work_elsewhere(state):
            return dg.SkipReason(
                "a command (train, backfill) is at work on this model and decides for itself"
            )
        instance = standing_instance(context)
        running = open_runs(instance, state.settings)
        look_at_alias(state)
        if look_at_approval(state) is not None:
            instance.report_runless_asset_event(champion_event(state))
        if (seen := look(state)) is not None and seen.fresh and seen.promotion is not None:
            instance.report_runless_asset_event(champion_event(state))
        decision, _ = decide(instance, state, running)
        if decision.retrain:
            learned = state.window(str(decision.batch), healthy=True)
            if old := outworn(
                state, {batch: state.store.recipe("cleaned_features", batch) for batch in learned}
            ):
                return dg.SkipReason(
                    f"{decision.said}; but the recipe has changed: batch {spanned(old)} is cleaned anew first"
                )
            return run_request(state, decision)
        return dg.SkipReason(decision.said)

    return sensor
