"""Streams to try policies on: made ones whose truth is known, and the four real sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ml_assets.backtest.fits import Fits, fixed_fit
from ml_assets.backtest.stream import Stream
from ml_assets.recipe import Recipe
from ml_assets.recipe.loading import load_recipe, parse_recipe
from ml_assets.recipe.schema import PromotionSection, Retraining
from ml_assets.records import TrainingResult
from ml_assets.settings import Variables
from ml_assets.sources.source import source_of
from ml_assets.tasks.classification import positive_class

RECIPES = Path(__file__).parent.parent / "recipes"
FIXED = {"n_estimators": 100, "max_depth": 4, "learning_rate": 0.1, "tree_method": "hist"}
"""Parameters of every fit: no search, so that policies differ in nothing but when they train."""

MADE = """
name: made
model:
  class_path: xgboost.XGBClassifier
  loader: {{source_uri: "made/*.csv"}}
  data_interface: {{task_type: classification, target_col: y, positive_class: "1"}}
hyperparameter_tuning: {{metric: roc_auc}}
batches: {{column: day, period: daily}}
training: {{window: {window}, first: {first}}}
monitoring: {{label_delay: {label_delay}}}
"""


def made_recipe(window: int | str = 12, first: int = 12, label_delay: int = 1) -> Recipe:
    """The recipe of a made stream: the default policy, labels one batch late."""
    return parse_recipe(MADE.format(window=window, first=first, label_delay=label_delay))


def made_rows(batches: int, rows: int, seed: int, change_at: int | None = None) -> dict[str, pd.DataFrame]:
    """Daily batches of four numbers and a category; y depends on three of them, with noise.

    From batch `change_at` on, a number that matters is half a standard deviation higher, and the sign with
    which it matters has turned: inputs and concept change at once.
    """
    generator = np.random.default_rng(seed)
    frames = {}
    for place in range(batches):
        label = str((pd.Timestamp("2024-01-01") + pd.Timedelta(days=place)).date())
        changed = change_at is not None and place >= change_at
        X = pd.DataFrame(generator.normal(size=(rows, 4)), columns=["a", "b", "c", "d"])
        X["kind"] = generator.choice(["red", "green", "blue"], rows, p=[0.5, 0.3, 0.2])
        X["a"] += 0.5 * changed
        effect = (-1.5 if changed else 1.5) * X["a"] + X["b"] + (X["kind"] == "red")
        X["y"] = (effect + generator.logistic(size=rows) > 0.5).astype(int).astype(str)
        X["day"] = pd.Timestamp(label)
        X["row_id__"] = np.arange(place * rows, (place + 1) * rows, dtype=np.uint64)
        frames[label] = X
    return frames


TURNS = {"none": 0.0, "slow": 0.01, "fast": 0.08}
"""Radians by which the direction that matters turns with each batch."""


def aged_rows(batches: int, rows: int, seed: int, kind: str) -> dict[str, pd.DataFrame]:
    """Daily batches of six numbers; what the first two mean for y turns with each batch, as `TURNS` says."""
    generator = np.random.default_rng([seed, 7])
    frames = {}
    for place in range(batches):
        label = str((pd.Timestamp("2024-01-01") + pd.Timedelta(days=place)).date())
        X = pd.DataFrame(generator.normal(size=(rows, 6)), columns=list("abcdef"))
        angle = TURNS[kind] * place
        effect = (
            1.5 * (np.cos(angle) * X["a"] + np.sin(angle) * X["b"]) + 0.8 * X["c"] + 0.5 * X["d"] * X["e"]
        )
        X["y"] = (effect + generator.logistic(size=rows) > 0.3).astype(int).astype(str)
        X["day"] = pd.Timestamp(label)
        X["row_id__"] = np.arange(place * rows, (place + 1) * rows, dtype=np.uint64)
        frames[label] = X
    return frames


HELPS_AT = 30
"""Batch from which a drift helps."""


def helpful_rows(batches: int, rows: int, seed: int) -> dict[str, pd.DataFrame]:
    """Rows of `made_rows` whose number that matters most is twice as wide from a batch on: fewer lie near the border.

    What the numbers mean stays, so a model does better than on its hold-out.
    """
    generator = np.random.default_rng([seed, 11])
    frames = made_rows(batches, rows, seed)
    for place, X in enumerate(frames.values()):
        if place >= HELPS_AT:
            X["a"] *= 2
            effect = 1.5 * X["a"] + X["b"] + (X["kind"] == "red")
            X["y"] = (effect + generator.logistic(size=rows) > 0.5).astype(int).astype(str)
    return frames


def real_recipe(name: str) -> Recipe:
    """A recipe of `benchmarks/recipes`, with the default policy and gate in the place of its own."""
    defaults = {"retraining": Retraining(), "promotion": PromotionSection()}
    return load_recipe(RECIPES / f"{name}.yaml").model_copy(update=defaults)


def real_stream(name: str, data: Path) -> Stream:
    """A real set, in its recipe's batches."""
    recipe = real_recipe(name)
    variables = Variables(values={"ML_ASSETS_BENCHMARK_DATA": str(data)})
    frame = source_of(recipe, RECIPES, variables).read().frame
    if name == "metro_traffic":
        times = frame["date_time"].dt
        frame = frame.assign(hour=times.hour, weekday=times.weekday, month=times.month)
    return Stream.of(recipe, frame)


def fixed_fits(stream: Stream, folder: Path | None = None, **params: int) -> Fits:
    """XGBoost with the histogram method and fixed parameters, one thread."""
    recipe = stream.recipe
    labels = stream.rows[recipe.target]
    classes = None
    if recipe.task == "classification":
        positive = positive_class(labels, recipe.model.data_interface.positive_class)
        classes = tuple(sorted(labels.dropna().unique(), key=lambda label: (label == positive, label)))
    result = TrainingResult(
        class_path=str(recipe.model.class_path),
        params=FIXED | params,
        metric=str(recipe.hyperparameter_tuning.metric),
        direction="maximize" if recipe.task == "classification" else "minimize",
        cv_scores=(),
        rows=0,
        features=(),
        excluded={},
        classes=classes,
        random_state=recipe.random_state,
        seconds=0.0,
    )
    identity = f"{result.class_path} {sorted(result.params.items())} {recipe.model.preprocessor}"
    return Fits(stream, fixed_fit(recipe, result), folder, identity)


def first_30_percent(stream: Stream) -> str:
    """The batch that ends the first 30 % of time."""
    times = stream.rows[stream.calendar.column]
    limit = times.min() + (times.max() - times.min()) * 0.3
    return [batch for batch in stream.labels if pd.Timestamp(batch) < limit][-1]
