"""Whoever reads that an address answers can ask at once."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys

PROGRAM = """
import sys
from contextlib import asynccontextmanager
from fastapi import FastAPI
from ml_assets.cli.listening import answer

@asynccontextmanager
async def lifespan(app):
    print("starting", flush=True)
    yield

answer(FastAPI(lifespan=lifespan), "it answers", host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
"""


def test_it_is_said_once_the_address_is_listened_on() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", PROGRAM, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        assert server.stdout is not None
        try:
            assert [server.stdout.readline().strip() for _ in range(2)] == ["starting", "it answers"]
            socket.create_connection(("127.0.0.1", port), timeout=10).close()
            second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            assert second.returncode == 1 and "it answers" not in second.stdout + second.stderr
        finally:
            server.send_signal(signal.SIGTERM)
    assert server.returncode in (0, -signal.SIGTERM)
