"""The servers, as their users start them, and how each is asked."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from benchmarks.inference import RECIPE
from benchmarks.peers import NotThereError, python_with
from benchmarks.serving.load import Sent

SAME = ("xgboost==3.2.0", "scikit-learn==1.9.1", "pandas==2.3.3", "pyarrow==25.0.1", "joblib")
PACKAGES = {
    "mlflow": ("mlflow==3.17.2", *SAME),
    "bentoml": ("bentoml==1.4.40", *SAME),
    "mlserver": ("mlserver==1.7.1", "mlserver-sklearn==1.7.1", "uvloop==0.21.0", *SAME),
}
"""Of each peer; the newest versions that were there when this was written. MLServer's worker needs an older uvloop."""
PEERS = tuple(PACKAGES)
ARROW = "application/vnd.apache.arrow.stream"


class Running(NamedTuple):
    """A server that answers."""

    port: int
    ask: Callable[[pd.DataFrame], Sent]
    columns: Callable[[pd.DataFrame], Sent] | None
    """Asks with columns, where the server takes them."""
    process: subprocess.Popen[bytes]

    def cpu(self) -> float:
        """Seconds that its processes have worked."""
        import psutil

        own = psutil.Process(self.process.pid)
        each = [process.cpu_times() for process in (own, *own.children(recursive=True))]
        return float(sum(times.user + times.system for times in each))


@contextmanager
def running(kind: str, folder: Path, few: pd.DataFrame) -> Iterator[Running]:
    """Make a model in a folder that has `learned.parquet`, and serve it with one worker; raises NotThereError."""
    ports = free_ports(3)
    key = ""
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "DO_NOT_TRACK": "true",
        "BENTOML_DO_NOT_TRACK": "True",
    }
    if kind == "ours":
        key, command = _ours(folder, ports[0], environment)
    else:
        command = _peer(kind, folder, ports, environment)
    ask = ASKED[kind]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        server = Running(
            ports[0],
            lambda rows: ask(rows, key),
            (lambda rows: _columns(rows, key)) if kind == "ours" else None,
            process,
        )
        _wait(server, few, folder)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:  # its own children may keep it
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def _ours(folder: Path, port: int, environment: dict[str, str]) -> tuple[str, list[str]]:
    """All is on: keys, validation, log, metrics; only how often one key may ask is no bound here."""
    from ml_assets.serving.keys import new_key

    key, entry = new_key("predict")
    environment |= {
        "ML_ASSETS_HOME": str(folder / "home"),
        "ML_ASSETS_SERVING_ENABLED": "true",
        "ML_ASSETS_API_KEYS": entry,
        "ML_ASSETS_REQUESTS_PER_MINUTE": "100000000",
    }
    (folder / "orders.yaml").write_text(RECIPE)
    ours = str(Path(sys.executable).with_name("ml-assets"))
    recipe = [ours, "train", "--recipe-file", str(folder / "orders.yaml")]
    subprocess.run(recipe, env=environment, check=True, capture_output=True)
    return key, [ours, "serve", "orders", "--port", str(port)]


def _peer(kind: str, folder: Path, ports: list[int], environment: dict[str, str]) -> list[str]:
    python = python_with(f"serving-{kind}", PACKAGES[kind])
    made = [python, str(Path(__file__).with_name("peer.py")), kind, str(folder)]
    done = subprocess.run(made, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotThereError(done.stderr[-2_000:])
    bins = Path(python).parent
    environment["PATH"] = f"{bins}:{environment['PATH']}"
    if kind == "mlflow":
        served = ["models", "serve", "-m", "model", "--env-manager", "local", "--port", str(ports[0])]
        return [str(bins / "mlflow"), *served, "--workers", "1"]
    if kind == "bentoml":
        environment["BENTOML_HOME"] = str(folder / "bento")
        return [str(bins / "bentoml"), "serve", "service:Orders", "--port", str(ports[0])]
    names = ("MLSERVER_HTTP_PORT", "MLSERVER_GRPC_PORT", "MLSERVER_METRICS_PORT")
    environment |= dict(zip(names, map(str, ports), strict=True))
    return [str(bins / "mlserver"), "start", "."]


def _wait(server: Running, few: pd.DataFrame, folder: Path, seconds: float = 120) -> None:
    """Ask until there is an answer, of as many predictions as rows."""
    until = time.monotonic() + seconds
    sent = server.ask(few)
    url = f"http://127.0.0.1:{server.port}{sent.path}"
    asked = urllib.request.Request(url, sent.body, dict(sent.headers))
    said = ""
    while time.monotonic() < until and server.process.poll() is None:
        try:
            with urllib.request.urlopen(asked, timeout=30) as response:
                json.load(response)
            return
        except urllib.error.HTTPError as error:  # it is starting, or the request is wrong
            said = error.read().decode()[-2_000:]
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(0.2)
    raise NotThereError(f"{said}\n{(folder / 'server.log').read_text()[-2_000:]}")


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = rows.to_dict("records")
    return records


def _ask_ours(rows: pd.DataFrame, key: str) -> Sent:
    body = {"rows": _records(rows), "probabilities": True}
    return _json("/predict", body, len(rows), {"Authorization": f"Bearer {key}"})


def _ask_mlflow(rows: pd.DataFrame, _: str) -> Sent:
    return _json("/invocations", {"dataframe_split": rows.to_dict("split", index=False)}, len(rows))


def _ask_bentoml(rows: pd.DataFrame, _: str) -> Sent:
    return _json("/predict", {"rows": _records(rows)}, len(rows))


def _ask_mlserver(rows: pd.DataFrame, _: str) -> Sent:
    text = {"datatype": "BYTES", "parameters": {"content_type": "str"}}
    inputs = [
        {"name": name, "shape": [len(rows), 1], "data": rows[name].tolist()}
        | (text if name.startswith("text") else {"datatype": "FP64"})
        for name in rows
    ]
    body = {"parameters": {"content_type": "pd"}, "inputs": inputs, "outputs": [{"name": "predict_proba"}]}
    return _json("/v2/models/orders/infer", body, len(rows))


ASKED = {"ours": _ask_ours, "mlflow": _ask_mlflow, "bentoml": _ask_bentoml, "mlserver": _ask_mlserver}
"""From rows and a key to a request."""


def _json(path: str, body: object, rows: int, headers: dict[str, str] | None = None) -> Sent:
    return Sent(path, json.dumps(body).encode(), {"Content-Type": "application/json"} | (headers or {}), rows)


def _columns(rows: pd.DataFrame, key: str) -> Sent:
    import pyarrow as pa

    table = pa.Table.from_pandas(rows, preserve_index=False)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    headers = {"Content-Type": ARROW, "Authorization": f"Bearer {key}"}
    return Sent("/predict?probabilities=true", bytes(sink.getvalue()), headers, len(rows))


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports
