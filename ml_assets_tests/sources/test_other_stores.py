"""`gs://` and `abfs://` by their own libraries, against the services' APIs on this machine.

Google's is answered by gcp-storage-emulator, Azure's by Azurite (`npm install -g azurite`), which is looked for in PATH
and in `ML_ASSETS_TEST_AZURITE`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
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

pytestmark = pytest.mark.extras
MONTHLY = Batches(column="day", period="monthly")
# The account that every installation of Azurite has (Microsoft's documentation): no secret.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def google(patch: pytest.MonkeyPatch, _: Path) -> Iterator[None]:
    pytest.importorskip("gcsfs")
    server = pytest.importorskip("gcp_storage_emulator.server")
    port = free_port()
    running = server.create_server("127.0.0.1", port, in_memory=True, default_bucket="lake")
    running.start()
    patch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    patch.setenv("NO_GCE_CHECK", "true")
    patch.setenv(
        "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false"
    )  # asks over gRPC, which the emulator does not speak
    try:
        yield
    finally:
        running.stop()


@contextmanager
def azure(patch: pytest.MonkeyPatch, folder: Path) -> Iterator[None]:
    pytest.importorskip("adlfs")
    program = os.environ.get("ML_ASSETS_TEST_AZURITE") or shutil.which("azurite-blob")
    if program is None:
        pytest.skip("no Azurite: npm install -g azurite, or set ML_ASSETS_TEST_AZURITE")
    port = free_port()
    patch.setenv(
        "AZURE_STORAGE_CONNECTION_STRING",
        f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={KEY};"
        f"BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1;",
    )
    options = [
        "--blobHost",
        "127.0.0.1",
        "--blobPort",
        str(port),
        "--location",
        str(folder),
        "--skipApiVersionCheck",
    ]
    with subprocess.Popen([program, "--silent", "--disableTelemetry", *options]) as running:
        try:
            for _ in range(100):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.2)
            fsspec.filesystem("abfs").mkdir("lake")
            yield
        finally:
            running.terminate()


STORES = {"gs": google, "abfs": azure}


@pytest.fixture(params=STORES)
def scheme(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    name = str(request.param)
    with pytest.MonkeyPatch.context() as patch, STORES[name](patch, tmp_path / "azurite"):
        fsspec.get_filesystem_class(name).clear_instance_cache()
        yield name
    fsspec.get_filesystem_class(name).clear_instance_cache()


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
