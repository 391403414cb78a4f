"""Answers as they leave: head and body in one go, so that of a server that is killed a caller has all or nothing."""

from __future__ import annotations

import asyncio

from ml_assets.serving.wire import Joined


class Recorded(asyncio.Transport):
    """A transport that keeps what is sent, in the parts that it was sent in."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        """What is sent is given by hand."""

    resume_reading = pause_reading

    def is_closing(self) -> bool:
        return self.closed


def test_what_is_written_in_one_turn_leaves_in_one_go() -> None:
    async def answers() -> Recorded:
        under = Recorded()
        wire = Joined(under, asyncio.get_running_loop())
        for head, body in ((b"one ", b"1"), (b"two ", b"2")):
            wire.write(head)
            wire.write(body)
            await asyncio.sleep(0)
        return under

    assert asyncio.run(answers()).sent == [b"one 1", b"two 2"]


def test_what_waits_is_sent_before_the_end_and_nothing_after_it() -> None:
    async def ended() -> Recorded:
        under = Recorded()
        wire = Joined(under, asyncio.get_running_loop())
        wire.write(b"the last")
        wire.close()
        wire.write(b"too late")
        await asyncio.sleep(0)
        assert wire.is_closing()
        return under

    found = asyncio.run(ended())
    assert found.sent == [b"the last"] and found.closed
