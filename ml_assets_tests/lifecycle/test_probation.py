"""A promoted model that is bad on live labels goes by itself; the same evidence does not bring it back."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlparse

import numpy as np
import pandas as pd
import pytest

from ml_assets.lifecycle.alerts import tell
from ml_assets.lifecycle.gate import promote_version
from ml_assets.lifecycle.watch import performance_step
from ml_assets.recipe.schema import Retraining
from ml_assets.records import PerformanceReport
from ml_assets.registry import champions, persons
from ml_assets.registry.wording import describe, details
from ml_assets.retraining.breaches import performance_breach
from ml_assets_tests.support.shore import Shore, day


class Beach(Shore):
    """Batches whose meaning may turn round."""

    def arrive(self, number: int, *, turned: bool) -> tuple[str, ...]:
        random = np.random.default_rng(number)
        frame = pd.DataFrame(random.normal(size=(400, 3)), columns=["a", "b", "c"])
        margin = 2.0 * frame["a"] - frame["b"]
        frame["y"] = np.where(
            random.random(400) < 1 / (1 + np.exp(margin if turned else -margin)), "yes", "no"
        )
        self.put(number, frame)
        return self.take_in(number)

    @property
    def champion(self) -> int | None:
        info = self.state.registry.champion("tide")
        written = champions.champion(self.state.ledger, "tide")
        assert (info and info.version) == (written and written.version)
        return info.version if info else None


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, mlflow_template: Path) -> dict[int, Beach]:
    """The beach as it was with each of its champions."""
    root, home = tmp_path_factory.mktemp("beach"), tmp_path_factory.mktemp("home")
    shutil.copyfile(mlflow_template, home / "mlflow.db")
    beach = Beach(root / "recipes", home)
    for number in (0, 1):
        beach.arrive(number, turned=True)
    assert beach.train(1).outcome == "promote"  # learned day 0
    first = beach.copy(root / "first")
    for number in (2, 3):
        beach.arrive(number, turned=False)
    assert beach.train(3).outcome == "promote" and beach.champion == 2
    return {1: first, 2: beach}


@pytest.fixture
def beach(lived: dict[int, Beach], tmp_path: Path) -> Beach:
    return lived[1].copy(tmp_path)


@pytest.fixture
def replaced(lived: dict[int, Beach], tmp_path: Path) -> Beach:
    """The meaning turns round, the gate rightly promotes a second version; what comes then decides."""
    return lived[2].copy(tmp_path)


def test_bad_champion_is_rolled_back_within_probation_and_stays_away(replaced: Beach) -> None:
    ledger = replaced.state.ledger
    assert not any("version 2" in text for text in replaced.arrive(4, turned=True))  # no label of its own yet
    alarms = replaced.arrive(5, turned=True)
    assert any("version 1 would have had" in text for text in alarms)
    assert replaced.champion == 1
    entry = ledger.entries("tide", "rollback")[-1]
    assert (entry.state, entry.actor, entry.from_version, entry.to_version) == ("done", "probation", 2, 1)
    assert entry.batch == day(5) and entry.record["p_value"] < 0.0125
    told = [e.record["event"] for e in ledger.entries("tide", "alert")]
    assert told.count("rollback") == 1
    assert "went back by itself from version 2 to version 1 at batch" in describe(entry)

    performance_step(replaced.state, day(5), replaced.run)  # the same batch reported again
    assert len([e for e in ledger.entries("tide", "rollback") if e.state == "done"]) == 1

    again = replaced.train(3)  # the very rows that spoke for version 2
    assert again.outcome == "inconclusive" and again.rows == 0 and replaced.champion == 1
    assert ledger.entries("tide", "alert")[-1].record["event"] == "promotion_refused"


def test_what_a_replaced_champion_had_answered_is_no_alarm(replaced: Beach) -> None:
    def told() -> list[str]:
        return [e.record["event"] for e in replaced.state.ledger.entries("tide", "alert")]

    before = told()
    assert "breach" in before, "of the batches that version 1 answered while it was in charge"
    replaced.arrive(4, turned=False)
    scored = replaced.state.store.read_record("performance_report", day(4), PerformanceReport)
    assert scored.champion_version == 1 and performance_breach(scored, replaced.state.recipe.retraining)
    assert told() == before


@pytest.mark.parametrize(
    ("mode", "paused", "words"),
    [
        ("automatic", False, "trained again by itself if it lasts"),
        ("automatic", True, "while it is paused"),
        ("suggest", False, "a training is suggested"),
        ("off", False, "nothing is trained by itself here"),
    ],
)
def test_an_alert_promises_no_training_that_does_not_come(
    beach: Beach, caplog: pytest.LogCaptureFixture, mode: str, paused: bool, words: str
) -> None:
    recipe = beach.state.recipe.model_copy(update={"retraining": Retraining.model_validate({"mode": mode})})
    if paused:
        persons.pause(beach.state.ledger, "tide", actor="ann", reason="a sale", days=None)
    assert tell(replace(beach.state, recipe=recipe), "breach", "today", "it is worse", day(1))
    assert words in caplog.text and ("by itself if it lasts" in caplog.text) == (words.endswith("lasts"))


def test_good_champion_passes_probation_and_is_never_looked_at_again(replaced: Beach) -> None:
    for number in (4, 5, 6, 7):
        replaced.arrive(number, turned=False)
    outcomes = [e.record["outcome"] for e in replaced.state.ledger.entries("tide", "probation")]
    assert outcomes == ["watching", "passed"] and replaced.champion == 2
    assert champions.on_probation(replaced.state.ledger, "tide") is None
    replaced.arrive(8, turned=True)
    replaced.arrive(9, turned=True)  # from here on it is the retraining policy's affair
    assert replaced.champion == 2


def test_champion_before_that_was_altered_is_not_brought_back(replaced: Beach) -> None:
    info = replaced.state.registry.version("tide", 1)
    folder = Path(unquote(urlparse(replaced.state.registry.files.location(info.model_uri)).path))
    next(folder.glob("*.pkl")).write_bytes(b"something else")
    replaced.arrive(4, turned=True)
    alarms = replaced.arrive(5, turned=True)
    assert any("sha256" in text for text in alarms)
    assert replaced.champion == 2
    assert replaced.state.ledger.entries("tide", "alert")[-1].record["event"] == "rollback_failed"


def test_first_model_and_rolled_back_one_are_on_no_probation(beach: Beach) -> None:
    for number in (2, 3, 4):
        beach.arrive(number, turned=False)  # a disaster, but there is nothing to go back to
    assert beach.champion == 1 and beach.state.ledger.entries("tide", "probation") == ()


def test_promote_asks_the_gate_on_rows_that_neither_has_seen(replaced: Beach) -> None:
    replaced.arrive(4, turned=False)
    state = replaced.state
    refused, _ = promote_version(state, 1, force=False, actor="ann")
    assert refused.outcome == "keep" and "worse" in refused.reason and replaced.champion == 2
    entry = state.ledger.last("tide", ["keep"])
    assert entry is not None and (entry.from_version, entry.to_version, entry.actor) == (2, 1, "ann")
    assert champions.looks(state.ledger, "tide", 2) == 1
    assert promote_version(state, 1, force=False, actor="ann")[0].looks == 1
    standing, entry = promote_version(state, 2, force=True, actor="ann")
    assert (standing.outcome, standing.forced, entry.to_version) == ("promote", False, 2), (
        "it is in charge already"
    )


def test_forced_promotion_is_marked_and_on_probation(replaced: Beach) -> None:
    replaced.arrive(4, turned=False)
    forced, _ = promote_version(replaced.state, 1, force=True, actor="ann")
    assert forced.forced and replaced.champion == 1
    entry = replaced.state.ledger.last("tide", ["promote"], state="done")
    assert entry is not None and entry.record["forced"] and entry.actor == "ann"
    assert "promoted, forced by hand, version 1 in the place of version 2" in describe(entry)
    replaced.arrive(5, turned=False)
    replaced.arrive(6, turned=False)
    assert replaced.champion == 2  # version 1 was worse on day 5


def test_explanation_of_a_gate_tells_what_was_looked_at(replaced: Beach) -> None:
    entry = replaced.state.ledger.last("tide", ["promote"], state="done")
    assert entry is not None
    text = "\n".join(details(entry))
    for words in (
        "one-sided p < 0.0125",
        "segments: passed",
        "log_loss: passed",
        "latency: passed",
        "size: ",
    ):
        assert words in text
    trained = replaced.state.ledger.last("tide", ["train"], state="done")
    assert trained is not None and "sha256: model " in "\n".join(details(trained))


def test_entry_of_any_kind_has_words() -> None:
    for kind in ("retrain_decision", "keep", "reconcile", "alert", "backfill", "probation", "never heard of"):
        fields = {
            "kind": kind, "recipe": "tide", "state": "done", "actor": "x", "reason": "because", "batch": None,
            "from_version": None, "to_version": None, "record": {}, "at": "2024-01-01T00:00:00", "id": 1,
        }  # fmt: skip
        entry = SimpleNamespace(**fields)
        assert describe(entry).startswith("tide ") and describe(entry).endswith("because")
        assert details(entry)
