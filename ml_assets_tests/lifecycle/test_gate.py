"""The gate asks no more of two models than its word hangs on."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.lifecycle.gate import FEWEST_TIMED, TIMED_ROWS, _costs
from ml_assets.promotion.gate import UNNOTICED_SECONDS


class Model:
    """Predicts nothing, and takes its time."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.asked = seconds, 0

    def predict(self, rows: Any) -> Any:
        self.asked += 1
        until = time.process_time() + self.seconds
        while time.process_time() < until:
            pass
        return np.zeros(len(rows))


@pytest.mark.parametrize(("seconds", "asked"), [(0.0, FEWEST_TIMED), (UNNOTICED_SECONDS + 0.001, TIMED_ROWS)])
def test_models_are_timed_until_the_challenger_passes_whatever_comes(seconds: float, asked: int) -> None:
    challenger, champion = Model(seconds), Model(0.0)
    costs = _costs(challenger, champion, pd.DataFrame({"a": [1.0, 2.0]}))
    assert challenger.asked == champion.asked == asked
    assert costs.challenger_seconds is not None and costs.challenger_seconds >= seconds
