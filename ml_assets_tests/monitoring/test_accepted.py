"""What a person has confirmed is neither fault nor drift from then on; all else is what it was."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.trust.drift import columns, report, world
from ml_assets.monitoring.accepted import NEWEST, in_force
from ml_assets.monitoring.mixture import mixed_units
from ml_assets.records import DriftReport
from ml_assets_tests.monitoring.test_mixture import LABELS, window

NAMES = columns()
REFERENCE = world(np.random.default_rng(0), 4000, NAMES)


def month(seed: int, rows: int = 1000) -> pd.DataFrame:
    return world(np.random.default_rng(seed), rows, NAMES)


CHANGES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "unit": lambda frame: frame.assign(normal2=1000 * frame["normal2"]),
    "emptied": lambda frame: frame.assign(normal2=np.nan),
    "absent": lambda frame: frame.drop(columns="normal2"),
    "new levels": lambda frame: frame.assign(level0="new " + frame["level0"].astype(str)),
    "swapped": lambda frame: frame.assign(normal2=frame["skewed0"], skewed0=frame["normal2"]),
    "sent twice": lambda frame: pd.concat([frame, frame], ignore_index=True),
    "drift": lambda frame: frame.assign(normal2=frame["normal2"] + 1, skewed0=frame["skewed0"] + 1),
    "together": lambda frame: frame.assign(normal1=-frame["normal1"]),
}


def told(found: DriftReport) -> tuple[str, int]:
    return found.status, len(found.faults)


@pytest.mark.parametrize("name", CHANGES)
def test_a_confirmed_change_is_normal_in_its_batch_and_in_those_after_it(name: str) -> None:
    change = CHANGES[name]
    first, second = change(month(1)), change(month(2))
    accepted = {"a": first}
    for batch, rows in (("a", first), ("b", second)):
        assert report(rows, REFERENCE, batch=batch).status == (
            "drift" if name in ("drift", "together") else "fault"
        )
        found = report(rows, REFERENCE, batch=batch, accepted=accepted)
        assert found.status == "ok", found.text
        assert not any(column.drifted for column in found.columns)


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from([name for name in CHANGES if name != "sent twice"]), st.sampled_from(["count0", "holes0"])
)
def test_another_change_is_told_as_if_nothing_were_confirmed(name: str, other: str) -> None:
    """A fault and a drift of columns that were not concerned, after the confirmed change."""
    accepted = {"a": CHANGES[name](month(1))}
    now = CHANGES[name](month(2))
    faulty = report(now.assign(**{other: 1000 * now[other]}), REFERENCE, accepted=accepted)
    assert faulty.status == "fault" and [other in fault for fault in faulty.faults] == [True]
    moved = report(now.assign(**{other: now[other] + 2 * now[other].std()}), REFERENCE, accepted=accepted)
    assert other in {column.column for column in moved.columns if column.drifted}


def test_what_goes_back_to_before_is_normal_and_what_goes_on_is_not() -> None:
    accepted = {"a": CHANGES["unit"](month(1))}
    assert report(month(2), REFERENCE, accepted=accepted).status == "ok"
    further = month(3).assign(normal2=1e6 * month(3)["normal2"])
    assert report(further, REFERENCE, accepted=accepted).status == "fault"


def test_words_say_what_was_confirmed() -> None:
    found = report(CHANGES["unit"](month(2)), REFERENCE, accepted={"a": CHANGES["unit"](month(1))})
    assert "As in a batch confirmed as the new normal, and so no drift: normal2." in found.text


def test_fewer_rows_that_were_confirmed_are_usual_from_then_on() -> None:
    labels = [f"2024-{k:02d}-01" for k in range(1, 13)]
    volumes = dict.fromkeys(labels[:9], 1000) | {labels[9]: 400}
    few = month(1, 400)

    def faults(batch: str, **known: object) -> int:
        earlier = [report(few, REFERENCE, batch=labels[9], volumes=dict.fromkeys(labels[:9], 1000))]
        before = {label: rows for label, rows in volumes.items() if label < batch}
        return len(report(few, REFERENCE, batch=batch, volumes=before, earlier=earlier, **known).faults)

    accepted = {labels[9]: few}
    assert [faults(labels[9]), faults(labels[10])] == [1, 1]
    assert [faults(labels[9], accepted=accepted), faults(labels[10], accepted=accepted)] == [0, 0]


@given(st.sets(st.sampled_from("abcdefgh")), st.sampled_from("abcdefgh"))
def test_what_has_come_is_in_force(accepted: set[str], batch: str) -> None:
    known = in_force(accepted, "abcdefg", batch)
    assert known == sorted(known) and len(known) <= NEWEST
    assert set(known) <= accepted and all(label <= batch and label != "h" for label in known)


def test_a_change_of_unit_that_was_confirmed_mixes_nothing() -> None:
    frame = window("price", (6, 7, 8), 12.0)
    assert mixed_units(frame, ["price"]) and not mixed_units(frame, ["price"], [LABELS[6]])
    for another in (LABELS[5], LABELS[7]):  # the change did not come with it
        assert mixed_units(frame, ["price"], [another])
