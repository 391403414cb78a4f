"""`ml-assets serve`: a real server under load, while versions take over from one another."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections import Counter

import numpy as np
import pytest

from ml_assets.cli.models import known_state
from ml_assets.evaluation.evaluate import predict
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.e2e.test_ui import free_ports
from ml_assets_tests.support.command_line import ml_assets, shoppers
from ml_assets_tests.support.places import wait_for
from ml_assets_tests.support.processes import Program

CALLERS = 4


def asked(port: int, path: str, body: object = None) -> dict[str, object]:
    """One request on its own connection."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", data, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        answer: dict[str, object] = json.load(response)
    return answer


def test_no_request_fails_while_champions_change_and_each_answer_is_its_versions(trained_shop: Shop) -> None:
    recipe = trained_shop.folder / "good.yaml"
    recipe.write_text(recipe.read_text().replace("C: 1.0", "C: 0.001"))
    assert ml_assets("train", "--recipe-file", recipe, "--json").code == 0
    state = known_state("good")
    raw = shoppers(50, 9)[["age", "spent", "channel"]]
    clean = state.store.read_frame("cleaned_features", "all").head(50)
    rows = json.loads(raw.to_json(orient="records"))
    assert list(clean.columns[:3]) == list(raw.columns)
    shares = {
        version: predict(
            state.registry.files.load("good", version), raw.astype(clean.dtypes[raw.columns])
        ).filter(like="probability")
        for version in (1, 2)
    }
    assert not np.allclose(shares[1], shares[2])

    (port,) = free_ports(1)
    environ = os.environ | {"ML_ASSETS_SERVING_ENABLED": "true"}
    with Program(
        "ml-assets", "serve", "good", "--port", str(port), folder=trained_shop.folder, environ=environ
    ) as server:

        def up() -> bool:
            try:
                return asked(port, "/ready")["version"] == 1
            except urllib.error.URLError:
                return False

        wait_for(up, 120, "the server")
        stopped, answered, wrong = threading.Event(), Counter[object](), list[str]()

        def call() -> None:
            while not stopped.is_set():
                try:
                    answer = asked(port, "/predict", {"rows": rows, "probabilities": True})
                except Exception as error:  # noqa: BLE001 - any of them is a failed request
                    wrong.append(repr(error))
                    return
                answered[answer["version"]] += 1
                expected = shares[answer["version"]]  # type: ignore[index]
                for name in expected.columns:
                    found = [
                        one["probabilities"][name.removeprefix("probability_")]
                        for one in answer["predictions"]
                    ]  # type: ignore[attr-defined]
                    if not np.allclose(found, expected[name], atol=1e-9):
                        wrong.append(f"other numbers than version {answer['version']}")

        callers = [threading.Thread(target=call) for _ in range(CALLERS)]
        for caller in callers:
            caller.start()
        for version, others in ((2, ("promote", "good", "2", "--force")), (1, ("rollback", "good"))):
            assert ml_assets(*others, "--json").code == 0
            wait_for(
                lambda version=version: asked(port, "/ready")["version"] == version, 60, "the new version"
            )
            time.sleep(0.5)
        stopped.set()
        for caller in callers:
            caller.join()
        assert wrong == [] and set(answered) == {1, 2}
        os.kill(server.pid, signal.SIGINT)
        out, err = server.output(60)
        assert server.returncode == 0, err
        assert "version 2 answers now, in place of version 1" in err and "Traceback" not in err + out


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
