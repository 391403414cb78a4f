"""A server of a model on a free port of this machine, and requests to it."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_assets_tests.e2e.test_ui import free_ports
from ml_assets_tests.support.places import wait_for
from ml_assets_tests.support.processes import Program


@dataclass(frozen=True)
class Server:
    """A running server."""

    program: Program
    port: int

    def asked(self, path: str, body: object = None) -> dict[str, Any]:
        """One request on its own connection."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            answer: dict[str, Any] = json.load(response)
        return answer

    def ended(self) -> str:
        """Ctrl-C; what the server wrote to stderr."""
        os.kill(self.program.pid, signal.SIGINT)
        _, err = self.program.output(60)
        assert self.program.returncode == 0, err
        return err


@contextmanager
def serving(name: str, folder: Path, *arguments: str, port: int | None = None) -> Iterator[Server]:
    """`ml-assets serve NAME`, once it answers; killed at the end, if it runs still."""
    port = port or free_ports(1)[0]
    environ = os.environ | {"ML_ASSETS_SERVING_ENABLED": "true"}
    with Program(
        "ml-assets", "serve", name, "--port", str(port), *arguments, folder=folder, environ=environ
    ) as program:
        server = Server(program, port)

        def up() -> bool:
            assert program.returncode is None, program.output(1)
            try:
                return server.asked("/ready")["status"] == "ready"
            except OSError:  # nobody listens yet, or whoever does lets us wait or hangs up
                return False

        wait_for(up, 120, "the server")
        yield server
