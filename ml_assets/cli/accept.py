"""Confirming what a batch shows as the new normal."""

from __future__ import annotations

from typing import Any

from ml_assets.cli.models import actor, known_state, refresh_overview
from ml_assets.cli.output import say
from ml_assets.orchestration.accepting import accept


def accept_batch(name: str, batch: str, reason: str, *, undo: bool) -> dict[str, Any]:
    """Write the confirmation, or take it back, and judge anew what it concerns."""
    state = known_state(name)
    result = accept(state, batch, reason, actor(), undo=undo, say=say)
    refresh_overview(state.settings)
    return result


def accept_text(result: dict[str, Any]) -> str:
    """Say what is normal now, what had been found, and what is found now."""
    name, batch = result["name"], result["batch"]
    if not result["changed"]:
        return f"{name}: {batch} is the new normal already; nothing was changed"
    said = "is no longer taken for the new normal" if result["undone"] else "is the new normal now"
    lines = [f"{name}: {batch} {said}"]
    if result["found"]:
        lines.append(f"  found before: {result['found']}")
    if result["judged_anew"]:
        lines.append(f"  judged anew: {', '.join(result['judged_anew'])}")
    if result["now"] and result["now"] != result["found"]:
        lines.append(f"  found now: {result['now']}")
    if result["undone"] and result["learned_by"] is not None:
        lines.append(
            f"  version {result['learned_by']}, in charge, has learned it: `ml-assets rollback {name}` goes back"
        )
    return "\n".join(lines)
