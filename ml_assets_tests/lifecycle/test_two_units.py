"""A model of a window in two units is promoted by nobody: neither as the first nor by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ml_assets.records import Evaluation
from ml_assets_tests.support.shore import Shore, day


def rows(number: int, factor: float = 1.0) -> pd.DataFrame:
    random = np.random.default_rng(number)
    frame = pd.DataFrame(random.gamma(4, 20, size=(200, 3)), columns=["a", "b", "c"])
    frame["y"] = np.where(frame["a"] + random.normal(0, 25, 200) > 75, "yes", "no")
    return frame.assign(a=frame["a"] * factor)


def test_a_model_of_two_units_is_kept_out_and_told_what_to_do(tmp_path: Path, mlflow_home: Path) -> None:
    shore = Shore(tmp_path, mlflow_home, window=4)
    for number, factor in enumerate([1.0, 1.0, 12.0, 12.0, 12.0]):
        shore.put(number, rows(number, factor))
        shore.take_in(number)
    mixed = shore.train(4)
    assert mixed.outcome == "keep" and shore.state.registry.champion("tide") is None
    assert "the training window mixes two units: column 'a' is 12 times its usual size" in mixed.reason
    assert (
        f"in 2 of 4 training batches ({day(2)}, {day(3)})" in mixed.reason
        and "training.window" in mixed.reason
    )
    stored = shore.state.store.read_record("evaluation_report", day(4), Evaluation)
    assert len(stored.mixed) == 1
    for number in (5, 6):
        shore.put(number, rows(number, 12.0))
        shore.take_in(number)
    assert shore.train(6).outcome == "promote"  # the window holds one unit now
