"""Requests that come together get the answers that each gets alone, and the same however they come over the wire."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from ml_assets.records.experiments import CHAMPION, Arm, Experiment
from ml_assets.registry import experiments
from ml_assets.registry.standard import RAW_ROWS
from ml_assets.serving.app import build_app
from ml_assets.serving.body import RequestError
from ml_assets.serving.gate import Gate
from ml_assets.serving.keys import new_key, read_keys
from ml_assets.serving.limits import Limits
from ml_assets.serving.live import Live, Served
from ml_assets.serving.log import PredictionLog
from ml_assets.serving.metrics import Metrics
from ml_assets.serving.predicting import JSON, Predicting
from ml_assets.serving.trial import Trial
from ml_assets.serving.turns import MOST, Waiting
from ml_assets.serving.ways import way_of
from ml_assets.serving.wire import BoundedProtocol
from ml_assets.settings import Settings
from ml_assets.store.places import Folder
from ml_assets_tests.compiled.test_compiled import Saved
from ml_assets_tests.serving.test_wire import Recorded
from ml_assets_tests.support.registry_workers import open_registry, promote, register

ROW = {
    **{"count": 3, "share": 0.5, "member": True, "region": "north", "when": "2024-03-01T12:00:00"},
    "customer": 1,
}
ROWS = [ROW | {"count": place, "share": place / 7 - 1, "customer": place} for place in range(9)]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Folders of two compiled models: boosted trees, and a network, whose rows are answered each request alone."""
    folders = []
    for name, params in {
        "xgboost.XGBClassifier": {"n_estimators": 20},
        "sklearn.neural_network.MLPClassifier": {"max_iter": 20},
    }.items():
        folder = tmp_path_factory.mktemp("model")
        made = Saved(folder, "classification", name, hyperparameters=params)
        (folder / RAW_ROWS).write_text(made.known.model_dump_json())
        folders.append(folder)
    return folders


@pytest.fixture
def live(mlflow_home: Path, saved: list[Path]) -> Live:
    """The boosted trees in charge."""
    registry = open_registry(Settings(home=mlflow_home))
    register(registry, 1)
    promote(registry, 1, None)
    live = Live(registry, "churn", None, lambda _: None)
    live.served = replace(live.served, way=way_of(saved[0], ()))
    return live


def compare(live: Live, other: Served) -> Trial:
    arm = Arm(name="challenger", version=2, share=0.5)
    experiment = Experiment(champion=1, arms=(arm,), salt="a salt", entity=("customer",))
    begun = experiments.start(live.registry.ledger, "churn", experiment, actor="a test", reason="to see")
    live.trial = Trial(begun, {CHAMPION: live.served, "challenger": other})
    return live.trial


BODIES = [
    *({"rows": ROWS[place:], "probabilities": place % 2 == 0} for place in range(9)),
    *({"rows": [row], "probabilities": True} for row in ROWS),
    {"rows": [ROW | {"count": "n/a", "when": "20240501"}]},
    {"rows": [ROW | {"count": "old"}]},
    {"rows": [ROW | {"customer": None, "more": [1]}]},
    {"rows": [{"count": 1}]},
    {"rows": []},
    [],
]


