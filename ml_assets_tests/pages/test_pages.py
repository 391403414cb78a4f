"""Laws of the pages: each answers whatever a home holds, says what the ledger says, and changes nothing unasked."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from benchmarks.fleet import day, make_fleet, write_backtest
from ml_assets.cli.dashboard import source_of
from ml_assets.pages.access import Access, Proxy
from ml_assets.pages.app import Act
from ml_assets.pages.fleet import Fleet
from ml_assets.pages.policies import Tried
from ml_assets.pages.seen import seen
from ml_assets.records.experiments import Arm, ArmResult, Experiment, Look
from ml_assets.registry import champions, experiments, persons
from ml_assets.registry.ledger import Ledger
from ml_assets.serving.keys import new_key, read_keys
from ml_assets.settings import Settings
from ml_assets.store.snapshots import Store
from ml_assets_tests.support.pages import client_of as asked
from ml_assets_tests.support.pages import links, section

ODD = ("</script><script>alert(1)</script>", "a\x1b[31mred\x00\u202e", "n" * 3_000, "'\"&<>")
MODELS, BATCHES = 24, 4


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("fleet")
    make_fleet(root / "recipes", root / "home", MODELS, BATCHES, ODD)
    return root


@pytest.fixture
def settings(made: Path, tmp_path: Path) -> Settings:
    root = tmp_path / "fleet"
    shutil.copytree(made, root)
    return Settings(home=root / "home", recipes=(root / "recipes",))


def acting(settings: Settings) -> dict[str, Act]:
    """Acts that write to the ledger, without the seconds that the overview of Dagster takes."""

    def pause(name: str, form: Any, by: str) -> dict[str, Any]:
        entry = persons.pause(Ledger(settings.ledger), name, actor=by, reason=form["reason"], days=None)
        return {"entry": entry.id}

    return {"pause": pause}


def client_of(settings: Settings, access: Access | None = None, **more: Any) -> TestClient:
    return asked(settings, access, acting(settings), **more)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with client_of(settings) as client:
        yield client


def every_page(client: TestClient) -> dict[str, str]:
    """All pages that links lead to, from the fleet on."""
    found: dict[str, str] = {}
    waiting = {"/"}
    while waiting:
        address = waiting.pop()
        answer = client.get(address)
        missing = address.endswith(("/report", "/data"))  # nothing was trained here
        assert answer.status_code == (404 if missing else 200), (address, answer.text[:2000])
        found[address] = answer.text
        if answer.headers["content-type"].startswith("text/html") and len(found) < 60:
            waiting |= links(answer.text) - set(found)
    return found


def test_every_link_leads_to_a_page_that_obeys_nothing_it_shows(client: TestClient) -> None:
    pages = every_page(client)
    kinds = {re.sub(r"model_\d+|\d{4}-\d\d-\d\d|\d+", "N", address.partition("?")[0]) for address in pages}
    assert {"/", "/models/N", "/models/N/batches/N", "/models/N/decisions/N", "/style.css"} <= kinds
    for address, text in pages.items():
        assert "<script" not in text and "\x1b" not in text and "\u202e" not in text and "\x00" not in text, (
            address
        )
        assert "n" * 500 not in text, address
        assert "style=" not in text, address


def test_every_chart_has_a_title_and_every_page_its_headers(client: TestClient) -> None:
    for address, text in every_page(client).items():
        if address.endswith(".css"):
            continue
        for svg in re.findall(r"<svg[^>]*>", text):
            assert 'aria-hidden="true"' in svg or 'role="img" aria-label="' in svg, (address, svg)
        assert text.count("<h1") == 1 and "<title>" in text and 'lang="en"' in text, address
    headers = client.get("/").headers
    assert "default-src 'none'" in headers["content-security-policy"] and "script-src" not in str(headers)


def test_the_fleet_says_what_the_ledger_says(client: TestClient, settings: Settings) -> None:
    ledger = Ledger(settings.ledger)
    waiting = [name for name in ledger.recipes() if persons.waiting(ledger, name) is not None]
    text = client.get("/").text
    assert f"{len(waiting)} of {MODELS} models need you." in text
    assert text.count("waits for approval") >= len(waiting)
    urgent = client.get("/?level=act").text
    assert all(f"/models/{name}" in urgent for name in waiting)
    assert "/models/model_0001" in client.get("/?q=0001").text
    assert "No model fits" in client.get("/?q=<b>").text
    for page in ("0", "-1", "99", "x", "9" * 40):
        assert client.get(f"/?page={page}").status_code == 200
    one = client.get("/models/model_0003").text
    assert "Version 2 waits for you" in one and "surely better" in one and "0.8 (0.78–0.82)" in one


@pytest.mark.parametrize(
    "address",
    [
        "/models/nobody", "/models/model_0001/decisions/999999", "/models/model_0001/decisions/x",
        "/models/model_0001/batches/..%2f..%2fledger.db", "/models/model_0001/batches/2031-01-01", "/nowhere",
        "/models/model_0001/versions/9/report", "/models/model_0001/decisions/" + "9" * 40, "/models/%00",
    ],
)  # fmt: skip
def test_what_is_not_there_is_said_on_a_page(client: TestClient, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 404 and "<h1>" in answer.text and "Traceback" not in answer.text


def test_an_entry_is_shown_under_its_own_model_alone(client: TestClient, settings: Settings) -> None:
    entry = Ledger(settings.ledger).find("model_0002", ["promote"])[0].id
    assert client.get(f"/models/model_0002/decisions/{entry}").status_code == 200
    assert client.get(f"/models/model_0001/decisions/{entry}").status_code == 404


def test_an_empty_home_says_how_to_begin(tmp_path: Path) -> None:
    (tmp_path / "recipes").mkdir()
    with client_of(Settings(home=tmp_path / "home", recipes=(tmp_path / "recipes",))) as client:
        answer = client.get("/")
        assert (
            answer.status_code == 200
            and "There is no model yet." in answer.text
            and "ml-assets init" in answer.text
        )


DAMAGE = {
    "cut short": lambda content: content[: len(content) // 2],
    "emptied": lambda _: b"",
    "a digit changed": lambda content: content.replace(b"0.25", b"0.35").replace(b"500", b"501"),
    "no text": lambda _: b"\xff\xfe\x00",
}


@pytest.mark.parametrize("asset", ["drift_report", "performance_report", "cleaned_features"])
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_record_is_said_and_every_page_still_answers(
    settings: Settings, asset: str, damage: Any
) -> None:
    place = sorted((settings.store / "model_0000" / asset).glob(f"{day(BATCHES - 1)}*.json"))[0]
    place.write_bytes(damage(place.read_bytes()))
    with client_of(settings) as client:
        assert client.get("/").status_code == 200
        model = client.get("/models/model_0000")
        assert model.status_code == 200
        if asset != "cleaned_features":
            assert "What could not be read" in model.text and place.name.partition(".")[0] in model.text
        assert client.get(f"/models/model_0000/batches/{day(BATCHES - 1)}").status_code in (200, 503)
        assert client.get("/models/model_0001").status_code == 200


def test_a_broken_recipe_is_a_row_and_takes_no_other_down(settings: Settings) -> None:
    (settings.recipes[0] / "model_0001.yaml").write_text("name: [")
    (settings.recipes[0] / "model_0002.yaml").unlink()
    with client_of(settings) as client:
        text = client.get("/?level=act").text
        assert "broken recipe" in text and "model_0001" in text
        assert client.get("/models/model_0001").status_code == 200
        assert "recipe missing" in client.get("/models/model_0002").text
        assert client.get("/models/model_0001/batches/2024-01-01").status_code == 404


def test_a_model_whose_batches_do_not_come_is_not_healthy(settings: Settings) -> None:
    recipe = settings.recipes[0] / "model_0001.yaml"
    recipe.write_text(recipe.read_text().replace(f", end: {day(BATCHES)}", ""))
    fleet, last = Fleet(source_of(settings, None)), day(BATCHES - 1)
    fleet.look()
    now, one = datetime.now(UTC), fleet.seen["model_0001"]
    assert (one.light.level, one.light.word) == ("watch", f"no batch since {last}")
    due = one.due
    assert due is not None
    early = seen(fleet.models.sound["model_0001"], fleet.source.ledger, due - timedelta(hours=1))
    assert early.light.word == "healthy" and early.until == due, "it is looked at again when it is late"
    fleet.seen["model_0001"] = early
    fleet.look()
    assert fleet.seen["model_0001"].light == one.light
    ended = fleet.seen["model_0002"]
    assert (ended.due, ended.light.level) == (None, "well")
    with client_of(settings) as client:
        text = client.get("/").text
        assert f"none since {last}" in text and "or ask the owner of the source" in text
        assert f"no more: {last} was the last" in text and "overdue" not in text
        assert f"Batches: none since {last}." in client.get("/models/model_0001").text
    paused = persons.pause(fleet.source.ledger, "model_0002", actor="ann", reason="x", days=7)
    until = datetime.fromisoformat(paused.record["until"])
    for at, is_paused in ((now, True), (now + timedelta(days=8), False)):
        found = seen(fleet.models.sound["model_0002"], fleet.source.ledger, at)
        assert (found.paused is not None, found.until == until) == (is_paused, is_paused)


def test_a_page_promises_no_training_that_does_not_come(settings: Settings) -> None:
    ledger = Ledger(settings.ledger)
    todo = {}
    for mode in ("automatic", "off"):
        recipe = settings.recipes[0] / "model_0007.yaml"
        recipe.write_text(recipe.read_text() + f"retraining: {{mode: {mode}}}\n")
        fleet = Fleet(source_of(settings, None))
        fleet.look()
        todo[mode] = fleet.seen["model_0007"].light
        recipe.write_text(recipe.read_text().rpartition("retraining:")[0])
    assert {light.word for light in todo.values()} == {"drifting"}
    assert "by itself if it lasts" in todo["automatic"].todo and "by itself here" in todo["off"].todo
    persons.pause(ledger, "model_0007", actor="ann", reason="a sale", days=None)
    with client_of(settings) as client:
        assert "nothing is trained by itself while it is paused" in client.get("/models/model_0007").text


def test_what_changes_is_seen_at_the_next_look(settings: Settings) -> None:
    fleet = Fleet(source_of(settings, None))
    fleet.look()
    assert fleet.seen["model_0005"].paused is None
    persons.pause(Ledger(settings.ledger), "model_0005", actor="ann", reason="holidays", days=1)
    fleet.look()
    assert fleet.seen["model_0005"].paused is not None
    (settings.recipes[0] / "model_0005.yaml").unlink()
    fleet.look()
    assert fleet.seen["model_0005"].light.word == "recipe missing"


# ---- who may decide


def token_of(client: TestClient, headers: dict[str, str] | None = None) -> str:
    found = re.search(r'name="token" value="(\w+)"', client.get("/models/model_0001", headers=headers).text)
    assert found is not None
    return found[1]


def pauses(settings: Settings) -> list[tuple[str, str]]:
    return [(e.actor, e.reason) for e in Ledger(settings.ledger).entries("model_0001", "pause")]


def test_a_form_of_ours_decides_and_the_ledger_has_who_and_why(
    client: TestClient, settings: Settings
) -> None:
    form = {"token": token_of(client), "reason": "holidays"}
    answer = client.post("/models/model_0001/pause", data=form)
    assert answer.status_code == 303 and answer.headers["location"].startswith("/models/model_0001?done=")
    assert pauses(settings) == [("ann (page)", "holidays")]
    done = client.get(answer.headers["location"]).text
    assert "Done: Was paused by ann (page)" in done and "It is paused" in done


FOREIGN: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "no token": ({"token": ""}, {}),
    "another token": ({"token": "0" * 64}, {}),
    "another site": ({}, {"Sec-Fetch-Site": "cross-site"}),
    "another origin": ({}, {"Origin": "http://evil.example"}),
    "another name of this machine": ({}, {"Host": "evil.example"}),
}


@pytest.mark.parametrize(("fields", "headers"), FOREIGN.values(), ids=FOREIGN)
def test_another_site_cannot_decide(
    client: TestClient, settings: Settings, fields: dict[str, str], headers: dict[str, str]
) -> None:
    form = {"token": token_of(client), "reason": "x", **fields}
    assert client.post("/models/model_0001/pause", data=form, headers=headers).status_code == 403
    assert client.get("/models/model_0001/pause").status_code in (404, 405)
    assert client.post("/models/model_0001/launch", data={**form, "token": token_of(client)}).status_code in (
        403,
        404,
    )
    assert client.post("/models/model_0001/pause", content=b"x" * 100_000).status_code == 413
    assert pauses(settings) == []


def test_keys_open_what_their_scope_says(settings: Settings) -> None:
    made = {scope: new_key(scope) for scope in ("predict", "read", "decide", "admin")}  # type: ignore[arg-type]  # scopes
    access = Access(read_keys(entry for _, entry in made.values()))
    with client_of(settings, access) as client:
        assert client.get("/").status_code == 401 and 'type="password"' in client.get("/").text
        expected = {"predict": (401, 401), "read": (200, 403), "decide": (200, 303), "admin": (200, 303)}
        for scope, (key, _) in made.items():
            headers = {"Authorization": f"Bearer {key}"}
            answers = (
                client.get("/", headers=headers).status_code,
                client.post("/models/model_0001/pause", data={"reason": scope}, headers=headers).status_code,
            )
            assert answers == expected[scope], scope
    assert [reason for _, reason in pauses(settings)] == ["decide", "admin"]
    assert [actor.partition(":")[0] for actor, _ in pauses(settings)] == ["decide", "admin"]


def test_a_sign_in_lasts_in_the_browser_and_cannot_be_forged(settings: Settings) -> None:
    key, entry = new_key("decide")
    with client_of(settings, Access(read_keys([entry]))) as client:
        assert client.post("/sign-in", data={"key": "mla_wrong"}).status_code == 401
        signed = client.post("/sign-in", data={"key": key})
        assert signed.status_code == 303
        assert (
            "HttpOnly" in signed.headers["set-cookie"]
            and "samesite=strict" in signed.headers["set-cookie"].lower()
        )
        assert key not in signed.headers["set-cookie"]
        assert client.get("/").status_code == 200
        assert client.post("/models/model_0001/pause", data={"reason": "x"}).status_code == 403, "no token"
        form = {"token": token_of(client), "reason": "x"}
        assert client.post("/models/model_0001/pause", data=form).status_code == 303
        name, until, signature = client.cookies["ml_assets"].split(".")
        for forged in (
            f"{name}.{int(until) + 1}.{signature}",
            f"{name}.{until}.",
            f"{name}",
            "..",
            f"x.{until}.{signature}",
        ):
            client.cookies.clear()
            client.cookies.set("ml_assets", forged)
            assert client.get("/").status_code == 401


def test_a_proxy_is_believed_from_its_address_alone_and_names_the_deciders(settings: Settings) -> None:
    header = "X-Forwarded-User"
    proxy = Proxy(header, ("10.0.0.9",), ("ann",))
    with client_of(settings, Access(proxy=proxy), client=("10.0.0.9", 1)) as client:
        assert client.get("/").status_code == 403
        for name, expected in (("ann", 303), ("bob", 403)):
            asked = {header: name}
            text = client.get("/models/model_0001", headers=asked).text
            token = re.search(r'name="token" value="(\w+)"', text)
            assert (token is not None) == (expected == 303)
            form = {"token": token[1] if token else "", "reason": "x"}
            assert client.post("/models/model_0001/pause", data=form, headers=asked).status_code == expected
        twice = [(header, "bob"), (header, "ann")]
        assert client.get("/", headers=twice).status_code == 403
    with client_of(settings, Access(proxy=proxy), client=("10.0.0.1", 1)) as client:
        assert client.get("/", headers={header: "ann"}).status_code == 403
    assert [actor for actor, _ in pauses(settings)] == ["ann"]


def test_what_is_compared_on_live_traffic_is_on_the_page_of_its_model(settings: Settings) -> None:
    ledger = Ledger(settings.ledger)
    name = next(each for each in ledger.recipes() if champions.champions(ledger, each))
    version = champions.champions(ledger, name)[-1]
    arms = (
        Arm(name="challenger", version=version + 1, share=0.5),
        Arm(name=ODD[0], version=90, share=0, shadow=True),
    )
    experiment = Experiment(champion=version, arms=arms, salt="x", entity=("customer",))
    with client_of(settings) as client:
        assert "On live traffic" not in client.get(f"/models/{name}").text
        one = experiments.start(ledger, name, experiment, actor="ann", reason=ODD[0])
        page = client.get(f"/models/{name}").text
        assert "No label has come" in page and "Stop it" in page and "gets 0.5 of the keys" in page
        results = (
            ArmResult(name="champion", version=version, rows=900, labelled=800, score=0.71),
            ArmResult(
                name="challenger", version=version + 1, rows=910, labelled=805, score=0.74, gain=0.03, low=-0.01,
                high=0.07, p_value=0.2,
            ),
            ArmResult(name=ODD[0], version=90, note=ODD[3]),
        )  # fmt: skip
        look = Look(outcome="running", reason="so far", metric="accuracy", direction="maximize", arms=results)
        experiments.note(ledger, one, look, actor="experiment")
        page = client.get(f"/models/{name}").text
        assert "0.03 (-0.01 to 0.07)" in page and "not sure yet" in page and "<script" not in page
        assert 'aria-label="Gain in accuracy over the champion: version' in page
        experiments.end(ledger, one, "stopped", actor="ann", reason="enough")
        page = client.get(f"/models/{name}").text
        assert "a person ended it" in page and "Stop it" not in page
        assert client.get(f"/models/{name}/decisions/{one.number}").status_code == 200


# ---- how it was made, what it cost, what if


def test_a_model_says_how_it_was_made_and_what_that_cost(client: TestClient) -> None:
    text = client.get("/models/model_0003").text
    search = section(text, "search")
    assert "20 sets of parameters were tried" in search and "0.795" in search and "0.2 s" in search
    assert search.index("0.795") < search.index("0.79 "), "the best first"
    parts = section(text, "parts")
    assert parts.index("city is Ulm") < parts.index("plan is basic"), "the worst first"
    assert "▼ surely worse; found on the other half of the rows" in parts and "0.8 (0.78–0.82)" in parts
    cost = section(text, "cost")
    assert "All 2 trainings took 10 s, 13 s of CPU." in cost
    assert "1 of them was to replace a model: 0 did, 1 did not, which cost 5 s." in cost
    assert "waits for approval" in cost and "5,000" in cost
    data = section(text, "data")
    assert "Version 1 learned 5,000 rows" in data and "1 % most" not in data
    assert "no 80 %, yes 20 %" in data.replace("\xa0", " ")
    one = section(client.get("/models/model_0001").text, "cost")
    assert "The one training took 5 s, 6.5 s of CPU." in one


def test_curves_of_champion_and_challenger_share_a_frame_and_each_has_its_table(client: TestClient) -> None:
    text = client.get("/models/model_0003").text
    told = section(text, "curves")
    assert "━ version 1, in charge" in told and "┅ version 2, waits for approval" in told
    pictures = re.findall(r'<svg class="curve".*?</svg>', text, re.S)
    assert len(pictures) == 2
    for picture in pictures:
        assert 'class="mine"' in picture and 'class="other"' in picture and 'class="diagonal"' in picture
        assert "version 1, in charge and version 2, waits for approval" in picture
    assert told.count("share that came true") >= 2 and "0.5 (0.45–0.55)" in told
    alone = client.get("/models/model_0001").text
    assert 'class="other"' not in alone and "tossing a coin" in alone


def backtested(settings: Settings, name: str = "model_0003") -> str:
    """A backtest of a model whose reason is odd; gives the address of its page."""
    write_backtest(Store(settings.store / name), BATCHES, ODD[0])
    return f"/models/{name}/backtest"


def test_every_policy_that_is_tried_is_explained(client: TestClient) -> None:
    text = client.get("/models/model_0003/backtest").text
    table = text.partition('aria-label="Policies"')[2].partition("</table>")[0]
    tried = [words.split("<")[0].strip() for words in re.findall(r'<th scope="row">(.*?)</th>', table)]
    told = dict(re.findall(r"<li><b>(.*?)</b>: (.*?)</li>", text))
    assert tried and list(told) == tried and all(told.values())


def test_a_slider_looks_up_what_was_replayed(client: TestClient, settings: Settings) -> None:
    address = backtested(settings)
    own = client.get(address).text
    assert "As the recipe has it, it would have trained 2 times" in section(own, "whatif")
    assert own.count(" checked") == 4 and "<script" not in own
    turned = client.get(address, params={"drift_threshold": "0.05", "cooldown": "0"}).text
    told = section(turned, "whatif")
    assert "So set, it would have trained 2 times in 3 batches" in told and "0.1 (0.05 to 0.2)" in told
    assert "retraining: {drift_threshold: 0.05}" in told and 'class="here"' in turned
    unknown = client.get(address, params={"cooldown": "3"}).text
    assert "is not known: it needs a model fitted on 7 rows, and nothing is fitted for a slider" in unknown
    assert 'class="here"' not in unknown
    left_out = client.get(address, params={"performance_threshold": "0.75"}).text
    assert "was not tried: only those nearest" in left_out and "6 were not" in left_out


def test_settings_of_an_older_backtest_are_not_shown_beside_a_newer_one(
    client: TestClient, settings: Settings
) -> None:
    address = backtested(settings)
    store = Store(settings.store / "model_0003")
    newer = store.read_record("backtest", day(0), Tried).model_copy(update={"batches": BATCHES})
    store.write_record("backtest", day(0), newer)  # killed before it wrote the settings
    page = client.get(address).text
    assert f"{BATCHES} batches" in page and 'id="whatif"' not in page


@pytest.mark.parametrize("value", [*ODD, "", "9" * 4000, "1e999", "nan", "-1", "0.050", "auto"])
def test_a_slider_stays_where_it_is_when_asked_for_what_is_no_stop(
    client: TestClient, settings: Settings, value: str
) -> None:
    answer = client.get(backtested(settings), params={"cooldown": value, "no such": value})
    assert (
        answer.status_code == 200
        and "Rest: " in answer.text
        and "is no stop; there are 0, 1, 3" in answer.text
    )
    assert (
        "As the recipe has it" in answer.text
        and "<script" not in answer.text
        and "n" * 500 not in answer.text
    )
