"""A bucket keeps the law of a folder: an object is the old one or the new one, for every reader, after every crash."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import fsspec
import pandas as pd
import pytest

from ml_assets.records import Finding
from ml_assets.store import places
from ml_assets.store.places import Bucket, Place, PlaceError, move
from ml_assets.store.snapshots import Store, StoreError
from ml_assets_tests.support.buckets import ROOTS, SECRET, forget, place_at

OLD = pd.DataFrame({"x": [1.0, 2.0], "text": ["a", None]})
NEW = pd.DataFrame({"x": [3.0], "text": ["b"]})
MAY = "2024-05-01"
HOUR = "2024-05-01-13:00"


class Killed(BaseException):
    """Stands for the end of the process at this moment."""


@pytest.fixture(params=ROOTS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with place_at(request.param, tmp_path / "here") as made:
        yield made


@pytest.fixture(params=[kind for kind in ROOTS if kind != "folder"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bucket]:
    with place_at(request.param, tmp_path / "here") as made:
        assert isinstance(made, Bucket)
        yield made


def elsewhere(bucket: Bucket, tmp_path: Path) -> Store:
    """The same store as another machine sees it."""
    return Store(Bucket(bucket.uri, tmp_path / "there"))


def test_a_place_is_read_as_it_was_written(place: Place) -> None:
    assert (place.read("a/b"), place.exists("a/b"), place.names("a"), place.keys(), place.folders()) == (
        None, False, [], [], [],
    )  # fmt: skip
    for key in ("a/b.json", "a/c%3A00.json", "a/b.files/page", "d/e.json"):
        place.write(key, key.encode())
        assert place.read(key) == key.encode() and place.exists(key)
    assert sorted(place.names("a")) == ["b.json", "c%3A00.json"]
    assert place.contents("a", ".json") == {"b.json": b"a/b.json", "c%3A00.json": b"a/c%3A00.json"}
    assert place.keys() == ["a/b.files/page", "a/b.json", "a/c%3A00.json", "d/e.json"]
    assert place.keys("d") == ["d/e.json"] and place.folders() == ["a", "d"]
    place.write("a/b.json", b"")
    assert place.read("a/b.json") == b"" and place.contents("a", ".json")["b.json"] == b""
    assert place.holds("a/b.json", b"") and not place.holds("a/b.json", b"x") and not place.holds("a/x", b"")
    for _ in range(2):
        place.delete("a/b.json")
        assert not place.exists("a/b.json") and place.names("a") == ["c%3A00.json"]
    assert place.file("d/e.json").read_bytes() == b"d/e.json"


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("call", [1, 2])
def test_a_crash_leaves_the_old_frame_or_the_new_for_every_machine(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int, before: bool
) -> None:
    """A write is two PUTs, the frame and then what points at it; whoever is killed begins again."""
    store = Store(bucket)
    store.write_frame("raw_data", MAY, OLD)
    original, counted = places.filesystem, [0]

    class Deadly:
        """The store, until the n-th PUT."""

        def __init__(self, scheme: str) -> None:
            self.store = original(scheme)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.store, name)

        def pipe_file(self, *arguments: Any) -> None:
            counted[0] += 1
            if counted[0] == call and before:
                raise Killed
            self.store.pipe_file(*arguments)
            if counted[0] == call:
                raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(places, "filesystem", Deadly)
        with pytest.raises(Killed):
            store.write_frame("raw_data", MAY, NEW)
    moved = call == 2 and not before
    for reader in (Store(bucket), elsewhere(bucket, tmp_path)):
        pd.testing.assert_frame_equal(reader.read_frame("raw_data", MAY), NEW if moved else OLD)
        assert list(reader.faults()) == []
    elsewhere(bucket, tmp_path).write_frame("raw_data", MAY, NEW)
    pd.testing.assert_frame_equal(store.read_frame("raw_data", MAY), NEW)


def test_a_reader_beside_a_writer_meets_one_frame_or_the_other(bucket: Bucket, tmp_path: Path) -> None:
    store, reader, over = Store(bucket), elsewhere(bucket, tmp_path), threading.Event()
    store.write_frame("raw_data", MAY, OLD)

    def write() -> None:
        for turn in range(3000):
            store.write_frame("raw_data", MAY, OLD if turn % 2 else NEW, origin=str(turn))
            if over.is_set():
                return

    writer = threading.Thread(target=write)
    writer.start()
    met: list[int] = []
    try:
        while writer.is_alive() and (len(met) < 30 or set(met) != {1, 2}):
            met.append(len(reader.read_frame("raw_data", MAY)))
    finally:
        over.set()
        writer.join()
    assert set(met) == {1, 2}


def test_what_another_machine_writes_is_seen_at_once(bucket: Bucket, tmp_path: Path) -> None:
    here, there = Store(bucket), elsewhere(bucket, tmp_path)
    for turn in range(3):
        here.write_frame("raw_data", MAY, OLD, origin=f"{turn}")
        here.write_record("report", HOUR, Finding(rule="r", message=str(turn)))
        assert there.origins("raw_data") == {MAY: f"{turn}"}
        assert there.read_record("report", HOUR, Finding).message == str(turn)
        assert there.batches("report") == [HOUR] and there.rows("raw_data", MAY) == 2


def test_a_listing_that_was_seen_before_hides_nothing(tmp_path: Path) -> None:
    """The library keeps listings; what others have written, it does not know of."""
    with place_at("s3", tmp_path) as place:
        behind = boto3.resource("s3").Bucket("lake")
        for turn in range(3):
            keys = [f"a/{number}.json" for number in range(turn)]
            assert place.keys() == keys and place.names("a") == [key[2:] for key in keys]
            assert sorted(place.contents("a", ".json")) == [key[2:] for key in keys]
            assert not place.exists(f"a/{turn}.json") and place.read(f"a/{turn}.json") is None
            version = place.version("a")
            assert version == place.version("a")
            behind.put_object(Key=f"state/churn/a/{turn}.json", Body=b"1")
            assert place.version("a") != version and place.exists(f"a/{turn}.json")
        behind.put_object(Key="state/churn/a/0.json", Body=b"2")
        assert place.contents("a", ".json")["0.json"] == place.read("a/0.json") == b"2"
        assert not place.holds("a/0.json", b"1")


def test_a_damaged_object_is_found_though_a_copy_of_it_is_whole(bucket: Bucket, tmp_path: Path) -> None:
    store = Store(bucket)
    sha256 = store.write_frame("raw_data", MAY, OLD).sha256
    key = f"raw_data/blobs/{sha256}.parquet"
    bucket.fresh().write(key, b"x" * len(bucket.read(key) or b""))
    (fault,) = store.faults()
    assert fault.startswith(
        f"{bucket.uri}/{key} is missing or damaged: materialize raw_data of batch {MAY} again"
    )
    with pytest.raises(StoreError, match="is missing or damaged"):
        elsewhere(bucket, tmp_path).read_frame("raw_data", MAY)
    store.write_frame("raw_data", MAY, OLD)
    assert list(store.faults()) == []
    (bucket.folder / key).write_bytes(b"a copy that the disk has spoiled")
    pd.testing.assert_frame_equal(store.read_frame("raw_data", MAY), OLD)


def test_a_frame_that_was_read_once_is_not_fetched_again(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store(bucket).write_frame("raw_data", MAY, OLD)
    there = elsewhere(bucket, tmp_path)
    there.read_frame("raw_data", MAY)
    asked: list[str] = []
    monkeypatch.setattr(places, "_content", lambda store, path: asked.append(path) or store.cat_file(path))
    there.read_frame("raw_data", MAY)
    assert [path.rpartition("/")[2] for path in asked] == [f"{MAY}.frame.json"]


def test_all_moves_to_another_name_though_it_is_killed_in_between(bucket: Bucket, tmp_path: Path) -> None:
    store, new = Store(bucket), Bucket(f"{bucket.uri}_new", tmp_path / "new")
    store.write_frame("raw_data", MAY, OLD)
    store.write_record("report", HOUR, Finding(rule="r", message="m"))
    keys = bucket.keys()
    new.write(keys[0], bucket.read(keys[0]) or b"")  # so far it came
    move(bucket, new)
    assert bucket.keys() == [] and new.keys() == keys
    move(bucket, new)
    pd.testing.assert_frame_equal(Store(new).read_frame("raw_data", MAY), OLD)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "the store does not answer"),
        ({}, "no such bucket or object"),
    ],
)
def test_what_keeps_us_from_a_bucket_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: str
) -> None:
    with place_at("s3", tmp_path):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        forget()
        bucket = Bucket("s3://elsewhere/state", tmp_path)
        with pytest.raises(PlaceError) as caught:
            bucket.write("a/b", b"1")
        text = str(caught.value)
        assert text.startswith("storage.root 's3://elsewhere/state': ") and words in text
        assert SECRET not in text and "\n" not in text
    forget()


def test_a_missing_library_is_named_with_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_arguments: object, **_options: object) -> None:
        raise ImportError

    monkeypatch.setattr(fsspec, "filesystem", missing)
    with pytest.raises(PlaceError, match=r"gs:// needs gcsfs: run `pip install 'ml_assets\[gs\]'`"):
        Bucket("gs://lake/state", tmp_path).read("a/b")
