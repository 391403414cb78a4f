"""What a home has lost, and the way back: a model of before is never mistaken for the one that comes after it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from dagster import DagsterRunStatus

from ml_assets.orchestration.history import read_history
from ml_assets.registry import champions
from ml_assets_tests.support.places import BATCH_RECIPE, Place, check_ledger, check_store, day, make_place

pytestmark = pytest.mark.slow

RECIPE = BATCH_RECIPE.replace("min_rows: 100", "min_rows: 100, label_delay: 1")
WALKED = 6
BAD = {3, 4, 5}
"""Days that are other than what the first model learned; the second one answers for the last of them."""
DATABASES = ("ledger.db*", "mlflow.db*")
LOSSES = {
    "both": (DATABASES, ("train", "--recipe-file", "tide.yaml")),
    "both, and Dagster's": ((*DATABASES, "dagster/history", "dagster/schedules"), ("backfill", "tide")),
}
"""What is lost, and the way back."""


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory, mlflow_template: Path) -> Place:
    place = make_place(tmp_path_factory.mktemp("lost") / "place", RECIPE, mlflow_template)
    for number in range(WALKED):
        place.write(number, number in BAD)
    place.command("backfill", place.name)
    return place


@pytest.mark.parametrize("loss", LOSSES)
def test_a_model_after_the_loss_is_not_taken_for_an_earlier_one(
    walked: Place, tmp_path: Path, loss: str
) -> None:
    place = walked.copy(tmp_path / "copy")
    before = champions.champions(place.state.ledger, place.name)[-1]
    patterns, back = LOSSES[loss]
    for path in [found for pattern in patterns for found in place.home.glob(pattern)]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (row,) = place.command("status")["recipes"]
    assert row["status"] == "no model"
    place.command(*(str(place.recipe) if word == "tide.yaml" else word for word in back))
    numbers = [info.version for info in champions.versions(place.state.ledger, place.name)]
    assert numbers[0] > before  # of the lost models the event log, or the store alone, still speaks
    for number in (WALKED, WALKED + 1):
        place.write(number, drifted=True)
    first = day(WALKED if back[0] == "train" else 0)
    answer = place.command("backfill", place.name, "--from", first)
    fresh = [each for each in answer["batches"] if each["batch"] >= day(WALKED)]
    assert [(each["decision"], each["champion_version"]) for each in fresh] == [("none", numbers[-1])] * 2
    with place.instance() as instance:
        assert {run.status for run in instance.get_runs()} == {DagsterRunStatus.SUCCESS}
        history = read_history(instance, place.state)
    assert history.champion is not None
    told = {b.batch for b in history.batches if b.drift and b.drift.champion_version == numbers[-1]}
    assert told <= {day(WALKED), day(WALKED + 1)} or back[0] == "backfill"
    (row,) = place.command("status")["recipes"]
    assert (row["champion_version"], row["status"]) == (numbers[-1], "healthy")
    place.home.chmod(0o700)
    assert place.command("doctor")["ok"]
    check_ledger(place.state)
    check_store(place.state)
