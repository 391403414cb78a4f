"""The asset `champion` after a change that no training made: a rollback, a promotion by hand, a probation."""

from __future__ import annotations

import dagster as dg

from ml_assets.lifecycle.state import ModelState
from ml_assets.orchestration import display
from ml_assets.registry import champions
from ml_assets.registry.wording import describe


def champion_event(state: ModelState) -> dg.AssetMaterialization:
    """Tell who is in charge; it has no `outcome`, which would be the gate's word on a training."""
    info = champions.champion(state.ledger, state.name)
    change = state.ledger.last(state.name, champions.CHANGES, state="done")
    assert info is not None and change is not None
    holdout = {f"holdout_{info.metric}": info.holdout.value} if info.holdout else {}
    metadata = {
        "version": info.version,
        "champion_version": info.version,
        "as_of": info.as_of,
        "reason": f"version {info.version} is in charge: {describe(change)}",
        "by": change.actor,
        **display.numbers(holdout),
    }
    return dg.AssetMaterialization(dg.AssetKey([state.name, "champion"]), metadata=metadata)
