"""Replicas of the API behind `deploy/haproxy.cfg`: those that are killed cost no request its answer."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from ml_assets.store.places import Folder
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.e2e.test_prediction_log import numbers_of
from ml_assets_tests.e2e.test_ui import free_ports
from ml_assets_tests.support.command_line import shoppers
from ml_assets_tests.support.places import wait_for
from ml_assets_tests.support.served import Server, serving

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "haproxy.cfg"
NAMES = ("one", "two", "three")
LOST = 1.0
"""Seconds of its log that a killed server may lose."""

pytestmark = pytest.mark.skipif(
    shutil.which("haproxy") is None, reason="wants HAProxy: apt-get install haproxy"
)


class Answer(NamedTuple):
    """An answer that a caller got whole."""

    at: float
    replica: str
    number: str


class Callers:
    """Callers that ask one row at a time through the proxy, each on one connection, as long as they are let.

    Parameters
    ----------
    port : int
    rows : list
    shares : list of float
        Probability of the class 1 for each row.
    count : int
    """

    def __init__(self, port: int, rows: list[object], shares: list[float], count: int) -> None:
        self.answers: list[Answer] = []
        self.failed: list[str] = []
        self._port, self._rows, self._shares = port, rows, shares
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(number,)) for number in range(count)]

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def answering(self) -> Counter[str]:
        """How many answers each replica has given."""
        return Counter(answer.replica for answer in tuple(self.answers))

    def _call(self, number: int) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)) as wire:
            while not self._stopped.is_set():
                number = (number + 1) % len(self._rows)
                body = json.dumps({"rows": [self._rows[number]], "probabilities": True}).encode()
                try:
                    wire.request("POST", "/predict", body, {"content-type": "application/json"})
                    response = wire.getresponse()
                    content = response.read()
                except (OSError, http.client.HTTPException) as error:
                    self.failed.append(repr(error))
                    wire.close()
                    continue
                if response.status != 200:
                    self.failed.append(f"{response.status} {content[:200]!r}")
                    continue
                said = json.loads(content)
                share = said["predictions"][0]["probabilities"]["1"]
                if abs(share - self._shares[number]) > 1e-12:
                    self.failed.append(f"row {number}: {share}, not {self._shares[number]}")
                self.answers.append(
                    Answer(time.monotonic(), response.headers["X-Replica"], said["request_id"])
                )


@contextmanager
def proxy(port: int, replicas: list[int]) -> Iterator[None]:
    """HAProxy as `deploy/haproxy.cfg` says, before replicas on these ports."""
    addresses = {
        f"REPLICA_{name.upper()}": f"127.0.0.1:{each}" for name, each in zip(NAMES, replicas, strict=True)
    }
    environ = os.environ | addresses | {"PREDICTIONS": f"127.0.0.1:{port}"}
    program = subprocess.Popen(["haproxy", "-f", str(CONFIGURATION)], env=environ, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        program.terminate()
        program.wait(30)


def test_the_configuration_of_the_proxy_is_sound() -> None:
    checked = subprocess.run(
        ["haproxy", "-c", "-f", str(CONFIGURATION)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0 and "WARNING" not in checked.stderr, checked.stderr


@pytest.mark.slow
def test_killed_replicas_lose_no_request_and_at_most_a_second_of_their_own_log(
    trained_shop: Shop, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("ML_ASSETS_REQUESTS_PER_MINUTE", "100000000")
    rows = json.loads(shoppers(30, 5).drop(columns="bought").to_json(orient="records"))
    port, *ports = free_ports(4)
    with ExitStack() as stack:
        servers: dict[str, Server] = {}

        def start(name: str) -> None:
            each = serving("good", trained_shop.folder, port=ports[NAMES.index(name)])
            servers[name] = stack.enter_context(each)

        for name in NAMES:
            start(name)
        said = servers["one"].asked("/predict", {"rows": rows, "probabilities": True})["predictions"]
        shares = [one["probabilities"]["1"] for one in said]
        assert len(np.unique(shares)) > 20
        stack.enter_context(proxy(port, ports))
        wait_for(lambda: answers(port), 60, "the proxy")
        killed: dict[str, float] = {}
        with Callers(port, rows, shares, 8) as callers:
            wait_for(lambda: len(callers.answering()) == 3, 60, "answers of all replicas")
            for name in ("one", "two"):  # the second while the first is still away
                time.sleep(2)
                wait_for(lambda name=name: behind(servers[name]) < 200, 60, "a log that keeps up")
                killed[name] = time.monotonic()
                os.kill(servers[name].program.pid, signal.SIGKILL)
            time.sleep(2)
            before = callers.answering()
            for name in killed:
                start(name)
            wait_for(
                lambda: all(callers.answering()[name] > before[name] + 20 for name in killed),
                90,
                "answers of those that are back",
            )
        for server in servers.values():
            os.kill(server.program.pid, signal.SIGTERM)
            server.program.wait(60)
    kept = numbers_of(Folder(trained_shop.home / "predictions" / "good"))
    lost = [answer for answer in callers.answers if answer.number not in kept]
    told = f"{len(callers.answers):,} answers, {len(callers.failed)} failed, {len(lost)} not in the log"
    assert callers.failed == [] and len({answer.number for answer in callers.answers}) == len(callers.answers)
    assert len(callers.answers) > 500
    # Of the killed ones, in their last second; a caller may hear of an answer a little later.
    for answer in lost:
        assert answer.replica in killed and -1 <= killed[answer.replica] - answer.at <= LOST, told


def behind(server: Server) -> int:
    """Rows that wait for the log of a server."""
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as wire:
        wire.request("GET", "/metrics")
        text = wire.getresponse().read().decode()
    found = re.search(r"^ml_assets_log_waiting_rows\S* (\S+)$", text, re.M)
    assert found
    return int(float(found[1]))


def answers(port: int) -> bool:
    """Whether a replica is ready behind the proxy."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as wire:
        try:
            wire.request("GET", "/ready")
            return wire.getresponse().status == 200
        except OSError:
            return False
