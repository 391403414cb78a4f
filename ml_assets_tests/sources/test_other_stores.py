"""`gs://` and `abfs://` by their own libraries, against the services' APIs on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pytest

from ml_assets.recipe.schema import Batches
from ml_assets.sources.files_source import Files
from ml_assets.sources.paths import SourceError
from ml_assets.sources.sight import Sight
from ml_assets.sources.source import Source, open_source
from ml_assets.sources.wanted import Wanted
from ml_assets_tests.support.emulators import STORES, emulated

pytestmark = pytest.mark.extras
MONTHLY = Batches(column="day", period="monthly")


@pytest.fixture(params=STORES)
def scheme(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with emulated(str(request.param), tmp_path / "azurite"):
        yield str(request.param)


def csv(month: int, rows: int = 5) -> bytes:
    frame = pd.DataFrame({"day": [f"2024-{month:02}-{n + 1:02}" for n in range(rows)], "n": range(rows)})
    return frame.to_csv(index=False).encode()


def store(scheme: str) -> Any:
    return fsspec.filesystem(scheme, skip_instance_cache=True)


def source(tmp_path: Path, scheme: str, path: str) -> Source:
    return open_source(Wanted(f"{scheme}://{path}", Path("/nowhere"), MONTHLY, mirror=tmp_path / "mirror"))


def test_objects_are_read_as_files_are(scheme: str, tmp_path: Path) -> None:
    for name, content in {
        "rows/1.csv": csv(1),
        "rows/2.csv": csv(2, 7),
        "rows/_unfinished.csv": csv(9),
    }.items():
        store(scheme).pipe(f"lake/{name}", content)
        (tmp_path / "lake" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "lake" / name).write_bytes(content)
    for path in ("lake/rows", "lake/rows/*.csv", "lake/rows/1.csv"):
        local, remote = Files(Wanted(str(tmp_path / path), tmp_path, MONTHLY)), source(tmp_path, scheme, path)
        read, expected = remote.read(), local.read()
        pd.testing.assert_frame_equal(read.frame, expected.frame)
        assert read.account == expected.account
        assert remote.filled() == local.filled()


def test_an_object_that_is_written_anew_is_fetched_anew_and_no_other(scheme: str, tmp_path: Path) -> None:
    for name in ("1", "2"):
        store(scheme).pipe(f"lake/rows/{name}.csv", csv(int(name)))
    first = source(tmp_path, scheme, "lake/rows").look(Sight())
    inodes = {path.name: path.stat().st_ino for path in (tmp_path / "mirror").rglob("*.csv")}
    assert source(tmp_path, scheme, "lake/rows").look(first) is first
    store(scheme).pipe("lake/rows/2.csv", csv(2, 9))
    fsspec.get_filesystem_class(scheme).clear_instance_cache()
    remote = source(tmp_path, scheme, "lake/rows")
    second = remote.look(first)
    assert {batch: part.rows for batch, part in remote.batches_in(second).items()} == {
        "2024-01-01": 5,
        "2024-02-01": 9,
    }
    after = {path.name: path.stat().st_ino for path in (tmp_path / "mirror").rglob("*.csv")}
    assert after["1.csv"] == inodes["1.csv"]
    assert after["2.csv"] != inodes["2.csv"]


def test_what_is_not_there_is_told(scheme: str, tmp_path: Path) -> None:
    for path in ("lake/none/*.csv", "pond/rows"):
        with pytest.raises(SourceError, match=scheme):
            source(tmp_path, scheme, path).read()
