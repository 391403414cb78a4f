"""Requests made to do harm: none is answered with a fault of the server, and none costs the others their answer."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import psutil
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from ml_assets.serving.keys import new_key
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import ml_assets, shoppers
from ml_assets_tests.support.hostile import Attacks
from ml_assets_tests.support.served import Server, serving
from ml_assets_tests.support.wire import Attack, sent

MORE = 300
"""MiB that a server may need beyond what it had when it began to answer."""
ROW = {"age": 30, "spent": 12.5, "channel": "web", "member": True, "since": "2024-02-03T10:00:00"}
ESTIMATORS = {
    "compiled": "xgboost.XGBClassifier\n  hyperparameters: {n_estimators: 20}",
    "pipeline": "sklearn.neighbors.KNeighborsClassifier\n  hyperparameters: {n_neighbors: 5}",
}
"""By the way that answers."""
MANY = settings(
    max_examples=500, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)


class Besieged(NamedTuple):
    """A server, and what is sent to it."""

    server: Server
    attacks: Attacks

    def answers(self) -> None:
        """A good request is answered."""
        status, content = sent(self.server.port, Attack("good", (self.attacks.post(self.attacks.good),)))
        assert status == 200 and json.loads(content)["predictions"][0]["prediction"] in (0, 1)

    def memory(self) -> float:
        """MiB that the server has."""
        return float(psutil.Process(self.server.program.pid).memory_info().rss / 2**20)


@contextmanager
def besieged(shop: Shop, way: str) -> Iterator[Besieged]:
    """A model with a column of each kind, served to whoever has a key."""
    rows = shoppers(300)
    rows["member"] = np.arange(300) % 3 == 0
    rows["since"] = pd.date_range("2024-01-01", periods=300, freq="7h")
    dates = "\n  feature_engineering: {date_parts: {columns: [since], parts: [month, hour]}}"
    model = {
        "sklearn.linear_model.LogisticRegression\n  hyperparameters: {C: 1.0}": ESTIMATORS[way],
        "target_col: bought}": "target_col: bought}" + dates,
    }
    recipe = shop.recipe("hard", rows, **model)
    assert ml_assets("train", "--recipe-file", recipe, "--json").code == 0
    key, entry = new_key("predict")
    os.environ["ML_ASSETS_API_KEYS"] = entry  # taken back by the shop's environment
    with serving("hard", shop.folder) as server:
        kinds = dict.fromkeys(ROW, "")
        yield Besieged(server, Attacks(ROW, kinds, key))
        err = server.ended()
    assert "Traceback" not in err and "could not be logged" not in err, err[-3_000:]


def refused_in_shape(status: int, content: bytes) -> bool:
    """Whether an answer is a refusal as the page says it."""
    body = json.loads(content)
    return 400 <= status < 500 and set(body) == {"error", "request_id"} and b"Traceback" not in content


def withstands(place: Besieged, count: int) -> None:
    """So many attacks, one after the other; every hundredth is followed by a good request."""
    wrong, statuses = [], Counter[Any]()
    before = place.memory()
    for number, attack in enumerate(place.attacks.each(count)):
        status, content = sent(place.server.port, attack)
        statuses[status] += 1
        head = attack.name.startswith("HEAD")
        if status is None or content.startswith(b"Invalid HTTP request"):
            good = not attack.spoken or "extension" in attack.name
        else:
            good = status == 200 or (status < 500 and (head or refused_in_shape(status, content)))
        if not good:
            wrong.append((attack.name, status, content[:200]))
        if number % 100 == 0:
            place.answers()
    assert wrong == [] and statuses[200] and statuses[400] and statuses[422] and statuses[401]
    place.answers()
    assert place.memory() < before + MORE


def withstands_a_crowd(place: Besieged, slow: int, turns: int) -> None:
    """Connections that do not end their heads, and the largest bodies from 16 senders: all others are answered."""
    before, held = place.memory(), []
    whole = place.attacks.post(place.attacks.good)
    for number in range(slow):
        held.append(socket.create_connection(("127.0.0.1", place.server.port)))
        held[-1].sendall(whole[: 30 + number % 3 * 60])
    large = [attack for attack in place.attacks.structures() if len(attack.parts[0]) > 1 << 20]
    statuses = Counter[Any]()

    def send(number: int) -> None:
        for turn in range(turns):
            statuses[sent(place.server.port, large[(number + turn) % len(large)], 120)[0]] += 1

    senders = [threading.Thread(target=send, args=(number,)) for number in range(16)]
    for sender in senders:
        sender.start()
    while any(sender.is_alive() for sender in senders):
        place.answers()
        assert place.memory() < before + 2 * MORE
    for wire in held:
        wire.close()
    # As many at once as are answered at once, and one good request more: some may be sent away to come again.
    assert set(statuses) <= {400, 413, 422, 503} and statuses.total() == 16 * turns
    assert statuses[503] < 16 * turns / 2
    place.answers()


def test_no_request_does_harm(shop: Shop) -> None:
    with besieged(shop, "compiled") as place:
        withstands(place, 300)
        withstands_a_crowd(place, 40, 1)


@pytest.mark.slow
@pytest.mark.parametrize("way", ESTIMATORS)
def test_no_request_of_thousands_does_harm(shop: Shop, way: str) -> None:
    with besieged(shop, way) as place:
        withstands(place, 2_500)
        withstands_a_crowd(place, 300, 4)


@pytest.mark.extras
def test_what_the_document_allows_is_answered_and_what_it_forbids_refused(shop: Shop) -> None:
    import schemathesis
    from schemathesis import GenerationMode

    with besieged(shop, "compiled") as place:
        predict = schemathesis.openapi.from_dict(place.server.asked("/openapi.json"))["/predict"]["POST"]

        def answered(case: Any) -> tuple[int | None, bytes]:
            body = case.body if isinstance(case.body, bytes) else json.dumps(case.body, default=str).encode()
            return sent(place.server.port, Attack("made", (place.attacks.post(body),)))

        @MANY
        @given(predict.as_strategy(generation_mode=GenerationMode.POSITIVE))
        def allowed(case: Any) -> None:
            assert answered(case)[0] == 200, case.body

        @MANY
        @given(predict.as_strategy(generation_mode=GenerationMode.NEGATIVE))
        def forbidden(case: Any) -> None:
            status, content = answered(case)
            assert status == 200 or refused_in_shape(status or 500, content), (case.body, content)

        allowed()
        forbidden()
        place.answers()
