"""What lies in object storage is read as files are: the same rows, the same accounts, the same cheap look."""

from __future__ import annotations

import errno
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_assets.recipe.readable import STORES
from ml_assets.recipe.schema import Batches
from ml_assets.sources.files_source import Files
from ml_assets.sources.paths import SourceError
from ml_assets.sources.remote import Mirror, Remote
from ml_assets.sources.sight import Sight
from ml_assets.sources.source import SOURCES, Source, open_source
from ml_assets.sources.wanted import Wanted
from ml_assets.store.buckets import LIBRARIES
from ml_assets_tests.support.buckets import SECRET, empty_bucket, forget, serving

MONTHLY = Batches(column="day", period="monthly")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture
def bucket(endpoint: str) -> Iterator[Any]:
    with empty_bucket(endpoint) as made:
        yield made


def table(month: int, rows: int = 5) -> pd.DataFrame:
    return pd.DataFrame({"day": [f"2024-{month:02}-{n + 1:02}" for n in range(rows)], "n": range(rows)})


def csv(month: int, rows: int = 5) -> bytes:
    return table(month, rows).to_csv(index=False).encode()


def source(tmp_path: Path, path: str, batches: Batches | None = MONTHLY, scheme: str = "s3") -> Source:
    return open_source(Wanted(f"{scheme}://{path}", Path("/nowhere"), batches, mirror=tmp_path / "mirror"))


FORMS = {
    "an object": "lake/rows/2024-01.csv",
    "a folder": "lake/rows",
    "a folder with its stroke": "lake/rows/",
    "a pattern": "lake/rows/2024-*.csv",
    "folders that tell a column": "lake/by/*/*.csv",
    "all folders": "lake/**/*.csv",
    "the bucket": "lake",
}


@pytest.mark.parametrize("path", FORMS.values(), ids=FORMS)
def test_objects_are_read_as_files_are(bucket: Any, tmp_path: Path, path: str) -> None:
    """Rows, batches and accounts of a store are those of a folder with the same files."""
    folder = tmp_path / "lake"
    for name, content in {
        "rows/2024-01.csv": csv(1),
        "rows/2024-02.csv": csv(2, 7),
        "rows/_unfinished.csv": csv(9),
        "rows/readme.md": b"no table",
        "by/shop=a/x.csv": csv(3),
        "by/shop=b/x.csv": csv(4, 2),
    }.items():
        bucket.put_object(Key=name, Body=content)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    local = Files(Wanted(str(tmp_path / path), tmp_path, MONTHLY))
    remote = source(tmp_path, path)
    try:
        expected = local.read()
    except SourceError:
        with pytest.raises(SourceError):
            remote.read()
        return
    read = remote.read()
    pd.testing.assert_frame_equal(read.frame, expected.frame)
    assert read.account == expected.account
    assert (remote.extent(), remote.filled()) == (local.extent(), local.filled())
    seen = remote.look(Sight())
    assert remote.batches_in(seen) == local.batches_in(local.look(Sight()))
    assert remote.place == f"s3://{path}"


def test_parquet_and_packed_files_are_read(bucket: Any, tmp_path: Path) -> None:
    table(1).to_parquet(tmp_path / "a.parquet")
    bucket.upload_file(str(tmp_path / "a.parquet"), "p/a.parquet")
    bucket.put_object(Key="z/a.csv.gz", Body=gzip.compress(csv(1)))
    rows = source(tmp_path, "lake/p").read().frame
    pd.testing.assert_frame_equal(rows, source(tmp_path, "lake/z/*.gz").read().frame)
    assert len(rows) == 5


def fetched(tmp_path: Path) -> dict[str, int]:
    """Files of the mirror: another inode is another download."""
    files = (tmp_path / "mirror").rglob("*.csv")
    return {path.name: path.stat().st_ino for path in files}


