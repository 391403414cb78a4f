"""What is sent over a connection byte for byte, and what comes back."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import NamedTuple


class Attack(NamedTuple):
    """What is sent.

    Parameters
    ----------
    name : str
    parts : tuple of bytes
    pause : float
        Seconds between the parts.
    ends : bool
        Whether the sender closes its side after them.
    spoken : bool
        Whether it is HTTP that wants an answer; else the server may hang up.
    """

    name: str
    parts: tuple[bytes, ...]
    pause: float = 0.0
    ends: bool = False
    spoken: bool = True


def sent(port: int, attack: Attack, seconds: float = 60.0) -> tuple[int | None, bytes]:
    """Send it, and read one answer: its status, None where the server hung up, and its content."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as wire:
        try:
            for part in attack.parts:
                wire.sendall(part)
                if attack.pause:
                    time.sleep(attack.pause)
            if attack.ends:
                wire.shutdown(socket.SHUT_WR)
        except OSError:  # refused while it was still being sent: the answer may be there
            pass
        received = b""
        while True:
            try:
                more = wire.recv(1 << 20)
            except ConnectionError:
                more = b""
            received += more
            head, found, content = received.partition(b"\r\n\r\n")
            if found and head.startswith(b"HTTP/1.1 100"):
                received = content
                head, found, content = received.partition(b"\r\n\r\n")
            length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            if found and (attack.name.startswith("HEAD") or b" 304 " in head):
                break
            whole = found and length and len(content) >= int(length[0].split(b":")[1])
            if not more or whole or (found and not length):
                break
        if not received.startswith(b"HTTP/1.1 "):
            return None, received
        return int(received[9:12]), content


class Forwarder:
    """A port that passes bytes to another one of this machine, and can be away for a while.

    Parameters
    ----------
    target : int
    """

    def __init__(self, target: int) -> None:
        self.target, self.port = target, 0
        self._listener: socket.socket | None = None
        self._wires: list[socket.socket] = []

    def __enter__(self) -> Forwarder:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen, again on the same port."""
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port, self._listener = listener.getsockname()[1], listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def stop(self) -> None:
        """Refuse whoever comes, and cut all that is connected."""
        listener, self._listener = self._listener, None
        for wire in [*([listener] if listener else []), *self._wires]:
            with suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)
            wire.close()
        self._wires = []

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self._wires += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    @staticmethod
    def _pass(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while part := source.recv(1 << 16):
                sink.sendall(part)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
