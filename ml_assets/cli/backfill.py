"""A walk through history in words."""

from __future__ import annotations

from ml_assets.cli.output import number
from ml_assets.orchestration.walked import Walk, WalkedBatch
from ml_assets.shown import counted


def batch_line(row: WalkedBatch, done: int, total: int) -> str:
    """Tell one batch in one line, and a training it led to in another."""
    version = f"v{row.champion_version}" if row.champion_version else "no model"
    line = (
        f"[{done:>{len(str(total))}}/{total}] {row.batch}  {row.rows:>6,} rows  {version:<8}  "
        f"drift {number(row.drift, 2):<5}  {row.decision:<7}  {'; '.join(row.reasons)}"
    )
    if row.outcome is not None:
        line += f"\n{'':>{2 * len(str(total)) + 4}}trained: {row.outcome}"
    if row.promoted is not None:
        line += f" (version {row.promoted} is champion now)"
    if row.rolled_back is not None:
        line += f" (version {row.rolled_back} was worse on live labels and was rolled back)"
    return line


def backfill_text(walk: Walk) -> str:
    """Sum a walk up."""
    dates = [row.batch for row in walk.batches if row.decision == "retrain"]
    lines = [
        f"{walk.name}: {counted(len(walk.batches), 'batch')}, {counted(walk.retrains, 'retrain')}"
        + (f" ({', '.join(dates)})" if dates else ""),
    ]
    if walk.metric is not None:
        lines.append(
            f"  live {walk.metric} {number(walk.live_score)}, never retrained {number(walk.never_retrained)}"
        )
    if after := walk.after_last_promotion:
        lines.append(
            f"  since the last promotion ({counted(after.batches, 'batch')} from {after.since}): live {walk.metric} "
            f"{number(after.live_score)}, the first champion on the same rows {number(after.never_retrained)}"
        )
    if walk.learned is not None:
        lines.append(f"  the champion has learned {walk.learned.words}")
    return "\n".join(lines)
