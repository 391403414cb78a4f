"""The interval over folds holds the true mean about as often as it says, though folds share the rows they learn."""

from __future__ import annotations

import numpy as np
import pytest

from ml_assets.tasks.over_folds import over_folds


@pytest.mark.parametrize("folds", [3, 5, 10])
def test_the_interval_holds_what_a_model_of_so_many_rows_is_worth(folds: int) -> None:
    random, rows, held = np.random.default_rng(0), 120, 0
    for _ in range(400):
        x = random.normal(size=(rows, 3))
        y = x[:, 0] + random.normal(size=rows)
        parts = np.array_split(random.permutation(rows), folds)
        scores, worth = [], []
        for part in parts:
            learned = np.setdiff1d(np.arange(rows), part)
            slopes = np.linalg.lstsq(x[learned], y[learned], rcond=None)[0]
            scores.append(float(np.mean((y[part] - x[part] @ slopes) ** 2)))
            worth.append(1 + np.sum((slopes - [1, 0, 0]) ** 2))  # on all rows there could be
        told = over_folds(scores)
        assert told is not None and told.mean == pytest.approx(np.mean(scores))
        assert told.deviation == pytest.approx(np.std(scores, ddof=1))
        held += told.low <= np.mean(worth) <= told.high
    assert 0.93 <= held / 400 <= 1.0


def test_one_fold_and_what_is_no_number_say_nothing() -> None:
    assert over_folds([]) is over_folds([0.8]) is over_folds([0.8, float("nan")]) is None
