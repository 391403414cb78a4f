"""A model whose challengers wait for a person: versions are registered, the gate's word is written by hand."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from ml_assets.lifecycle.approval import approve, look_at_approval
from ml_assets.lifecycle.gate import write_promotion
from ml_assets.lifecycle.state import ModelState
from ml_assets.recipe import Recipe
from ml_assets.records import Promotion
from ml_assets.registry.versions import Registry
from ml_assets.settings import Settings
from ml_assets_tests.support.registry_workers import DiesAt, open_registry, recipe_named


def waiting_recipe(**promotion: object) -> Recipe:
    """Daily batches, a person approves."""
    plain = recipe_named("churn").model_dump(exclude_defaults=True)
    batches = {"column": "day", "period": "daily", "start": "2024-01-01"}
    return Recipe.model_validate(
        {**plain, "batches": batches, "promotion": {"approval": "person", "approval_batches": 2, **promotion}}
    )


def state_of(registry: Registry, **promotion: object) -> ModelState:
    """The model beside a registry that is open."""
    state = ModelState(waiting_recipe(**promotion), Path("churn.yaml"), registry.settings).beside(
        registry.ledger
    )
    vars(state)["registry"] = registry
    return state


def wait_for_approval(state: ModelState, version: int, batch: str = "2024-01-01") -> None:
    """The gate has said yes to a version, and the recipe asks for a person."""
    champion = state.registry.champion("churn")
    said = Promotion(
        outcome="waits", reason="it is better", metric="roc_auc", direction="maximize", rows=500,
        champion_version=champion.version if champion else None, champion_score=0.7, challenger_score=0.8,
    )  # fmt: skip
    write_promotion(state, said, version, champion, "sensor", batch)


def arrive(state: ModelState, *batches: str) -> None:
    """Batches are taken in."""
    for batch in batches:
        state.store.write_frame("cleaned_features", batch, pd.DataFrame({"a": [1.0]}))


def die_in_approval(settings: Settings, action: str, at: int) -> None:
    """Approve a version, or look at the model, and die before the n-th write; exit code 9 where that came, else 0."""
    registry = open_registry(settings)
    writes: list[str] = []
    registry.client = DiesAt(registry.client, writes, at)
    registry.ledger = DiesAt(registry.ledger, writes, at)  # type: ignore[assignment]  # it stands in its place
    state = state_of(registry)
    if action == "approve":
        approve(state, 2, actor="ann", reason="it is fine")
    else:
        look_at_approval(state)
    os._exit(0)
