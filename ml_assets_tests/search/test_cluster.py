"""Trials that a cluster's workers fit: what is found is the same, and no worker outlives who began it."""

import math
import socket
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from ml_assets.search import cluster
from ml_assets.search.cluster import ClusterError, connected, one_cluster, see_alike
from ml_assets.search.folds import FoldResult
from ml_assets.search.processes import fitting
from ml_assets.search.trials import Fit
from ml_assets_tests.search.test_study import CLASSIFIER, fold_data, goal, in_processes, search, trials
from ml_assets_tests.support.processes import outliving

pytestmark = pytest.mark.extras


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with connected("dask", None) as found:
        yield found


@pytest.mark.parametrize("sampler", ["random", "grid"])
def test_trials_on_workers_find_what_one_at_a_time_finds(client: Any, sampler: str) -> None:
    results: dict[int, list[FoldResult]] = {}
    alone = search(in_processes(sampler, parallelization={"n_jobs": 1}))
    together = search(in_processes(sampler), results=results, client=client)
    assert trials(together) == trials(alone)
    assert (together.params, together.fold_scores) == (alone.params, alone.fold_scores)
    assert [each.score for each in results[together.number]] == list(together.fold_scores)


def test_one_trial_at_a_time_is_chosen_and_stopped_as_here(client: Any) -> None:
    tuning = in_processes("tpe", n_trials=12, parallelization={"n_jobs": 1}, pruning={"n_startup_trials": 2})
    assert trials(search(tuning, client=client)) == trials(search(tuning))


def test_a_search_that_was_interrupted_goes_on_with_the_trials_that_are_missing(
    client: Any, tmp_path: Path
) -> None:
    def interrupt(done: int, _total: int, _best: float) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(in_processes(), storage=tmp_path, progress=interrupt, client=client)
    seen: list[int] = []
    resumed = search(
        in_processes(),
        storage=tmp_path,
        progress=lambda done, _total, _best: seen.append(done),
        client=client,
    )
    assert seen == [4, 5, 6, 7, 8]
    assert trials(resumed) == trials(search(in_processes(parallelization={"n_jobs": 1})))


def test_what_is_wrong_with_parameters_is_told_by_the_worker(client: Any) -> None:
    with (
        fitting(fold_data(), CLASSIFIER, goal(), 2, client) as fit,
        pytest.raises(ValueError, match="max_depth"),
    ):
        fit(Fit({"max_depth": -5}, 0, math.inf)).result()


def test_a_worker_with_another_version_is_named(client: Any) -> None:
    see_alike(client)
    client.run(_another_version)
    try:
        with pytest.raises(
            ClusterError, match=r"the worker tls://127\.0\.0\.1:\d+ has xgboost 0\.1, and here is"
        ):
            see_alike(client)
    finally:
        client.run(_as_it_is)


def _another_version() -> None:
    true = metadata.version
    metadata.true = true  # type: ignore[attr-defined]  # kept for the way back
    metadata.version = lambda name: "0.1" if name == "xgboost" else true(name)


def _as_it_is() -> None:
    metadata.version = metadata.true  # type: ignore[attr-defined]  # as above


def test_nobody_at_the_address_is_told_with_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens there
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with (
            pytest.raises(ClusterError, match=f"{address}.*ML_ASSETS_DASK_SCHEDULER"),
            connected("dask", address),
        ):
            pass


def test_a_scheduler_without_a_worker_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import LocalCluster

    monkeypatch.setattr(cluster, "PATIENCE", 1)
    with (
        LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0") as empty,
        pytest.raises(ClusterError, match=r"has no worker\. Start some: `dask worker tcp://127"),
        connected("dask", empty.scheduler_address),
    ):
        pass


def test_fits_inside_share_one_cluster_which_ends_with_them() -> None:
    with one_cluster():
        with connected("dask", None) as first:
            pass
        with connected("dask", None) as second:
            assert second is first and second.submit(sum, [1, 2]).result() == 3
        with connected("local", None) as other:
            assert other is None
    assert first.status == "closed"
    with connected("dask", None) as later:
        assert later is not first


@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_no_worker_outlives_who_began_it(tmp_path: Path, end: str) -> None:
    code = """
import os, time
from ml_assets.search.cluster import connected
if __name__ == "__main__":
    with connected("dask", None) as client:
        print(*client.run(os.getpid).values(), flush=True)
        time.sleep(60)
"""
    assert outliving(tmp_path, code, end) == []
