"""The services of Google and Azure on this machine, each with an empty container `lake`.

Google's API is answered by gcp-storage-emulator, Azure's by Azurite (`npm install -g azurite`), which is looked for in
PATH and in `ML_ASSETS_TEST_AZURITE`.
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

import fsspec
import pytest

# Else gcsfs, which reads this once, asks over gRPC what kind of bucket it is; the emulator does not speak that.
os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
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


@contextmanager
def emulated(scheme: str, folder: Path) -> Iterator[None]:
    """Run the service of a scheme, which keeps its objects in a folder or in memory; skip where it is not installed."""
    with pytest.MonkeyPatch.context() as patch, STORES[scheme](patch, folder):
        fsspec.get_filesystem_class(scheme).clear_instance_cache()
        yield
    fsspec.get_filesystem_class(scheme).clear_instance_cache()
