"""What every request passes: its key, its rate, its number, its place in the figures; predictions go no further."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final

from ml_assets.serving.body import RequestError
from ml_assets.serving.keys import PREDICTING, ApiKey, opened_by
from ml_assets.serving.limits import Rate
from ml_assets.serving.log import new_number
from ml_assets.serving.predicting import JSON, kind_of
from ml_assets.serving.turns import Found

if TYPE_CHECKING:
    from starlette.responses import Response

    from ml_assets.serving.metrics import Metrics
    from ml_assets.serving.predicting import Predicting

LOGGER = logging.getLogger("ml_assets.serving")
WITHOUT_KEY: Final = {"/health", "/ready", "/openapi.json", "/docs"}
REQUEST_ID: Final = "x-request-id"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
SendWhole = Callable[[int, Headers, bytes], None]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Gate:
    """Stands before the application (ASGI).

    Parameters
    ----------
    app : callable
        The application behind it.
    keys : tuple of ApiKey
    rate : Rate
    metrics : Metrics
    predicting : Predicting
    """

    def __init__(
        self, app: App, keys: tuple[ApiKey, ...], rate: Rate, metrics: Metrics, predicting: Predicting
    ) -> None:
        self.app, self.keys, self.rate = app, keys, rate
        self.metrics, self.predicting = metrics, predicting

    def at_once(self, scope: Scope, content: bytes, send: SendWhole) -> bool:
        """Answer a small prediction that has come whole, in this turn of the loop; False where it is something else.

        Parameters
        ----------
        scope : mapping
            Of ASGI.
        content : bytes
            The body.
        send : callable
            Sends status, headers and body.
        """
        headers = dict(scope["headers"])
        if not self.predicting.is_small(kind_of(headers), len(content)):
            return False
        began, number = time.perf_counter(), new_number()

        def done(found: Found) -> None:
            status = 200
            if isinstance(found, bytes):
                send(status, _head(found, JSON, number), found)
            else:
                response = refusal(self._fault(found, number), number)
                status = response.status_code
                send(
                    status,
                    [*response.raw_headers, (REQUEST_ID.encode(), number.encode())],
                    bytes(response.body),
                )
            self.metrics.seen("/predict", status, time.perf_counter() - began)

        try:
            self._let_in(scope, headers)
        except RequestError as error:
            done(error)
        else:
            self.predicting.turns.add(content, number, done)
        return True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let it through."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, number, path = time.perf_counter(), new_number(), scope["path"]
        scope.setdefault("state", {})["number"] = number
        status = 0

        async def numbered(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (REQUEST_ID.encode(), number.encode())]
            await send(message)

        try:
            headers = dict(scope["headers"])
            if path not in WITHOUT_KEY:
                self._let_in(scope, headers)
            if path == "/predict" and scope["method"] == "POST":
                content, kind = await self.predicting(headers, scope["query_string"], receive, number)
                status = 200
                await _sent(send, content, kind, number)
            else:
                await self.app(scope, receive, numbered)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong is told to the caller without a trace
            fault = self._fault(error, number)
            if not status or isinstance(error, RequestError):
                status = status or fault.status
                await refusal(fault, number)(scope, receive, numbered)
        finally:
            self.metrics.seen(path, status, time.perf_counter() - began)

    def _fault(self, error: Exception, number: str) -> RequestError:
        """What the caller is told of an error; what is none of the request's is logged."""
        if isinstance(error, RequestError):
            return error
        LOGGER.error("request %s failed", number, exc_info=error)
        return RequestError(500, "failed", "the request could not be answered")

    def _let_in(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        """Hold a request against keys, scope and rate."""
        caller = scope["client"][0] if scope.get("client") else "?"
        if self.keys:
            given = headers.get(b"authorization", b"").decode("latin-1")
            sent = given.removeprefix("Bearer ") if given.startswith("Bearer ") else None
            key = opened_by(sent, self.keys)
            if key is None and sent:
                raise RequestError(
                    401, "wrong_key", "the key that was sent is none of this server's (ML_ASSETS_API_KEYS)"
                )
            if key is None:
                raise RequestError(401, "no_key", "a key is wanted: Authorization: Bearer KEY")
            if key.scope not in PREDICTING:
                raise RequestError(
                    403, "other_scope", f"this key has the scope {key.scope}; predictions want predict"
                )
            if scope["path"] == "/metrics" and key.scope != "admin":
                raise RequestError(
                    403, "other_scope", "this key opens predictions alone; /metrics wants scope admin"
                )
            caller = key.name
        if wait := self.rate.wait(caller):
            most = self.rate.per_minute
            raise RequestError(429, "too_often", f"{most:,} requests a minute at most", after=int(wait) + 1)


def _head(content: bytes, kind: str, number: str) -> Headers:
    return [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(content)).encode()),
        (REQUEST_ID.encode(), number.encode()),
    ]


async def _sent(send: Send, content: bytes, kind: str, number: str) -> None:
    headers = _head(content, kind, number)
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def refusal(error: RequestError, number: str) -> Response:
    """Lay out why a request is refused."""
    from starlette.responses import JSONResponse

    fault: dict[str, Any] = {"code": error.kind, "message": error.message}
    if error.field is not None:
        fault["field"] = error.field
    headers = {} if error.after is None else {"Retry-After": str(error.after)}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse({"error": fault, "request_id": number}, error.status, headers)
