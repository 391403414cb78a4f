"""Batches taken in without Dagster: in whatever order they come."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from itertools import permutations
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ml_assets.lifecycle.accepted import Accepted
from ml_assets.lifecycle.arrival import arrivals, revisited, state_of_data
from ml_assets.lifecycle.errors import StepError
from ml_assets.lifecycle.intake import clean_step, raw_step
from ml_assets.lifecycle.quarantine import NoBatchError, quarantine_words, rows_in_quarantine
from ml_assets.lifecycle.state import ModelState
from ml_assets.names import STATIC
from ml_assets.orchestration.display import taken_metadata
from ml_assets.recipe.loading import load_recipe
from ml_assets.settings import Settings
from ml_assets_tests.support.tide import MODEL

DAYS = ("2024-01-01", "2024-01-02", "2024-01-03")
ODD = """\
name: tide
model:
  loader: {source_uri: d.parquet}
  data_interface: {task_type: classification, target_col: y}
"""
SPELLED = (("yes", "no"), ("True", "False"), ("1", "0"))


@pytest.fixture
def state(tmp_path: Path) -> ModelState:
    path = tmp_path / "tide.yaml"
    path.write_text(MODEL + "batches: {column: day, period: daily}\nmonitoring: {min_rows: 30}\n")
    return ModelState(load_recipe(path), path, Settings(home=tmp_path / "home", recipes=(tmp_path,)))


def send(state: ModelState, place: int, spelled: tuple[str, str] = ("yes", "no")) -> str:
    """Send a day's rows; but for the day that came first, each has a column that no other has."""
    frame = pd.DataFrame({"a": range(40), "b": "x", "day": DAYS[place]})
    if state.store.batches("raw_data"):
        frame[f"only{place}"] = 1.5
    frame["y"] = [spelled[row % 2] for row in range(40)]
    frame.to_csv(state.path.parent / f"{place}.csv", index=False)
    return DAYS[place]


def take_in(state: ModelState, batch: str) -> None:
    state.calendar()
    assert raw_step(state, batch).problems == []
    clean_step(state, batch)


NESTED: dict[str, pa.Array] = {
    "list": pa.array([[1, 2], None] * 20), "struct": pa.array([{"a": [{"b": 1}]}] * 40),
    "map": pa.array([[("a", 1)], None] * 20, pa.map_(pa.string(), pa.int64())),
    "list of maps": pa.array([[[("a", 1)]]] * 40, pa.list_(pa.map_(pa.string(), pa.int64()))),
    "duration": pa.array([5] * 40, pa.duration("s")), "bytes": pa.array([b"\xff\0"] * 40),
    "UUID": pa.array([b"0123456789abcde\xff"] * 40, pa.binary(16)),
}  # fmt: skip
OF_USE: dict[str, pa.Array] = {
    "half a float": pa.array([1.5, None] * 20, pa.float16()), "decimal": pa.array([Decimal("1.25")] * 40),
    "large": pa.array([2**64 - 1, 5] * 20, pa.uint64()), "time": pa.array([5] * 40, pa.time64("ns")),
    "bytes that are text": pa.array([b"ab", b"c"] * 20, pa.binary_view()), "null": pa.nulls(40),
    "view": pa.array(["a", "b"] * 20, pa.string_view()), "JSON": pa.array(['{"a": 1}'] * 40, pa.json_()),
    "dictionary": pa.array(["a", None] * 20).dictionary_encode(), "not a number": pa.array([float("nan")] * 40),
    "a far day": pa.array([datetime(9999, 12, 31)] * 40), "day": pa.array([86_400_000] * 40, pa.date64()),
}  # fmt: skip


