"""`ml-assets status` in words: a table, and below it what a person wants to know of each model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ml_assets.cli.output import columns, number
from ml_assets.orchestration.model_status import ModelStatus

HEADER = ["name", "champion", "trained", "metric", "hold-out", "live", "drift", "status"]


def status_text(rows: Sequence[ModelStatus], home: Path) -> str:
    """Lay the models out in a table; what is wrong, what to do and the last decision follow in sentences."""
    table = columns([_cells(row) for row in rows], HEADER)
    told = [line for row in rows for line in words(row)]
    return "\n".join([table, *([""] if told else []), *told, f"home: {home}"])


def words(row: ModelStatus) -> list[str]:
    """Tell a model's state in sentences, none of them cut."""
    lines = []
    if row.status != "healthy":
        lines.append(f"{row.name}: {row.status}{f': {row.why}' if row.why else ''}")
        lines.append(f"  what to do: {row.todo}")
    lines += [f"{row.name}: {text}" for text in row.persons if text != row.why]
    if row.learned is not None and row.learned.rows < row.learned.known_rows:
        lines.append(f"{row.name}: the champion has learned {row.learned.words}")
    if row.ageing:
        lines.append(f"{row.name}: {row.ageing}")
    if row.last_decision is not None and row.last_decision.reason != row.why:
        last = row.last_decision
        at = last.at[:16].replace("T", " ")
        lines.append(f"{row.name}: last decision ({at} UTC): {last.action}: {last.reason}")
    return lines


def _cells(row: ModelStatus) -> list[str]:
    live = number(row.live_score)
    return [
        row.name,
        f"v{row.champion_version}" if row.champion_version else "–",
        (row.trained_at or "–")[:16],
        row.metric or "–",
        number(row.holdout_score),
        f"{live} ({row.live_batch})" if row.live_batch and row.live_score is not None else live,
        number(row.drift, 2),
        row.status,
    ]
