"""`ml-assets ui`: Dagster's web UI and daemon, and MLflow's page, as child processes of one command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from ml_assets.cli.output import say
from ml_assets.lifecycle.known import learn_first_batches
from ml_assets.orchestration.runs import open_instance
from ml_assets.settings import read_settings

LOCATION = ("-m", "ml_assets.definitions", "-d", ".")
JOBS_OFF = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
"""MLflow's own runners of jobs, ten processes, which nothing here uses."""


def serve_ui(host: str, port: int, mlflow_port: int) -> int:
    """Serve until Ctrl-C, or until one of the three ends by itself.

    Returns
    -------
    int
        Exit code: 0 after Ctrl-C, else that of the process that ended.
    """
    settings = read_settings()
    with open_instance(settings):
        pass  # makes the databases, and reports runs whose process was killed
    for name, reason in learn_first_batches(settings):
        say(f"{name}: {reason}")
    from ml_assets.registry import database

    uri = database.configure(settings).tracking_uri
    programs = Path(sys.executable).parent
    commands = [
        [programs / "dagster-webserver", "-h", host, "-p", str(port), *LOCATION],
        [programs / "dagster-daemon", "run", *LOCATION],
    ]
    if settings.mlflow_tracking_uri is None:
        store = ["--backend-store-uri", uri, "--artifacts-destination", str(settings.mlflow_artifacts)]
        listen = ["--host", host, "--port", str(mlflow_port), "--workers", "1"]
        commands.append([programs / "mlflow", "server", *store, *listen])
    # The children read the same environment. An empty address is none: MLflow must not guess one.
    environment = JOBS_OFF | dict(os.environ)
    if settings.mlflow_tracking_uri is None:
        environment["MLFLOW_TRACKING_URI"] = ""
    children = [subprocess.Popen([str(part) for part in command], env=environment) for command in commands]
    say(f"Dagster: http://{host}:{port}   MLflow: {settings.mlflow_url}   (Ctrl-C ends both)")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        while all(child.poll() is None for child in children):
            time.sleep(0.5)
        return next(child.returncode for child in children if child.returncode is not None)
    except KeyboardInterrupt:
        return 0
    finally:
        for child in children:
            child.send_signal(signal.SIGINT)
        for child in children:
            try:
                child.wait(timeout=10)
            except subprocess.TimeoutExpired:
                child.kill()
