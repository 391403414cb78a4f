"""What is remembered of the event log is what is in it."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.orchestration import events
from ml_assets.orchestration.event_seal import ChangedEventError, with_seal
from ml_assets.orchestration.events import by_batch, newest_events, number

KEY = dg.AssetKey(["churn", "drift_report"])

DAYS = ["2024-01-01", "2024-01-02", "2024-01-03"]

steps = st.lists(st.one_of(st.just("wipe"), st.just("look"), st.sampled_from(DAYS)), max_size=16)


@pytest.fixture(autouse=True)
def kept_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few that examples of a handful of events reach the limits."""
    monkeypatch.setattr(events, "REMEMBERED", 5)
    monkeypatch.setattr(events, "WHOLE", 2)


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def tell(instance: dg.DagsterInstance, batch: str, value: int) -> None:
    event = dg.AssetMaterialization(KEY, partition=batch, metadata={"value": value})
    instance.report_runless_asset_event(event)


def read(event: dg.EventLogRecord) -> tuple[int, bool]:
    return int(number(event, "value")), True


def older(value: tuple[int, bool]) -> tuple[int, bool]:
    return value[0], False


@given(steps)
@settings(max_examples=40)
def test_what_is_remembered_is_what_a_new_process_reads(
    instance: dg.DagsterInstance, steps: list[str]
) -> None:
    instance.wipe_assets([KEY])
    for value, step in enumerate(steps):
        if step == "wipe":
            instance.wipe_assets([KEY])
        elif step == "look":
            newest_events(instance, KEY, read, older)
        else:
            tell(instance, step, value)
    remembered = newest_events(instance, KEY, read, older)
    events._READ.clear()
    assert remembered == newest_events(instance, KEY, read, older)
    assert [told.value[1] for told in remembered] == [True, True, False, False, False][: len(remembered)]


def test_an_event_is_read_once(instance: dg.DagsterInstance) -> None:
    instance.wipe_assets([KEY])
    events._READ.clear()
    seen: list[int] = []

    def count(event: dg.EventLogRecord) -> int:
        seen.append(int(number(event, "value")))
        return seen[-1]

    for value in range(3):
        tell(instance, DAYS[value], value)
    for _ in range(3):
        newest_events(instance, KEY, count)
    tell(instance, DAYS[0], 3)
    assert by_batch(KEY, newest_events(instance, KEY, count)) == {DAYS[0]: 3, DAYS[1]: 1, DAYS[2]: 2}
    assert sorted(seen) == [0, 1, 2, 3]


def test_a_changed_event_is_refused_until_its_batch_is_told_anew(instance: dg.DagsterInstance) -> None:
    instance.wipe_assets([KEY])
    events._READ.clear()
    facts = {
        "record": dg.MetadataValue.json({"share": 0.1 + 0.2, "none": None}),
        "labelled_rows": 300,
        "note": "x",
    }
    sealed = with_seal(facts)
    for batch, metadata in (
        (DAYS[0], sealed | {"note": "another"}),  # no decision reads it
        (DAYS[1], sealed | {"labelled_rows": 301}),
        (DAYS[2], facts),  # of before there were seals
    ):
        instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition=batch, metadata=metadata))
    for _ in range(2):
        with pytest.raises(ChangedEventError, match=rf"drift_report of {DAYS[1]} was changed .* materialize"):
            by_batch(KEY, newest_events(instance, KEY, lambda event: int(number(event, "labelled_rows"))))
    instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition=DAYS[1], metadata=sealed))
    told = newest_events(instance, KEY, lambda event: int(number(event, "labelled_rows")))
    assert by_batch(KEY, told) == dict.fromkeys(DAYS, 300)
