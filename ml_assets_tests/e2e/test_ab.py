"""`ml-assets ab`: from the first request to a new champion, by the labels of a later batch, through kills."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.cli.models import known_state
from ml_assets.lifecycle import experiment_looks
from ml_assets.registry import charge, experiments
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import SMALL, ml_assets
from ml_assets_tests.support.places import wait_for
from ml_assets_tests.support.served import Server, serving

SECTIONS = """\
batches: {column: day, period: daily}
retraining: {enabled: false}
training: {window: all, first: 1}
monitoring: {min_rows: 50}
"""
BATCHES = ("2024-01-01", "2024-01-02", "2024-01-03")


def visitors(day: str, rows: int, seed: int, sign: int = 1) -> pd.DataFrame:
    """Customers of a day who buy by their age; `sign` turns round who does."""
    random = np.random.default_rng(seed)
    age = random.integers(18, 80, rows)
    buys = random.random(rows) < 1 / (1 + np.exp(-sign * (age - 48) / 8))
    at = pd.Timestamp(day) + pd.to_timedelta(np.sort(random.integers(0, 86_000, rows)), unit="s")
    return pd.DataFrame(
        {
            "customer": [f"c{seed}_{number}" for number in range(rows)],
            "day": at,
            "age": age,
            "spent": random.gamma(2.0, 30.0, rows).round(2),
            "bought": buys.astype(int),
        }
    )


@pytest.fixture
def two_versions(shop: Shop) -> Shop:
    """Version 1, of a day when the old bought, in charge; version 2 has learned a day on which the young do."""
    data = shop.folder / "days"
    data.mkdir()
    visitors(BATCHES[0], 400, 1).to_csv(data / "1.csv", index=False)
    text = SMALL.format(name="good", data="days").replace("training: {window: all}\n", SECTIONS)
    text = text.replace("target_col: bought", "target_col: bought, entity_cols: [customer]")
    recipe = shop.write("good.yaml", text)
    assert ml_assets("train", "--recipe-file", recipe, "--json").result["promoted"]
    visitors(BATCHES[1], 1_500, 2, sign=-1).to_csv(data / "2.csv", index=False)
    assert ml_assets("backfill", "good", "--json").code == 0
    trained = ml_assets("train", "--recipe-file", recipe, "--json").result
    assert trained["version"] == 2
    if trained["promoted"]:
        assert ml_assets("rollback", "good", "--json").code == 0
    return shop


def requests_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        frame.drop(columns="bought").to_json(orient="records", date_format="iso")
    )
    return found


def followed(server: Server) -> None:
    wait_for(lambda: server.asked("/metadata")["experiment"] is not None, 60, "the experiment")


def test_a_winner_by_late_labels_is_promoted_by_the_gate_and_a_kill_changes_nothing(
    two_versions: Shop,
) -> None:
    started = ml_assets(
        "ab", "start", "good", "2", "--labels", "600", "--reason", "the young buy now", "--json"
    )
    assert started.code == 0 and started.result["entity"] == ["customer"], started.err
    again = ml_assets("ab", "start", "good", "2", "--json")
    assert again.code == 1 and "is running since" in again.message
    later = visitors(BATCHES[2], 800, 3, sign=-1)
    rows = requests_of(later)
    arms: dict[str, str] = {}
    with serving("good", two_versions.folder) as server:
        followed(server)
        for first in range(0, len(rows), 20):
            answer = server.asked("/predict", {"rows": rows[first : first + 20]})
            for row, one in zip(rows[first : first + 20], answer["predictions"], strict=True):
                arms[row["customer"]] = one["arm"]
                assert one["version"] == {"champion": 1, "challenger": 2}[one["arm"]]
        os.kill(server.program.pid, signal.SIGTERM)
        server.program.wait(60)
    assert 300 < list(arms.values()).count("challenger") < 500
    waiting = ml_assets("ab", "status", "good", "--json").result
    assert waiting["running"] and [each["labelled"] for each in waiting["results"]] == [0, 0]
    assert sum(each["rows"] for each in waiting["results"]) == 800

    told = ml_assets("status", "good").out
    assert "version 2 gets 0.5 of the keys (customer)" in told and "0 of its rows have labels" in told

    later.to_csv(two_versions.folder / "days" / "3.csv", index=False)
    state = known_state("good")
    with pytest.MonkeyPatch.context() as patch:  # killed between the verdict and the promotion
        patch.setattr(experiment_looks, "_promoted", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert ml_assets("backfill", "good", "--json").code != 0
    champion = state.registry.champion("good")
    found = experiments.newest(state.ledger, "good")
    assert champion is not None and champion.version == 1 and found is not None and found[1] is not None

    result = ml_assets("ab", "status", "good", "--json").result
    assert result["ended"]["how"] == "winner" and result["gate"]["outcome"] == "promote", result
    assert [each["labelled"] for each in result["results"]] == [
        list(arms.values()).count(name) for name in ("champion", "challenger")
    ]
    assert result["ratio_p"] > 0.01
    assert ml_assets("status", "good", "--json").result["recipes"][0]["champion_version"] == 2
    told = ml_assets("explain", "good").out
    assert "it is surely better" in told and "has it as winner" in told
    entries = state.ledger.newest_id()
    assert ml_assets("ab", "status", "good", "--json").result["gate"] == result["gate"]
    assert state.ledger.newest_id() == entries  # a further look writes nothing
    stopped = ml_assets("ab", "stop", "good", "enough", "--json").result
    assert not stopped["changed"]


def test_what_cannot_be_compared_is_said_in_one_line(trained_shop: Shop) -> None:
    recipe = trained_shop.folder / "good.yaml"
    recipe.write_text(recipe.read_text().replace("C: 1.0", "C: 0.5"))
    assert ml_assets("train", "--recipe-file", recipe, "--json").result["version"] == 2
    for arguments, words in (
        (("1",), "another one than the champion"),
        (("2", "2"), "there once"),
        (("7",), "no version 7"),
        (("2", "--split", "1.5"), "at most 1"),
        (("2", "--shadow", "--split", "0.5"), "leave out --split"),
        (("2", "--canary", "1:0.5"), "from hour 0 on"),
        (("2", "--canary", "0:0.5,2:0.1"), "both growing"),
        (("2", "--labels", "3"), "100 or more"),
        (("2", "--reason", " "), "say why"),
    ):
        failed = ml_assets("ab", "start", "good", *arguments, "--json")
        assert failed.code != 0 and words in failed.message, failed
    assert "no version was compared" in ml_assets("ab", "status", "good").out
    assert ml_assets("ab", "stop", "good", "enough", "--json").code == 1
    started = ml_assets("ab", "start", "good", "2", "--canary", "0:0.01,24:0.5", "--json").result
    assert "0.01 of the requests (the recipe names no entity)" in started["text"]
    state = known_state("good")
    charge.promote(state.registry, "good", 2, expected_champion=1, reason="by hand", actor="a test")
    assert ml_assets("ab", "status", "good", "--json").result["ended"]["how"] == "overtaken"
