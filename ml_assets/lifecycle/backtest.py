"""Trying policies on a model's history: what the command and the asset `backtest` share."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ml_assets.backtest.errors import TooShortError
from ml_assets.lifecycle.costs import usual_training
from ml_assets.lifecycle.erased import keep_out
from ml_assets.lifecycle.joined import beside, look_up
from ml_assets.lifecycle.pictured import Pictured
from ml_assets.lifecycle.state import ModelState

if TYPE_CHECKING:
    from ml_assets.backtest.backtest import Backtest, Progress
    from ml_assets.backtest.stream import Stream

NO_HISTORY = "one static table: there is no history to try policies on"


@dataclass(frozen=True)
class Tried(Pictured):
    """What came of trying the policies."""

    result: Backtest


def stream_of_source(state: ModelState) -> Stream:
    """Read the whole history from the source, cleaned as the graph does; nothing is kept."""
    from ml_assets.backtest.stream import Stream

    if state.recipe.batches is None:
        raise TooShortError(f"{state.name} is {NO_HISTORY}")
    frame = keep_out(state, state.source.read()).frame
    stream = Stream.of(state.recipe, beside(frame, look_up(state, frame)), state.functions)
    return replace(stream, accepted=state.accepted)


def stream_of_store(state: ModelState) -> Stream:
    """Take the batches that were cleaned."""
    from ml_assets.backtest.stream import Stream

    if state.recipe.batches is None:
        raise TooShortError(f"{state.name} is {NO_HISTORY}")
    batches = state.store.batches("cleaned_features")
    frames = {b: state.store.read_frame("cleaned_features", b) for b in batches}
    return Stream(state.recipe, frames, state.accepted)


def backtest_step(
    state: ModelState,
    stream: Stream,
    progress: Progress,
    workers: int = 1,
    names: Collection[str] | None = None,
) -> Backtest:
    """Replay the policies of these names, or all; fits are kept under the home, so that the next backtest finds them.

    Raises
    ------
    TooShortError
        If there are too few batches to try policies on.
    """
    from ml_assets.backtest.backtest import backtest, first_batch
    from ml_assets.backtest.fits import Fits, first_search, fixed_fit
    from ml_assets.backtest.policies import standard_policies
    from ml_assets.backtest.replay import Reports, newest_labelled
    from ml_assets.backtest.what_if import what_if

    folder = state.settings.backtests / state.name
    first = first_batch(stream)
    rows = stream.rows_of(stream.window(newest_labelled(stream, first), stream.recipe.training.window))
    progress("search", 0, 1)
    found = first_search(state.recipe, rows, folder / "studies", state.settings.tuning_timeout)
    progress("search", 1, 1)
    fits = Fits(
        stream,
        fixed_fit(state.recipe, found),
        folder / "fits",
        identity=f"{found.class_path} {sorted(found.params.items())} {state.recipe.model.preprocessor}",
    )
    tried = [each for each in standard_policies(state.recipe) if names is None or each.name in names]
    limited = state.recipe.retraining.budget.cpu_hours is not None
    reports = Reports(fits, usual_training(state) if limited else None)
    result = backtest(reports, policies=tried, first=first, workers=workers, progress=progress)
    turned = what_if(reports, first, progress)
    # One after the other at the very end: what one page shows together belongs together.
    state.store.write_record("backtest", first, result)
    state.store.write_record("what_if", first, turned)
    return result


def backtest_report(
    state: ModelState, say: Callable[[str], None], names: Collection[str] | None = None
) -> Tried:
    """Try the policies of these names, or all, on the batches that were cleaned.

    Raises
    ------
    TooShortError
        If there is too little history yet.
    """
    from ml_assets.backtest.pictures import pareto

    result = backtest_step(
        state,
        stream_of_store(state),
        lambda what, done, total: say(f"{what}: {done} of {total}"),
        workers=os.cpu_count() or 1,
        names=names,
    )
    return Tried(result, pictures={"picture": pareto(result)})
