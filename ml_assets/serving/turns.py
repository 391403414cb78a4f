"""Small requests that are there in one turn of the loop, answered together: each pays a part of a prediction's cost.

Who comes alone is answered at once, and waits for nobody: a turn ends when all that has come is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

MOST: Final = 64
"""Requests that are answered together, at most: more would let the first of them wait for the last."""

Found = bytes | Exception
"""The answer to a request, or why there is none."""


class Waiting(NamedTuple):
    """A request that is answered in this turn."""

    content: bytes
    number: str
    done: Callable[[Found], None]


class Turns:
    """Gathers requests, and gives each its answer.

    Parameters
    ----------
    answers : callable
        From contents and numbers of requests to what is found for each, in their order.
    """

    def __init__(self, answers: Callable[[Sequence[Waiting]], list[Found]]) -> None:
        self._answers = answers
        self._waiting: list[Waiting] = []

    def add(self, content: bytes, number: str, done: Callable[[Found], None]) -> None:
        """Answer with all others that are there when the loop has read what has come."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._answer)
        self._waiting.append(Waiting(content, number, done))

    async def answer(self, content: bytes, number: str) -> bytes:
        """Wait for the answer; raises what the request is refused by."""
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        def done(found: Found) -> None:
            if future.done():  # nobody waits any more
                return
            if isinstance(found, bytes):
                future.set_result(found)
            else:
                future.set_exception(found)

        self.add(content, number, done)
        return await future

    def _answer(self) -> None:
        now, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._answer)
        for one, found in zip(now, self._answers(now), strict=True):
            one.done(found)
