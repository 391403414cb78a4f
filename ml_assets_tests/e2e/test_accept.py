"""`ml-assets accept`: a fault that was meant is the new normal, live, in training, in a replay; undone, it is one."""

from __future__ import annotations

from typing import Any

import pytest

from ml_assets.backtest.fits import Fits, fixed_fit
from ml_assets.backtest.replay import Reports
from ml_assets.backtest.succession import Serving
from ml_assets.cli.models import known_state
from ml_assets.lifecycle.backtest import stream_of_store
from ml_assets.records import DriftReport, TrainedModel
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.e2e.test_questions import RECIPE, arrive, put, status
from ml_assets_tests.support.command_line import ml_assets
from ml_assets_tests.support.places import day, rows

NEW = 3
"""The day from which a column comes in another unit."""


def changed(number: int) -> dict[str, Any]:
    return {"c": rows(number, drifted=False)["c"] * 1000}


def accept(*arguments: str) -> Any:
    return ml_assets("accept", "tide", *arguments, "--json")


@pytest.mark.slow  # 36 s of CPU: some twenty commands
def test_a_fault_that_was_meant_is_the_new_normal_until_it_is_taken_back(shop: Shop) -> None:
    shop.write("tide.yaml", RECIPE)
    for number in range(NEW):
        put(shop, number, rows(number, drifted=False))
    assert arrive(shop, NEW, **changed(NEW))["decision"] == "blocked"
    row, text = status()
    assert row["status"] == "fault" and "`ml-assets accept NAME BATCH REASON`" in text

    # What is refused, in words.
    assert f"there are {day(0)} to {day(NEW)}" in accept(day(9), "so it is").message
    assert "say why" in accept(day(NEW), " ").message
    assert "is not accepted (accepted: none)" in accept(day(NEW), "an error", "--undo").message

    # Confirmed: the batch is judged anew, and a training may learn it.
    state = known_state("tide")
    assert day(NEW) not in state.window(day(NEW), healthy=True)
    result = accept(day(NEW), "the meter tells grams").result
    assert (result["changed"], result["judged_anew"], result["accepted"]) == (True, [day(NEW)], [day(NEW)])
    assert "1,000 times its usual size" in result["found"] and "confirmed as the new normal" in result["now"]
    assert not accept(day(NEW), "once more").result["changed"]
    state = known_state("tide")
    assert state.window(day(NEW), healthy=True) == [day(NEW)]
    row, text = status()
    assert row["status"] == "degraded" and "the meter tells grams" in " ".join(row["notes"])
    explained = ml_assets("explain", "tide").out
    assert f"{day(NEW)} is accepted as the new normal" in explained

    # Those after it: as it is no fault, another change is one.
    assert arrive(shop, NEW + 1, **changed(NEW + 1))["faults"] == []
    broken = arrive(shop, NEW + 2, **changed(NEW + 2), d=rows(NEW + 2, drifted=False)["d"] * 1000)
    assert len(broken["faults"]) == 1 and "'d'" in broken["faults"][0]

    # A replay is told the same, and reports the same.
    state = known_state("tide")
    stream = stream_of_store(state)
    assert stream.accepted == (day(NEW),)
    first = state.store.read_record("trained_model", day(1), TrainedModel)
    fits = Fits(stream, fixed_fit(state.recipe, first.training))
    reports = Reports(fits)
    serving = Serving(fits.of(tuple(first.batches)), day(1), 1)
    for number in range(2, NEW + 2):
        live = state.store.read_record("drift_report", day(number), DriftReport)
        again = reports.drift(serving, day(number))
        assert (again.status, again.faults) == (live.status, live.faults), day(number)

    # Taken back: what was a fault is one again, for as long as its rows are those.
    undone = accept(day(NEW), "it was an error after all", "--undo").result
    assert (undone["learned_by"], undone["accepted"]) == (None, [])
    assert undone["judged_anew"] == [day(NEW + 2)]  # version 2 has learned the day before
    state = known_state("tide")
    assert state.window(day(NEW), healthy=True) == [day(NEW - 1)]
    put(shop, NEW, rows(NEW, drifted=False))  # mended
    arrive(shop, NEW + 3)
    state = known_state("tide")
    assert state.window(day(NEW), healthy=True) == [day(NEW)]
    told = " ".join(
        ml_assets("explain", "tide", "--decision", str(entry.id)).out
        for entry in state.ledger.entries("tide", "accept")
    )
    assert "was told to take what it found for the new normal" in told and "no longer" in told
