"""Calls to customers: whom to call, if a call makes some buy, leaves others as they are and annoys the rest."""

from __future__ import annotations

import numpy as np
import pandas as pd

RECIPE = """\
name: calls
model:
  class_path: ml_assets.uplift.TLearner
  hyperparameters: {learner: {class_path: sklearn.linear_model.Ridge}}
  loader: {source_uri: calls.csv}
  data_interface: {task_type: causal, target_col: bought, treatment_col: called}
hyperparameter_tuning: {enabled: false}
"""
STREAM = """\
batches: {column: at, period: daily}
monitoring: {min_rows: 100, label_delay: 1}
training: {window: 4, first: 3}
"""


def calls(rows: int = 2000, seed: int = 0, turned: int | None = None) -> pd.DataFrame:
    """Rows whose effect is known (`effect`); from row `turned` on those are annoyed who would have bought."""
    random = np.random.default_rng(seed)
    asked, loyal = random.normal(size=rows), random.normal(size=rows)
    region = random.choice(["north", "south", "west"], rows)
    sign = np.where(np.arange(rows) >= (rows if turned is None else turned), -1.0, 1.0)
    effect = np.clip(0.3 * sign * np.tanh(2 * asked) + 0.05, -0.3, 0.4)
    called = random.random(rows) < 0.5
    chance = np.clip(0.4 + 0.05 * np.tanh(loyal) + effect * called, 0, 1)
    return pd.DataFrame(
        {
            "asked": asked.round(4),
            "loyal": loyal.round(4),
            "region": region,
            "called": np.where(called, "yes", "no"),
            "bought": (random.random(rows) < chance).astype(int),
            "effect": effect,
        }
    )


def days(count: int, rows: int = 400, turned: int = 99, seed: int = 0) -> pd.DataFrame:
    """The same by day."""
    frame = calls(count * rows, seed, turned * rows).drop(columns="effect")
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(len(frame)) // rows, unit="D")
    return frame.assign(at=at)
