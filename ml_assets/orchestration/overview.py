"""Every model's state in one table: for the asset `model_overview` and for `ml-assets status`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import dagster as dg

from ml_assets.failures import traced
from ml_assets.lifecycle.arrival import state_of_data
from ml_assets.lifecycle.in_charge import look_at_alias
from ml_assets.lifecycle.state import ModelState
from ml_assets.orchestration import display
from ml_assets.orchestration.history import recent_history
from ml_assets.recipe import RecipeError
from ml_assets.records import History, Record
from ml_assets.registry import champions
from ml_assets.registry.alias import moved as moved_alias
from ml_assets.registry.ledger import Ledger
from ml_assets.registry.wording import describe
from ml_assets.retraining.evidence import drift_breach, performance_breach
from ml_assets.settings import Settings
from ml_assets.shown import shown

Status = Literal[
    "no model",
    "no report yet",
    "healthy",
    "drifting",
    "degraded",
    "fault",
    "training",
    "insufficient data",
    "lost",
    "alias moved",
    "broken recipe",
    "damaged",
]


class LastDecision(Record):
    """The newest entry of the ledger about a model."""

    action: str
    at: str
    reason: str


class ModelStatus(Record):
    """One row of the overview."""

    name: str
    champion_version: int | None = None
    trained_at: str | None = None
    age_days: float | None = None
    metric: str | None = None
    holdout_score: float | None = None
    live_score: float | None = None
    live_batch: str | None = None
    drift: float | None = None
    status: Status
    last_decision: LastDecision | None = None
    waiting: tuple[str, ...] = ()
    """Batches that are new, or have changed, in the source and were not taken in."""
    outdated: tuple[str, ...] = ()
    """Batches of which the champion learned other rows than are known now."""
    notes: tuple[str, ...] = ()
    """Both in words."""


def model_status(instance: dg.DagsterInstance, state: ModelState, now: datetime) -> ModelStatus:
    """Sum one model up from the event log and the ledger; one that MLflow's registry has lost is said to be.

    Parameters
    ----------
    instance : DagsterInstance
        Where the events are.
    state : ModelState
        The model.
    now : datetime
        The present time, for the champion's age.
    """
    look_at_alias(state)
    history = recent_history(instance, state)
    champion = champions.champion(state.ledger, state.name)
    drift = next((b.drift for b in reversed(history.batches) if b.drift), None)
    scored = [b.performance for b in history.batches if b.performance and b.performance.score]
    live = scored[-1] if scored else None
    entry = state.ledger.last(state.name, ["retrain_decision", *champions.GATE, "rollback"], state="done")
    last = (
        LastDecision(action=_action(entry.kind, entry.record), at=entry.at, reason=entry.reason)
        if entry
        else None
    )
    # A server is not asked: this must be quick, and must not fail where the server does.
    data = state_of_data(state)
    local = state.settings.mlflow_tracking_uri is None
    lost = state.registry.lost(state.name) if local else None
    moved = moved_alias(state.registry, state.name) if local and not lost else None
    if told := lost or moved:
        last = LastDecision(action="none", at=now.isoformat(), reason=told)
    return ModelStatus(
        name=state.name,
        champion_version=champion.version if champion else None,
        trained_at=champion.trained_at if champion else None,
        age_days=(now - datetime.fromisoformat(champion.trained_at)).total_seconds() / 86400
        if champion
        else None,
        metric=champion.metric if champion else state.recipe.hyperparameter_tuning.metric,
        holdout_score=champion.holdout.value if champion and champion.holdout else None,
        live_score=live.score.value if live and live.score else None,
        live_batch=live.scored_batch if live else None,
        drift=drift.share if drift and drift.status in ("ok", "drift") else None,
        status="lost" if lost else "alias moved" if moved else _status(state, history),
        last_decision=last,
        waiting=data.waiting,
        outdated=data.outdated,
        notes=data.notes,
    )


def _action(kind: str, record: dict[str, object]) -> str:
    return str(record.get("action", kind)) if kind == "retrain_decision" else kind


def _status(state: ModelState, history: History) -> Status:
    policy = state.recipe.retraining
    drift = next((b.drift for b in reversed(history.batches) if b.drift), None)
    performance = next(
        (b.performance for b in reversed(history.batches) if b.performance and b.performance.score), None
    )
    if any(a.outcome == "in_flight" for a in history.attempts):
        return "training"
    if history.champion is None:
        return "no model"
    if drift is None or drift.status == "no_champion":
        return "no report yet"
    if drift.faults:
        return "fault"
    if performance is not None and performance_breach(performance, policy):
        return "degraded"
    if drift_breach(drift, policy):
        return "drifting"
    if drift.status == "insufficient_data":
        return "insufficient data"
    return "healthy"


def all_statuses(
    instance: dg.DagsterInstance,
    states: Sequence[ModelState],
    faults: Sequence[tuple[Path, RecipeError]],
    now: datetime,
) -> list[ModelStatus]:
    """Sum up every model; a broken recipe is a row, too."""
    rows = [_status_or_damage(instance, state, now) for state in states]
    for path, error in faults:
        reason = LastDecision(action="none", at=now.isoformat(), reason=str(error))
        rows.append(ModelStatus(name=shown(path.stem), status="broken recipe", last_decision=reason))
    return rows


def _status_or_damage(instance: dg.DagsterInstance, state: ModelState, now: datetime) -> ModelStatus:
    try:
        return model_status(instance, state, now)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one model's state, the others are shown
        traced(error)
        text = shown(f"its state cannot be read: {type(error).__name__}: {error}", 600)
        reason = LastDecision(action="none", at=now.isoformat(), reason=text)
        return ModelStatus(name=state.name, status="damaged", last_decision=reason)


def flat(status: ModelStatus) -> dict[str, object]:
    """Lay a row of the overview out for a table; the reason of the last decision needs one of its own."""
    scores = {"hold-out": status.holdout_score, "live": status.live_score}
    shown = [f"{name} {value:.4g}" for name, value in scores.items() if value is not None]
    return {
        "name": status.name,
        "status": status.status,
        "champion": f"v{status.champion_version}, {status.age_days or 0:.0f} days"
        if status.champion_version
        else None,
        "score": f"{status.metric}: {', '.join(shown)}" if shown else None,
        "drift": None if status.drift is None else display.rounded(status.drift),
    }


def _last_decisions(rows: Sequence[ModelStatus]) -> list[dict[str, object]]:
    """Lay the last decisions about the models out for a table."""
    known = [(row.name, row.last_decision) for row in rows if row.last_decision]
    return [
        {"name": name, "at": last.at[:16].replace("T", " "), "decision": last.action, "reason": last.reason}
        for name, last in known
    ]


LEDGER_ROWS = 50


def _ledger_rows(ledger: Ledger) -> list[dict[str, object]]:
    """Lay the newest entries of the ledger out for a table, the newest first.

    A walk's own entries only repeat the decision before them.
    """
    entries = [entry for entry in ledger.entries(limit=2 * LEDGER_ROWS) if entry.kind != "backfill"]
    return [
        {
            "id": entry.id,
            "at": entry.at[:16].replace("T", " "),
            "by": entry.actor,
            "what": describe(entry),
        }
        for entry in entries[: -LEDGER_ROWS - 1 : -1]
    ]


def overview_asset(
    states: Sequence[ModelState], faults: Sequence[tuple[Path, RecipeError]], settings: Settings
) -> dg.AssetsDefinition:
    """Make the one asset that shows every model's state."""
    deps = [
        dg.AssetDep(
            dg.AssetKey([state.name, asset]),
            partition_mapping=dg.AllPartitionMapping()
            if state.recipe.batches and asset != "champion"
            else None,
        )
        for state in states
        for asset in ("champion", "drift_report", "performance_report")
    ]

    @dg.asset(name="model_overview", deps=deps, group_name="overview", kinds={"table"})
    def model_overview(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """Every model: champion, age, scores, drift, status; and the newest entries of the ledger."""
        rows = all_statuses(context.instance, states, faults, datetime.now(UTC))
        ledger = Ledger(settings.ledger)
        notes = [{"name": row.name, "data": note} for row in rows for note in row.notes]
        plotted = {
            f"{row.name}/{name}": value
            for row in rows
            for name, value in (
                ("hold-out", row.holdout_score),
                ("live", row.live_score),
                ("drift", row.drift),
            )
        }
        return dg.MaterializeResult(
            metadata={
                "models": display.table(flat(row) for row in rows),
                "last_decisions": display.table(_last_decisions(rows)),
                **({"data": display.table(notes)} if notes else {}),
                "ledger": display.table(_ledger_rows(ledger)),
                "model_count": len(rows),
                **display.numbers(plotted),
            }
        )

    return model_overview
