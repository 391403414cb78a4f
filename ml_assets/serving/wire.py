"""HTTP on one connection, which nobody holds open for ever: a head that does not end, a body after its answer."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

SECONDS: Final = 30.0
"""For the head of a request, and for what is still sent of it after it was answered."""


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

    def close(self) -> None:
        """Send what waits, and close."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        parts, self._parts = self._parts, []
        if parts and not self._transport.is_closing():
            self._transport.write(parts[0] if len(parts) == 1 else b"".join(parts))


class BoundedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, which sends answers whole, and ends connections that send too slowly, or without end."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._late: asyncio.TimerHandle | None = None
        self._coming = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Wait for the first head."""
        super().connection_made(Joined(transport, self.loop))  # type: ignore[arg-type]  # but for its type it is one
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Wait for the rest of a head."""
        self._coming = True
        if self._late is None:
            self._wait()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The body has a time of its own, in `Predicting`."""
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
