"""`ml-assets ui`: refused in one line where it cannot run, and ended by Ctrl-C without a trace."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator

import psutil
import pytest

from ml_assets.cli.ui import _alone
from ml_assets.settings import read_settings
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import ml_assets, shoppers
from ml_assets_tests.support.places import PROGRAMS, wait_for


@pytest.fixture
def taken() -> Iterator[int]:
    """A port of this machine that another server holds."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    for each in held:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


@pytest.mark.parametrize("option", ["--port", "--mlflow-port"])
def test_a_taken_port_is_told_in_one_line(option: str, taken: int, shop: Shop) -> None:
    refused = ml_assets("ui", option, str(taken))
    assert refused.code == 1
    [line] = refused.err.splitlines()
    assert line.startswith(f"port {taken} of 127.0.0.1 cannot be used: Address already in use.")
    assert line.endswith(f"or say {option} NUMBER")


def test_one_port_for_two_pages_is_refused(shop: Shop) -> None:
    refused = ml_assets("ui", "--port", "4567", "--mlflow-port", "4567")
    assert (refused.code, len(refused.err.splitlines())) == (1, 1)


def test_no_second_daemon_on_one_home(shop: Shop) -> None:
    one, other = free_ports(2)
    with _alone(read_settings()) as lock:
        lock.write("123 456")
        lock.flush()
        refused = ml_assets("ui", "--port", str(one), "--mlflow-port", str(other))
    assert refused.code == 1
    assert f"`ml-assets ui` or its daemon runs on {shop.home} already (processes 123 and 456)" in refused.err
    assert "http://" not in refused.err


def models_shown(port: int) -> set[str]:
    """Models of which the web UI shows assets."""
    query = json.dumps({"query": "{assetNodes {assetKey {path}}}"}).encode()
    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql", query, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked) as answer:
        nodes = json.load(answer)["data"]["assetNodes"]
    return {path[0] for path in (node["assetKey"]["path"] for node in nodes) if len(path) > 1}


@pytest.mark.slow
def test_a_new_recipe_is_shown_and_ctrl_c_ends_every_process_without_a_trace(shop: Shop) -> None:
    port, mlflow_port, pages_port = free_ports(3)
    command = [PROGRAMS / "ml-assets", "ui", "--port", str(port), "--mlflow-port", str(mlflow_port)]
    command += ["--dashboard-port", str(pages_port)]
    log = shop.home / "ui.log"
    with log.open("w") as out:
        ui = subprocess.Popen(command, stdout=out, stderr=out, env=dict(os.environ), start_new_session=True)
    try:
        wait_for(lambda: "(Ctrl-C ends all)" in log.read_text(), 120, "the web UI")
        children = psutil.Process(ui.pid).children(recursive=True)
        urls = f"{port}/server_info", f"{mlflow_port}/health", f"{pages_port}/"
        for url in (f"http://127.0.0.1:{each}" for each in urls):
            with urllib.request.urlopen(url) as answer:
                assert answer.status == 200
        assert "good" in models_shown(port)
        shop.recipe("late", shoppers(160, 1))
        wait_for(lambda: "late" in models_shown(port), 90, "the new recipe in the web UI")
        (shop.folder / "late.yaml").unlink()
        wait_for(lambda: "late" not in models_shown(port), 90, "the web UI without it")
        ui.send_signal(signal.SIGINT)
        assert ui.wait(timeout=60) == 0
        _, alive = psutil.wait_procs(children, timeout=10)
        assert alive == []
    finally:
        if ui.poll() is None:
            os.killpg(ui.pid, signal.SIGKILL)
    assert "Traceback" not in log.read_text()
    assert "Interrupted: ending" in log.read_text()


@pytest.mark.slow
def test_ctrl_c_in_a_training_is_one_line_and_130(shop: Shop) -> None:
    command = [PROGRAMS / "ml-assets", "train", "--recipe-file", shop.folder / "good.yaml"]
    training = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    assert training.stderr is not None
    assert "training on all rows" in training.stderr.readline()
    training.send_signal(signal.SIGINT)
    _, said = training.communicate(timeout=120)
    assert training.returncode == 130
    [line] = said.splitlines()
    assert line.startswith("Interrupted; what was finished is kept")
