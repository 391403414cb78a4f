"""The pages in a real browser: what a person clicks is in the ledger, and nobody is left out by how they are made."""

from __future__ import annotations

import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks.fleet import day, make_fleet
from ml_assets.cli.dashboard import ACTS, access_of, source_of
from ml_assets.lifecycle.state import ModelState
from ml_assets.pages.app import build_app
from ml_assets.pages.fleet import Fleet
from ml_assets.recipe.loading import load_recipe
from ml_assets.registry import champions, persons
from ml_assets.registry.ledger import Entry, Ledger
from ml_assets.settings import Settings, read_settings
from ml_assets.store.snapshots import Store
from ml_assets_tests.support import homes
from ml_assets_tests.support.approvals import wait_for_approval
from ml_assets_tests.support.pages import client_of, within
from ml_assets_tests.support.questions import ask_all
from ml_assets_tests.support.registry_workers import open_registry, promote, register

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


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """Serve the pages of a home; their address."""
    import uvicorn

    fleet = Fleet(source_of(settings, None))
    fleet.look()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = uvicorn.Config(build_app(fleet, access_of(settings), ACTS), port=port, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(30)


@pytest.fixture
def address(state: ModelState) -> Iterator[str]:
    with served(state.settings) as address:
        yield address


@pytest.fixture
def page() -> Iterator[Any]:
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
    ledger, began = Ledger(state.settings.ledger), datetime.now(UTC)
    page.goto(address)
    assert "1 of 1 model needs you." in page.locator("h1").inner_text()

    def found(entry: Entry | None, reason: str, *versions: int) -> None:
        """Who, when and why are in the entry, and on its page."""
        assert entry is not None and reason in entry.reason
        assert entry.actor.endswith("(page)") and entry.to_version in (versions or (None,))
        assert began - timedelta(seconds=1) <= datetime.fromisoformat(entry.at) <= datetime.now(UTC)
        page.goto(f"{address}/models/churn/decisions/{entry.id}")
        told = page.locator("main").inner_text()
        assert reason in told and entry.actor in told and entry.at[:16].replace("T", " ") in told

    assert "Done" in say(page, address, "approve", "shown to the board")
    found(champions.last_change(ledger, "churn"), "shown to the board", 2)
    found(ledger.last("churn", ["approve"]), "shown to the board", 2)
    assert "Done" in say(page, address, "rollback", "complaints from the shops")
    entry = champions.last_change(ledger, "churn")
    assert entry is not None and entry.kind == "rollback"
    found(entry, "complaints from the shops", 1)
    for act, kind, reason in (
        ("pause", "pause", "holidays"), ("resume", "resume", "back"), ("retrain", "ask_training", "new shops"),
    ):  # fmt: skip
        assert "Done" in say(page, address, act, reason)
        found(ledger.last("churn", [kind]), reason)
    told = say(page, address, "retrain", "once more")
    assert "Nothing was changed" in told and "for a second time" in told and "new shops" in told
    wait_for_approval(state, 3)
    time.sleep(6)  # the pages look every five seconds
    assert "Done" in say(page, address, "refuse", "not before the holidays")
    assert champions.champion_version(ledger, "churn") == 1
    found(ledger.last("churn", ["refuse"]), "not before the holidays", 3)


def kind_of(path: str) -> str:
    """Kind of a page, by its address."""
    path = re.sub(r"/models/\w+", "/models/NAME", path.partition("?")[0])
    return re.sub(r"(decisions|batches|versions)/[^/]+", r"\1/N", path)


def faults(page: Any) -> list[str]:
    """What axe calls serious or critical on the page that is open, and how far it scrolls sideways."""
    found = axe.Axe().run(page).response["violations"]
    told = [
        f"{each['id']}: {each['nodes'][:2]}" for each in found if each["impact"] in ("serious", "critical")
    ]
    return told + sideways(page)


def sideways(page: Any) -> list[str]:
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [f"scrolls {wide} px sideways"] if wide > 0 else []


LOOKS = (("light", 1600), ("dark", 400), ("dark", 1600), ("light", 400))
EACH = 3
"""Pages of one kind that axe looks at in every way; all are looked at for their width."""


def see_all(page: Any, address: str, paths: list[str]) -> None:
    """Open pages dark and light, wide and narrow: nobody is left out."""
    kinds: dict[str, list[str]] = {}
    for path in paths:
        kinds.setdefault(kind_of(path), []).append(path)
    wanted = {path for same in kinds.values() for path in same[-EACH:]}
    found = {}
    for scheme, width in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        for path in paths:
            if path in wanted or scheme == "light":
                page.goto(address + path)
                if told := (faults if path in wanted else sideways)(page):
                    found[path, scheme, width] = told
    assert not found


def test_no_page_leaves_anybody_out(state: ModelState, address: str, page: Any) -> None:
    entry = Ledger(state.settings.ledger).find("churn", ["waits"])[0].id
    one = "/models/churn"
    see_all(
        page,
        address,
        ["/", one, f"{one}/decisions/{entry}", f"{one}/batches/2024-01-01", f"{one}/backtest", "/nowhere"],
    )


def test_pages_of_a_fleet(tmp_path: Path, page: Any) -> None:
    settings = Settings(home=tmp_path / "home", recipes=(tmp_path / "recipes",))
    make_fleet(tmp_path / "recipes", settings.home, 120, 3)
    ledger, last = Ledger(settings.ledger), day(2)
    promoted = ledger.find("model_0003", ["promote"])[0]
    with served(settings) as address:
        page.goto(address)
        waiting = sum(persons.waiting(ledger, name) is not None for name in ledger.recipes())
        assert page.locator("h1").inner_text() == f"{waiting} of 120 models need you."
        assert page.locator(".fleet .row:not(.head)").count() == 50
        page.get_by_role("searchbox", name="Model").fill("0093")
        page.get_by_role("button", name="Find").click()
        assert page.locator(".fleet .model a").all_inner_texts() == ["model_0093"]
        page.locator(".fleet .model a").click()
        assert "Version 2 waits for you" in page.locator("main").inner_text()
        assert "Version 1 serves" in page.locator(".lead").inner_text()
        one = "/models/model_0003"
        paths = [
            "/", "/?page=3", "/?level=act", "/?q=nobody", one, f"{one}/decisions/{promoted.id}",
            f"{one}/batches/{last}", f"{one}/backtest", f"{one}/backtest?cooldown=0#whatif",
        ]  # fmt: skip
        see_all(page, address, paths)
        page.goto(address + one + f"/decisions/{promoted.id}")
        assert promoted.reason in page.locator("main").inner_text()
        page.goto(address + one + f"/batches/{last}")
        rows = Store(settings.store / "model_0003").rows("cleaned_features", last)
        assert f"{rows} rows were taken in" in page.locator(".lead").inner_text()


@pytest.mark.slow
def test_pages_of_the_demo(tmp_path: Path, page: Any) -> None:
    settings = homes.walk_the_demo(tmp_path)
    ask_all(settings, "churn", set())
    with client_of(settings) as client:
        paths = sorted(path for path in within(client, 2) if not path.endswith(("/report", "/data")))
    assert {kind_of(path) for path in paths} == {
        "/", "/models/NAME", "/models/NAME/decisions/N", "/models/NAME/batches/N", "/models/NAME/backtest",
    }  # fmt: skip
    ledger = Ledger(settings.ledger)
    with served(settings) as address:
        see_all(page, address, paths)
        page.set_viewport_size({"width": 400, "height": 900})
        for name in ("churn", "iris", "diabetes"):
            page.goto(f"{address}/models/{name}")
            version = champions.champion_version(ledger, name)
            assert f"Version {version} serves" in page.locator(".lead").inner_text()
            assert page.evaluate("document.documentElement.scrollHeight") < 12_000, "on a phone"
        page.goto(f"{address}/models/churn/backtest")
        page.get_by_role("button", name="What would it have done?").click()
        assert "As the recipe has it, it would have trained" in page.locator("main").inner_text()
