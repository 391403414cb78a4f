"""The pages in a real browser: what a person clicks is in the ledger, and nobody is left out by how they are made."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ml_assets.cli.dashboard import ACTS, access_of, source_of
from ml_assets.lifecycle.state import ModelState
from ml_assets.pages.app import build_app
from ml_assets.pages.fleet import Fleet
from ml_assets.recipe.loading import load_recipe
from ml_assets.registry import champions
from ml_assets.registry.ledger import Ledger
from ml_assets.settings import Settings, read_settings
from ml_assets_tests.support.approvals import wait_for_approval
from ml_assets_tests.support.registry_workers import open_registry, promote, register

axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="axe is not installed: the extra `browser`"
)
playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: the extra `browser`"
)
axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="axe is not installed: the extra `browser`"
)
CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.extras,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium"),
]

RECIPE = """\
name: churn
model:
  class_path: sklearn.linear_model.LogisticRegression
  hyperparameters: {C: 1.0}
  loader: {source_uri: "rows/*.csv"}
  data_interface: {task_type: classification, target_col: churned}
hyperparameter_tuning: {enabled: false, metric: roc_auc}
batches: {column: day, period: daily, start: 2024-01-01}
promotion: {approval: person}
"""


WIDTHS = (1600, 400)


@pytest.fixture
def state(mlflow_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelState:
    """Version 1 in charge, version 2 waits."""
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    (recipes / "churn.yaml").write_text(RECIPE)
    monkeypatch.setenv("ML_ASSETS_HOME", str(mlflow_home))
    monkeypatch.setenv("ML_ASSETS_RECIPES", str(recipes))
    settings = Settings(home=read_settings().home, recipes=(recipes,))
    registry = open_registry(settings)
    register(registry, 3)
    promote(registry, 1, None)
    state = ModelState(load_recipe(recipes / "churn.yaml"), recipes / "churn.yaml", settings).beside(
        registry.ledger
    )
    vars(state)["registry"] = registry
    import pandas as pd

    state.store.write_frame("cleaned_features", "2024-01-01", pd.DataFrame({"age": [1.0, 2.0]}))
    wait_for_approval(state, 2)
    return state


@pytest.fixture
def address(state: ModelState) -> Iterator[str]:
    import uvicorn

    fleet = Fleet(source_of(state.settings, None))
    fleet.look()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = uvicorn.Config(build_app(fleet, access_of(state.settings), ACTS), port=port, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(30)


@pytest.fixture
def page(address: str) -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_context(java_script_enabled=True).new_page()
        page.set_default_timeout(120_000)
        yield page
        browser.close()


def say(page: Any, address: str, act: str, reason: str) -> str:
    """Open the page of the model, fill in the form of an act, and press its button; what the page then says."""
    page.goto(f"{address}/models/churn")
    form = page.locator(f"form[action='/models/churn/{act}']")
    form.locator("input[name=reason]").fill(reason)
    form.locator("button").click()
    page.wait_for_load_state()
    return str(page.locator("main").inner_text())


def test_what_a_person_clicks_is_in_the_ledger(state: ModelState, address: str, page: Any) -> None:
    ledger = Ledger(state.settings.ledger)
    page.goto(address)
    assert "1 of 1 model needs you." in page.locator("h1").inner_text()
    assert "Done" in say(page, address, "approve", "shown to the board")
    entry = champions.last_change(ledger, "churn")
    assert entry is not None and entry.to_version == 2 and "shown to the board" in entry.reason
    assert "Done" in say(page, address, "rollback", "complaints from the shops")
    entry = champions.last_change(ledger, "churn")
    assert entry is not None and (entry.kind, entry.to_version) == ("rollback", 1)
    assert entry.reason == "complaints from the shops" and entry.actor.endswith("(page)")
    for act, kind, reason in (
        ("pause", "pause", "holidays"), ("resume", "resume", "back"), ("retrain", "ask_training", "new shops"),
    ):  # fmt: skip
        assert "Done" in say(page, address, act, reason)
        written = ledger.last("churn", [kind])
        assert written is not None and written.reason == reason
    wait_for_approval(state, 3)
    time.sleep(6)  # the pages look every five seconds
    assert "Done" in say(page, address, "refuse", "not before the holidays")
    assert champions.champion_version(ledger, "churn") == 1
    refused = ledger.last("churn", ["refuse"])
    assert refused is not None and refused.to_version == 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_leaves_anybody_out(state: ModelState, address: str, page: Any, scheme: str) -> None:
    entry = Ledger(state.settings.ledger).find("churn", ["waits"])[0].id
    paths = (
        "/",
        "/models/churn",
        f"/models/churn/decisions/{entry}",
        "/models/churn/batches/2024-01-01",
        "/nowhere",
    )
    page.emulate_media(color_scheme=scheme)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for path in paths:
            page.goto(address + path)
            found = axe.Axe().run(page).response["violations"]
            serious = [each["id"] for each in found if each["impact"] in ("serious", "critical")]
            assert serious == [], (path, width, found)
            wide = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert wide <= 0, (path, width, wide)