@pytest.mark.parametrize("other", ["none", "trees", "network", "fails"])
def test_requests_that_come_together_get_the_very_answers_that_each_gets_alone(
    live: Live, saved: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    log = PredictionLog(Folder(tmp_path / "log"))
    predicting = Predicting(live, Limits(rows=500), Metrics(), log)
    if other != "none":
        way = way_of(saved[other == "network"], ())
        trial = compare(live, replace(live.served, version=2, way=way))
        if other == "fails":
            monkeypatch.setattr(way.compiled, "_predict", None)  # type: ignore[attr-defined]  # it is compiled
    assert predicting.is_small(JSON, 1_000)
    waiting = [
        Waiting(json.dumps(body).encode(), f"{place:032}", lambda _: None)
        for place, body in enumerate(BODIES * 2)
    ]
    alone = [told(predicting.together([one])[0]) for one in waiting]
    assert {type(one) for one in alone} == {bytes, tuple}
    rows = log.waiting
    plain = [one for one in waiting if b"n/a" not in one.content]
    for many in (waiting, plain, plain[::-1]):
        expected = {one.number: found for one, found in zip(waiting, alone, strict=True)}
        found = predicting.together(many)
        assert [told(one) for one in found] == [expected[one.number] for one in many]
    assert log.waiting > 3 * rows
    if other != "none":
        assert (trial.guard.failed("challenger") > 0) == (other == "fails")


def told(found: bytes | Exception) -> Any:
    if isinstance(found, bytes):
        return found
    assert isinstance(found, RequestError), repr(found)
    return found.status, found.kind, found.message, found.field


KEY = new_key("predict")


@pytest.fixture
def app(live: Live) -> Gate:
    return build_app(live, read_keys([KEY[1]]), Limits(per_minute=10**6, body=3_000), poll=3600)


def said(body: bytes, *more: str, key: str = KEY[0], path: str = "/predict") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: here", f"Content-Length: {len(body)}", *more]
    return "\r\n".join([*lines, f"Authorization: Bearer {key}", "", ""]).encode() + body


def exchange(app: Gate, *parts: bytes) -> list[tuple[int, dict[str, Any], str]]:
    """Send parts on one connection, each in its turn; of each answer status, content, and headers but for its id."""

    async def exchanged() -> bytes:
        loop, under = asyncio.get_running_loop(), Recorded()
        config = Config(app, lifespan="off", log_config=None, access_log=False)
        config.load()
        wire = BoundedProtocol(config=config, server_state=ServerState(), app_state={}, _loop=loop)
        wire.connection_made(under)
        for part in parts:
            wire.data_received(part)
            await asyncio.sleep(0)
        wanted, left = b"".join(parts).count(b"POST "), 500
        while b"".join(under.sent).count(b"x-request-id") < wanted and left:
            await asyncio.sleep(0.01 if wire.tasks else 0)
            left -= 1
        wire.connection_lost(None)
        return b"".join(under.sent).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")

    left, found = asyncio.run(exchanged()), []
    while left:
        head, _, left = left.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        size = int(headers["content-length"])
        content, left = json.loads(left[:size]), left[size:]
        assert content.pop("request_id") == headers.pop("x-request-id")
        found.append((int(status.split()[1]), content, str(sorted(headers.items()))))
    return found


GOOD = json.dumps({"rows": ROWS[:3], "probabilities": True}).encode()
REQUESTS = {
    "good": said(GOOD),
    "no JSON": said(b"{"),
    "a field": said(b'{"rows": [{"count": 1}]}'),
    "another key": said(GOOD, key="mla_another"),
    "another type": said(b"a,b", "Content-Type: text/csv"),
    "another path": said(b"{}", path="/elsewhere"),
    "too large": said(b" " * 3_001),
    "the last": said(GOOD, "Connection: close"),
    "of a proxy": said(GOOD, "X-Forwarded-For: 10.0.0.7"),
    "awaits a word": said(GOOD, "Expect: 100-continue"),
}


def test_an_answer_is_the_same_however_its_request_comes(app: Gate) -> None:
    statuses = {}
    for name, request in REQUESTS.items():
        whole = exchange(app, request)
        statuses[name] = whole[0][0]
        head = request.index(b"\r\n\r\n")
        for cut in (1, head, head + 4, len(request) - 1):
            assert exchange(app, request[:cut], request[cut:]) == whole, (name, cut)
        if name not in ("the last", "too large", "awaits a word"):
            good = exchange(app, REQUESTS["good"])
            for parts in ((request + REQUESTS["good"] + request,), (request, REQUESTS["good"], request)):
                assert exchange(app, *parts) == whole + good + whole, name
    assert statuses == {
        **{"good": 200, "no JSON": 400, "a field": 422, "another key": 401, "another type": 415},
        **{"another path": 404, "too large": 413, "the last": 200, "of a proxy": 200, "awaits a word": 200},
    }


def test_a_crowd_is_answered_in_several_turns_and_each_once(live: Live) -> None:
    async def answered() -> list[Any]:
        predicting = Predicting(live, Limits(), Metrics(), None)
        return await asyncio.gather(*(predicting.turns.answer(GOOD, str(k)) for k in range(3 * MOST + 1)))

    found = [json.loads(one)["request_id"] for one in asyncio.run(answered())]
    assert found == [str(k) for k in range(3 * MOST + 1)]
