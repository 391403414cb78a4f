"""HTTP on one connection, which nobody holds open for ever: a head that does not end, a body after its answer."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from ml_assets.serving.gate import Gate, Headers

SECONDS: Final = 30.0
"""For the head of a request, and for what is still sent of it after it was answered."""

FORWARDED: Final = b"x-forwarded-for"
"""A header of proxies, which uvicorn reads before the application does."""


class Joined:
    """A transport that sends in one go what is written in one turn of the loop.

    Head and body of an answer leave together: a server that is killed has sent all of an answer or nothing, and a
    proxy before it may ask another one.

    Parameters
    ----------
    transport : asyncio.Transport
    loop : asyncio.AbstractEventLoop
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        """All else is the transport's own."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send before the loop turns to anything else that it was given later."""
        if not self._parts:
            self._loop.call_soon(self._send)
        self._parts.append(data)

    def write_whole(self, data: bytes) -> None:
        """Send an answer that is all there."""
        if self._parts:
            self._parts.append(data)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Send what waits, and close."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        parts, self._parts = self._parts, []
        if parts and not self._transport.is_closing():
            self._transport.write(parts[0] if len(parts) == 1 else b"".join(parts))


class BoundedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, which sends answers whole, and ends connections that send too slowly, or without end.

    A prediction that has come whole goes to the gate as it is, without a task and the messages of ASGI.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._late: asyncio.TimerHandle | None = None
        self._coming = self._in_head = self._reading = False
        self._held: tuple[RequestResponseCycle, Any] | None = None
        self._gate = self.config.app if isinstance(self.config.app, Gate) else None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Wait for the first head."""
        self._joined = Joined(transport, self.loop)
        super().connection_made(self._joined)  # type: ignore[arg-type]  # but for its type it is one
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Read what has come, and answer at once what is whole and small."""
        self._reading = True
        try:
            super().data_received(data)
        finally:
            self._reading = False
        if self._in_head and self._late is None:
            self._wait()
        if self._held is not None:
            (cycle, app), self._held = self._held, None
            if not self._at_once(cycle):
                super()._start_asgi_task(cycle, app)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Wait for the end of what has come, where it may be a prediction that is there as a whole."""
        scope = cycle.scope
        if self._reading and self._gate and scope["path"] == "/predict" and scope["method"] == "POST":
            self._held = cycle, app
        else:
            super()._start_asgi_task(cycle, app)

    def _at_once(self, cycle: RequestResponseCycle) -> bool:
        """Give a request to the gate, unless something about it is uncommon."""
        if cycle.more_body or cycle.waiting_for_100_continue or self.flow.write_paused:
            return False
        gate, headers = self._gate, cycle.scope["headers"]
        if gate is None or self.transport.is_closing() or any(name == FORWARDED for name, _ in headers):
            return False
        return gate.at_once(cycle.scope, bytes(cycle.body), partial(self._send_whole, cycle))  # type: ignore[arg-type]  # uvicorn's own type of a scope

    def _send_whole(self, cycle: RequestResponseCycle, status: int, headers: Headers, body: bytes) -> None:
        """Send an answer as uvicorn does, in one part."""
        if cycle.disconnected or self.transport.is_closing():
            return
        parts = [STATUS_LINE[status]]
        for name, value in (*cycle.default_headers, *headers):
            parts += (name, b": ", value, b"\r\n")
        parts.append(b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n")
        self._joined.write_whole(b"".join((*parts, body)))
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Wait for the rest of a head."""
        self._coming = self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The body has a time of its own, in `Predicting`."""
        self._in_head = False
        self._wait_no_more()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """A request has come whole."""
        self._coming = False
        self._wait_no_more()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """What is sent after the answer is read for a while, so that the sender sees the answer."""
        if self._coming:
            self._wait()
        super().on_response_complete()

    def _wait(self) -> None:
        self._wait_no_more()
        self._late = self.loop.call_later(SECONDS, self._end)

    def _wait_no_more(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _end(self) -> None:
        self._late = None
        self.transport.abort()
