"""`ml-assets serve`: a real server under load, while versions take over from one another."""

from __future__ import annotations

import http.client
import json
import shutil
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from ml_assets.cli.models import known_state
from ml_assets.evaluation.evaluate import predict
from ml_assets.registry import charge
from ml_assets.registry.versions import Registry
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import ml_assets, shoppers
from ml_assets_tests.support.databases import database
from ml_assets_tests.support.places import wait_for
from ml_assets_tests.support.served import Server, serving
from ml_assets_tests.support.wire import Forwarder

MANY = "100000000"


class Crowd:
    """Callers that ask again and again, each on one connection, and hold each answer against its version.

    Parameters
    ----------
    port : int
    rows : list
    shares : mapping of int to DataFrame of shape (n_rows, n_classes)
        What each version has to answer.
    callers : int
    """

    def __init__(self, port: int, rows: list[Any], shares: dict[int, pd.DataFrame], callers: int) -> None:
        self.answered, self.wrong = Counter[int](), list[str]()
        self._port, self._shares = port, shares
        self._body = json.dumps({"rows": rows, "probabilities": True}).encode()
        self._stopped = threading.Event()
        self._callers = [threading.Thread(target=self._call) for _ in range(callers)]

    def __enter__(self) -> Crowd:
        for caller in self._callers:
            caller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for caller in self._callers:
            caller.join()

    def _call(self) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)) as wire:
            while not self._stopped.is_set():
                try:
                    wire.request("POST", "/predict", self._body, {"content-type": "application/json"})
                    response = wire.getresponse()
                    answer = json.loads(response.read())
                except Exception as error:  # noqa: BLE001 - any of them is a failed request
                    self.wrong.append(repr(error))
                    return
                if response.status == 200:
                    self._see(answer)
                else:
                    self.wrong.append(str(answer))

    def _see(self, answer: dict[str, Any]) -> None:
        version = answer["version"]
        self.answered[version] += 1
        for name, expected in self._shares[version].items():
            label = str(name).removeprefix("probability_")
            found = [one["probabilities"][label] for one in answer["predictions"]]
            if not np.allclose(found, expected, atol=1e-9):
                self.wrong.append(f"other numbers than version {version}")


def three_versions(shop: Shop) -> tuple[Registry, list[Any], dict[int, pd.DataFrame]]:
    """Three versions of one model that differ, of which the first is champion; rows, and the shares that each gives."""
    recipe = shop.folder / "good.yaml"
    text = recipe.read_text()
    for weight in ("1.0", "0.001", "0.01"):
        recipe.write_text(text.replace("C: 1.0", f"C: {weight}"))
        assert ml_assets("train", "--recipe-file", recipe, "--json").code == 0
    state = known_state("good")
    raw = shoppers(50, 9)[["age", "spent", "channel"]]
    clean = state.store.read_frame("cleaned_features", "all").head(50)
    assert list(clean.columns[:3]) == list(raw.columns)
    typed = raw.astype(clean.dtypes[raw.columns])
    files = state.registry.files
    shares = {k: predict(files.load("good", k), typed).filter(like="probability") for k in (1, 2, 3)}
    assert not np.allclose(shares[1], shares[2]) and not np.allclose(shares[2], shares[3])
    return state.registry, json.loads(raw.to_json(orient="records")), shares


def put_in_charge(registry: Registry, version: int, before: int) -> None:
    charge.promote(registry, "good", version, expected_champion=before, reason="asked for", actor="a test")


def spoil(registry: Registry, version: int) -> None:
    """Change a byte of what a version is made of."""
    uri = registry.version("good", version).trained.model_uri
    place = Path(unquote(registry.files.location(uri).removeprefix("file://"))) / "model.pkl"
    place.write_bytes(place.read_bytes()[:-1] + b"\0")


def answers(server: Server, version: int) -> None:
    """Wait until the server answers with a version."""
    wait_for(lambda: server.asked("/ready")["version"] == version, 90, f"version {version}")


