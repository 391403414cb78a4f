"""The HTTP API: what is answered, what is refused and how, who may ask, and how one version follows another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings

from ml_assets.registry import charge
from ml_assets.registry.versions import Registry
from ml_assets.serving.app import build_app
from ml_assets.serving.keys import ApiKeyError, new_key, read_keys
from ml_assets.serving.limits import Limits
from ml_assets.serving.live import Live, ServingError
from ml_assets.settings import Settings
from ml_assets_tests.support.registry_workers import open_registry, register, rows

LIMITS = Limits(body=20_000, rows=50)


@pytest.fixture
def registry(mlflow_home: Path) -> Registry:
    """Two versions of one model, of which the first is champion."""
    registry = open_registry(Settings(home=mlflow_home))
    register(registry, 2)
    promote(registry, 1)
    return registry


def promote(registry: Registry, version: int) -> None:
    champion = registry.champion("churn")
    before = None if champion is None else champion.version
    charge.promote(registry, "churn", version, expected_champion=before, reason="asked for", actor="a test")


@contextmanager
def api(registry: Registry, limits: Limits = LIMITS, keys: str = "") -> Iterator[tuple[TestClient, Live]]:
    told: list[str] = []
    live = Live(registry, "churn", None, told.append)
    app = build_app(live, read_keys(keys.split(",") if keys else ()), limits, poll=3600)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client, live


def refusal(response: Any) -> tuple[int, str, str | None]:
    """Status, code and field; every refusal has one shape and no trace."""
    body = response.json()
    assert set(body) == {"error", "request_id"} and set(body["error"]) <= {"code", "message", "field"}
    assert body["request_id"] == response.headers["x-request-id"]
    assert "Traceback" not in response.text and 'File "' not in response.text
    return response.status_code, body["error"]["code"], body["error"].get("field")


def test_the_example_of_the_document_is_answered_as_the_pipeline_answers(registry: Registry) -> None:
    with api(registry) as (client, _):
        document = client.get("/openapi.json").json()
        wanted = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
        assert set(wanted["schema"]["properties"]["rows"]["items"]["required"]) == {"age", "colour"}
        assert client.post("/predict", json=wanted["example"]).status_code == 200
        frame = rows(40, seed=3)
        asked = json.loads(frame[["colour", "age"]].assign(more=1).to_json(orient="records"))
        answer = client.post("/predict", json={"rows": asked, "probabilities": True}).json()
        assert answer["model"] == "churn" and answer["version"] == 1
        pipeline = registry.files.load("churn", 1)
        expected = pipeline.predict_proba(frame[["age", "colour"]])
        for found, label, shares in zip(
            answer["predictions"], pipeline.predict(frame), expected, strict=True
        ):
            assert found["prediction"] == label
            assert [found["probabilities"][name] for name in pipeline.classes_] == pytest.approx(
                shares, abs=1e-9
            )
        figures = client.get("/metrics").text
        assert 'ml_assets_rows_total{version="1"} 41.0' in figures
        assert client.get("/health").json() == {"status": "up"}
        assert client.get("/ready").json() == {"status": "ready", "model": "churn", "version": 1}


GOOD = {"age": 40.0, "colour": "red"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", (400, "no_json", None)),
        (b"{", (400, "no_json", None)),
        (b"[" * 100_00, (400, "no_json", None)),
        (b"\xff\xfe", (400, "no_json", None)),
        (b'{"rows": [{"age": NaN, "colour": null}]}', (400, "no_json", None)),
        (b'{"rows": [{"age": 1, "age": 2, "colour": null}]}', (400, "no_json", None)),
        (b"[]", (422, "invalid", None)),
        (b'{"row": []}', (422, "invalid", "row")),
        (b'{"rows": []}', (422, "invalid", "rows")),
        (b'{"rows": {"age": 1}}', (422, "invalid", "rows")),
        (b'{"rows": [7]}', (422, "invalid", "rows[0]")),
        (json.dumps({"rows": [GOOD, {"age": 1}]}).encode(), (422, "invalid", "rows[1].colour")),
        (json.dumps({"rows": [GOOD | {"age": [1]}]}).encode(), (422, "invalid", "rows[0].age")),
        (json.dumps({"rows": [GOOD, GOOD | {"age": "old"}]}).encode(), (422, "invalid", "rows[1].age")),
        (b'{"rows": [{"age": 1e999, "colour": null}]}', (422, "invalid", "rows[0].age")),
        (b'{"rows": [{"age": "inf", "colour": null}]}', (422, "invalid", "rows[0].age")),
        (b'{"rows": [{"age": 1' + b"0" * 400 + b', "colour": null}]}', (422, "invalid", "rows[0].age")),
        (
            json.dumps({"rows": [GOOD | {"colour": "x" * 10_001}]}).encode(),
            (422, "invalid", "rows[0].colour"),
        ),
        (json.dumps({"rows": [GOOD], "probabilities": 1}).encode(), (422, "invalid", "probabilities")),
        (json.dumps({"rows": [GOOD] * 51}).encode(), (413, "too_many_rows", "rows")),
        (b" " * 20_001, (413, "too_large", None)),
    ],
)
def test_what_is_refused_is_said_with_its_field(
    registry: Registry, body: bytes, expected: tuple[int, str, str | None]
) -> None:
    with api(registry) as (client, _):
        assert refusal(client.post("/predict", content=body)) == expected
        parts = (body[place : place + 4_000] for place in range(0, len(body), 4_000))
        assert refusal(client.post("/predict", content=parts)) == expected  # chunked: no length is told
        assert refusal(client.get("/predict"))[:2] == (405, "no_such_method")
        assert refusal(client.get("/elsewhere"))[:2] == (404, "no_such_path")
        wrong = client.post("/predict", content=b"x", headers={"content-type": "text/csv"})
        assert refusal(wrong)[:2] == (415, "other_type")
        assert client.post("/predict", json={"rows": [GOOD]}).status_code == 200


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
ROWS = st.dictionaries(st.sampled_from(["age", "colour", "Age", "'; drop table--"]), VALUES)
BODIES = (
    st.fixed_dictionaries({}, optional={"rows": st.lists(ROWS, max_size=3) | VALUES, "more": VALUES}) | VALUES
)


def test_no_body_is_answered_with_a_fault_of_the_server(registry: Registry) -> None:
    with api(registry) as (client, _):

        @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(st.builds(lambda body: json.dumps(body).encode(), BODIES) | st.binary(max_size=200))
        def holds(body: bytes) -> None:
            response = client.post("/predict", content=body)
            if response.status_code == 200:
                assert all(one["prediction"] in ("yes", "no") for one in response.json()["predictions"])
            else:
                assert refusal(response)[0] in (400, 413, 422)

        holds()
        assert client.post("/predict", json={"rows": [GOOD]}).status_code == 200


def test_a_column_that_came_under_another_name_is_asked_after(registry: Registry) -> None:
    with api(registry) as (client, _):
        others = {"Age" if name == "age" else name: value for name, value in GOOD.items()}
        told = client.post("/predict", json={"rows": [others]}).json()["error"]
    assert told["field"] == "rows[0].age"
    assert "the column is missing" in told["message"] and "Is it what came as 'Age'?" in told["message"]


def test_keys_open_what_their_scope_says_and_two_may_be_there_at_once(registry: Registry) -> None:
    (old, one), (new, two), (admin, three) = new_key("predict"), new_key("predict"), new_key("admin")
    with api(registry, keys=f"{one},{two},{three}") as (client, _):

        def status(path: str, key: str | None) -> int:
            headers = {} if key is None else {"authorization": f"Bearer {key}"}
            if path == "/predict":
                return client.post(path, json={"rows": [GOOD]}, headers=headers).status_code
            return client.get(path, headers=headers).status_code

        for key in (old, new, admin):
            assert status("/predict", key) == status("/metadata", key) == 200
        assert status("/metrics", admin) == 200 and status("/metrics", old) == 403
        for wrong in (None, "", old[:-1], old + "x", one, one.partition(":")[2]):
            assert status("/predict", wrong) == status("/metrics", wrong) == 401
            headers = {} if wrong is None else {"authorization": f"Bearer {wrong}"}
            told = client.post("/predict", json={"rows": [GOOD]}, headers=headers).json()["error"]
            assert told["code"] == ("wrong_key" if wrong else "no_key")
            assert not wrong or wrong not in told["message"]
        assert status("/health", None) == status("/ready", None) == 200
    with pytest.raises(ApiKeyError) as refused:
        read_keys([one, old])
    assert "entry 2" in str(refused.value) and old not in str(refused.value)


def test_who_asks_too_often_is_told_when_to_come_back(registry: Registry) -> None:
    with api(registry, Limits(per_minute=3)) as (client, _):
        sent = [client.post("/predict", json={"rows": [GOOD]}) for _ in range(4)]
        assert [one.status_code for one in sent] == [200, 200, 200, 429]
        assert refusal(sent[-1])[1] == "too_often" and 1 <= int(sent[-1].headers["retry-after"]) <= 21
        assert client.get("/health").status_code == 200


def test_a_new_champion_takes_over_and_what_fails_stays_out(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with api(registry) as (client, live):
        told: list[str] = []
        live.tell = told.append
        answers = lambda: client.post("/predict", json={"rows": [GOOD]}).json()["version"]  # noqa: E731 - asked again
        assert answers() == 1
        promote(registry, 2)
        place = Path(
            registry.files.location(registry.version("churn", 2).trained.model_uri).removeprefix("file://")
        )
        pickled = Path(str(place).replace("%20", " ")) / "model.pkl"
        good = pickled.read_bytes()
        pickled.write_bytes(good[:-1] + b"\0")
        for _ in range(2):
            live.look()
        assert answers() == 1 and len(told) == 1 and "version 1 answers on" in told[0]
        assert "churn version 2" in client.get("/metadata").json()["kept_out"]
        assert "ml_assets_champion_kept_out 1.0" in client.get("/metrics").text
        pickled.write_bytes(good)
        live.look()
        assert answers() == 1  # not at once: a broken version is not loaded every few seconds
        monkeypatch.setattr("ml_assets.serving.live.time.monotonic", lambda: 1e12)
        live.look()
        assert client.get("/metadata").json()["kept_out"] is None
        assert answers() == 2 and told[-1] == "churn: version 2 answers now, in place of version 1"
        ledger = registry.ledger
        registry.ledger = None  # type: ignore[assignment]  # the registry is away
        live.look()
        assert answers() == 2 and client.get("/metadata").json()["registry_away"]
        registry.ledger = ledger
        live.look()
        assert client.get("/metadata").json()["registry_away"] is None


def test_a_look_where_nothing_is_new_is_one_query_and_what_is_new_is_seen(registry: Registry) -> None:
    live = Live(registry, "churn", None, lambda _: None)
    asked: list[Any] = []
    count = lambda *given: asked.append(given[2])  # noqa: E731 - it is taken away again
    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    live.look()
    whole = len(asked)
    for _ in range(3):
        live.look()
    assert len(asked) == whole + 3 and whole > 10
    registry.ledger.append("another", "train", actor="a test", reason="it is of another model")
    live.look()
    assert len(asked) < 2 * whole
    sa.event.remove(sa.Engine, "before_cursor_execute", count)
    promote(registry, 2)
    live.look()
    assert live.served.version == 2


def test_without_a_champion_there_is_nothing_to_serve(mlflow_home: Path) -> None:
    registry = open_registry(Settings(home=mlflow_home))
    with pytest.raises(ServingError, match="no version is champion yet"):
        Live(registry, "churn", None, print)
