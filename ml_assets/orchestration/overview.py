"""The asset `model_overview`: every model's state in one table."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from ml_assets.lifecycle.state import ModelState
from ml_assets.orchestration import display
from ml_assets.orchestration.health import WELL
from ml_assets.orchestration.model_status import ModelStatus, all_statuses
from ml_assets.recipe import RecipeError
from ml_assets.registry.ledger import Ledger
from ml_assets.registry.wording import describe
from ml_assets.settings import Settings
from ml_assets.shown import counted, figure


def flat(status: ModelStatus) -> dict[str, object]:
    """Lay a row of the overview out for a table; the reason of the last decision needs one of its own."""
    scores = {"hold-out": status.holdout_score, "live": status.live_score}
    shown = [f"{name} {figure(value)}" for name, value in scores.items() if value is not None]
    return {
        "name": status.name,
        "status": status.status,
        "champion": f"v{status.champion_version}, {counted(round(status.age_days or 0), 'day')}"
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


def needed(rows: Sequence[ModelStatus]) -> list[dict[str, object]]:
    """Lay out what somebody should know of models that are not well."""
    return [
        {"name": row.name, "status": row.status, "why": row.why, "what to do": row.todo}
        for row in rows
        if row.status not in WELL
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
        rows = all_statuses(context.instance, states, faults, settings, datetime.now(UTC))
        ledger = Ledger(settings.ledger)
        notes = [{"name": row.name, "data": note} for row in rows for note in row.notes]
        attention = needed(rows)
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
                **({"attention": display.table(attention)} if attention else {}),
                "last_decisions": display.table(_last_decisions(rows)),
                **({"data": display.table(notes)} if notes else {}),
                "ledger": display.table(_ledger_rows(ledger)),
                "model_count": len(rows),
                **display.numbers(plotted),
            }
        )

    return model_overview


REFRESHED_EVERY = 60
"""Seconds between two looks at whether the overview is still true."""


def overview_sensor(settings: Settings) -> dg.SensorDefinition:
    """Make the overview anew whenever the ledger has new entries: it needs no click."""

    @dg.sensor(
        name="overview_refresh",
        job_name="model_overview_job",
        minimum_interval_seconds=REFRESHED_EVERY,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Makes the overview anew when something was decided, trained or told.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        newest = Ledger(settings.ledger).newest_id()
        before = context.cursor
        context.update_cursor(str(newest))
        if before == str(newest) or not newest:
            return dg.SkipReason(f"nothing is new since entry {newest} of the ledger")
        return dg.RunRequest(run_key=f"overview:{newest}")

    return sensor
