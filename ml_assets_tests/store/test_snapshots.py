"""Snapshots: old or new and never half, whatever is sent how often and wherever a crash comes."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.records import Finding
from ml_assets.settings.home import keep_private
from ml_assets.store.atomic import atomic_write
from ml_assets.store.seal import opened
from ml_assets.store.snapshots import Store, StoreError
from ml_assets_tests.support.buckets import ROOTS, place_at

OLD = pd.DataFrame({"x": [1.0, 2.0], "text": ["a", None]})
NEW = pd.DataFrame({"x": [3.0], "text": ["b"]})
MAY, JUNE = "2024-05-01", "2024-06-01"


class Killed(BaseException):
    """Stands for the end of the process at this moment."""


@pytest.fixture
def local(tmp_path: Path) -> Store:
    return Store(tmp_path / "churn")


@pytest.fixture(params=ROOTS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with place_at(request.param, tmp_path / "churn") as place:
        yield Store(place)


def files(store: Store) -> dict[str, bytes | None]:
    place = store.place.fresh()
    return {place.named(key): place.read(key) for key in place.keys("")}


def kill_at(monkeypatch: pytest.MonkeyPatch, call: int, *, before: bool) -> None:
    """End the process before or after the n-th call of the operating system that makes a write lasting."""
    counted = 0

    def deadly(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*arguments: Any, **options: Any) -> Any:
            nonlocal counted
            counted += 1
            if counted == call and before:
                raise Killed
            result = original(*arguments, **options)
            if counted == call:
                raise Killed
            return result

        return wrapper

    monkeypatch.setattr(os, "replace", deadly(os.replace))
    monkeypatch.setattr(os, "fsync", deadly(os.fsync))
    # What a killed process cannot do: tidy up.
    monkeypatch.setattr(Path, "unlink", lambda *_arguments, **_options: None)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("call", range(1, 7))
def test_crash_leaves_the_old_frame_or_the_new(
    local: Store, monkeypatch: pytest.MonkeyPatch, call: int, before: bool
) -> None:
    local.write_frame("raw_data", MAY, OLD)
    with monkeypatch.context() as patched:
        kill_at(patched, call, before=before)
        with pytest.raises(Killed):
            local.write_frame("raw_data", MAY, NEW)
    after = Store(local.place.folder)
    pointer_moved = call > 5 or (call == 5 and not before)
    pd.testing.assert_frame_equal(after.read_frame("raw_data", MAY), NEW if pointer_moved else OLD)
    assert after.batches("raw_data") == [MAY]
    after.write_frame("raw_data", MAY, NEW)
    pd.testing.assert_frame_equal(after.read_frame("raw_data", MAY), NEW)


def test_a_write_has_six_moments_to_crash_at(local: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    local.write_frame("raw_data", MAY, OLD)
    kill_at(monkeypatch, 7, before=True)
    local.write_frame("raw_data", MAY, NEW)


@pytest.mark.parametrize("call", [1, 2])
def test_crash_in_the_first_write_leaves_nothing(
    local: Store, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    kill_at(monkeypatch, call, before=True)
    with pytest.raises(Killed):
        local.write_frame("raw_data", MAY, NEW)
    assert not local.has("raw_data", MAY)
    assert local.batches("raw_data") == []
    with pytest.raises(StoreError, match="no frame of raw_data for batch 2024-05-01"):
        local.read_frame("raw_data", MAY)


def test_repeated_batch_changes_no_file(store: Store) -> None:
    first = store.write_frame("raw_data", MAY, OLD)
    kept = files(store)
    again = store.write_frame("raw_data", MAY, OLD.copy())
    assert (first.changed, again.changed) == (True, False)
    assert first.sha256 == again.sha256 == store.sha256("raw_data", MAY)
    assert files(store) == kept


def test_late_or_corrected_batch_changes_no_other_batch(store: Store) -> None:
    store.write_frame("raw_data", MAY, OLD)
    store.write_frame("raw_data", JUNE, OLD)
    kept = files(store)
    assert store.write_frame("raw_data", "2024-04-01", NEW).changed
    assert store.write_frame("raw_data", JUNE, NEW).changed
    pd.testing.assert_frame_equal(store.read_frame("raw_data", MAY), OLD)
    changed = {
        Path(path).name for path, content in files(store).items() if kept.get(path, content) != content
    }
    assert changed == {f"{JUNE}.frame.json"}
    assert store.batches("raw_data") == ["2024-04-01", MAY, JUNE]


def test_correction_taken_back_is_the_old_snapshot(store: Store) -> None:
    hashes = [store.write_frame("raw_data", MAY, frame).sha256 for frame in (OLD, NEW, OLD)]
    assert hashes[0] == hashes[2] != hashes[1]
    pd.testing.assert_frame_equal(store.read_frame("raw_data", MAY), OLD)


@pytest.mark.parametrize("damage", [b"", b"PAR1 half a fi"])
def test_damaged_blob_is_refused_and_healed_by_the_same_write(local: Store, damage: bytes) -> None:
    sha256 = local.write_frame("raw_data", MAY, OLD).sha256
    (local.place.folder / "raw_data" / "blobs" / f"{sha256}.parquet").write_bytes(damage)
    with pytest.raises(StoreError, match="damaged: materialize raw_data of batch 2024-05-01 again"):
        local.read_frame("raw_data", MAY)
    local.write_frame("raw_data", MAY, OLD)
    pd.testing.assert_frame_equal(local.read_frame("raw_data", MAY), OLD)


def test_types_survive(store: Store) -> None:
    frame = pd.DataFrame(
        {
            "id": np.array([2**64 - 1, 1], dtype=np.uint64),
            "n": pd.array([1, None], dtype="Int64"),
            "flag": pd.array([True, None], dtype="boolean"),
            "when": pd.to_datetime([MAY, None]).as_unit("us"),
            "text": ["a", None],
            "empty": [None, None],
        }
    )
    store.write_frame("raw_data", "all", frame)
    pd.testing.assert_frame_equal(store.read_frame("raw_data", "all"), frame)
    assert list(store.read_frame("raw_data", "all", columns=["n", "id"])) == ["n", "id"]


def test_several_batches_are_one_frame_with_their_labels(store: Store) -> None:
    late = pd.DataFrame({"x": [4.0], "text": [None], "y": [1.0]})
    for batch, frame in ((MAY, OLD.assign(y=[None, None])), (JUNE, late)):
        store.write_frame("cleaned_features", batch, frame)
    read = store.read_frames("cleaned_features", [MAY, JUNE])
    assert read["batch__"].tolist() == [MAY, MAY, JUNE]
    assert read["x"].tolist() == [1.0, 2.0, 4.0]
    assert read["y"].dtype == "float64" and read["y"].tolist()[2] == 1.0
    assert read["text"].isna().tolist() == [False, True, True]


def test_type_that_changes_between_batches_is_named(store: Store) -> None:
    store.write_frame("cleaned_features", MAY, pd.DataFrame({"charges": [1.0]}))
    store.write_frame("cleaned_features", JUNE, pd.DataFrame({"charges": ["high"]}))
    with pytest.raises(StoreError, match=r"a column changes its type between .*charges"):
        store.read_frames("cleaned_features", [MAY, JUNE])


def test_records_and_files(store: Store) -> None:
    record = Finding(rule="empty", message="there are no rows")
    hour = "2024-05-01-13:00"
    store.write_record("drift_report", hour, record)
    assert store.read_record("drift_report", hour, Finding) == record
    assert store.has("drift_report", hour) and store.batches("drift_report") == [hour]
    assert store.write_bytes("drift_report", hour, "report.html", b"<p>").read_bytes() == b"<p>"
    with pytest.raises(StoreError, match="no record of drift_report for batch 2024-06-01"):
        store.read_record("drift_report", JUNE, Finding)
    with pytest.raises(StoreError, match="there is none yet"):
        store.sha256("predictions", JUNE)


def test_names_never_leave_the_folder(local: Store) -> None:
    local.write_bytes("../up", "../../away", "../../../x", b"1")
    assert all(
        path.is_relative_to(local.place.folder)
        for path in local.place.folder.parent.rglob("*")
        if path.is_file()
    )


def test_failed_write_leaves_the_old_content_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    atomic_write(path, b"old")

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        atomic_write(path, b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]
    assert path.read_bytes() == b"old"


def test_every_changed_byte_is_refused_or_means_nothing(local: Store) -> None:
    """Whatever one byte of a record, a pointer or a frame becomes, what is read is what was written, or refused."""
    finding = Finding(rule="unit", message="1000 times as large", column="x")
    local.write_record("report", MAY, finding)
    local.write_frame("raw_data", MAY, OLD)
    whole = files(local)
    for name, content in whole.items():
        for place in range(0, len(content), 1 if name.endswith(".json") else 97):
            Path(name).write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            for read in (
                lambda: local.read_record("report", MAY, Finding) == finding,
                lambda: local.read_frame("raw_data", MAY).equals(OLD),
                lambda: local.columns("raw_data", MAY) == list(OLD.columns),
            ):
                try:
                    assert read(), (name, place)
                except StoreError as error:
                    assert f"{MAY} again" in str(error)
        Path(name).write_bytes(content)
    assert local.write_frame("raw_data", MAY, OLD).changed is False


def test_a_damaged_pointer_is_mended_by_writing_again(local: Store) -> None:
    local.write_frame("raw_data", MAY, OLD)
    (pointer,) = local.place.folder.rglob("*.frame.json")
    pointer.write_bytes(pointer.read_bytes().replace(b'"rows": 2', b'"rows": 3'))
    with pytest.raises(StoreError, match=r"frame\.json is damaged \(it was changed after it was written\)"):
        local.columns("raw_data", MAY)
    local.write_frame("raw_data", MAY, OLD)
    assert local.columns("raw_data", MAY) == list(OLD.columns)


def test_what_was_written_before_there_were_seals_is_read(local: Store) -> None:
    finding = Finding(rule="unit", message="old")
    local.write_record("report", MAY, finding)
    local.write_frame("raw_data", MAY, OLD)
    for path in local.place.folder.rglob("*.json"):
        path.write_bytes(opened(path.read_bytes()))
    assert local.read_record("report", MAY, Finding) == finding
    assert local.read_frame("raw_data", MAY).equals(OLD)


def test_what_is_written_is_the_users_alone(local: Store) -> None:
    umask = os.umask(0o022)
    try:
        keep_private()
        local.write_frame("raw_data", MAY, OLD)
    finally:
        os.umask(umask)
    modes = {
        stat.S_IMODE(path.stat().st_mode) for path in [local.place.folder, *local.place.folder.rglob("*")]
    }
    assert modes == {0o700, 0o600}
