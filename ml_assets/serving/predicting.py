"""`POST /predict` from its bytes to its bytes, without the layers of a web framework between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from ml_assets.serving.answer import answer as answer_to
from ml_assets.serving.answer import breaks
from ml_assets.serving.arrow import (
    MEDIA_TYPE,
    columns_of,
    read_table,
    see_rules,
    written,
)
from ml_assets.serving.body import Asked, RequestError, read
from ml_assets.serving.comparing import Compared, ahead, compared, compared_table
from ml_assets.serving.decode import Decoder
from ml_assets.serving.limits import Limits
from ml_assets.serving.live import Live, Served
from ml_assets.serving.logged import Answered
from ml_assets.serving.shadows import Shadows
from ml_assets.serving.trial import Trial
from ml_assets.serving.turns import Found, Turns, Waiting
from ml_assets.serving.ways import Answers, together

if TYPE_CHECKING:
    from ml_assets.serving.log import PredictionLog
    from ml_assets.serving.lookup import Lookup
    from ml_assets.serving.metrics import Metrics
    from ml_assets.serving.online import Online

JSON: Final = "application/json"
AT_ONCE: Final = 32 << 10
"""Bytes of a request that a compiled model answers where it is, in less time than a thread takes to begin."""
THREADS: Final = 4
"""Requests that are computed side by side; the others wait, and need no more memory than their bytes."""
LARGE: Final = 1 << 20
"""Bytes of JSON that is read alone: as objects it needs up to forty times as much."""

T = TypeVar("T")
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Made(NamedTuple):
    """An answer as it is sent, and as it is kept."""

    content: bytes
    rows: int
    answered: Answered


def kind_of(headers: Mapping[bytes, bytes]) -> str:
    """Type of a body, as its header says."""
    kind = headers.get(b"content-type", b"application/json").decode("latin-1")
    return kind.partition(";")[0].strip().lower()


class Predicting:
    """Answers predictions with the version that is live.

    Parameters
    ----------
    live : Live
    limits : Limits
    metrics : Metrics
    log : PredictionLog, optional
    online : Online, optional
        Looks up features that rows lack.
    """

    def __init__(
        self,
        live: Live,
        limits: Limits,
        metrics: Metrics,
        log: PredictionLog | None,
        online: Online | None = None,
    ) -> None:
        import anyio
        import msgspec

        self.live, self.limits, self.metrics, self.log, self.online = live, limits, metrics, log, online
        self._decoder = self._decoder_of(live.served)
        self._encode = msgspec.json.Encoder().encode
        self._busy = 0
        self.shadows = Shadows(log)
        self.turns = Turns(self.together)
        self._threads, self._alone = anyio.CapacityLimiter(THREADS), anyio.CapacityLimiter(1)

    async def __call__(
        self, headers: dict[bytes, bytes], query: bytes, receive: Receive, number: str
    ) -> tuple[bytes, str]:
        """Answer a request; the content, and its type.

        Raises
        ------
        RequestError
            Of whatever kind.
        """
        kind = kind_of(headers)
        if kind not in (JSON, MEDIA_TYPE):
            raise RequestError(415, "other_type", f"Content-Type: {JSON} is wanted, or {MEDIA_TYPE}")
        content = await self._content(receive)
        if self.is_small(kind, len(content)):
            return await self.turns.answer(content, number), kind
        if (trial := self.live.trial) is not None:
            return await self._compared(trial, kind, content, number, query), kind
        make = self._json if kind == JSON else self._arrow
        made = await self._apart(make, self.live.served, content, number, query, kind)
        return self._noted(made), kind

    def is_small(self, kind: str, size: int) -> bool:
        """Whether a request is answered in its turn of the loop: a few rows for compiled models, which lack nothing."""
        if kind != JSON or size > min(AT_ONCE, self.limits.body):
            return False
        trial, served = self.live.trial, self.live.served
        versions = [served] if trial is None else trial.versions.values()
        return all(each.way.name == "compiled" for each in versions) and self._lookup(trial, served) is None

    def _lookup(self, trial: Trial | None, served: Served) -> Lookup | None:
        if self.online is None:
            return None
        return self.online.lookup(*([served] if trial is None else trial.versions.values()))

    def together(self, waiting: Sequence[Waiting]) -> list[Found]:
        """Answer small requests as if each had come alone; one version answers all rows of a request and an arm."""
        trial, served = self.live.trial, self.live.served
        first = served if trial is None else trial.champion
        lookup = self._lookup(trial, served)
        read: list[Asked | Exception] = []
        for one in waiting:
            try:
                read.append(self._asked(first, one.content, lookup))
            except Exception as error:  # noqa: BLE001 - what is wrong with one request is that one's alone
                read.append(error)
        good = {place: asked for place, asked in enumerate(read) if isinstance(asked, Asked)}
        made: dict[int, Any] = {}
        with suppress(Exception):  # whose fault it is, and how it is told, is found out one by one
            if trial is None:
                made = dict(zip(good, together(served.way, list(good.values())), strict=True))
            else:
                asked = [(each, waiting[place].number) for place, each in good.items()]
                made = dict(zip(good, ahead(trial, asked), strict=True))
        return [
            self._found(trial, served, one, read[place], made.get(place)) for place, one in enumerate(waiting)
        ]

    def _found(
        self, trial: Trial | None, served: Served, one: Waiting, asked: Asked | Exception, made: Any
    ) -> Found:
        if isinstance(asked, Exception):
            return asked
        try:
            if trial is None:
                return self._noted(self._made(served, asked, one.number, made))
            found = compared(trial, asked, one.number, made)
            self._note(trial, found, one.number)
            return self._encode(found.answer)
        except Exception as error:  # noqa: BLE001 - as above
            return error

    def _noted(self, made: Made) -> bytes:
        self.metrics.predicted(made.answered.version, made.rows)
        if self.log is not None:
            self.log.note(made.answered)
        return made.content

    async def _compared(self, trial: Trial, kind: str, content: bytes, number: str, query: bytes) -> bytes:
        """Answer while versions are compared: each row by the version of its arm, then the shadows."""
        lookup = self._lookup(trial, trial.champion)

        def make(served: Served, content: bytes, number: str, query: bytes = b"") -> tuple[bytes, Compared]:
            if kind == JSON:
                made = compared(trial, self._asked(served, content, lookup), number)
                return self._encode(made.answer), made
            shares = b"probabilities=true" in query.lower().split(b"&")
            made = compared_table(trial, content, number, self.limits.rows, shares, lookup)
            return written(made.answer, {"model": served.name, "request_id": number}), made

        sent, made = await self._apart(make, trial.champion, content, number, query, kind)
        self._note(trial, made, number)
        return sent

    def _note(self, trial: Trial, made: Compared, number: str) -> None:
        for answered in made.answered:
            self.metrics.predicted(answered.version, len(answered.predictions))
            if self.log is not None:
                self.log.note(answered)
        self.shadows.follow(trial, made, number)

    async def _content(self, receive: Receive) -> bytes:
        """Read the body while it stays within its bounds, whatever its header says."""
        parts, size, more = [], 0, True
        try:
            async with asyncio.timeout(self.limits.seconds):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise RequestError(400, "gone", "the sender ended before the body did")
                    part = message.get("body", b"")
                    size += len(part)
                    if size > self.limits.body:
                        raise RequestError(
                            413,
                            "too_large",
                            f"more than {self.limits.body:,} bytes; send the rows in several requests",
                        )
                    parts.append(part)
                    more = message.get("more_body", False)
        except TimeoutError:
            seconds = self.limits.seconds
            raise RequestError(408, "slow_sender", f"the body did not come within {seconds:g} s") from None
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _apart(
        self,
        make: Callable[[Served, bytes, str, bytes], T],
        served: Served,
        content: bytes,
        number: str,
        query: bytes,
        kind: str,
    ) -> T:
        """Answer in a thread, so that others are read meanwhile."""
        import anyio

        if self._busy >= self.limits.at_once:
            raise RequestError(
                503, "busy", f"{self.limits.at_once} requests are being answered: try again", after=1
            )
        limiter = self._alone if kind == JSON and len(content) > LARGE else self._threads
        self._busy += 1
        try:
            with anyio.fail_after(self.limits.seconds):
                return await anyio.to_thread.run_sync(
                    make, served, content, number, query, abandon_on_cancel=True, limiter=limiter
                )
        except RequestError as error:
            # The thread's future holds the error, whose frames hold future and body: a circle of megabytes.
            raise error.with_traceback(None) from None
        except TimeoutError:
            seconds = self.limits.seconds
            raise RequestError(503, "too_slow", f"no answer within {seconds:g} s", after=5) from None
        finally:
            self._busy -= 1

    def _json(self, served: Served, content: bytes, number: str, _: bytes = b"") -> Made:
        return self._made(served, self._asked(served, content, self._lookup(None, served)), number)

    def _made(self, served: Served, asked: Asked, number: str, found: Answers | None = None) -> Made:
        answer = answer_to(served, asked, found)
        predictions = answer["predictions"]
        answered = Answered(
            number,
            time.time(),
            served.version,
            served.known,
            asked.came,
            [one["prediction"] for one in predictions],
            [one["probabilities"] for one in predictions] if asked.probabilities else None,
            way=served.way.name,
        )
        return Made(self._encode({**answer, "request_id": number}), len(predictions), answered)

    def _asked(self, served: Served, content: bytes, lookup: Lookup | None) -> Asked:
        decoder = self._decoder
        if decoder.known is not served.known:
            self._decoder = decoder = self._decoder_of(served)
        asked: Asked = decoder.read(content) or read(content, served.known, self.limits.rows, lookup)
        if served.way.rules and (broken := served.way.rules.first(asked.values)):
            raise breaks(broken)
        return asked

    def _decoder_of(self, served: Served) -> Decoder:
        entity = served.way.recipe.model.data_interface.entity_cols
        return Decoder(served.known, self.limits.rows, entity)

    def _arrow(self, served: Served, content: bytes, number: str, query: bytes) -> Made:
        shares = b"probabilities=true" in query.lower().split(b"&")
        lookup = self._lookup(None, served)
        fill = None if lookup is None else lookup.table
        table = read_table(content, served.known, self.limits.rows, fill=fill)
        see_rules(served, table)
        found = columns_of(served, table, shares)
        about = {"model": served.name, "version": str(served.version), "request_id": number}
        answered = Answered(
            number,
            time.time(),
            served.version,
            served.known,
            table,
            found,
            way=served.way.name,
        )
        return Made(written(found, about), table.num_rows, answered)
