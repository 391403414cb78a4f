"""A test of a server is skipped for want of one; where one was seen, it fails instead."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ml_assets_tests.support import databases

NOBODY = "postgresql+psycopg://postgres@127.0.0.1:9/test"


@pytest.mark.parametrize(
    ("required", "ends"), [("", pytest.skip.Exception), ("mariadb,postgresql", pytest.fail.Exception)]
)
def test_a_server_that_was_seen_must_not_be_skipped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, required: str, ends: type[BaseException]
) -> None:
    monkeypatch.setitem(databases.SERVERS, "postgresql", NOBODY)
    monkeypatch.setenv(databases.REQUIRED, required)
    with pytest.raises(ends, match="no postgresql at"), databases.database("postgresql", tmp_path):
        pass


def test_a_server_is_seen_by_its_open_port(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        there = f"mariadb+pymysql://root@127.0.0.1:{server.getsockname()[1]}/test"
        monkeypatch.setattr(databases, "SERVERS", {"postgresql": NOBODY, "mariadb": there})
        monkeypatch.setattr(databases, "REDIS", "redis://127.0.0.1:9/0")
        assert databases.listening() == ["mariadb"]
