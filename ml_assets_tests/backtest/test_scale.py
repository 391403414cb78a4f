"""The metric of what was served, where labels of some rows never came."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml_assets.backtest.scale import Scale
from ml_assets.backtest.stream import Stream
from ml_assets.tasks.metrics import score
from ml_assets_tests.support.training_examples import recipe_of


@pytest.mark.parametrize("targets", [["heat"], ["heat", "wear"]])
def test_rows_whose_labels_never_came_do_not_count(targets: list[str]) -> None:
    """Of several targets a row that lacks one of them."""
    random = np.random.default_rng(0)
    recipe = recipe_of(
        "regression", interface={"target_col": targets}, batches={"column": "at", "period": "daily"}
    )
    rows = pd.DataFrame(random.normal(0, 1, (60, 2)), columns=["heat", "wear"])
    rows = rows.assign(at=pd.Timestamp("2024-01-01"))
    rows.loc[:4, targets[-1]] = np.nan
    stream = Stream(recipe, {"2024-01-01": rows})
    names = ["prediction"] if len(targets) == 1 else [f"prediction_{name}" for name in targets]
    given = pd.DataFrame(random.normal(0, 1, (60, len(targets))), columns=names)
    scale = Scale(stream, "rmse", ("2024-01-01",), None)
    there = rows.index > 4
    expected = score("rmse", rows.loc[there, recipe.target], given[there], None)
    assert scale.half(given, ["2024-01-01"]) == pytest.approx(expected)
    assert scale.draws(given[there])[0] == pytest.approx(expected)
