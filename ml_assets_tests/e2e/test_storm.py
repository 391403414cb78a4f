"""A walk, the live sensors and a person's commands at once, with kills among them: the laws of a home hold."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ml_assets_tests.support.places import make_place
from ml_assets_tests.support.storm import BEGIN, LIVE_RECIPE, storm

pytestmark = pytest.mark.slow

KILLS, RACES = (
    int(os.environ.get(f"ML_ASSETS_TEST_{kind}", number)) for kind, number in (("KILLS", 6), ("RACES", 4))
)
"""How many; sixty and eighty take some hours."""


@pytest.mark.parametrize("seed", [1])
def test_nothing_is_lost_or_done_twice_whatever_is_killed(
    tmp_path: Path, mlflow_template: Path, seed: int
) -> None:
    place = make_place(tmp_path / "storm", LIVE_RECIPE, mlflow_template)
    for number in range(BEGIN):
        place.write(number)
    place.command("backfill", place.name)
    made = storm(place, seed, KILLS, RACES)
    assert sum(made.killed.values()) == KILLS
