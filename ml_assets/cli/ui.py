"""`ml-assets ui`: Dagster's web UI and daemon, and MLflow's page, as child processes of one command."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ml_assets.cli.code_server import CodeServer, code_server
from ml_assets.cli.output import say
from ml_assets.failures import MendableError
from ml_assets.lifecycle.known import learn_first_batches
from ml_assets.orchestration.runs import open_instance
from ml_assets.settings import Settings, read_settings

MODELS = "#/models"
"""MLflow's page of the registered models; its landing page is about language models."""
PATIENCE_OF_CALLS = "300"
"""Seconds that Dagster's processes wait for one another: in its own 60 a busy machine starts no run."""
PATIENCE = 30.0
"""Seconds that a process may take to end before it is killed; the daemon waits for its threads."""


class UiError(MendableError, RuntimeError):
    """The web UI cannot be started here and now."""


def serve_ui(host: str, port: int, mlflow_port: int, dashboard_port: int) -> int:
    """Serve until Ctrl-C, or until one of the processes ends by itself.

    Returns
    -------
    int
        Exit code: 0 after Ctrl-C, else that of the process that ended.

    Raises
    ------
    UiError
        If a port is taken, or another `ml-assets ui` is at work on this home.
    """
    settings = read_settings()
    ports = {"--port": port} | ({"--mlflow-port": mlflow_port} if settings.own_mlflow else {})
    if why := shut(host, settings):
        say(f"the pages of the models are not opened: {why}")
    else:
        ports["--dashboard-port"] = dashboard_port
    see_free(host, ports)
    say(f"home: {settings.home}")
    with open_instance(settings):
        pass  # makes the databases, and reports runs whose process was killed
    with _alone(settings) as lock:
        for name, reason in learn_first_batches(settings):
            say(f"{name}: {reason}")
        with code_server(settings) as server:
            return _serve(server, host, ports, lock)


def shut(host: str, settings: Settings) -> str:
    """Say why the pages of the models cannot be opened at an address; empty where they can."""
    from ml_assets.cli.dashboard import access_of
    from ml_assets.pages.access import LOOPBACK

    if host in LOOPBACK or not access_of(settings).is_local:
        return ""
    return f"{host} is reached by others, and nobody is asked who they are (docs/dashboard.md)"


def _serve(server: CodeServer, host: str, ports: Mapping[str, int], lock: IO[str]) -> int:
    settings = server.settings
    programs = Path(sys.executable).parent
    workspace = ("-w", server.workspace)
    commands: dict[str, Sequence[object]] = {
        "dagster": server.arguments,
        "dagster-webserver": ("-h", host, "-p", ports["--port"], *workspace),
        "dagster-daemon": ("run", *workspace),
    }
    environment = {"DAGSTER_GRPC_TIMEOUT_SECONDS": PATIENCE_OF_CALLS, **os.environ}
    mlflow_url = settings.mlflow_url
    if (mlflow_port := ports.get("--mlflow-port")) is not None:
        from ml_assets.registry import database

        # By the environment, which nobody else can read: it may hold a password.
        environment["MLFLOW_BACKEND_STORE_URI"] = database.configure(settings).tracking_uri
        store = ("--artifacts-destination", settings.artifacts_uri)
        listen = ("--host", host, "--port", mlflow_port, "--workers", 1)
        commands["mlflow"] = ("server", *store, *listen)
        if not environment.get("ML_ASSETS_MLFLOW_URL"):
            mlflow_url = environment["ML_ASSETS_MLFLOW_URL"] = f"http://{host}:{mlflow_port}"
        # An empty address is none: MLflow must not guess one. Its jobs, eight processes, are for what we do not use.
        environment |= {
            "MLFLOW_TRACKING_URI": "",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
    dagster_url = f"http://{host}:{ports['--port']}"
    if (dashboard := ports.get("--dashboard-port")) is not None:
        commands["ml-assets"] = ("dashboard", "--host", host, "--port", dashboard, "--dagster", dagster_url)
    children: dict[str, subprocess.Popen[bytes]] = {}
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _interrupted)
    try:
        for program, arguments in commands.items():
            # A group of its own: Ctrl-C reaches this process alone, which ends the others in order. The lock is
            # the daemon's, too: should this process be killed, no second daemon starts beside the one left.
            children[program] = subprocess.Popen(
                [str(programs / program), *map(str, arguments)],
                env=environment,
                process_group=0,
                pass_fds=(lock.fileno(),) if program == "dagster-daemon" else (),
            )
            if program == "dagster":
                _wait_for(server, children[program])
        lock.write(f"{os.getpid()} {children['dagster-daemon'].pid}")
        lock.flush()
        threading.Thread(target=server.watch, name="recipes", daemon=True).start()
        models = "" if mlflow_url is None else f"   MLflow: {mlflow_url.rstrip('/')}/{MODELS}"
        pages = "" if dashboard is None else f"Every model: http://{host}:{dashboard}   "
        ended = _watch(children, host, ports, f"{pages}Dagster: {dagster_url}{models}")
        code = children[ended].returncode
        say(f"{ended} ended by itself (exit code {code}); why, it has said above. The others are ended, too")
        return code if code > 0 else 1
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # impatience must not leave a process behind
        say("\nInterrupted: ending the web UI, the daemon and MLflow's page")
        return 0
    finally:
        _end(children.values())


def _wait_for(server: CodeServer, process: subprocess.Popen[bytes]) -> None:
    """Wait until the code server listens: web UI and daemon would begin with an error of the location."""
    deadline = time.monotonic() + PATIENCE
    while not server.socket.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def see_free(host: str, ports: Mapping[str, int]) -> None:
    """Refuse ports that something listens on, by the options that name them."""
    if len(set(ports.values())) < len(ports):
        raise UiError(f"--port and --mlflow-port are both {ports['--port']}: say two different ones")
    for option, port in ports.items():
        try:
            family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, socket.SOCK_STREAM) as tried:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do
                tried.bind(address)
        except OSError as error:
            reason = error.strerror or str(error)
            raise UiError(
                f"port {port} of {host} cannot be used: {reason}. End what runs there, or say {option} NUMBER"
            ) from None


@contextmanager
def _alone(settings: Settings) -> Iterator[IO[str]]:
    """Hold the lock of a home's one web UI; it is released when this process and its daemon have ended.

    Raises
    ------
    UiError
        If another process holds it.
    """
    settings.locks.mkdir(parents=True, exist_ok=True)
    with (settings.locks / "ui.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            who = " and ".join(lock.read().split()) or "just starting"
            raise UiError(
                f"`ml-assets ui` or its daemon runs on {settings.home} already (processes {who}), and a second daemon "
                "would start everything twice. End it first, or set ML_ASSETS_HOME to another folder"
            ) from None
        lock.truncate(0)
        yield lock


def _watch(
    children: Mapping[str, subprocess.Popen[bytes]], host: str, ports: Mapping[str, int], up: str
) -> str:
    """Wait until a process ends, and name it; say once that the pages answer."""
    waiting = list(ports.values())
    while True:
        for program, child in children.items():
            if child.poll() is not None:
                return program
        if waiting:
            waiting = [port for port in waiting if not _answers(host, port)]
            if not waiting:
                say(f"{up}   (Ctrl-C ends all)")
        time.sleep(0.5)


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def _end(children: Collection[subprocess.Popen[bytes]]) -> None:
    for child in children:
        _tell_group(child, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    for child in children:
        try:
            child.wait(timeout=max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            _tell_group(child, signal.SIGKILL)


def _tell_group(child: subprocess.Popen[bytes], message: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it has ended already
        os.killpg(child.pid, message)
