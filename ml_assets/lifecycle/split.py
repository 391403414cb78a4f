"""The training set and the hold-out of a training, and what their rows are like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_assets.lifecycle.changes import outworn
from ml_assets.lifecycle.describe import profile_window
from ml_assets.lifecycle.errors import StepError
from ml_assets.lifecycle.pictured import Pictured
from ml_assets.lifecycle.state import ModelState
from ml_assets.records import Window
from ml_assets.shown import spanned

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Part(Pictured):
    """A snapshot of one part of a training window."""

    rows: int
    as_of: str
    batches: str
    sha256: str
    page: Path | None = None
    """The data profile of the whole window, of the training set."""


def split_step(state: ModelState, as_of: str, *, healthy: bool = False) -> dict[str, Part]:
    """Split the labelled rows of the training window into `training_set` and `test_set`.

    `healthy` leaves out faulty batches: a model must not learn a broken feed by itself. A person who trains
    by hand, after a lasting change of unit, has them learned; the gate lets no model of two units pass.
    """
    from ml_assets.training.splits import split

    batches = state.window(as_of, healthy=healthy)
    if not batches:
        raise StepError(
            f"{state.name}: no batch up to {state.labelled_until(as_of)} has been cleaned, so there are no "
            f"labelled rows to learn from. Materialize {state.name}/cleaned_features first."
        )
    if old := [
        batch for batch in outworn(state, state.store.recipes("cleaned_features")) if batch in batches
    ]:
        raise StepError(
            f"{state.name}: cleaned_features of batch {spanned(old)} was made before the recipe changed: `ml-assets "
            f"train --recipe-file {state.path}` makes it anew, or materialize it"
        )
    batches = _chosen_window(state, batches)
    learned = Window(snapshots={batch: state.store.sha256("cleaned_features", batch) for batch in batches})
    frame = state.store.read_frames("cleaned_features", batches)
    labelled = frame.dropna(subset=list(state.recipe.targets)).reset_index(drop=True)
    try:
        parts = dict(zip(("training_set", "test_set"), split(labelled, state.recipe), strict=True))
    except ValueError as error:
        raise StepError(f"{state.name}: {error}") from None
    state.store.write_record("training_set", as_of, learned)
    made: dict[str, Part] = {}
    for asset, part in parts.items():
        snapshot = state.store.write_frame(asset, as_of, part)
        made[asset] = Part(snapshot.rows, as_of, f"{batches[0]} … {batches[-1]}", snapshot.sha256)
    page, picture = profile_window(state, labelled, as_of)
    made["training_set"] = replace(made["training_set"], page=page, pictures={"columns": picture})
    return made


def _chosen_window(state: ModelState, batches: list[str]) -> list[str]:
    """Look as far back as `training.window: auto` says; the first model learns from all."""
    from ml_assets.backtest.fits import fixed_fit
    from ml_assets.evaluation.evaluate import predict
    from ml_assets.training.window import choose_window, scorer_by

    champion = state.registry.champion(state.name) if state.recipe.training.window == "auto" else None
    if champion is None:
        return batches
    fit = fixed_fit(state.recipe, champion.trained.training)

    def answers(trained_on: Sequence[str], judge: str) -> tuple[Any, pd.DataFrame] | None:
        rows = state.store.read_frame("cleaned_features", judge)
        try:
            model = fit(state.store.read_frames("cleaned_features", list(trained_on)))
        except ValueError:  # e.g. one class only
            return None
        return rows[state.recipe.target], predict(model, rows)

    scorer = scorer_by(champion.metric, champion.trained.training.positive, answers)
    return batches[-choose_window(batches, scorer) :]
