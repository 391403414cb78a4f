"""`ml-assets doctor`: all is well, or what is not, with its remedy."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from dagster._daemon.types import DaemonHeartbeat

from ml_assets.lifecycle.examine import examine as kept
from ml_assets.orchestration.runs import open_instance
from ml_assets.registry import chain
from ml_assets.registry.examine import sound
from ml_assets.settings import read_settings
from ml_assets.settings.examine import examine as machine
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import ml_assets


def _swap(path: Path) -> bytes:
    """Change one byte in the middle of a file; what it was."""
    content = path.read_bytes()
    place = len(content) // 2
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    return content


DAMAGE: dict[str, Callable[[Path], Path]] = {
    "record": lambda home: next((home / "batches").glob("good/evaluation_report/*.record.json")),
    "frame": lambda home: next((home / "batches").glob("good/test_set/blobs/*.parquet")),
    "model": lambda home: next((home / "artifacts").rglob("*.pkl")),
    "rows": lambda home: next((home / "artifacts").rglob("reference.parquet")),
}
PART = {"record": "good: batches", "frame": "good: batches", "model": "good: models", "rows": "good: models"}


def test_a_sound_home_is_well_and_each_damage_is_told_with_its_remedy(trained_shop: Shop) -> None:
    home = trained_shop.home
    home.chmod(0o700)
    well = ml_assets("doctor", "--json")
    assert well.code == 0, well.out
    assert well.result["ok"] and all(check["ok"] for check in well.result["checks"])
    parts = {check["part"] for check in well.result["checks"]}
    assert parts >= {
        "libraries",
        "disk",
        "home",
        "ledger",
        "mlflow.db",
        "good: models",
        "good: batches",
        "runs",
    }
    assert "all is well" in ml_assets("doctor").out
    for what, find in DAMAGE.items():
        path = find(home)
        content = _swap(path)
        told = ml_assets("doctor", "--json")
        wrong = [check for check in told.result["checks"] if not check["ok"]]
        assert told.code == 1 and [check["part"] for check in wrong] == [PART[what]], (path, wrong)
        assert wrong[0]["remedy"]
        (row,) = ml_assets("status", "good", "--json").result["recipes"]
        assert (row["status"] == "damaged") is ("models" in PART[what]), row["why"]
        path.write_bytes(content)
    chain._VERIFIED.clear()  # as in another process
    place = home / "ledger.db"
    place.write_bytes(place.read_bytes().replace(b"version 1 trained on", b"version 1 trained at", 1))
    told = ml_assets("doctor")
    assert told.code == 1 and "NOT WELL  ledger: " in told.out and "is not what was written" in told.out


def test_what_the_machine_lacks_is_told(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    shop.home.chmod(0o755)
    shop.write("broken.yaml", "name: [")
    settings = read_settings()
    found = {check.part: check for check in [*machine(settings), *kept(settings)] if not check.ok}
    assert set(found) == {"MLflow", "home", "broken.yaml: recipe"}
    assert (
        "127.0.0.1:9 does not answer" in found["MLflow"].found
        and "MLFLOW_TRACKING_URI" in found["MLflow"].remedy
    )
    assert found["home"].remedy.startswith("chmod -R o= ")


def test_a_database_that_cannot_be_opened_is_not_called_damaged(tmp_path: Path) -> None:
    database = tmp_path / "runs.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE runs (id INTEGER)")
    assert sound(database).ok
    beside = database.with_name("runs.db-wal")
    beside.unlink(missing_ok=True)
    beside.mkdir()  # as on a full or read-only disk: SQLite cannot make its file there
    told = sound(database)
    assert not told.ok and "could not be looked at" in told.found
    assert "damaged" not in told.found and "restore" not in told.remedy
    beside.rmdir()
    database.write_bytes(b"x" * 4096)
    assert "is damaged" in sound(database).found


def test_a_daemon_that_gave_no_sign_for_minutes_does_not_run(trained_shop: Shop) -> None:
    def told(seconds_ago: float) -> str:
        beat = DaemonHeartbeat(
            timestamp=time.time() - seconds_ago, daemon_type="SENSOR", daemon_id="one", errors=[]
        )
        with open_instance(read_settings()) as instance:
            instance.add_daemon_heartbeat(beat)
        (found,) = [
            each["found"]
            for each in ml_assets("doctor", "--json").result["checks"]
            if each["part"] == "daemon"
        ]
        return str(found)

    assert "not running" in told(600)
    assert told(5) == "at work"
