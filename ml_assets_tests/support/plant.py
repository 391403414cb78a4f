"""Machines whose heat and wear are measured: two numbers, or two things with classes, that one model predicts."""

from __future__ import annotations

import numpy as np
import pandas as pd

ROWS = 150

RECIPE = """\
name: plant
model:
  {estimator}
  loader: {{source_uri: plant.csv}}
  data_interface: {{task_type: {task}, target_col: {target}}}
hyperparameter_tuning: {{enabled: false}}
batches: {{column: at, period: daily}}
monitoring: {{min_rows: 50, label_delay: 1}}
training: {{window: 2}}
retraining: {{cooldown: 1}}
"""


def machines(days: int, turned: int = 99, seed: int = 1) -> pd.DataFrame:
    """Rows of some days; from day `turned` on what made wear large makes it small, and what made tier gold does not."""
    random, parts = np.random.default_rng(seed), []
    for day in range(days):
        load, speed, noise = (
            random.normal(0, 1, ROWS),
            random.normal(2, 1, ROWS),
            random.normal(0, 0.5, (4, ROWS)),
        )
        sign = -1 if day >= turned else 1
        tier = np.where(load > 0.5, "silver", "none")
        at = (
            pd.Timestamp("2024-01-01") + pd.Timedelta(days=day) + pd.to_timedelta(np.arange(ROWS), unit="min")
        )
        parts.append(
            pd.DataFrame(
                {
                    "at": at,
                    "load": load,
                    "speed": speed,
                    "heat": 2 * load + noise[0],
                    "wear": sign * 2 * speed + noise[1],
                    "late": np.where(load + noise[2] > 0, "yes", "no"),
                    "tier": np.where(sign * (speed - 2) + noise[3] > 0.5, "gold", tier),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


NUMBERS, CLASSES = ["heat", "wear"], ["late", "tier"]
