"""Clusters are measured as scikit-learn does it, in a space that is the rows' own."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    calinski_harabasz_score,
    davies_bouldin_score,
    silhouette_samples,
    silhouette_score,
)

from ml_assets.promotion.paired import compare
from ml_assets.tasks import clustering
from ml_assets.tasks.clustering import CLUSTERING, labelled, silhouettes
from ml_assets.tasks.intervals import intervals
from ml_assets.tasks.metrics import evaluate_counts, score
from ml_assets.tasks.space import space, written


def groups(rows: int = 90, seed: int = 0, apart: float = 4.0) -> tuple[pd.Series, pd.DataFrame]:
    """Rows of three groups, as they are measured, and the group of each."""
    rng = np.random.default_rng(seed)
    group = np.arange(rows) % 3
    values = rng.normal(apart * group[:, None], 1.0, (rows, 3))
    regions = rng.choice(["n", "s"], rows)
    y = pd.Series(
        [
            written(dict(zip("abc", row, strict=True)) | {"r": r})
            for row, r in zip(values.tolist(), regions, strict=True)
        ]
    )
    return y, pd.DataFrame({"prediction": group.astype(str)})


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("silhouette", silhouette_score),
        ("calinski_harabasz", calinski_harabasz_score),
        ("davies_bouldin", davies_bouldin_score),
    ],
)
def test_a_metric_is_scikit_learn_s_in_the_space_of_the_rows(name: str, theirs: Callable[..., float]) -> None:
    for seed in range(3):
        y, found = groups(seed=seed)
        found.loc[seed, "prediction"] = "7"  # a row alone
        assert score(name, y, found, None) == pytest.approx(theirs(space(y), found["prediction"]))
        counts = np.random.default_rng(seed).integers(0, 3, (2, len(y))).astype(float)
        metric = next(metric for metric in CLUSTERING.metrics if metric.name == name)
        for each in counts if metric.per_row is None else ():  # rows that count twice are there twice
            drawn = np.repeat(np.arange(len(y)), each.astype(int))
            rows = labelled(y, found, None)
            again = theirs(rows.truth[drawn], rows.predicted[drawn])
            assert evaluate_counts(metric, rows, each[None])[0] == pytest.approx(again)


def test_of_many_rows_some_are_compared_with(monkeypatch: pytest.MonkeyPatch) -> None:
    y, found = groups(900)
    rows = labelled(y, found, None)
    whole = silhouettes(rows)
    np.testing.assert_allclose(whole, silhouette_samples(rows.truth, rows.predicted))
    monkeypatch.setattr(clustering, "MOST_ROWS", 300)
    monkeypatch.setattr(clustering, "CELLS_AT_ONCE", 3_000)
    some = silhouettes(rows)
    assert np.abs(some - whole).max() < 0.1 and abs(some.mean() - whole.mean()) < 0.01
    np.testing.assert_array_equal(some, silhouettes(rows))


def test_one_cluster_has_no_score_and_random_ones_have_none_above_zero() -> None:
    y, found = groups()
    alone = found.assign(prediction="0")
    for metric in CLUSTERING.metrics:
        assert np.isnan(score(metric.name, y, alone, None))
    assert intervals(labelled(y, alone, None), ["silhouette"], 0) == {}
    dealt = pd.DataFrame({"prediction": CLUSTERING.baseline().fit(None).predict(np.zeros((len(y), 1)))})
    assert score("silhouette", y, dealt, None) < 0.05 < 0.4 < score("silhouette", y, found, None)


def test_no_unit_names_no_cluster_and_no_order_changes_a_score() -> None:
    y, found = groups()
    rows = pd.DataFrame([json.loads(text) for text in y])
    other = pd.Series([written(row) for row in (rows.assign(a=1000 * rows["a"] + 7)).to_dict("records")])
    named = found["prediction"].map({"0": "12", "1": "3", "2": "0"}).to_frame()
    for name in ("silhouette", "calinski_harabasz", "davies_bouldin"):
        value = score(name, y, found, None)
        assert score(name, other, named, None) == pytest.approx(value)
        assert score(
            name, y[::-1].reset_index(drop=True), found[::-1].reset_index(drop=True), None
        ) == pytest.approx(value)


def test_space_leaves_out_what_tells_nothing() -> None:
    rows = pd.DataFrame(
        {
            "number": np.linspace(0.5, 9.9, 40),
            "constant": 3.0,
            "counter": np.arange(100, 140, dtype=float),
            "text": [f"name {k}" for k in range(40)],
            "level": ["a", "b"] * 20,
            "gaps": [None, *np.linspace(-1, 1, 39)],
        }
    )
    found = space(pd.Series([written(row) for row in rows.to_dict("records")]))
    assert found.shape == (40, 4)  # gaps, two levels, number
    assert found[0, 0] == 0.0
    assert np.linalg.norm(found[0, 1:3] - found[1, 1:3]) == pytest.approx(1.0)
    wild = rows.assign(number=[1e9, *rows["number"][1:]])
    again = space(pd.Series([written(row) for row in wild.to_dict("records")]))
    assert np.ptp(again[1:, 3]) > 0.1  # one wild value does not make all others alike


def test_the_gate_pairs_the_silhouettes_of_the_same_rows() -> None:
    y, right = groups(600, apart=2.0)
    wrong = right.copy()
    wrong.loc[:149, "prediction"] = "0"
    renamed = right["prediction"].map({"0": "2", "1": "0", "2": "1"}).to_frame()
    better, same = (compare(y, first, right, "silhouette", positive=None) for first in (wrong, renamed))
    assert better is not None and same is not None
    assert (
        better.gain > 5 * better.error > 0
        and same.gain == pytest.approx(0.0)
        and same.error == pytest.approx(0.0)
    )
