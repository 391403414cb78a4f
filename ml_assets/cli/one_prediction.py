"""One prediction over HTTP and its replay: how the demo ends."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ml_assets.failures import MendableError
from ml_assets.lifecycle.state import ModelState
from ml_assets.lifecycle.storage import predictions_of
from ml_assets.serving.live import Live
from ml_assets.serving.log import PredictionLog
from ml_assets.serving.replay import replay

SECONDS = 20.0
"""For the server to begin."""


def ask_once(state: ModelState) -> dict[str, Any]:
    """Serve the champion on a free port of this machine, ask it one row, and make the answer again from its log.

    Returns
    -------
    dict
        `request`, `answer` and `replay`.
    """
    live = Live(state.registry, state.name, None, lambda _: None)
    row = live.served.example
    place = predictions_of(state.settings, state.name)
    with _served(live, PredictionLog(place)) as port:
        body = {"rows": [row], "probabilities": True}
        asked = urllib.request.Request(
            f"http://127.0.0.1:{port}/predict",
            json.dumps(body).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=SECONDS) as response:
            answer = json.load(response)
    again = replay(state.registry, {state.name: place}, answer["request_id"])
    return {"request": body, "answer": answer, "replay": again}


def once_text(result: dict[str, Any], program: str) -> list[str]:
    """Tell it in some lines."""
    answer, again = result["answer"], result["replay"]
    (one,) = answer["predictions"]
    learned, batches = again["learned_from"], again["learned_from"]["batches"]
    verdict = "the same, bit for bit" if again["same"] else "ANOTHER number"
    return [
        f"one customer over HTTP: version {answer['version']} answers {json.dumps(one['prediction'])}, "
        f"probabilities {json.dumps(one['probabilities'])}",
        f"  its replay ({program} replay {answer['request_id']}): {verdict}; learned from {learned['rows']:,} rows, "
        f"{' to '.join(dict.fromkeys((batches[0], batches[-1])))}",
    ]


@contextmanager
def _served(live: Live, log: PredictionLog) -> Iterator[int]:
    """A server in a thread of this process, and its port; when it has ended, its log is written."""
    import uvicorn

    from ml_assets.serving.app import build_app
    from ml_assets.serving.limits import Limits

    config = uvicorn.Config(build_app(live, (), Limits(), log=log), log_level="warning", lifespan="on")
    server = uvicorn.Server(config)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            until = time.monotonic() + SECONDS
            while not server.started:
                if time.monotonic() > until or not thread.is_alive():
                    raise MendableError(
                        "the server of one prediction did not begin: run the same command again"
                    )
                time.sleep(0.02)
            yield int(listening.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(SECONDS)
