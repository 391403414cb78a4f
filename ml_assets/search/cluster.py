"""A Dask cluster: of this machine's cores, or found at an address; and the folds that its workers fit."""

from __future__ import annotations

import logging
import math
import os
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from ml_assets.estimators.candidate import Candidate
from ml_assets.failures import MendableError
from ml_assets.recipe import own
from ml_assets.search.folds import FoldData, FoldResult, Goal, fold_result
from ml_assets.search.trials import Fit

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from distributed import Client

LOCAL, DASK = "local", "dask"
"""Values of `training.engine`."""
VARIABLE: Final = "ML_ASSETS_DASK_SCHEDULER"
PATIENCE: Final = 20
"""Seconds that a cluster may take to let us in, and to have a worker."""
ALIKE: Final = ("ml_assets", "numpy", "pandas", "scikit-learn", "xgboost", "distributed")
"""Distributions whose versions must be those of here: what a worker fits is used here."""
SILENT: Final[dict[str, list[str]]] = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}
"""A cluster of our own has no pages: whoever is on this machine could read them."""


class ClusterError(MendableError, ValueError):
    """No cluster to fit on: Dask is not installed, or does not answer, or its workers are not as this machine is."""


def see_dask(engine: str) -> None:
    """Raise ClusterError, with the command that installs it, where a recipe asks for Dask and it is not there."""
    if engine == DASK and find_spec("distributed") is None:
        raise ClusterError(f'engine {engine} is not installed. Install it: pip install "ml_assets[{DASK}]"')


_SHARED: ContextVar[tuple[ExitStack, dict[str | None, Client]] | None] = ContextVar("shared", default=None)
"""What `one_cluster` ends with it, and the clients by address."""


@contextmanager
def one_cluster() -> Iterator[None]:
    """Let all that is fitted inside share a cluster, which the first of them begins: it takes seconds."""
    with ExitStack() as ends:
        token = _SHARED.set((ends, {}))
        try:
            yield
        finally:
            _SHARED.reset(token)


@contextmanager
def connected(engine: str, address: str | None) -> Iterator[Client | None]:
    """Give a client of a Dask cluster, until the end; None where the engine is another.

    Parameters
    ----------
    engine : str
        The recipe's `training.engine`.
    address : str, optional
        Of a scheduler, as `tcp://HOST:8786`. Default: a cluster of our own on this machine, one process of one thread
        for each core, which listens at 127.0.0.1, lets in nobody else (TLS with a certificate of its own), and ends
        with the process that began it, however that ends. Inside `one_cluster` it is that of all.

    Raises
    ------
    ClusterError
        If Dask is not installed, does not answer, has no worker, or one with other versions; or where a worker, or the
        scheduler, is lost without whom what is fitted cannot be ended.
    """
    see_dask(engine)
    if engine != DASK:
        yield None
        return
    from distributed.comm import CommClosedError
    from distributed.scheduler import KilledWorker

    # What it would say stands in the way of what we say; what goes wrong is raised.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with _client(address) as client:
        try:
            yield client
        except (KilledWorker, CancelledError, CommClosedError) as error:
            raise ClusterError(
                f"training.engine dask: a worker was lost, or the scheduler ({type(error).__name__}): look whether its "
                "memory was enough, and train again"
            ) from error


@contextmanager
def _client(address: str | None) -> Iterator[Client]:
    shared = _SHARED.get()
    if shared is None:
        with _begun(address) as client:
            yield client
        return
    ends, known = shared
    if address not in known:
        known[address] = ends.enter_context(_begun(address))
    yield known[address]


def _begun(address: str | None) -> AbstractContextManager[Client]:
    return _own_cluster() if address is None else _found_at(address)


@contextmanager
def _own_cluster() -> Iterator[Client]:
    import dask
    from dask.system import CPU_COUNT
    from distributed import Client, LocalCluster
    from distributed.security import Security

    with (
        dask.config.set(SILENT),
        LocalCluster(
            n_workers=CPU_COUNT,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            memory_limit=None,
            security=Security.temporary(),
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        client.run(_write_nothing)
        yield client


@contextmanager
def _found_at(address: str) -> Iterator[Client]:
    from distributed import Client

    try:
        client = Client(address, timeout=PATIENCE)
    except (OSError, RuntimeError, TypeError, ValueError) as error:  # the last three say what of TLS is wrong
        raise ClusterError(
            f"training.engine dask: no scheduler answers at {address}: {str(error) or type(error).__name__}. Start it "
            f"(`dask scheduler`), or correct {VARIABLE}"
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            raise ClusterError(
                f"training.engine dask: the scheduler at {address} has no worker. Start some: `dask worker {address}`"
            ) from None
        see_alike(client)
        yield client


def see_alike(client: Client) -> None:
    """Raise ClusterError where a worker has other versions than this machine, or lacks ml_assets."""
    for name in ALIKE:
        here = metadata.version(name)
        there = client.run(metadata.version, name, on_error="return")
        for worker, version in sorted(there.items()):
            if version != here:
                found = f"has {name} {version}" if isinstance(version, str) else f"lacks {name}"
                raise ClusterError(
                    f"training.engine dask: the worker {worker} {found}, and here is {name} {here}: install there what "
                    "is installed here (docs/operations.md)"
                )


@contextmanager
def fitting_on(
    client: Client, folds: Sequence[FoldData], candidate: Candidate, goal: Goal
) -> Iterator[Callable[[Fit], Future[FoldResult]]]:
    """Fit on folds by the workers of a cluster, to whom what is the same for all fits is sent once."""
    (held,) = client.scatter([(tuple(folds), candidate, goal)], broadcast=True, hash=False)
    pool = client.get_executor(pure=False)
    known = own.known()
    try:
        yield lambda fit: pool.submit(_fit, held, fit, fit.ends - time.monotonic(), known)
    finally:
        pool.shutdown(wait=False)
        held.release()


def _fit(held: Any, fit: Fit, seconds: float, known: own.Known) -> FoldResult:
    """Fit on a worker, whose clock begins elsewhere: seconds are what is left of them."""
    folds, candidate, goal = held
    own.adopt(known)
    ends = time.monotonic() + seconds if math.isfinite(seconds) else seconds
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return fold_result(candidate, fit.params, folds[fit.fold], goal, ends)


def _write_nothing() -> None:
    """Let a worker of our own write nothing into what the command says: XGBoost tells of each rank there.

    What a worker fails with comes back as an exception.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)
