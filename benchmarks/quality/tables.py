"""The tables: four of scikit-learn, and those of `ML_ASSETS_BENCHMARK_DATA` that are there."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

KNOWN = ("breast_cancer", "digits", "diabetes", "wine")
FILES = {
    "adult": ("income", "classification"),
    "german_credit": ("class", "classification"),
    "california_housing": ("median_house_value", "regression"),
}
"""Target and task of each file."""
FRESH = {
    "bank_marketing": ("y", "classification", ("duration", "contact_month")),
    "bike_hour": ("cnt", "regression", ("casual", "registered", "instant", "dteday", "yr", "timestamp")),
    "elec2": ("target", "classification", ("timestamp",)),
    "noaa_weather": ("rain", "classification", ("date",)),
    "occupancy": ("Occupancy", "classification", ("date", "part")),
}
"""Tables by which nothing of the search was chosen: target, task, and columns left out, which leak or tell time.

They are streams, of which few rows are learned (`--rows`), drawn over all of their time.
"""


def table(name: str) -> tuple[pd.DataFrame, str, str]:
    """Return rows, target and task.

    Raises
    ------
    FileNotFoundError
        If the file is not in the folder that `ML_ASSETS_BENCHMARK_DATA` names.
    """
    if name in KNOWN:
        from sklearn import datasets

        frame = getattr(datasets, f"load_{name}")(as_frame=True).frame
        return frame, "target", "regression" if name == "diabetes" else "classification"
    target, task, *others = (FILES | FRESH)[name]
    left_out = others[0] if others else ("part",)
    frame = pd.read_csv(Path(os.environ.get("ML_ASSETS_BENCHMARK_DATA", "data")) / f"{name}.csv")
    return frame.drop(columns=list(left_out), errors="ignore"), target, task