@pytest.mark.parametrize("kind", [*NESTED, *OF_USE])
def test_a_column_of_any_type_is_taken_in_or_named_and_excluded(tmp_path: Path, kind: str) -> None:
    """Parquet holds what no model learns from and no frame can be written with: said in one sentence."""
    column = (NESTED | OF_USE)[kind]
    rows = pa.table({"x": [row / 7 for row in range(40)], "odd": column, "y": ["a", "b"] * 20})
    pq.write_table(rows, tmp_path / "d.parquet")
    for excluded in (False, True):
        more = "  preprocessor: {params: {exclude_cols: [odd]}}\n" if excluded else ""
        path = tmp_path / "tide.yaml"
        path.write_text(ODD + more)
        state = ModelState(
            load_recipe(path), path, Settings(home=tmp_path / str(excluded), recipes=(tmp_path,))
        )
        try:
            problems = raw_step(state, STATIC).problems
        except StepError as error:
            problems = [str(error)]
        if excluded or kind in OF_USE:
            assert problems == []
            clean_step(state, STATIC)
            assert state.store.rows("cleaned_features", STATIC) == 40
        else:
            assert len(problems) == 1 and "column 'odd'" in problems[0] and "exclude_cols" in problems[0]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_labels_have_one_spelling_whichever_day_came_first(state: ModelState, order: tuple[int, ...]) -> None:
    for place in order:
        take_in(state, send(state, place, SPELLED[place]))
    labels = {day: set(state.store.read_frame("cleaned_features", day)["y"]) for day in DAYS}
    assert list(labels.values()) == [set(SPELLED[order[0]])] * 3
    assert state.first_batch() == DAYS[0]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_what_is_taken_in_again_unchanged_changes_nothing(state: ModelState, order: tuple[int, ...]) -> None:
    for place in order:
        take_in(state, send(state, place))
    before = {day: state.store.sha256("cleaned_features", day) for day in DAYS}
    for day in DAYS:
        take_in(state, day)
    assert {day: state.store.sha256("cleaned_features", day) for day in DAYS} == before


def test_batches_read_in_one_run_are_held_against_each_other(state: ModelState) -> None:
    for place in range(3):
        send(state, place)
    path = state.path.parent / "1.csv"
    path.write_text(path.read_text().replace(",x,", ",1.5,"))  # column b: text, then a number, then text
    state.calendar()
    accepted = Accepted(state)
    refused = {day: raw_step(state, day, accepted).problems for day in DAYS}
    assert [bool(problems) for problems in refused.values()] == [False, True, False]
    assert "column 'b' was text in the first batch and is number now" in refused[DAYS[1]][0]


def test_refused_batch_is_not_learned_when_labels_of_others_come(state: ModelState) -> None:
    waiting = state.recipe.monitoring.model_copy(update={"label_delay": 1})
    late = replace(state, recipe=state.recipe.model_copy(update={"monitoring": waiting}))
    for place in range(3):
        send(late, place)
        if place == 1:
            path = late.path.parent / "1.csv"
            path.write_text(path.read_text().replace(",x,", ",1.5,"))
        problems = raw_step(late, DAYS[place]).problems
        if not problems:
            clean_step(late, DAYS[place])
    assert late.store.batches("cleaned_features") == [DAYS[0], DAYS[2]]


def test_late_rows_and_corrected_labels_are_arrivals_until_they_are_taken_in(state: ModelState) -> None:
    for place in (0, 1):
        take_in(state, send(state, place))
    assert arrivals(state) == []
    place = state.path.parent / "0.csv"
    whole = pd.read_csv(place)
    whole.head(10).to_csv(place, index=False)
    take_in(state, DAYS[0])
    for again, words in (
        (whole, "40 rows where 10"),
        (whole.assign(y="no"), "other values or labels in its 40"),
    ):
        again.to_csv(place, index=False)
        (found,) = arrivals(state)
        assert found.batch == DAYS[0] and found.kind == "changed" and words in found.told
        raw_step(state, DAYS[0])  # killed before the rows were clean
        assert arrivals(state) == [found]
        take_in(state, DAYS[0])
        assert arrivals(state) == []
        clean = state.store.read_frame("cleaned_features", DAYS[0])
        assert len(clean) == 40 and set(clean["y"]) == set(again["y"])


