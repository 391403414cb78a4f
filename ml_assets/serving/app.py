"""The HTTP API of one model: what comes in is bounded and checked, what goes out has one shape."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from ml_assets.names import RESERVED
from ml_assets.registry.experiments import words
from ml_assets.serving.body import RequestError
from ml_assets.serving.gate import Gate, refusal
from ml_assets.serving.keys import ApiKey
from ml_assets.serving.limits import Limits, Rate
from ml_assets.serving.live import Live, Watch
from ml_assets.serving.log import PredictionLog
from ml_assets.serving.openapi import Keys, document
from ml_assets.serving.predicting import Predicting

if TYPE_CHECKING:
    from fastapi import FastAPI, Request, Response

    from ml_assets.serving.online import Online

FOUND_NOTHING: Final = {
    404: ("no_such_path", "there is nothing here"),
    405: ("no_such_method", "this path does not take that method"),
}


def build_app(
    live: Live,
    keys: tuple[ApiKey, ...],
    limits: Limits,
    poll: float = 5.0,
    log: PredictionLog | None = None,
    online: Online | None = None,
) -> Gate:
    """Put the API of one model together: the gate, which answers predictions, and FastAPI behind it for the rest.

    Parameters
    ----------
    live : Live
        The version that answers.
    keys : tuple of ApiKey
        Who may ask; empty: everybody who reaches the address.
    limits : Limits
    poll : float
        Seconds between two looks for a new champion.
    log : PredictionLog, optional
        Keeps what is answered.
    online : Online, optional
        Looks up features that rows lack.
    """
    from fastapi import FastAPI
    from fastapi.responses import JSONResponse, PlainTextResponse

    from ml_assets.serving.metrics import Metrics

    metrics = Metrics()

    @asynccontextmanager
    async def watched(_: FastAPI) -> AsyncIterator[None]:
        watch = Watch(live, poll)
        watch.start()
        if log is not None:
            log.start()
        yield
        watch.stop()
        predicting.shadows.close()
        if log is not None:
            log.close()
        if online is not None:
            online.close()

    app = FastAPI(
        title=f"{live.name}, by ml_assets", lifespan=watched, redoc_url=None, redirect_slashes=False
    )
    # FastAPI's own way to another document is to put a function into the place of its method.
    app.openapi = lambda: document(live.served, bool(keys), limits, _keys(live, online))  # type: ignore[method-assign]

    predicting = Predicting(live, limits, metrics, log, online)

    async def at_the_gate(_: Request) -> Response:
        raise AssertionError("the gate answers predictions")

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "up"})

    async def ready(_: Request) -> Response:
        return JSONResponse({"status": "ready", "model": live.name, "version": live.served.version})

    async def metadata(_: Request) -> Response:
        return JSONResponse(_metadata(live, online))

    async def figures(_: Request) -> Response:
        return PlainTextResponse(metrics.text(live, log, online), media_type="text/plain; version=0.0.4")

    async def unknown(request: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 404)
        code, words = FOUND_NOTHING.get(status, FOUND_NOTHING[404])
        return refusal(RequestError(status, code, f"{words}: see /docs"), request.state.number)

    app.add_route("/predict", at_the_gate, ["POST"])  # so that another method is told what is taken
    for path, answer in {
        "/health": health,
        "/ready": ready,
        "/metadata": metadata,
        "/metrics": figures,
    }.items():
        app.add_route(path, answer, ["GET"])
    for status in FOUND_NOTHING:
        app.add_exception_handler(status, unknown)
    return Gate(app, keys, Rate(limits.per_minute), metrics, predicting)


def _keys(live: Live, online: Online | None) -> Keys:
    """Columns of the model that are looked up where rows lack them, by their keys."""
    lookup = None if online is None else online.lookup(live.served)
    return {} if online is None or lookup is None else online.keys(lookup)


def _metadata(live: Live, online: Online | None) -> dict[str, Any]:
    """What answers, what it takes, and why it may not be the champion."""
    served = live.served
    lookup = None if online is None else online.lookup(served)
    return {
        "model": served.name,
        "version": served.version,
        "sha256": served.sha256,
        "trained_at": served.trained_at,
        "answers_since": served.since,
        "path": served.way.name,
        "not_compiled": served.way.why,
        "columns": {name: served.known.kinds.columns.get(name, "text") for name in served.known.columns},
        "answer": served.known.answers or served.known.answer,
        "classes": {name: each for name, each in served.known.kinds.classes.items() if name not in RESERVED},
        "looked_up": None if online is None or lookup is None else online.told(lookup),
        "kept_out": live.refused,
        "registry_away": live.away,
        "experiment": None if live.trial is None else words(live.trial.running),
        "experiment_kept_out": live.untried,
    }
