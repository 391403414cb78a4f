"""HTTP on one connection, which nobody holds open for ever: a head that does not end, a body after its answer."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

SECONDS: Final = 30.0
"""For the head of a request, and for what is still sent of it after it was answered."""


class BoundedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, which ends connections that send too slowly, or without end."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._late: asyncio.TimerHandle | None = None
        self._coming = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Wait for the first head."""
        super().connection_made(transport)
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