def test_broken_content_replaces_nothing_and_stays_an_arrival(state: ModelState) -> None:
    for place in (0, 1):
        take_in(state, send(state, place))
    place = state.path.parent / "0.csv"
    pd.read_csv(place).drop(columns="a").to_csv(place, index=False)
    before = {asset: state.store.sha256(asset, DAYS[0]) for asset in ("raw_data", "cleaned_features")}
    assert "column 'a' is missing" in raw_step(state, DAYS[0]).problems[0]
    assert {asset: state.store.sha256(asset, DAYS[0]) for asset in before} == before
    assert [found.kind for found in arrivals(state)] == ["changed"]


def test_what_was_taken_in_by_an_older_version_is_no_arrival_until_it_changes(state: ModelState) -> None:
    take_in(state, send(state, 0))
    for asset in ("raw_data", "cleaned_features"):
        frame = state.store.read_frame(asset, DAYS[0])
        state.store.write_frame(asset, DAYS[0], frame, origin=None)
    assert arrivals(state) == []
    send(state, 0, ("no", "yes"))
    assert [found.kind for found in arrivals(state)] == ["changed"]


def test_later_and_older_batches_are_told_apart(state: ModelState) -> None:
    take_in(state, send(state, 1))
    for place in (0, 2):
        send(state, place)
    assert [(found.batch, found.kind) for found in arrivals(state)] == [(DAYS[0], "older"), (DAYS[2], "new")]


@pytest.mark.parametrize(("rule", "taken"), [("all", 3), (2, 2), (1, 1), ("never", 0)])
def test_rule_says_how_far_back_changes_are_taken_in(state: ModelState, rule: int | str, taken: int) -> None:
    for place in range(3):
        take_in(state, send(state, place))
    for place in range(3):
        send(state, place, ("no", "yes"))
    assert state.recipe.batches is not None
    batches = state.recipe.batches.model_copy(update={"revisit": rule})
    ruled = replace(state, recipe=state.recipe.model_copy(update={"batches": batches}))
    anew, left = revisited(ruled, arrivals(ruled))
    assert [found.batch for found in anew] == list(DAYS[3 - taken :])
    assert [found.batch for found in left] == list(DAYS[: 3 - taken])


def test_a_batch_that_the_source_has_no_more_is_told(state: ModelState) -> None:
    """Its rows stay: who deletes old files means that; who deletes bad ones must know."""
    for place in range(3):
        take_in(state, send(state, place))
    assert state_of_data(state).notes == ()
    (state.path.parent / "1.csv").unlink()
    (note,) = state_of_data(state).notes
    assert note.startswith(f"batch {DAYS[1]} is no longer in the source: the 40 rows that were taken in stay")
    (state.path.parent / "0.csv").unlink()
    assert (
        state_of_data(state)
        .notes[0]
        .startswith(f"2 batches ({DAYS[0]}, {DAYS[1]}) are no longer in the source: the 80")
    )
    later = state.recipe.model_copy(
        update={"batches": state.recipe.batches.model_copy(update={"start": DAYS[2]})}
    )
    assert state_of_data(replace(state, recipe=later)).notes == ()


@pytest.mark.parametrize("flags", [[True, False], [True, None]])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_true_and_false_are_the_1_and_0_of_batches_before(
    tmp_path: Path, flags: list[bool | None], ending: str
) -> None:
    """pandas writes whichever type a frame happens to have; of one table's files, too."""
    numbers = [None if flag is None else float(flag) for flag in flags]
    for place, values in enumerate((numbers, flags)):
        frame = pd.DataFrame({"day": DAYS[place], "flag": values * 20, "x": range(40), "y": ["a", "b"] * 20})
        path = tmp_path / f"{place}.{ending}"
        frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    recipe = ODD.replace("d.parquet", f"'*.{ending}'")
    for more, batches in (("batches: {column: day, period: daily}\n", DAYS[:2]), ("", (STATIC,))):
        path = tmp_path / "tide.yaml"
        path.write_text(recipe + more)
        home = tmp_path / f"home of {len(batches)}"
        state = ModelState(load_recipe(path), path, Settings(home=home, recipes=(tmp_path,)))
        for batch in batches:
            take_in(state, batch)
            found = state.store.read_frame("cleaned_features", batch)["flag"]
            assert found.dtype == "float64"
            assert found.dropna().unique().tolist() == [number for number in numbers if number is not None]


