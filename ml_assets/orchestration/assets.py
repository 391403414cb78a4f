"""The assets of one recipe: the same graph for every recipe (docs/architecture.md)."""

import dagster as dg

from ml_assets.lifecycle.state import ModelState
from ml_assets.orchestration import assets_batch, assets_training
from ml_assets.orchestration.graph import Graph

ASSETS = (
    assets_batch.raw_data,
    assets_batch.cleaned_features,
    assets_training.split,
    assets_training.trained_model,
    assets_training.evaluation_report,
    assets_training.champion,
    assets_batch.predictions,
    assets_batch.drift_report,
    assets_batch.performance_report,
    assets_training.backtest,
)


def recipe_assets(state: ModelState) -> list[dg.AssetsDefinition]:
    """Build the assets of one recipe, all with its name as prefix and group."""
    graph = Graph(state)
    return [make(graph) for make in ASSETS]
