"""What a person on call asks after a rollback, a refused batch and a fault, and what command and pages answer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.cli.models import known_state
from ml_assets.lifecycle.batch_page import batch_facts
from ml_assets.settings import read_settings
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import ml_assets
from ml_assets_tests.support.places import BATCH_RECIPE, day, listed_runs, rows
from ml_assets_tests.support.questions import QUESTIONS, ask_all
from ml_assets_tests.support.reports import records_of, told_by

RECIPE = (
    BATCH_RECIPE.replace('"*.csv"', '"tide/*.csv"').replace(
        "evaluation: {", "evaluation: {segments: [shop], "
    )
    + "quality: {rows: [{columns: [b], min: -50}]}\n"
)
REFUSED, FAULTY = 4, 5
ODD = 3
"""Day with a row that breaks a rule."""


def arrive(shop: Shop, number: int, *, drifted: bool = False, **changed: Any) -> dict[str, Any]:
    """Let a day's rows arrive and the model look at them."""
    frame = rows(number, drifted).assign(**changed)
    frame = frame.drop(columns=[name for name, value in changed.items() if value is None])
    put(shop, number, frame)
    walked = ml_assets("backfill", "tide", "--to", day(number), "--json")
    assert walked.code == 0, walked.err
    return walked.result["batches"][-1]


def put(shop: Shop, number: int, frame: pd.DataFrame) -> None:
    (shop.folder / "tide").mkdir(exist_ok=True)
    frame = frame.assign(shop=np.resize(["north", "south"], len(frame)))
    if number == ODD:
        frame.loc[7, "b"] = -99.0
    frame.to_csv(shop.folder / "tide" / f"{day(number)}.csv", index=False)


def status() -> tuple[dict[str, Any], str]:
    [row] = [row for row in ml_assets("status", "--json").result["recipes"] if row["name"] == "tide"]
    return row, ml_assets("status", "tide").out


def test_ten_questions(shop: Shop) -> None:
    shop.write("tide.yaml", RECIPE)
    for number in range(3):
        put(shop, number, rows(number, drifted=number == 2))
    arrive(shop, 3, drifted=True)
    before, _ = status()
    assert (before["champion_version"], before["status"]) == (2, "healthy")
    assert ml_assets("rollback", "tide", "--json").result["champion_version"] == 1

    # After the rollback: which version serves, since when, who did it, how good is it, is it healthy?
    row, text = status()
    assert (row["champion_version"], row["status"]) == (1, "no report yet")
    assert row["live_batch"] != before["live_batch"] and row["live_score"] != before["live_score"]
    assert f"the reports of {day(3)} speak of version 2" in text
    assert f"no batch since {day(3)}: the next was to be there on" in " ".join(row["notes"])
    assert f"home: {shop.home}" in text
    explained = ml_assets("explain", "tide").out
    assert f"In charge: version 1, trained as of {day(1)}" in explained
    assert "(command line): tide went back from version 2 to version 1: asked for" in explained
    assert "reports on version 2 say nothing of version 1" in explained
    assert f"{row['holdout_score']:.4g} on its hold-out" in explained
    # Does the asset `champion` say so, too?
    assert champion_shown(shop) == (1, "version 1 is in charge")

    # A batch that was refused: was it taken in, why not, what is to be done?
    arrive(shop, REFUSED, c=None)
    row, text = status()
    assert (row["champion_version"], row["status"]) == (1, "batch refused")
    assert day(REFUSED) in text and "'c'" in row["why"]
    assert "what to do: mend the source, then send the batch again" in text
    assert "Now: batch refused" in ml_assets("explain", "tide").out

    # A fault: what is broken, why is nothing trained, what is to be done?
    arrive(shop, FAULTY, a=rows(FAULTY, False)["a"] * 1000)
    row, text = status()
    assert (row["champion_version"], row["status"]) == (1, "fault")
    assert "column 'a' is 1,000 times its usual size" in row["why"]
    assert "what to do: mend the feed" in text
    reports_say_what_the_records_say()
    told = known_state("tide").ledger.find("tide", ["alert"], batch=day(FAULTY))
    assert [entry.record["event"] for entry in told] == ["fault"], "a person on call is called once"
    explained = ml_assets("explain", "tide").out
    assert "was kept from training" in explained and "a model must not learn them" in explained

    # What do the pages say to ten such questions?
    ask_all(read_settings(), "tide", {"tide"})

    # What does MLflow's list say of each batch, and of the training?
    names = [run.info.run_name for run in listed_runs(known_state("tide").registry.client, "tide")]
    assert names[0].startswith(f"fault · {day(FAULTY)}")
    assert any(name.startswith("v2 champion · ") for name in names)


