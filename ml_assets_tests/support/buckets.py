"""Object storage on this machine, and an empty bucket in it."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import fsspec
import pytest
from moto.server import ThreadedMotoServer

from ml_assets.store.places import Bucket, Folder, Place
from ml_assets_tests.support.emulators import STORES, emulated

BUCKET = "lake"
SECRET = "hunter2"


@contextmanager
def serving() -> Iterator[str]:
    """Address of the API."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield "http://{}:{}".format(*server.get_host_and_port())
    finally:
        server.stop()


@contextmanager
def empty_bucket(endpoint: str) -> Iterator[Any]:
    """The bucket `lake`, and credentials in the environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", endpoint)
        patch.setenv("AWS_ACCESS_KEY_ID", "key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        forget()
        made = boto3.resource("s3", endpoint_url=endpoint).create_bucket(Bucket=BUCKET)
        yield made
        made.objects.all().delete()
        made.delete()
    forget()


ROOTS: list[Any] = [
    "folder",
    "memory",
    "s3",
    *(pytest.param(scheme, marks=pytest.mark.extras) for scheme in STORES),
]
"""Kinds of places that a store can lie in."""


@contextmanager
def place_at(kind: str, folder: Path) -> Iterator[Place]:
    """An empty place of a kind; `folder` is this machine's."""
    if kind == "folder":
        yield Folder(folder)
    elif kind == "memory":
        store = fsspec.filesystem("memory")
        yield Bucket("memory://state/churn", folder)
        store.rm("/state", recursive=True) if store.exists("/state") else None
    elif kind == "s3":
        with empty_bucket(running()):
            yield Bucket("s3://lake/state/churn", folder)
    else:
        with emulated(kind, folder.with_name("service")):
            yield Bucket(f"{kind}://lake/state/churn", folder)


@cache
def running() -> str:
    """One server for all tests of a process, which ends with it."""
    context = serving()
    atexit.register(context.__exit__, None, None, None)
    return context.__enter__()


def forget() -> None:
    """Let the next connection read the environment anew."""
    fsspec.get_filesystem_class("s3").clear_instance_cache()