def test_no_request_fails_while_champions_change_and_each_answer_is_its_versions(
    shop: Shop, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("ML_ASSETS_REQUESTS_PER_MINUTE", MANY)
    registry, rows, shares = three_versions(shop)
    with serving("good", shop.folder) as server:
        with Crowd(server.port, rows, shares, 4) as crowd:
            put_in_charge(registry, 2, before=1)
            answers(server, 2)
            assert ml_assets("rollback", "good", "--json").result["champion_version"] == 1
            answers(server, 1)
            time.sleep(0.5)
        assert crowd.wrong == [] and set(crowd.answered) == {1, 2}
        err = server.ended()
    assert "version 2 answers now, in place of version 1" in err and "Traceback" not in err


@pytest.mark.slow
def test_a_minute_of_load_fails_no_request_with_a_spoilt_version_and_the_registry_stopped(
    shop: Shop, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.rmtree(shop.home)
    with (
        database("postgresql", tmp_path) as address,
        Forwarder(sa.make_url(address).port or 5432) as forwarder,
    ):
        environment.setenv("APP_ENV", "dev")
        environment.setenv("ML_ASSETS_DATABASE_URI", address)
        environment.setenv("ML_ASSETS_REQUESTS_PER_MINUTE", MANY)
        registry, rows, shares = three_versions(shop)
        through = sa.make_url(address).set(host="127.0.0.1", port=forwarder.port)
        environment.setenv("ML_ASSETS_DATABASE_URI", through.render_as_string(hide_password=False))
        with serving("good", shop.folder) as server:
            began = time.monotonic()
            with Crowd(server.port, rows[:3], {k: each[:3] for k, each in shares.items()}, 16) as crowd:
                put_in_charge(registry, 2, before=1)
                answers(server, 2)
                forwarder.stop()
                wait_for(lambda: server.asked("/metadata")["registry_away"], 90, "a look")
                put_in_charge(registry, 3, before=2)
                spoil(registry, 3)
                forwarder.start()
                wait_for(lambda: "version 3" in str(server.asked("/metadata")["kept_out"]), 90, "a look")
                forwarder.stop()
                wait_for(lambda: server.asked("/metadata")["registry_away"], 90, "a look")
                put_in_charge(registry, 1, before=3)
                time.sleep(10)
                assert server.asked("/ready")["version"] == 2
                forwarder.start()
                answers(server, 1)
                time.sleep(max(5.0, 60 - (time.monotonic() - began)))
            assert crowd.wrong == [] and set(crowd.answered) == {1, 2} and crowd.answered.total() > 1_000
            assert "Traceback" not in server.ended()


@pytest.mark.parametrize(
    ("arguments", "variables", "words"),
    [
        ((), {}, "HTTP serving is off in the environment 'local': set ML_ASSETS_SERVING_ENABLED=true"),
        (
            ("--host", "0.0.0.0"),
            {"ML_ASSETS_SERVING_ENABLED": "true"},
            "no key is set: make one by `ml-assets api-key`",
        ),
        ((), {"ML_ASSETS_SERVING_ENABLED": "true"}, "no version is champion yet"),
        (
            (),
            {"ML_ASSETS_SERVING_ENABLED": "true", "ML_ASSETS_API_KEYS": "mla_abc"},
            "entry 1 is not SCOPE:SHA256",
        ),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line(
    shop: Shop,
    environment: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    variables: dict[str, str],
    words: str,
) -> None:
    for name, value in variables.items():
        environment.setenv(name, value)
    refused = ml_assets("serve", "good", *arguments)
    assert refused.code in (1, 2) and words in refused.err and "Traceback" not in refused.err
    assert "mla_abc" not in refused.err


def test_a_new_key_is_shown_once_with_what_the_server_is_to_be_told() -> None:
    made = ml_assets("api-key", "--scope", "admin", "--json").result
    assert made["key"].startswith("mla_") and made["setting"].startswith("admin:")
    assert made["key"] not in made["setting"]
    assert ml_assets("api-key", "--scope", "all", "--json").message.startswith("--scope: found 'all'")
