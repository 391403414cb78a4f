"""XGBoost fitted on partitions of the rows, one for each worker of a Dask cluster; the model is an ordinary one.

The way is XGBoost's own (`xgboost.dask`): each worker keeps its rows as bins and counts them, and the workers add up
the counts of all. Which rows are together follows from their order and the number of workers alone, so the same rows on
as many workers make the same model.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
from sklearn.base import is_classifier

if TYPE_CHECKING:
    from distributed import Client

FEWEST_ROWS = 1_000
"""Rows of a partition at least: fewer are counted sooner than another worker is asked."""
IN_BINS = (None, "auto", "hist")
"""Values of `tree_method` by which rows are kept as bins from the start."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def is_partitioned(class_path: str) -> bool:
    """Say whether a class is fitted on partitions where there is a cluster.

    >>> is_partitioned("xgboost.XGBRFRegressor"), is_partitioned("sklearn.ensemble.RandomForestRegressor")
    (True, False)
    """
    return class_path.startswith("xgboost.")


class _ByWorkers:
    """What is laid before a class of XGBoost: its `fit` asks the workers, and leaves an object of that class."""

    workers: Client

    def fit(self, X: Any, y: Any, *, sample_weight: Any = None) -> Any:
        """Fit on X of shape (n_rows, n_features) and y of shape (n_rows,), labels as 0 … k-1."""
        ordinary = type(self).__bases__[1]
        params = self.get_params()  # type: ignore[attr-defined]  # of the class behind
        fitted = _booster(self.workers, self, X, y, sample_weight)
        self.load_model(fitted.save_raw("ubj"))  # type: ignore[attr-defined]  # likewise
        for name, value in params.items():  # loading takes some from the file, others than a fit leaves
            if name != "objective":
                setattr(self, name, value)
        self.__class__ = ordinary  # from here on nothing of Dask is in it
        return self


@contextmanager
def partitioned(estimator: Any, workers: Client | None) -> Iterator[Any]:
    """Give an estimator whose models of XGBoost are fitted by the workers; without workers the estimator itself.

    Parameters
    ----------
    estimator : estimator
        With models of XGBoost in it, at any depth. It is changed, and as it was at the end.
    workers : Client, optional
        Of a Dask cluster.
    """
    if workers is None:
        yield estimator
        return
    from xgboost import XGBModel

    if isinstance(estimator, XGBModel):
        yield _by_workers(estimator, workers)
        return
    inside = {path: of for path, of in estimator.get_params().items() if isinstance(of, XGBModel)}
    estimator.set_params(**{path: _by_workers(of, workers) for path, of in inside.items()})
    yield estimator
    estimator.set_params(**inside)


def worker_count(workers: Client, rows: int) -> int:
    """Say how many workers have a partition of so many rows."""
    return max(1, min(len(_addresses(workers)), rows // FEWEST_ROWS))


def _by_workers(model: Any, workers: Client) -> Any:
    ordinary = type(model)
    made = type(f"{ordinary.__name__}ByWorkers", (_ByWorkers, ordinary), {"workers": workers})
    return made(**model.get_params())


def _addresses(workers: Client) -> list[str]:
    """Addresses of the workers in the order in which XGBoost ranks them, by their names."""
    known = workers.scheduler_info(n_workers=-1)["workers"]
    return sorted(known, key=lambda address: f"{known[address]['name']}]:{address}")


def _booster(workers: Client, model: Any, X: Any, y: Any, weights: Any) -> Any:
    """Train on the workers, each with all of its threads."""
    from xgboost import dask as by_dask
    from xgboost.collective import Config

    params = model.get_xgb_params()
    for name in ("n_jobs", "nthread"):
        params.pop(name, None)
    if is_classifier(model) and (classes := int(np.max(y)) + 1) > 2:
        params["num_class"] = classes
        if params.get("objective") != "multi:softmax":
            params["objective"] = "multi:softprob"
    addresses = _addresses(workers)[: worker_count(workers, len(X))]
    bounds = [round(k * len(X) / len(addresses)) for k in range(len(addresses) + 1)]
    places = [(address, *part) for address, part in zip(addresses, pairwise(bounds), strict=True)]
    rows: dict[str, Any] = {
        "data": _in_parts(workers, X, places),
        "label": _in_parts(workers, np.asarray(y), places),
        "weight": None if weights is None else _in_parts(workers, np.asarray(weights), places),
        "missing": model.missing,
        "enable_categorical": model.enable_categorical,
    }
    binned = model.tree_method in IN_BINS and model.booster != "gblinear"
    matrix = (
        by_dask.DaskQuantileDMatrix(workers, max_bin=model.max_bin, **rows)
        if binned
        else by_dask.DaskDMatrix(workers, **rows)
    )
    host = urlsplit(workers.scheduler.address).hostname
    # Else XGBoost would listen at the address of this machine that others see.
    where = Config(tracker_host_ip="127.0.0.1") if host in LOOPBACK else None
    rounds = model.get_num_boosting_rounds()
    return by_dask.train(workers, params, matrix, rounds, verbose_eval=False, coll_cfg=where)["booster"]


def _in_parts(workers: Client, values: Any, places: list[tuple[str, int, int]]) -> Any:
    """Send each worker its rows; what stands for all of them is Dask's."""
    from dask import array, delayed

    sent = []
    for address, start, end in places:
        part = values.iloc[start:end] if hasattr(values, "iloc") else values[start:end]
        sent.append((part, delayed(workers.scatter(part, workers=[address], hash=False))))
    if hasattr(values, "iloc"):
        from dask import dataframe

        return dataframe.from_delayed(
            [each for _, each in sent], meta=values.iloc[:0], divisions=None, verify_meta=False
        )
    return array.concatenate(
        [array.from_delayed(each, shape=part.shape, dtype=part.dtype) for part, each in sent]
    )