def test_a_look_fetches_only_what_has_changed(bucket: Any, tmp_path: Path) -> None:
    for month in (1, 2, 3):
        bucket.put_object(Key=f"rows/{month}.csv", Body=csv(month))
    seen = source(tmp_path, "lake/rows").look(Sight())
    first = fetched(tmp_path)
    assert source(tmp_path, "lake/rows").look(seen) is seen and fetched(tmp_path) == first, (
        "nothing has changed"
    )
    bucket.put_object(
        Key="rows/2.csv", Body=csv(2).replace(b",4\n", b",9\n")
    )  # as long, within the same second
    bucket.put_object(Key="rows/4.csv", Body=csv(4))
    bucket.Object("rows/3.csv").delete()
    after = source(tmp_path, "lake/rows").look(seen)
    second = fetched(tmp_path)
    assert second.keys() == {"1.csv", "2.csv", "4.csv"}
    assert (second["1.csv"] == first["1.csv"], second["2.csv"] == first["2.csv"]) == (True, False)
    before, now = (source(tmp_path, "lake/rows").batches_in(each) for each in (seen, after))
    assert now.keys() == {"2024-01-01", "2024-02-01", "2024-04-01"}
    assert now["2024-01-01"] == before["2024-01-01"] and now["2024-02-01"] != before["2024-02-01"]


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 4)), max_size=6))
@settings(max_examples=15, suppress_health_check=list(HealthCheck))
def test_whatever_is_sent_and_deleted_the_mirror_is_what_the_store_has(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]]
) -> None:
    """By fsspec's store in memory; 0 rows: the object is deleted."""
    folder, store = tmp_path_factory.mktemp("mirror"), fsspec.filesystem("memory")
    store.store.clear()
    there: dict[int, int] = {}
    for month, rows in changes:
        key = f"/lake/{month}.csv"
        if rows:
            there[month] = rows
            store.pipe_file(key, csv(month, rows))
        elif there.pop(month, None):
            store.rm_file(key)
        mirror = Mirror("memory://lake", "memory://lake", folder)
        if not store.exists("/lake"):
            continue
        with mirror.fetched() as place:
            found = {path.name: path.read_bytes() for path in Path(place).rglob("*.csv")}
        assert found == {f"{each}.csv": csv(each, many) for each, many in there.items()}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("lake/rows/1.csv", "the store has no CSV or Parquet object there"),
        ("lake/nothing/*.csv", "the store has no CSV or Parquet object there"),
        ("nobucket/rows.csv", "no such bucket or object"),
        ("lake/broken.csv", r"s3://lake/broken\.csv"),
    ],
)
def test_what_is_wrong_is_told_by_the_names_of_the_store(
    bucket: Any, tmp_path: Path, path: str, said: str
) -> None:
    bucket.put_object(Key="broken.csv", Body=b"<html>no table</html>")
    with pytest.raises(SourceError, match=said) as caught:
        source(tmp_path, path).read()
    text = str(caught.value)
    assert str(tmp_path) not in text and SECRET not in text and "\n" not in text


def test_a_store_that_does_not_answer_is_told(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    forget()
    with pytest.raises(SourceError, match=r"the store does not answer .* AWS_ENDPOINT_URL"):
        source(tmp_path, "lake/rows.csv").read()


def test_missing_credentials_are_told(bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    forget()
    with pytest.raises(SourceError, match=r"there are no credentials: set .* AWS_ACCESS_KEY_ID"):
        source(tmp_path, "lake/rows.csv").read()


@pytest.mark.parametrize(("scheme", "extra"), [("gs", "gs"), ("abfs", "azure")])
def test_a_store_whose_library_is_not_there_is_told_with_the_command(
    tmp_path: Path, scheme: str, extra: str
) -> None:
    with pytest.raises(
        SourceError, match=rf"{scheme}:// needs \w+: run `pip install 'ml_assets\[{extra}\]'`"
    ):
        source(tmp_path, "lake/rows.csv", scheme=scheme).read()


def test_a_key_that_is_no_path_is_refused(bucket: Any, tmp_path: Path) -> None:
    bucket.put_object(Key="rows/../../escape.csv", Body=csv(1))
    with pytest.raises(SourceError, match="has a name that is no path"):
        source(tmp_path, "lake/rows").read()
    assert not list(tmp_path.rglob("escape.csv"))


def test_a_full_disk_is_no_fault_of_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_store: object, _key: str, place: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", place)

    store = fsspec.filesystem("memory")
    store.pipe_file("/full/1.csv", csv(1))
    monkeypatch.setattr(type(store), "get_file", full)
    mirror = Mirror("memory://full", "memory://full", tmp_path)
    with pytest.raises(OSError, match="No space left"), mirror.fetched():
        pass
    assert not list(tmp_path.rglob(".fetched-*")) and not list(tmp_path.rglob("*.csv"))


def test_every_store_has_its_library_and_its_source() -> None:
    assert LIBRARIES.keys() == STORES.keys() == {name for name, kind in SOURCES.items() if kind is Remote}
