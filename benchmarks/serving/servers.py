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
OURS = str(Path(sys.executable).with_name("ml-assets"))
CUSTOMER = "customer"
"""Column by which ours deals out its two versions; the others, who compare none, get rows without it."""


class Running(NamedTuple):
    """A server that answers."""

    port: int
    ask: Callable[[list[pd.DataFrame]], Sent]
    columns: Callable[[pd.DataFrame], Sent] | None
    """Asks with columns, where the server takes them."""
    process: subprocess.Popen[bytes]

    dropped: Callable[[], int] | None
    """Tells the rows that it could not log."""

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
    keys = {"predict": "", "admin": ""}
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "DO_NOT_TRACK": "true",
        "BENTOML_DO_NOT_TRACK": "True",
    }
    if kind == "ours":
        keys, command = _ours(folder, ports[0], environment)
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
            lambda each: ask(each, keys["predict"]),
            (lambda rows: _columns(rows, keys["predict"])) if kind == "ours" else None,
            process,
            (lambda: _dropped(ports[0], keys["admin"])) if kind == "ours" else None,
        )
        said = _wait(server, few, folder)
        if kind == "ours" and "arm" not in said:
            raise NotThereError(f"no versions are compared: {said}")
        yield server
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:  # its own children may keep it
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def _ours(folder: Path, port: int, environment: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """All is on: keys, validation, log, metrics, two versions compared; only how often a key may ask is no bound."""
    from ml_assets.serving.keys import new_key

    made = {scope: new_key(scope) for scope in ("predict", "admin")}
    environment |= {
        "ML_ASSETS_HOME": str(folder / "home"),
        "ML_ASSETS_SERVING_ENABLED": "true",
        "ML_ASSETS_API_KEYS": ",".join(entry for _, entry in made.values()),
        "ML_ASSETS_REQUESTS_PER_MINUTE": "100000000",
    }
    learned = pd.read_parquet(folder / "learned.parquet")
    learned.assign(**{CUSTOMER: range(len(learned))}).to_parquet(folder / "learned.parquet", index=False)
    recipe = RECIPE.replace("target_col: late", f"target_col: late, entity_cols: [{CUSTOMER}]")
    _run("train", "--recipe-file", _written(folder, recipe), environment=environment)
    other = recipe.replace("max_depth: 6", "max_depth: 6, learning_rate: 0.2")
    _run("train", "--recipe-file", _written(folder, other), environment=environment)
    if _run("ab", "start", "orders", "2", environment=environment, check=False):  # the second is champion
        _run("ab", "start", "orders", "1", environment=environment)
    return {scope: key for scope, (key, _) in made.items()}, [OURS, "serve", "orders", "--port", str(port)]


def _written(folder: Path, recipe: str) -> str:
    (folder / "orders.yaml").write_text(recipe)
    return str(folder / "orders.yaml")


def _run(*command: str, environment: dict[str, str], check: bool = True) -> int:
    done = subprocess.run([OURS, *command], env=environment, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise NotThereError(f"ml-assets {' '.join(command)}: {done.stderr[-2_000:]}")
    return done.returncode


def _dropped(port: int, key: str) -> int:
    """Rows that are not in the log, once nothing waits for it any more."""
    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}/metrics", headers={"Authorization": f"Bearer {key}"}
    )
    until = time.monotonic() + 30
    while True:
        with urllib.request.urlopen(asked, timeout=30) as response:
            lines = [line.split() for line in response.read().decode().splitlines()]
        rows = {line[0]: float(line[1]) for line in lines if line[0].startswith("ml_assets_log_")}
        if not rows["ml_assets_log_waiting_rows"] or time.monotonic() > until:
            return int(rows["ml_assets_log_dropped_rows"])
        time.sleep(0.2)


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


def _wait(server: Running, few: pd.DataFrame, folder: Path, seconds: float = 120) -> Any:
    """Ask until there is an answer, and return it."""
    until = time.monotonic() + seconds
    sent = server.ask([few])
    url = f"http://127.0.0.1:{server.port}{sent.path}"
    asked = urllib.request.Request(url, sent.bodies[0], dict(sent.headers))
    said = ""
    while time.monotonic() < until and server.process.poll() is None:
        try:
            with urllib.request.urlopen(asked, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:  # it is starting, or the request is wrong
            said = error.read().decode()[-2_000:]
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(0.2)
    raise NotThereError(f"{said}\n{(folder / 'server.log').read_text()[-2_000:]}")


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = rows.to_dict("records")
    return records


def _ask_ours(each: list[pd.DataFrame], key: str) -> Sent:
    bodies = [{"rows": _records(_with_customers(rows)), "probabilities": True} for rows in each]
    return _json("/predict", bodies, each, {"Authorization": f"Bearer {key}"})


def _ask_mlflow(each: list[pd.DataFrame], _: str) -> Sent:
    bodies = [{"dataframe_split": rows.to_dict("split", index=False)} for rows in each]
    return _json("/invocations", bodies, each)


def _ask_bentoml(each: list[pd.DataFrame], _: str) -> Sent:
    return _json("/predict", [{"rows": _records(rows)} for rows in each], each)


def _ask_mlserver(each: list[pd.DataFrame], _: str) -> Sent:
    return _json("/v2/models/orders/infer", [_inferred(rows) for rows in each], each)


def _inferred(rows: pd.DataFrame) -> dict[str, Any]:
    text = {"datatype": "BYTES", "parameters": {"content_type": "str"}}
    inputs = [
        {"name": name, "shape": [len(rows), 1], "data": rows[name].tolist()}
        | (text if name.startswith("text") else {"datatype": "FP64"})
        for name in rows
    ]
    return {"parameters": {"content_type": "pd"}, "inputs": inputs, "outputs": [{"name": "predict_proba"}]}


ASKED = {"ours": _ask_ours, "mlflow": _ask_mlflow, "bentoml": _ask_bentoml, "mlserver": _ask_mlserver}
"""From rows of one body after the other, and a key, to requests."""


def _with_customers(rows: pd.DataFrame) -> pd.DataFrame:
    """Each row is of another customer."""
    return rows.assign(**{CUSTOMER: rows.index})


def _json(
    path: str, bodies: list[Any], each: list[pd.DataFrame], headers: dict[str, str] | None = None
) -> Sent:
    content = tuple(json.dumps(body).encode() for body in bodies)
    return Sent(path, content, {"Content-Type": "application/json"} | (headers or {}), len(each[0]))


def _columns(rows: pd.DataFrame, key: str) -> Sent:
    import pyarrow as pa

    table = pa.Table.from_pandas(_with_customers(rows), preserve_index=False)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    headers = {"Content-Type": ARROW, "Authorization": f"Bearer {key}"}
    return Sent("/predict?probabilities=true", (bytes(sink.getvalue()),), headers, len(rows))


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports
