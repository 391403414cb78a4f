"""`promotion.approval: person` from training to champion: command line, daemon, dashboard and MLflow's database."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest

from ml_assets.lifecycle.approval import look_at_approval
from ml_assets.lifecycle.in_charge import look_at_alias
from ml_assets.registry import champions, persons
from ml_assets.serving.keys import new_key
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.e2e.test_daemon import ticks
from ml_assets_tests.e2e.test_ui import free_ports
from ml_assets_tests.support.command_line import ml_assets, shoppers
from ml_assets_tests.support.daemons import running_daemon
from ml_assets_tests.support.places import BATCH_RECIPE, Place, check_ledger, make_place, wait_for
from ml_assets_tests.support.processes import Program


@pytest.fixture
def waiting(shop: Shop) -> Shop:
    """A first model that has passed, and waits."""
    recipe = shop.recipe("good", shoppers())
    recipe.write_text(recipe.read_text() + "promotion: {approval: person}\n")
    trained = ml_assets("train", "--recipe-file", recipe, "--json").result
    assert (trained["promoted"], trained["outcome"], trained["version"]) == (False, "waits", 1)
    return shop


def test_a_first_model_waits_until_it_is_approved(waiting: Shop) -> None:
    status = ml_assets("status", "good", "--json").result["recipes"][0]
    assert status["status"] == "waits for approval" and status["champion_version"] is None
    for command in ("status", "explain"):
        assert "ml-assets approve good 1 REASON" in ml_assets(command, "good").out
    assert ml_assets("approve", "good", "2", "fine", "--json").code == 1
    approved = ml_assets("approve", "good", "1", "shown to the board", "--json")
    assert approved.code == 0 and approved.result["champion_version"] == 1 and approved.result["changed"]
    again = ml_assets("approve", "good", "1", "shown to the board", "--json")
    assert again.code == 0 and not again.result["changed"]
    assert "approved by" in ml_assets("explain", "good").out
    assert ml_assets("status", "good", "--json").result["recipes"][0]["champion_version"] == 1
    refused = ml_assets("refuse", "good", "1", "too late", "--json")
    assert refused.code == 1 and "does not wait" in refused.message


def test_a_refused_model_stays_out_and_the_reason_is_kept(waiting: Shop) -> None:
    refused = ml_assets("refuse", "good", "1", "not before the holidays", "--json")
    assert refused.code == 0 and "the champion stays: not before the holidays" in refused.result["text"]
    assert not ml_assets("refuse", "good", "1", "again", "--json").result["changed"]
    late = ml_assets("approve", "good", "1", "I like it", "--json")
    assert late.code == 1 and "refused by" in late.message and "not before the holidays" in late.message
    assert ml_assets("status", "good", "--json").result["recipes"][0]["champion_version"] is None
    assert "not before the holidays" in ml_assets("explain", "good").out


def test_pause_resume_and_a_wish_are_kept_with_their_reasons(trained_shop: Shop) -> None:
    for words, said in (
        (("pause", "good", "holidays", "--days", "7"), "paused until"),
        (("pause", "good", "a fair"), "paused until it is resumed by"),
        (("pause", "good", "holidays", "--days", "7"), "(before: paused until it is resumed by"),
        (("resume", "good", "back again"), "trained by itself again"),
        (("resume", "good", "twice"), "nothing was changed"),
        (("retrain", "good", "new shops"), "but no daemon is at work: start `ml-assets ui`"),
    ):
        told = ml_assets(*words, "--json")
        assert told.code == 0 and said in told.result["text"], told
    again = ml_assets("retrain", "good", "new shops, please", "--json")
    assert again.code == 0 and not again.result["changed"]
    assert "for a second time" in again.result["text"] and "new shops;" in again.result["text"]
    for words in (("pause", "good", " "), ("pause", "good", "x", "--days", "-1"), ("retrain", "god", "x")):
        failed = ml_assets(*words, "--json")
        assert failed.code != 0 and json.loads(failed.out.splitlines()[-1])["error"]
    assert ml_assets("pause", "good", "until further notice", "--json").code == 0
    assert "paused until it is resumed by" in ml_assets("status", "good").out


# ---- Whatever happens while version 2 waits: without a yes version 1 stays in charge.

RECIPE = BATCH_RECIPE + "promotion: {approval: person, approval_batches: 1}\n"


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory, mlflow_template: Path) -> Place:
    """Version 1 was approved; the daily batches drift, and version 2 waits."""
    place = make_place(tmp_path_factory.mktemp("asking") / "place", RECIPE, mlflow_template)
    for number in (0, 1):
        place.write(number)
    place.command("backfill", place.name)
    place.command("approve", place.name, "1", "the first one")
    place.write(2, drifted=True)
    place.command("backfill", place.name)
    request = persons.waiting(place.state.ledger, place.name)
    assert request is not None and request.version == 2
    return place


def _daemon_starts_again(place: Place) -> None:
    with place.instance() as instance, running_daemon(place) as daemon:
        for seen in (0, 2):
            wait_for(lambda least=seen: len(ticks(instance, "tide_retrain")) >= least + 2, 180, "ticks")
            daemon.note_children()
            daemon.kill_all()
            if not seen:
                daemon.start()


def _another_challenger(place: Place) -> None:
    answer = place.command("train", "--recipe-file", str(place.recipe))
    assert (answer["version"], answer["outcome"]) == (3, "waits")
    refused = place.command("approve", place.name, "2", "it is fine", code=1)
    assert "version 3 came after it; version 3 waits" in refused["error"]


def _rows_grow_old(place: Place) -> None:
    for number in (3, 4):
        place.write(number, drifted=True)
    place.command("backfill", place.name)
    look_at_approval(place.state)
    refused = place.command("approve", place.name, "2", "it is fine", code=1)
    assert "2 newer batches have come (promotion.approval_batches: 1)" in refused["error"]


def _rolled_back_between(place: Place) -> None:
    place.command("train", "--recipe-file", str(place.recipe))
    assert place.command("promote", place.name, "3", "--force")["champion_version"] == 3
    assert place.command("rollback", place.name)["champion_version"] == 1
    for version in ("2", "3"):
        place.command("approve", place.name, version, "it is fine", code=1)


def _forged_in_mlflow(place: Place) -> None:
    """Who may write to MLflow's database says yes there, and moves the alias."""
    client = place.state.registry.client
    client.set_model_version_tag(place.name, "2", "approved", "ann: shown to the board")
    client.set_registered_model_alias(place.name, "champion", "2")
    for _ in range(2):
        look_at_alias(place.state)
        assert look_at_approval(place.state) is None
    (row,) = place.command("status")["recipes"]
    assert (row["champion_version"], row["status"]) == (1, "alias moved")
    place.command(
        "rollback", place.name, "--to", "1"
    )  # sets the alias back: a decision, after which 2 waits no more


def _without_the_scope(place: Place) -> None:
    """Programs that have no key, or one that may not decide, ask the real dashboard."""
    keys = {"predict": new_key("predict"), "read": new_key("read")}
    (port,) = free_ports(1)
    environ = place.environ | {"ML_ASSETS_API_KEYS": ",".join(entry for _, entry in keys.values())}
    address = f"http://127.0.0.1:{port}"

    def up() -> bool:
        try:
            with urllib.request.urlopen(f"{address}/health") as answer:
                return bool(answer.status == 200)
        except urllib.error.URLError:
            return False

    with Program("ml-assets", "dashboard", "--port", str(port), folder=place.root, environ=environ):
        wait_for(up, 120, "the dashboard")
        form = urlencode({"version": 2, "reason": "it is fine"}).encode()
        headers: dict[str, dict[str, str]] = {
            "": {},
            **{scope: {"Authorization": f"Bearer {key}"} for scope, (key, _) in keys.items()},
        }
        for scope, expected in (("", 401), ("predict", 401), ("read", 403)):
            asked = urllib.request.Request(f"{address}/models/tide/approve", form, headers[scope])
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(asked)
            with refused.value as answer:
                assert answer.code == expected, scope


HAPPENS: dict[str, tuple[Callable[[Place], None], bool]] = {
    "the daemon starts again": (_daemon_starts_again, True),
    "another challenger comes": (_another_challenger, False),
    "the rows that spoke for it grow old": (_rows_grow_old, False),
    "another is promoted and rolled back": (_rolled_back_between, False),
    "tag and alias are forged in MLflow": (_forged_in_mlflow, False),
    "a key lacks the scope": (_without_the_scope, True),
}
"""What happens, and whether version 2 can be approved after it."""


@pytest.mark.slow
@pytest.mark.parametrize(("happens", "waits"), HAPPENS.values(), ids=HAPPENS)
def test_without_a_yes_the_champion_stays(
    asking: Place, tmp_path: Path, happens: Callable[[Place], None], waits: bool
) -> None:
    place = asking.copy(tmp_path / "place")
    happens(place)
    ledger, name = place.state.ledger, place.name
    promoted = [e for e in ledger.find(name, ["promote"], state="done") if not e.record.get("forced")]
    assert [entry.to_version for entry in promoted] == [1]
    assert champions.champion_version(ledger, name) == 1
    assert [entry.to_version for entry in ledger.find(name, ["approve"])] == [1]
    check_ledger(place.state)
    if waits:
        answer = place.command("approve", name, "2", "shown to the board")
        assert answer["champion_version"] == 2, "a yes is all that was wanting"


def test_history_is_walked_to_its_end_where_trainings_are_only_suggested(
    tmp_path: Path, mlflow_template: Path
) -> None:
    recipe = BATCH_RECIPE.replace("max_age: off}", "max_age: off, mode: suggest}")
    place = make_place(tmp_path / "place", recipe, mlflow_template)
    for number in (0, 1):
        place.write(number)
    walked = place.command("backfill", place.name)
    assert [row["decision"] for row in walked["batches"]][-1] == "suggest"
    assert walked["retrains"] == 0 and not champions.champions(place.state.ledger, place.name)
