"""What a training tells Weights & Biases, once it is known what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from ml_assets.lifecycle.state import ModelState
from ml_assets.names import STATIC
from ml_assets.records import Evaluation, Promotion, TrainedModel
from ml_assets.registry import run_page, wandb_run


class Outcome(NamedTuple):
    """What the gate made of a training."""

    version: int
    promotion: Promotion
    page: Path
    """Its report."""


def tell_wandb(
    state: ModelState,
    trained: TrainedModel,
    evaluation: Evaluation,
    pictures: Mapping[str, bytes],
    outcome: Outcome | None = None,
) -> str | None:
    """Tell a training where the operator asks for it; `outcome` is None where a target was missed.

    Returns
    -------
    str or None
        What became of it, in a line; None where nobody asked for it.
    """
    if state.settings.wandb is None:
        return None
    as_of = trained.trained_at[:10] if trained.as_of == STATIC else trained.as_of
    name, ended = f"target missed · {as_of}", "target missed"
    summary: dict[str, float] = {}
    with ExitStack() as opened:
        files = []
        if outcome is not None:
            ended = outcome.promotion.outcome
            name = run_page.training_name(as_of, outcome.version, ended)
            summary = run_page.gate_metrics(evaluation, outcome.promotion)
            what = f"{state.name}, run {trained.run_id}"
            files = [outcome.page, opened.enter_context(state.registry.files.verified_model(trained, what))]
        return wandb_run.send(
            state.settings,
            trained,
            evaluation,
            ended=wandb_run.Ended(name, ended, summary),
            pictures=pictures,
            files=files,
        )
