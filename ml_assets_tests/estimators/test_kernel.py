"""What kernel models approximate is known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import KernelCenterer, StandardScaler

from ml_assets.estimators.constraints import wrong_values
from ml_assets.estimators.kernel import KernelClassifier, KernelRegressor, bounded


def test_with_every_row_a_component_it_is_kernel_ridge_regression() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3)) * [1.0, 50.0, 0.01]
    y = np.sin(X[:, 0]) + 0.02 * X[:, 1]
    ours = KernelRegressor(gamma=0.3, alpha=0.5, n_components=80).fit(X[:60], y[:60])
    scaler = StandardScaler().fit(X[:60])
    alike = bounded(scaler.transform(X))
    kernel = rbf_kernel(alike, alike[:60], gamma=0.3 / 3)
    centred = KernelCenterer().fit(kernel[:60])
    exact = KernelRidge(kernel="precomputed", alpha=0.5).fit(
        centred.transform(kernel[:60]), y[:60] - y[:60].mean()
    )
    assert np.allclose(ours.predict(X), exact.predict(centred.transform(kernel)) + y[:60].mean(), atol=1e-6)


@pytest.mark.parametrize("scale", ["deviation", "range"])
def test_units_of_the_columns_do_not_matter(scale: str) -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 2))
    y = np.where(X[:, 0] * X[:, 1] > 0, "same", "other")
    model = KernelClassifier(scale=scale)
    found = clone(model).fit(X, y).predict_proba(X)
    assert np.allclose(
        found, clone(model).fit(1000.0 * X + 7.0, y).predict_proba(1000.0 * X + 7.0), atol=1e-4
    )
    assert (model.fit(X[:200], y[:200]).predict(X[200:]) == y[200:]).mean() > 0.8  # no plane parts these


def test_a_value_far_out_does_not_rule_a_prediction() -> None:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(150, 2))
    y = X[:, 0] ** 2
    model = KernelRegressor(gamma=0.5).fit(X, y)
    usual, far = model.predict([[1.0, 0.0]]), model.predict([[1.0, 1e6]])
    assert np.abs(far - usual) < 2 * y.std()


@pytest.mark.parametrize("kind", [KernelClassifier, KernelRegressor])
def test_a_recipe_is_told_of_every_parameter_that_cannot_be(
    kind: type[KernelClassifier | KernelRegressor],
) -> None:
    path = f"{kind.__module__}.{kind.__name__}"
    assert set(kind._parameter_constraints) == set(kind().get_params())
    told = wrong_values(path, {"scale": "rang", "gamma": 0.0, "n_components": 100})
    assert [key for key, _ in told] == [("scale",), ("gamma",)]
