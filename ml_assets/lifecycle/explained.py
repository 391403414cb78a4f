"""One row explained: what each column adds to the champion's answer."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ml_assets.lifecycle.errors import StepError
from ml_assets.names import RESERVED, ROW_ID
from ml_assets.records import ColumnPart, Explanation, Swarm, TrainingResult
from ml_assets.shown import listed

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.lifecycle.state import ModelState
    from ml_assets.recipe import Recipe

CLEAN = "cleaned_features"
ROWS, FEWEST_ROWS, PAIRS = 60, 10, 5
"""Rows of a summary, and how often each is walked to and back."""
CALLS = 12_000
"""Rows that a summary asks the model about, about."""


def explained_row(
    state: ModelState,
    row: str,
    batch: str | None = None,
    version: int | None = None,
    target: str | None = None,
) -> Explanation:
    """Explain what a model says of one row.

    Parameters
    ----------
    state : ModelState
        The model.
    row : str
        Number of a row in the batch, from 1, or `COLUMN=VALUE`, which one row of it has.
    batch : str, optional
        Default: the newest that was taken in.
    version : int, optional
        Default: the champion.
    target : str, optional
        Of several targets one; default: the first.

    Raises
    ------
    StepError
        If there is no such row, batch, version or target.
    """
    import numpy as np

    from ml_assets.evaluation.contributions import BACKGROUND, nearby, shapley
    from ml_assets.evaluation.evaluate import predict

    if state.recipe.recommends:
        raise StepError(
            f"{state.name}: it learns from who had what, and from no column that could explain an answer: "
            "`ml-assets report` says how often each place of its lists is right"
        )
    known = state.store.batches(CLEAN)
    if not known:
        raise StepError(
            f"{state.name}: no batch was taken in yet: train it first, `ml-assets train --recipe-file FILE`"
        )
    batch = known[-1] if batch is None else batch
    if batch not in known:
        raise StepError(f"{state.name}: batch {batch!r} was not taken in (taken in: {listed(known[-5:])})")
    frame = state.store.read_frame(CLEAN, batch)
    place = _place(state.name, frame, row, batch)
    number = _version(state, version)
    model = state.registry.files.load(state.name, number)
    training = state.registry.version(state.name, number).trained.training
    features = list(training.features)
    one, others = frame.iloc[[place]][features], state.registry.files.reference(state.name, number)[features]
    target, of, answer, prediction = _asked(model, training, one, target)
    found = shapley(lambda rows: answer(predict(model, rows)), one, others, training.random_state)
    near = nearby(lambda rows: answer(predict(model, rows)), one, others, training.random_state)
    parts = [
        ColumnPart(
            column=name,
            value=_plain(one.iloc[0, k]),
            adds=float(found.values[0, k]),
            error=float(found.error[0, k]),
            nearby=float(near.weights[k]),
        )
        for k, name in enumerate(features)
    ]
    order = np.argsort([-abs(part.adds) for part in parts], kind="stable")
    return Explanation(
        model=state.name,
        version=number,
        batch=batch,
        row=place + 1,
        target=target,
        of=of,
        prediction=prediction,
        answer=float(found.answer[0]),
        base=float(found.base[0]),
        background=min(BACKGROUND, len(others)),
        parts=tuple(parts[k] for k in order),
        told=near.told,
    )


def swarms(
    model: Any,
    training: TrainingResult,
    test: pd.DataFrame,
    train: pd.DataFrame,
    recipe: Recipe,
) -> tuple[tuple[Swarm, ...], str]:
    """Say what the columns add to the answers for some rows of the hold-out, the columns that add most first.

    Parameters
    ----------
    model : Pipeline
        Fitted.
    training : TrainingResult
    test, train : DataFrame of shape (n_rows, n_columns)
        The hold-out, and what was learned.
    recipe : Recipe
        Its `evaluation.explanation` says of how many rows, and how many columns are told; default: as many rows as
        about `CALLS` predictions are enough for, `ROWS` at most.

    Returns
    -------
    swarms : tuple of Swarm
    of : str
        What they add up to, in words.
    """
    import numpy as np

    from ml_assets.evaluation.contributions import shapley
    from ml_assets.evaluation.evaluate import predict

    wanted = recipe.evaluation.explanation
    if not recipe.has_target or wanted.rows == 0:
        return (), ""
    features = list(training.features)
    enough = max(FEWEST_ROWS, min(ROWS, CALLS // (2 * PAIRS * (len(features) + 1))))
    rows = test[features].sample(
        min(len(test), enough if wanted.rows is None else wanted.rows), random_state=0
    )
    others = train[features].sample(min(len(train), PAIRS), random_state=training.random_state)
    _, of, answer, _ = _asked(model, training, rows.iloc[:1], None)
    found = shapley(lambda frame: answer(predict(model, frame)), rows, others, training.random_state, PAIRS)
    means = np.abs(found.values).mean(axis=0)
    chosen = np.argsort(-means, kind="stable")[: wanted.columns]
    return tuple(
        Swarm(
            column=features[k],
            mean=float(means[k]),
            adds=tuple(float(value) for value in found.values[:, k]),
            place=_places(rows.iloc[:, k]),
        )
        for k in chosen
    ), of


def _places(values: pd.Series[Any]) -> tuple[float | None, ...]:
    """Where each number stands among the others."""
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype):
        return (None,) * len(values)
    ranks = (values.rank() - 1) / max(1, int(values.count()) - 1)
    return tuple(None if pd.isna(rank) else float(rank) for rank in ranks)


def _version(state: ModelState, version: int | None) -> int:
    if version is not None:
        return version
    champion = state.registry.champion(state.name)
    if champion is None:
        raise StepError(
            f"{state.name}: no version is champion yet: train it first, `ml-assets train --recipe-file FILE`"
        )
    return champion.version


def _place(name: str, frame: pd.DataFrame, row: str, batch: str) -> int:
    """Find a row by its number, or by a value that it alone has."""
    if row.isdigit():
        if not 1 <= int(row) <= len(frame):
            raise StepError(f"{name}: batch {batch} has the rows 1 to {len(frame)}; there is no row {row}")
        return int(row) - 1
    column, equals, value = row.partition("=")
    columns = [str(each) for each in frame.columns if each not in set(RESERVED) - {ROW_ID}]
    if not equals or column not in columns:
        raise StepError(
            f"{name}: {row!r} is no row; allowed: a number from 1 to {len(frame)}, or COLUMN=VALUE with one of "
            f"{listed(columns)}"
        )
    values = frame[column]
    same = values.astype(str) == value
    with suppress(ValueError):  # 7 is 7.0 where a column of numbers has it so
        same |= values == float(value)
    places = same.to_numpy().nonzero()[0]
    if len(places) != 1:
        raise StepError(
            f"{name}: {len(places)} rows of batch {batch} have {column} = {value}; name a row that is alone in it"
            + (f", or its number: {listed(str(k + 1) for k in places[:10])}" if len(places) else "")
        )
    return int(places[0])


def _asked(model: Any, training: Any, one: pd.DataFrame, target: str | None) -> tuple[str, str, Any, str]:
    """What is explained: target, words for it, a function from predictions to figures, and the prediction itself."""
    from ml_assets.evaluation.evaluate import predict
    from ml_assets.tasks.base import PREDICTION, PROBABILITY
    from ml_assets.tasks.several import column_of

    names = training.targets
    if target is not None and target not in names:
        allowed = listed(names) if names else "no --target, since there is one target"
        raise StepError(f"{target!r} is no target of the model; allowed: {allowed}")
    chosen = target or (names[0] if names else "")

    def column(name: str) -> str:
        return column_of(name, chosen) if names else name

    classes = training.target_classes.get(chosen) if names else training.classes
    said = predict(model, one)
    prediction = said[column(PREDICTION)].iloc[0]
    if classes is None and not isinstance(prediction, str):
        return chosen, PREDICTION, lambda found: found[column(PREDICTION)].to_numpy(float), str(prediction)
    label = classes[-1] if classes is not None and len(classes) == 2 else str(prediction)
    share = column(f"{PROBABILITY}{label}")
    if share in said:
        return chosen, f"probability of {label}", lambda found: found[share].to_numpy(float), str(prediction)
    return (
        chosen,
        f"prediction of {label} (1) or not (0)",
        lambda found: (found[column(PREDICTION)] == label).to_numpy(float),
        str(prediction),
    )


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    import pandas as pd

    if pd.isna(value):
        return None
    return (
        value.item()
        if hasattr(value, "item")
        else value
        if isinstance(value, int | float | bool)
        else str(value)
    )
