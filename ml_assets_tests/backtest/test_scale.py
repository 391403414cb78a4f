"""The metric of what was served, where labels of some rows never came."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from ml_assets.backtest.scale import Scale
from ml_assets.backtest.stream import Stream
from ml_assets.tasks.metrics import score, score_batches
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


def moved(day: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Two groups of rows, which a day later are each where the other was, and their true numbers."""
    random = np.random.default_rng(day)
    group = random.integers(0, 2, 40 + 20 * day)
    place = np.where((group == 1) == (day == 0), 8.0, 0.0)
    points = random.normal(size=(len(group), 2)) + place[:, None]
    names = [json.dumps({"x": x, "y": y}) for x, y in points]
    return pd.DataFrame({"point__": names, "x": points[:, 0], "y": points[:, 1]}), group


def test_clusters_of_several_batches_are_scored_each_by_itself() -> None:
    recipe = recipe_of(
        "clustering",
        "sklearn.cluster.KMeans",
        interface={"target_col": None},
        batches={"column": "at", "period": "daily"},
    )
    batches = {f"2024-01-0{day + 1}": moved(day) for day in (0, 1)}
    stream = Stream(recipe, {key: rows.assign(at=pd.Timestamp(key)) for key, (rows, _) in batches.items()})
    numbers = np.concatenate([group for _, group in batches.values()]).astype(str)
    given = pd.DataFrame({"prediction": numbers}, index=stream.rows.index)
    own = [
        score("silhouette", rows["point__"], pd.DataFrame({"prediction": group.astype(str)}), None)
        for rows, group in batches.values()
    ]
    scale = Scale(stream, "silhouette", tuple(batches), None)
    expected = np.average(own, weights=[40, 60])
    assert expected > 0.7
    assert (
        scale.draws(given)[0] == pytest.approx(expected) == pytest.approx(scale.half(given, tuple(batches)))
    )
    drawn = set(scale.draws(given).round(6))
    assert drawn == {round(value, 6) for value in (own[0], own[1], expected)}
    together = score("silhouette", stream.rows["point__"], given, None)
    assert together < 0.2  # as if each number were one cluster that is in two places
    batch = np.repeat([0, 1], [40, 60])
    assert score_batches("silhouette", stream.rows["point__"], given, None, batch) == pytest.approx(expected)


def test_numbers_of_several_batches_are_scored_together() -> None:
    y, given = pd.Series([1.0, 2.0, 5.0]), pd.DataFrame({"prediction": [1.0, 4.0, 1.0]})
    assert score_batches("rmse", y, given, None, [0, 0, 1]) == score("rmse", y, given, None)
