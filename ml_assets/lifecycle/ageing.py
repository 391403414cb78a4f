"""How fast one model ages: what its ledger knows of it, and the refits at each training that tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ml_assets.names import BATCH
from ml_assets.registry import champions

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.lifecycle.state import ModelState
    from ml_assets.promotion.judged import Past
    from ml_assets.promotion.paired import Paired
    from ml_assets.records import Comparison, TrainedModel, TrainingResult


def learns(state: ModelState) -> bool:
    """Whether this model's policy goes by how fast it ages."""
    recipe = state.recipe
    return recipe.batches is not None and "auto" in (recipe.retraining.max_age, recipe.promotion.when)


def past(state: ModelState, older: TrainedModel, newest: str, at: str, part: float = 1.0) -> Past | None:
    """What is known when a model that has learned up to a batch is compared with an older one; None without batches.

    Parameters
    ----------
    state : ModelState
        The model.
    older : TrainedModel
        In charge before.
    newest : str
        Newest batch of the newer one's window.
    at : str
        The batch at which they are compared.
    part : float
        Of the rows new to the older one, the part that the newer one has learned.
    """
    from ml_assets.promotion.judged import Past

    if state.recipe.batches is None:
        return None
    batches = sum(max(older.batches) < each <= newest for each in state.labelled(at))
    return Past(champions.comparisons(state.ledger, state.name), state.indexes()(at), part * batches)


def refits(
    state: ModelState, as_of: str, training: TrainingResult, say: Callable[[str], None]
) -> tuple[Comparison, ...]:
    """Refit on history with a training's parameters, and compare on the batches that judged no refits before."""
    from ml_assets.backtest.fits import fixed_fit
    from ml_assets.evaluation.evaluate import predict
    from ml_assets.promotion.blocks import blocks
    from ml_assets.promotion.judged import Measure
    from ml_assets.retraining.ageing import FITS, newest_judge, refit_comparisons

    recipe = state.recipe
    batches = state.labelled(as_of, healthy=True)
    if not learns(state) or len(batches) <= 2:
        return ()
    index, since = state.indexes(), newest_judge(champions.refits(state.ledger, state.name))
    fresh = sum(since is None or index(batch) > since for batch in batches[-FITS + 1 :])
    if not fresh:
        return ()
    say(f"how fast a model of this kind ages: refits on history, compared on {fresh} batches")
    fit = fixed_fit(recipe, training)
    models: dict[tuple[str, ...], Any] = {}

    def model(trained_on: Sequence[str]) -> Any:
        key = tuple(trained_on)
        if key not in models:
            try:
                models[key] = fit(_rows(state, key))
            except ValueError:  # e.g. one class only
                models[key] = None
        return models[key]

    measure = Measure(training.metric, training.direction, training.positive, recipe.random_state)

    def judge(older: Sequence[str], newer: Sequence[str], batch: str) -> Paired | None:
        before, after = model(older), model(newer)
        if before is None or after is None:
            return None
        rows = _rows(state, (batch,))
        answers = predict(before, rows), predict(after, rows)
        return measure.compare(rows[recipe.target], *answers, blocks(rows, recipe))

    return refit_comparisons(batches, recipe.training.window, index, training.metric, judge, since)


def _rows(state: ModelState, batches: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    parts = [state.store.read_frame("cleaned_features", each).assign(**{BATCH: each}) for each in batches]
    return pd.concat(parts, ignore_index=True)


def ageing_picture(state: ModelState, metric: str) -> dict[str, bytes]:
    """Draw the ageing curve as it is known; nothing where there is none."""
    from ml_assets.retraining.pictures import ageing_curve

    known = champions.comparisons(state.ledger, state.name)
    picture = ageing_curve(known, metric) if learns(state) else None
    return {} if picture is None else {"ageing": picture}
