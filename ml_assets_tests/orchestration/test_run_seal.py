"""The tags of a run that decisions read: a changed one is refused, and no run is lost by one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.storage.tags import PARTITION_NAME_TAG, TagType, get_tag_type
from dagster._core.test_utils import create_run_for_test, instance_for_test

from ml_assets.lifecycle.state import ModelState
from ml_assets.names import ACTOR_TAG, AS_OF_TAG, DECISION_TAG, MODEL_TAG, TRAINING_TAG
from ml_assets.orchestration.event_seal import ChangedEventError
from ml_assets.orchestration.history import read_history
from ml_assets.orchestration.run_seal import SEALED, SHOWN_TAG, is_changed, seal
from ml_assets.recipe.loading import load_recipe
from ml_assets.settings import Settings
from ml_assets_tests.support.tide import MODEL

TAGS = {
    AS_OF_TAG: "2024-01-03",
    DECISION_TAG: "tide:2024-01-03:v1:a0",
    MODEL_TAG: "tide",
    PARTITION_NAME_TAG: "2024-01-03",
    TRAINING_TAG: "tide",
}
RUN = "0a0b0c0d-0000-4000-8000-000000000001"


@pytest.fixture
def state(tmp_path: Path) -> ModelState:
    path = tmp_path / "tide.yaml"
    path.write_text(MODEL + "batches: {column: day, period: daily, start: 2024-01-01}\n")
    return ModelState(load_recipe(path), path, Settings(home=tmp_path / "home", recipes=(tmp_path,)))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def run(instance: dg.DagsterInstance, tags: dict[str, str], run_id: str = RUN) -> dg.DagsterRun:
    made = DagsterRunStatus.FAILURE
    return create_run_for_test(instance, "tide_train", run_id=run_id, status=made, tags=tags)


def test_what_was_sealed_is_believed_and_counts_once(instance: dg.DagsterInstance, state: ModelState) -> None:
    run(instance, {**TAGS, ACTOR_TAG: "sensor", **seal(RUN, "tide_train", TAGS)})
    assert [attempt.batch_index for attempt in read_history(instance, state).attempts] == [2]


@pytest.mark.parametrize("tag", TAGS)
def test_a_changed_tag_is_refused(instance: dg.DagsterInstance, state: ModelState, tag: str) -> None:
    assert tag in SEALED
    changed = {**TAGS, **seal(RUN, "tide_train", TAGS), tag: TAGS[tag][:-1] + "5"}
    assert is_changed(run(instance, changed))
    with pytest.raises(ChangedEventError, match=rf"tide: .*{RUN} was changed .*: delete that run"):
        read_history(instance, state)


def test_a_seal_of_before_still_holds_and_a_new_one_is_not_shown(
    instance: dg.DagsterInstance,
) -> None:
    (value,) = seal(RUN, "tide_train", TAGS).values()
    assert is_changed(run(instance, {**TAGS, AS_OF_TAG: "2024-01-04", SHOWN_TAG: value}))
    again = RUN.replace("1", "2")
    (tag, value), *_ = seal(again, "tide_train", TAGS).items()
    sealed = run(instance, {**TAGS, tag: value}, again)
    assert not is_changed(sealed) and get_tag_type(tag) is TagType.HIDDEN


def test_a_run_that_repeats_another_has_no_seal_until_it_begins(
    instance: dg.DagsterInstance, state: ModelState
) -> None:
    copied = {**TAGS, AS_OF_TAG: "2024-01-04", **seal("another", "tide_train", TAGS)}
    run(instance, copied)
    assert [attempt.batch_index for attempt in read_history(instance, state).attempts] == [3]


@pytest.mark.parametrize(
    ("column", "value"),
    [("status", "SUCBESS"), ("run_body", "{"), ("create_timestamp", "2026-11-27 16;18:42.139622")],
)
def test_a_run_that_is_none_any_more_is_told_with_its_file(
    state: ModelState, tmp_path: Path, column: str, value: str
) -> None:
    with instance_for_test(temp_dir=str(tmp_path)) as instance:
        run(instance, TAGS)
        with closing(sqlite3.connect(tmp_path / "history" / "runs.db")) as log, log:
            log.execute(f"UPDATE runs SET {column} = ?", (value,))
        with pytest.raises(
            ChangedEventError, match=r"history/runs\.db was changed .* restore .* move it away"
        ):
            read_history(instance, state)


@pytest.mark.parametrize("partition", [None, "2024-01-0s"])
def test_a_report_of_no_batch_is_refused(
    instance: dg.DagsterInstance, state: ModelState, partition: str | None
) -> None:
    event = dg.AssetMaterialization(
        dg.AssetKey(["tide", "cleaned_features"]), partition=partition, metadata={"labelled_rows": 300}
    )
    instance.report_runless_asset_event(event)
    with pytest.raises(ChangedEventError, match=r"which is no batch: .* move it away"):
        read_history(instance, state)
