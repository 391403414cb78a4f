"""Folds that another process fits: it may, and knows, what this one does."""

import math
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ml_assets.estimators.candidate import Candidate
from ml_assets.recipe import own
from ml_assets.search.cluster import connected
from ml_assets.search.processes import fitting
from ml_assets.search.trials import Fit
from ml_assets_tests.search.test_study import fold_data, goal

SUPPORT = "ml_assets_tests.support"
METRIC = f"{SUPPORT}.own_metrics.area"
NEAREST = Candidate(f"{SUPPORT}.own_models.Nearest")


@pytest.fixture(autouse=True)
def allowed() -> Iterator[None]:
    own.allow({f"{SUPPORT}.own_models", f"{SUPPORT}.own_metrics"})
    own.declare("shop", "classification", {METRIC: "maximize"})
    yield
    own.declare("shop", "classification", {})
    own.allow(())


@pytest.mark.parametrize("engine", ["local", pytest.param("dask", marks=pytest.mark.extras)])
def test_a_person_s_own_estimator_and_metric_are_known_where_it_is_fitted(engine: str) -> None:
    judged, fit = replace(goal(), metric=METRIC), Fit({"power": 1.0}, 0, math.inf)
    with fitting(fold_data(), NEAREST, judged, 1) as here:
        known = here(fit).result().score
    with connected(engine, None) as client, fitting(fold_data(), NEAREST, judged, 2, client) as elsewhere:
        assert elsewhere(fit).result().score == known
