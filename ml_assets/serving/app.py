"""The HTTP API of one model: what comes in is bounded and checked, what goes out has one shape."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from ml_assets.serving.answer import answer as answer_to
from ml_assets.serving.body import Asked, RequestError, read
from ml_assets.serving.keys import PREDICTING, ApiKey, opened_by
from ml_assets.serving.limits import Limits, Rate
from ml_assets.serving.live import Live, Served, Watch
from ml_assets.serving.log import PredictionLog, new_number
from ml_assets.serving.logged import Answered
from ml_assets.serving.openapi import document

if TYPE_CHECKING:
    from fastapi import FastAPI, Request, Response

LOGGER = logging.getLogger("ml_assets.serving")
WITHOUT_KEY: Final = {"/health", "/ready", "/openapi.json", "/docs"}
FOUND_NOTHING: Final = {
    404: ("no_such_path", "there is nothing here"),
    405: ("no_such_method", "this path does not take that method"),
}
REQUEST_ID: Final = "x-request-id"

Handler = Callable[["Request"], Awaitable["Response"]]


def build_app(
    live: Live,
    keys: tuple[ApiKey, ...],
    limits: Limits,
    poll: float = 5.0,
    log: PredictionLog | None = None,
) -> FastAPI:
    """Put the API of one model together.

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
    """
    import anyio
    from fastapi import FastAPI
    from fastapi.responses import JSONResponse, PlainTextResponse
    from starlette.requests import ClientDisconnect

    from ml_assets.serving.metrics import Metrics

    metrics, rate = Metrics(), Rate(limits.per_minute)
    busy: set[str] = set()

    @asynccontextmanager
    async def watched(_: FastAPI) -> AsyncIterator[None]:
        watch = Watch(live, poll)
        watch.start()
        if log is not None:
            log.start()
        yield
        watch.stop()
        if log is not None:
            log.close()

    app = FastAPI(title=f"{live.name}, by ml_assets", lifespan=watched, redoc_url=None)
    app.openapi = lambda: document(live.served, bool(keys), limits)  # type: ignore[method-assign]

    @app.middleware("http")
    async def guarded(request: Request, call: Handler) -> Response:
        began, number = time.perf_counter(), new_number()
        request.state.number = number
        try:
            if request.url.path not in WITHOUT_KEY:
                _let_in(request, keys, rate)
            response = await call(request)
        except RequestError as error:
            response = _refusal(error, number)
        except ClientDisconnect:
            response = _refusal(RequestError(400, "gone", "the sender ended before the body did"), number)
        except Exception:  # whatever goes wrong is logged here, and told to the caller without a trace
            LOGGER.exception("request %s failed", number)
            response = _refusal(RequestError(500, "failed", "the request could not be answered"), number)
        response.headers[REQUEST_ID] = number
        metrics.seen(request.url.path, response.status_code, time.perf_counter() - began)
        return response

    async def predict(request: Request) -> Response:
        try:
            with anyio.fail_after(limits.seconds):
                content = await _content(request, limits.body)
        except TimeoutError:
            raise RequestError(
                408, "slow_sender", f"the body did not come within {limits.seconds:g} s"
            ) from None
        if len(busy) >= limits.at_once:
            raise RequestError(
                503, "busy", f"{limits.at_once} requests are being answered: try again", after=1
            )
        served, number = live.served, request.state.number  # one version answers all rows of a request
        busy.add(number)
        try:
            with anyio.fail_after(limits.seconds):
                asked, answer = await anyio.to_thread.run_sync(
                    _answer, served, content, limits.rows, abandon_on_cancel=True
                )
        except TimeoutError:
            raise RequestError(503, "too_slow", f"no answer within {limits.seconds:g} s", after=5) from None
        finally:
            busy.discard(number)
        metrics.predicted(served.version, len(answer["predictions"]))
        if log is not None:
            log.note(_answered(number, served, asked, answer, len(content)))
        return JSONResponse({**answer, "request_id": number})

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "up"})

    async def ready(_: Request) -> Response:
        return JSONResponse({"status": "ready", "model": live.name, "version": live.served.version})

    async def metadata(_: Request) -> Response:
        return JSONResponse(_metadata(live))

    async def figures(_: Request) -> Response:
        return PlainTextResponse(metrics.text(live, log), media_type="text/plain; version=0.0.4")

    async def unknown(request: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 404)
        code, words = FOUND_NOTHING.get(status, FOUND_NOTHING[404])
        return _refusal(RequestError(status, code, f"{words}: see /docs"), request.state.number)

    app.add_route("/predict", predict, ["POST"])
    for path, answer in {
        "/health": health,
        "/ready": ready,
        "/metadata": metadata,
        "/metrics": figures,
    }.items():
        app.add_route(path, answer, ["GET"])
    for status in FOUND_NOTHING:
        app.add_exception_handler(status, unknown)
    return app


def _let_in(request: Request, keys: tuple[ApiKey, ...], rate: Rate) -> None:
    """Hold a request against keys, scope and rate."""
    caller = request.client.host if request.client is not None else "?"
    if keys:
        given = request.headers.get("authorization", "")
        key = opened_by(given.removeprefix("Bearer ") if given.startswith("Bearer ") else None, keys)
        if key is None:
            raise RequestError(401, "no_key", "a key is wanted: Authorization: Bearer KEY")
        if key.scope not in PREDICTING:
            raise RequestError(
                403, "other_scope", f"this key has the scope {key.scope}; predictions want predict"
            )
        if request.url.path == "/metrics" and key.scope != "admin":
            raise RequestError(
                403, "other_scope", "this key opens predictions alone; /metrics wants scope admin"
            )
        caller = key.name
    if wait := rate.wait(caller):
        raise RequestError(
            429, "too_often", f"{rate.per_minute:,} requests a minute at most", after=int(wait) + 1
        )


async def _content(request: Request, most: int) -> bytes:
    """Read the body while it stays within its bound, whatever its header says."""
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RequestError(415, "other_type", "Content-Type: application/json is wanted")
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise RequestError(
                413, "too_large", f"more than {most:,} bytes; send the rows in several requests"
            )
        parts.append(part)
    return b"".join(parts)


def _answer(served: Served, content: bytes, most_rows: int) -> tuple[Asked, dict[str, Any]]:
    """Read and predict; in a thread of its own."""
    asked = read(content, served.known, most_rows)
    return asked, answer_to(served, asked)


def _answered(number: str, served: Served, asked: Asked, answer: dict[str, Any], size: int) -> Answered:
    """What the log keeps of an answer."""
    made = answer["predictions"]
    return Answered(
        number,
        time.time(),
        served.version,
        served.known,
        asked.came,
        [one["prediction"] for one in made],
        [one["probabilities"] for one in made] if asked.probabilities else None,
        size=size,
    )


def _refusal(error: RequestError, number: str) -> Response:
    from fastapi.responses import JSONResponse

    fault: dict[str, Any] = {"code": error.kind, "message": error.message}
    if error.field is not None:
        fault["field"] = error.field
    headers = {} if error.after is None else {"Retry-After": str(error.after)}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse({"error": fault, "request_id": number}, error.status, headers)


def _metadata(live: Live) -> dict[str, Any]:
    """What answers, what it takes, and why it may not be the champion."""
    served = live.served
    return {
        "model": served.name,
        "version": served.version,
        "sha256": served.sha256,
        "trained_at": served.trained_at,
        "answers_since": served.since,
        "path": "pipeline",
        "columns": {name: served.known.kinds.columns.get(name, "text") for name in served.known.columns},
        "answer": served.known.answers or served.known.answer,
        "classes": served.known.kinds.classes,
        "kept_out": live.refused,
        "registry_away": live.away,
    }
