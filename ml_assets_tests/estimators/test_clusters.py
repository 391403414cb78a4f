"""The numbers of clusters: by size, and as another model has them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import Birch, KMeans
from sklearn.mixture import GaussianMixture

from ml_assets.estimators.clusters import Clusters


def blobs(seed: int = 0, sizes: tuple[int, ...] = (20, 60, 40)) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.vstack([random.normal(10.0 * k, 1.0, (size, 2)) for k, size in enumerate(sizes)])


@pytest.mark.parametrize(
    "estimator", [KMeans(3, random_state=0), GaussianMixture(3, random_state=0), Birch(n_clusters=3)]
)
def test_the_largest_cluster_is_0(estimator: object) -> None:
    X = blobs()
    model = Clusters(estimator).fit(X)
    assert model.predict(X).tolist() == ["2"] * 20 + ["0"] * 60 + ["1"] * 40
    assert model.predict(np.array([[10.0, 10.0], [500.0, 500.0]])).tolist() == ["0", "1"]
    np.testing.assert_allclose(model.distances(X[:1]), np.linalg.norm(X[0] - X[:20].mean(axis=0)))


def test_a_later_version_takes_over_the_numbers_and_new_clusters_get_new_ones() -> None:
    X = blobs()
    first = Clusters(KMeans(3, random_state=0)).fit(X)
    grown = np.vstack([X, np.random.default_rng(1).normal(0.0, 1.0, (200, 2)), np.full((30, 2), 60.0)])
    later = Clusters(KMeans(4, random_state=5)).fit(grown)
    assert later.predict(X[:1]) != first.predict(X[:1])  # by size it is another one
    later.named_as(later.predict(X), first.predict(X))
    assert later.predict(X).tolist() == first.predict(X).tolist()
    assert later.predict(np.full((1, 2), 60.0)).tolist() == ["3"]


@pytest.mark.parametrize(
    ("X", "estimator", "words"),
    [
        (np.ones((9, 2)), KMeans(2), "all 9 rows are alike"),
        (np.repeat([[0.0], [1.0]], 5, axis=0), KMeans(3), "n_clusters: 3 clusters of 2 different rows"),
        (np.repeat([[0.0], [1.0]], 5, axis=0), GaussianMixture(3), "n_components: 3 clusters of 2"),
        (blobs(), Birch(threshold=99.0, n_clusters=None), "Birch finds one cluster in 120 rows"),
    ],
)
def test_no_clusters_is_said(X: np.ndarray, estimator: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Clusters(estimator).fit(X)
