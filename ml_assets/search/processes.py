"""Folds fitted in processes of one thread each, or by a cluster's workers; who gives them out keeps the study."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ml_assets.estimators.candidate import Candidate
from ml_assets.recipe import own
from ml_assets.search.cluster import fitting_on
from ml_assets.search.folds import FoldData, FoldResult, Goal, fold_result
from ml_assets.search.trials import Fit

if TYPE_CHECKING:
    from distributed import Client

Fitting = Callable[[Fit], "Future[FoldResult]"]
"""Begins a fit."""

_HELD: list[tuple[Sequence[FoldData], Candidate, Goal]] = []
"""In a process that fits: what is the same for all its fits."""


@contextmanager
def fitting(
    folds: Sequence[FoldData], candidate: Candidate, goal: Goal, count: int, client: Client | None = None
) -> Iterator[Fitting]:
    """Fit on folds in `count` processes, or of one in this process, at once; with a client by its cluster's workers."""
    if client is not None:
        with fitting_on(client, folds, candidate, goal) as fit:
            yield fit
        return
    if count == 1:
        yield lambda fit: _at_once(folds, candidate, goal, fit)
        return
    pool: Executor = ProcessPoolExecutor(
        count, multiprocessing.get_context("spawn"), _begin, (own.known(), folds, candidate, goal)
    )
    try:
        yield lambda fit: pool.submit(_fit, fit)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _at_once(folds: Sequence[FoldData], candidate: Candidate, goal: Goal, fit: Fit) -> Future[FoldResult]:
    done: Future[FoldResult] = Future()
    try:
        done.set_result(fold_result(candidate, fit.params, folds[fit.fold], goal, fit.ends))
    except Exception as error:  # noqa: BLE001  # whoever asks for the result has it raised, as of a process
        done.set_exception(error)
    return done


def _begin(known: own.Known, *held: Any) -> None:
    import warnings

    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

    own.adopt(known)
    threadpool_limits(1)
    warnings.simplefilter("ignore", UserWarning)
    _HELD.append(held)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End when the process that began this one does: killed, it cannot say so."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _fit(fit: Fit) -> FoldResult:
    ((folds, candidate, goal),) = _HELD
    return fold_result(candidate, fit.params, folds[fit.fold], goal, fit.ends)