def test_the_manual_lists_the_questions_that_are_asked_here() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "dashboard.md").read_text()
    table = manual.partition("## Ten questions")[2].partition("\n## ")[0]
    listed = [row.split("|")[1].strip() for row in re.findall(r"^\|.*\|$", table, re.M)[2:]]
    assert listed == list(QUESTIONS) and len(listed) == 10


def reports_say_what_the_records_say() -> None:
    """The report of each version and batch, by the command."""
    state = known_state("tide")
    for batch in (day(FAULTY), day(3), day(REFUSED)):
        found = [
            ml_assets("report", "tide", "--batch", batch, "--format", kind, "--json")
            for kind in ("html", "md")
        ]
        assert not [each.message for each in found if each.code]
        told_by(batch_facts(state, batch), *(Path(each.result["file"]).read_text() for each in found))
    text = Path(ml_assets("report", "tide", "--batch", day(FAULTY), "--format", "md").out.strip()).read_text()
    assert "column 'a' is 1,000 times its usual size" in text and "was kept from training" in text
    assert "No rows were taken in." in Path(found[1].result["file"]).read_text()
    for version in (1, 2):
        paths = [
            ml_assets("report", "tide", "--version", str(version), "--format", kind)
            for kind in ("html", "md")
        ]
        by_then = {"rows that had come by then": [300 * days for days in range(5)]}
        told_by(records_of(state, version) | by_then, *(Path(each.out.strip()).read_text() for each in paths))
    assert "(registered: 1, 2)" in ml_assets("report", "tide", "--version", "9", "--json").message
    assert (
        f"(taken in: {day(0)} to {day(FAULTY)}"
        in ml_assets("report", "tide", "--batch", "x", "--json").message
    )


def champion_shown(shop: Shop) -> tuple[Any, Any]:
    import dagster as dg

    from ml_assets.orchestration.runs import open_instance

    with open_instance(read_settings()) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey(["tide", "champion"]))
        assert event is not None and event.asset_materialization is not None
        metadata = event.asset_materialization.metadata
        return metadata["champion_version"].value, str(metadata["reason"].value).partition(":")[0]


def attempts(name: str) -> list[str]:
    from ml_assets.orchestration.history import read_history
    from ml_assets.orchestration.runs import open_instance

    with open_instance(read_settings()) as instance:
        return [each.outcome for each in read_history(instance, known_state(name)).attempts]


@pytest.fixture
def renamed(shop: Shop) -> Shop:
    """Two models are trained; then the recipe of one has another name."""
    (shop.folder / "good.yaml").unlink()
    shop.write("tide.yaml", RECIPE)
    for number in range(2):
        put(shop, number, rows(number, drifted=False))
    arrive(shop, 2)
    (shop.folder / "tide.yaml").unlink()
    return shop


def test_a_model_whose_recipe_is_gone_is_shown_and_can_be_renamed(renamed: Shop) -> None:
    row, text = status()
    assert (row["champion_version"], row["status"]) == (1, "recipe missing")
    assert "ml-assets rename" in text
    refused = ml_assets("rename", "tide", "ebb", "--json")
    assert refused.code == 2 and "there is no model 'ebb'" in refused.message
    renamed.write("ebb.yaml", RECIPE.replace("name: tide", "name: ebb"))
    before = ml_assets("explain", "tide", "--json")
    assert before.code == 2 and "no recipe has this name any more" in before.message
    ml_assets("status")
    moved = ml_assets("rename", "tide", "ebb", "--json")
    assert moved.result == {"name": "ebb", "from_name": "tide", "champion_version": 1}
    [row] = ml_assets("status", "--json").result["recipes"]
    assert (row["name"], row["champion_version"], row["status"]) == ("ebb", 1, "healthy")
    again = ml_assets("rename", "tide", "ebb", "--json")
    assert again.result == moved.result
    assert attempts("ebb") == ["promote"]  # cooldown and budget go on
    put(renamed, 3, rows(3, drifted=True))
    walked = ml_assets("backfill", "ebb", "--json").result  # goes on where it was, and the champion predicts
    assert [batch["promoted"] for batch in walked["batches"]] == [None, 1, None, 2]
    # Back to the old name, and on again: whatever happened under either name is there.
    for old, new in (("ebb", "tide"), ("tide", "ebb")):
        (renamed.folder / f"{old}.yaml").unlink()
        renamed.write(f"{new}.yaml", RECIPE.replace("name: tide", f"name: {new}"))
        for _ in range(2):
            moved = ml_assets("rename", old, new, "--json")
            assert moved.result == {"name": new, "from_name": old, "champion_version": 2}, moved.err
        assert attempts(new) == ["promote", "promote"]
        again = ml_assets("backfill", new, "--json").result
        assert [batch["promoted"] for batch in again["batches"]] == [None, 1, None, 2]
        assert [info.version for info in known_state(new).registry.versions(new)] == [1, 2]
