"""Versions compared on live traffic: each row by its arm, whatever fails, and what the log tells of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient

from ml_assets.cli.batch_inference import version_of_run
from ml_assets.failures import WrongUsageError
from ml_assets.lifecycle.state import ModelState
from ml_assets.orchestration.live_answers import live_answers
from ml_assets.records.experiments import CHAMPION, Arm, Experiment, Step
from ml_assets.registry import charge, experiments
from ml_assets.registry.experiments import ExperimentError, Running
from ml_assets.registry.versions import Registry
from ml_assets.serving.app import build_app
from ml_assets.serving.guard import FAILURES, TIMED, Guard
from ml_assets.serving.limits import Limits
from ml_assets.serving.live import Live
from ml_assets.serving.log import PredictionLog
from ml_assets.serving.log_search import find, lines
from ml_assets.serving.logged import OURS
from ml_assets.serving.replay import replay
from ml_assets.settings import Settings
from ml_assets.store.places import Folder
from ml_assets_tests.support.registry_workers import open_registry, promote, recipe_named, register, rows

ARROW = {"content-type": "application/vnd.apache.arrow.stream"}


@pytest.fixture
def registry(mlflow_home: Path) -> Registry:
    """Three versions of one model, of which the first is champion."""
    registry = open_registry(Settings(home=mlflow_home))
    register(registry, 3)
    promote(registry, 1, None)
    return registry


def begin(registry: Registry, *arms: Arm, entity: tuple[str, ...] = ("customer",), **more: Any) -> Running:
    experiment = Experiment(champion=1, arms=arms, salt="a salt", entity=entity, **more)
    return experiments.start(registry.ledger, "churn", experiment, actor="a test", reason="to see")


HALF = Arm(name="challenger", version=2, share=0.5)
SHADOW = Arm(name="shadow", version=3, share=0, shadow=True)


@contextmanager
def api(registry: Registry, folder: Path) -> Iterator[tuple[TestClient, Live, PredictionLog]]:
    log = PredictionLog(Folder(folder))
    live = Live(registry, "churn", None, lambda _: None)
    app = build_app(live, (), Limits(rows=500), poll=3600, log=log)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client, live, log


def asked(count: int = 120) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = json.loads(rows(count, seed=3)[["age", "colour"]].to_json(orient="records"))
    return [row | {"customer": place // 2} for place, row in enumerate(made)]


def kept(folder: Path) -> list[dict[str, Any]]:
    since = datetime.now(UTC) - timedelta(hours=1)
    tables = lines(Folder(folder), since, since + timedelta(hours=2), [*OURS, "age"])
    return [line for table in tables for line in table.to_pylist()]


def test_each_row_is_answered_by_its_arm_in_every_form_and_the_log_has_it_once(
    registry: Registry, tmp_path: Path
) -> None:
    one = begin(registry, HALF)
    given = asked()
    expected = [one.experiment.arm_of(str(row["customer"]), 0) for row in given]
    assert {expected.count(name) for name in (CHAMPION, "challenger")} != {0, len(given)}
    with api(registry, tmp_path) as (client, _, _):
        whole = client.post("/predict", json={"rows": given, "probabilities": True}).json()
        assert [each["arm"] for each in whole["predictions"]] == expected
        assert whole["version"] is None and whole["arm"] is None
        frame = rows(120, seed=3)
        for version, arm in ((1, CHAMPION), (2, "challenger")):
            places = [place for place, each in enumerate(expected) if each == arm]
            told = registry.files.load("churn", version).predict_proba(frame.loc[places, ["age", "colour"]])
            for place, share in zip(places, told, strict=True):
                found = whole["predictions"][place]
                assert found["version"] == version
                assert list(found["probabilities"].values()) == pytest.approx(share, abs=1e-9)
        for place in (0, 1, 7, 30):
            alone = client.post("/predict", json={"rows": [given[place]]}).json()
            same = {**whole["predictions"][place]}
            del same["probabilities"]
            assert alone["predictions"] == [same]
            assert (alone["version"], alone["arm"]) == (same["version"], same["arm"])
        columns = pa.Table.from_pylist(given)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, columns.schema) as stream:
            stream.write_table(columns)
        answer = client.post("/predict?probabilities=true", content=bytes(sink.getvalue()), headers=ARROW)
        table = pa.ipc.open_stream(answer.content).read_all().to_pydict()
        for name in ("prediction", "version", "arm"):
            assert table[name] == [each[name] for each in whole["predictions"]]
        assert client.get("/metadata").json()["experiment"].startswith(f"experiment {one.number} since")
        number = whole["request_id"]
    logged = kept(tmp_path)
    assert len(logged) == 120 * 2 + 4
    for line in logged:
        customer = str(json.loads(line["rest__"])["customer"])
        arm = one.experiment.arm_of(customer, 0)
        assert line["arm__"] == f"{one.number}/{arm}" and line["version__"] == (1 if arm == CHAMPION else 2)
    again = replay(registry, {"churn": Folder(tmp_path)}, number)
    assert again["same"] and again["rows"] == given


def test_without_an_entity_a_request_is_of_one_arm(registry: Registry, tmp_path: Path) -> None:
    begin(registry, HALF, entity=())
    with api(registry, tmp_path) as (client, _, _):
        answers = [client.post("/predict", json={"rows": asked(5)}).json() for _ in range(40)]
    assert {answer["arm"] for answer in answers} == {CHAMPION, "challenger"}
    assert all(len({one["arm"] for one in answer["predictions"]}) == 1 for answer in answers)


@pytest.mark.parametrize("entity", [(), ("customer",)])
def test_the_log_tells_what_each_version_answered_with_an_entity_and_without(
    registry: Registry, entity: tuple[str, ...]
) -> None:
    one = begin(registry, HALF, entity=entity)
    state = ModelState(recipe_named("churn"), Path("churn.yaml"), registry.settings)
    vars(state)["registry"] = registry
    assert live_answers(state, one) is None
    with api(registry, registry.settings.home / "predictions" / "churn") as (client, _, _):
        answers = [client.post("/predict", json={"rows": [row]}).json() for row in asked()]
    found = live_answers(state, one)
    assert found is not None and list(found.lines["request"]) == [one["request_id"] for one in answers]
    assert list(found.lines["version"]) == [answer["version"] for answer in answers]
    assert list(found.keys.columns) == list(entity)
    assert len(found.keys) == len(found.clean) == len(found.predictions) == len(answers)
    assert list(found.clean["colour"].fillna("-")) == [row["colour"] or "-" for row in asked()]
    told = [answer["predictions"][0]["prediction"] for answer in answers]
    assert list(found.predictions["prediction"]) == told


def test_a_challenger_that_fails_harms_no_request_and_goes_by_itself(
    registry: Registry, tmp_path: Path
) -> None:
    one = begin(registry, HALF)
    with api(registry, tmp_path) as (client, live, _):
        assert live.trial is not None

        def fails(_: Any) -> Any:
            raise RuntimeError("no more memory")

        live.trial.versions["challenger"].way.answers = fails  # type: ignore[method-assign]
        other = Live(registry, "churn", None, lambda _: None)
        for row in asked(6 * FAILURES):
            answer = client.post("/predict", json={"rows": [row]})
            assert answer.status_code == 200 and answer.json()["version"] == 1
        wrong = client.post("/predict", json={"rows": [{"age": "old", "colour": None, "customer": 1}]})
        assert wrong.status_code == 422
        figures = client.get("/metrics").text
        assert f"ml_assets_experiment {float(one.number)}" in figures
        assert (
            f'ml_assets_arm_failures{{arm="challenger"}} {float(live.trial.guard.failed("challenger"))}'
            in figures
        )
        live.look()
        assert live.trial is None
        other.refresh()
        assert other.trial is None
        assert client.post("/predict", json={"rows": asked(2)}).json()["version"] == 1
    found = experiments.newest(registry.ledger, "churn")
    assert found is not None and found[1] is not None
    assert found[1].record["how"] == "errors" and "no more memory" in found[1].reason
    stayed = {line["arm__"] for line in kept(tmp_path)}
    assert stayed == {f"{one.number}/champion", f"{one.number}/challenger"}


def test_a_slow_arm_must_go_and_a_quick_or_equal_one_may_stay() -> None:
    for seconds, limit, how in (
        (0.5, 1.2, "latency"),
        (0.5, None, None),
        (0.1, 1.2, None),
        (0.015, 1.2, None),
    ):
        guard = Guard(limit)
        for _ in range(TIMED):
            guard.note(CHAMPION, 0.1 if seconds > 0.02 else 0.001)
            guard.note("challenger", seconds)
        found = guard.verdict()
        assert (found[0] if found else None) == how
    few = Guard(1.2)
    for _ in range(FAILURES - 1):
        few.note("challenger", 0.0, "fault")
    assert few.verdict() is None


def test_a_shadow_changes_no_answer_and_is_in_the_log_beside_the_champion(
    registry: Registry, tmp_path: Path
) -> None:
    given = asked()
    with api(registry, tmp_path / "plain") as (client, _, _):
        before = client.post("/predict", json={"rows": given, "probabilities": True}).json()
    one = begin(registry, SHADOW)
    with api(registry, tmp_path / "beside") as (client, live, _):
        after = client.post("/predict", json={"rows": given, "probabilities": True}).json()
        assert after["version"] == 1 and after["arm"] == CHAMPION and live.trial is not None
    for was, now in zip(before["predictions"], after["predictions"], strict=True):
        assert was == {name: now[name] for name in was}
    logged = kept(tmp_path / "beside")
    shadows = [line for line in logged if line["arm__"] == f"{one.number}/shadow"]
    assert len(shadows) == len(given) and {line["version__"] for line in shadows} == {3}
    assert {(line["request__"], line["place__"]) for line in shadows} == {
        (line["request__"], line["place__"]) for line in logged if line not in shadows
    }
    found = find(Folder(tmp_path / "beside"), after["request_id"])
    assert found is not None and found.version == 1 and len(found.rows) == len(given)


def test_one_at_a_time_one_end_and_a_change_of_champion_is_one(registry: Registry, tmp_path: Path) -> None:
    one = begin(registry, HALF)
    with pytest.raises(ExperimentError, match="is running since"):
        begin(registry, Arm(name="challenger", version=3, share=0.5))
    with api(registry, tmp_path) as (client, live, _):
        charge.promote(registry, "churn", 3, expected_champion=1, reason="better", actor="a test")
        live.look()
        assert live.trial is None and client.post("/predict", json={"rows": asked(2)}).json()["version"] == 3
        assert experiments.running(registry.ledger, "churn") is None
        charge.rollback(registry, "churn", actor="a test")
        first, _ = experiments.end(registry.ledger, one, "stopped", actor="a", reason="enough")
        second, wrote = experiments.end(registry.ledger, one, "errors", actor="b", reason="late")
        assert second == first and not wrote
        live.look()
        assert live.trial is None
    with pytest.raises(ExperimentError, match="not the champion any more"):
        experiments.start(
            registry.ledger, "churn", one.experiment.model_copy(update={"champion": 2}), actor="a", reason="b"
        )


def test_a_damaged_version_is_left_out_and_the_champion_answers_all(
    registry: Registry, tmp_path: Path
) -> None:
    begin(registry, HALF)
    folder = next(
        path for path in registry.settings.home.rglob("raw_rows.json") if _is_version(registry, path, 2)
    )
    folder.write_text(folder.read_text() + " ")
    with api(registry, tmp_path) as (client, live, _):
        assert live.trial is None and live.untried is not None
        assert client.post("/predict", json={"rows": asked(3)}).json()["version"] == 1
        assert client.get("/metadata").json()["experiment_kept_out"] == live.untried


def _is_version(registry: Registry, path: Path, version: int) -> bool:
    return registry.version("churn", version).trained.model_uri.rpartition("/")[2] in str(path)


def test_the_schedule_widens_by_the_clock(registry: Registry) -> None:
    steps = (Step(hours=0, part=0.02), Step(hours=1, part=0.2), Step(hours=24, part=1))
    one = begin(registry, HALF, steps=steps)
    shares = [one.experiment.shares(hours)["challenger"] for hours in (0, 0.9, 1, 23, 24, 900)]
    assert shares == [0.01, 0.01, 0.1, 0.1, 0.5, 0.5]
    assert "0.01 of the keys (customer), more in 1 h" in experiments.words(one)


def test_a_server_of_one_version_takes_part_in_none(registry: Registry) -> None:
    """Two servers on two ports, each of the version that a run has trained."""
    begin(registry, HALF)
    for version in (1, 2):
        run = registry.version("churn", version).run_id
        assert version_of_run(registry.ledger, run, "churn") == ("churn", version)
        live = Live(registry, "churn", version, lambda _: None)
        live.look()
        assert live.trial is None and live.served.version == version
    with pytest.raises(WrongUsageError, match="no version of churn was trained by the run 'x'"):
        version_of_run(registry.ledger, "x", "churn")