def test_rows_in_quarantine_are_counted_shown_and_released_when_the_source_is_mended(
    state: ModelState,
) -> None:
    for place in (0, 1):
        take_in(state, send(state, place))
    place = state.path.parent / "1.csv"
    whole = pd.read_csv(place)
    whole.astype({"a": object}).assign(a=[*range(39), "lots"]).to_csv(place, index=False)
    reading = raw_step(state, DAYS[1])
    clean_step(state, DAYS[1])
    assert reading.problems == [] and arrivals(state) == []
    taken = reading.snapshots[DAYS[1]]
    assert taken.rows == 39 and taken.quarantine is not None and taken.quarantine.rows == 1
    assert "1 row with text in column 'a', which holds numbers set aside (row 40: 'lots')" in taken.told
    shown = taken_metadata(taken)
    assert shown["quarantined"] == 1
    assert shown["quarantine"].records[0].data["rule"] == "text_in_numbers"
    assert shown["quarantine_examples"].records[0].data["value"] == "lots"
    assert state.store.read_frame("cleaned_features", DAYS[1])["a"].tolist() == [
        float(row) for row in range(39)
    ]
    (words,) = quarantine_words(state)
    assert (
        words.startswith(f"1 of 40 rows of batch {DAYS[1]} are in quarantine") and "quarantine tide" in words
    )
    lines = rows_in_quarantine(state, DAYS[1])
    assert lines[["row", "column", "value"]].values.tolist() == [[40, "a", "lots"]]
    assert json.loads(lines["content"][0])["y"] == whole["y"][39]
    whole.to_csv(place, index=False)
    assert [found.kind for found in arrivals(state)] == ["changed"]
    take_in(state, DAYS[1])
    assert quarantine_words(state) == () and len(rows_in_quarantine(state)) == 0
    assert state.store.rows("cleaned_features", DAYS[1]) == 40


def test_too_many_rows_in_quarantine_block_the_batch_and_are_listed(state: ModelState) -> None:
    for place in (0, 1):
        take_in(state, send(state, place))
    send(state, 2)
    place = state.path.parent / "2.csv"
    whole = pd.read_csv(place)
    whole.astype({"a": object}).assign(a=[*range(36), *"lots"]).to_csv(place, index=False)
    (problem,) = raw_step(state, DAYS[2]).problems
    assert "text in 4 of 40 values: the first is 'l' in row 37" in problem
    assert not state.store.has("cleaned_features", DAYS[2]) and quarantine_words(state) == ()
    assert rows_in_quarantine(state, DAYS[2])["value"].tolist() == list("lots")
    with pytest.raises(NoBatchError, match="was not taken in"):
        rows_in_quarantine(state, "2030-01-01")


def test_a_batch_unlike_all_before_is_told_and_taken_in(state: ModelState) -> None:
    for number in range(1, 9):
        frame = pd.DataFrame({"a": range(200), "b": "x", "day": f"2024-01-{number:02}"}).assign(
            y=["yes", "no"] * 100
        )
        if number == 8:
            frame["a"] = frame["a"].where(frame["a"] > 60)
        frame.to_csv(state.path.parent / f"{number}.csv", index=False)
        state.calendar()
        reading = raw_step(state, f"2024-01-{number:02}")
        clean_step(state, f"2024-01-{number:02}")
        assert reading.problems == [] and bool(reading.unusual) == (number == 8)
    assert reading.unusual[0] == "column 'a' is empty in 30.5% of the rows, 0.0% in the 7 batches before"
