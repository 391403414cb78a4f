"""What a person is told when something outside of the code goes wrong, and how the command ends."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import dagster as dg
import mlflow.exceptions
import psycopg
import pytest
import requests
import sqlalchemy.exc
import typer

import ml_assets.cli.app
from ml_assets.cli.output import faults
from ml_assets.failures import MendableError, WrongUsageError, words
from ml_assets.lifecycle.state import Busy
from ml_assets.orchestration.runs import failure
from ml_assets.recipe import RecipeError
from ml_assets_tests.support.command_line import ml_assets_process

HOME = Path("/home/of/state")
LOCKED = sqlite3.OperationalError("database is locked")

TABLE: list[tuple[BaseException, int, tuple[str, ...]]] = [
    (MendableError("tide: do this"), 1, ("tide: do this",)),
    (WrongUsageError("say a name"), 2, ("say a name",)),
    (Busy("tide: in flight"), 1, ("tide: in flight",)),
    (RecipeError([]), 2, ()),
    (KeyboardInterrupt(), 130, ("Interrupted", "run the same command again")),
    (
        OSError(errno.ENOSPC, "No space left on device", "/data/x"),
        1,
        ("/data/x", "No space", "free some space"),
    ),
    (OSError(errno.EROFS, "Read-only file system", "/data/x"), 1, ("/data/x", "Read-only", "ML_ASSETS_HOME")),
    # As /proc answers who would make a folder there.
    (
        OSError(errno.ENOENT, "No such file", f"{HOME}/a"),
        1,
        (f"{HOME}/a: No such file", "set ML_ASSETS_HOME"),
    ),
    (OSError(errno.EIO, "Input/output error", "/data/x"), 1, ("/data/x", "see that the disk is well")),
    (OSError(errno.ENOENT, "No such file", "/data/x"), 1, ("/data/x", "see that it is there")),
    (
        OSError(errno.EACCES, "Permission denied"),
        1,
        (str(HOME), "Permission denied", "give this user access"),
    ),
    (LOCKED, 1, (str(HOME), "database is locked", "another process holds it: wait until that has ended")),
    (
        sqlalchemy.exc.OperationalError("INSERT", {}, LOCKED),
        1,
        (str(HOME), "database is locked", "another process holds it: wait until that has ended"),
    ),
    (
        mlflow.exceptions.MlflowException(
            "(raised by autoflush)\n(sqlite3.OperationalError) database is locked\n[SQL: x]"
        ),
        1,
        (str(HOME), "database is locked: another process holds it: wait until that has ended"),
    ),
    (
        sqlalchemy.exc.OperationalError("INSERT", {}, sqlite3.OperationalError("disk I/O error")),
        1,
        (f"a database in {HOME}: disk I/O error: see that the disk has space",),
    ),
    (
        sqlalchemy.exc.DatabaseError("SELECT", {}, sqlite3.DatabaseError("database disk image is malformed")),
        1,
        (str(HOME), "malformed", "`ml-assets doctor` names it", "restore it from a backup"),
    ),
    (sqlite3.OperationalError("database or disk is full"), 1, (str(HOME), "full", "disk has space")),
    (
        mlflow.exceptions.MlflowException(
            "API request to http://mlflow:5000/api/2.0/x failed with exception y"
        ),
        1,
        ("MLflow does not answer at http://mlflow:5000", "MLFLOW_TRACKING_URI"),
    ),
    (
        requests.ConnectionError("HTTPConnectionPool(host='mlflow', port=5000): Max retries exceeded"),
        1,
        ("MLflow does not answer at mlflow:5000",),
    ),
    (
        sqlalchemy.exc.OperationalError(
            "SELECT 1", {}, psycopg.OperationalError("connection failed: refused")
        ),
        1,
        (
            "PostgreSQL: (psycopg.OperationalError) connection failed: refused: start it",
            "ML_ASSETS_DATABASE_URI",
        ),
    ),
    (mlflow.exceptions.MlflowException("Run 'a' not found\nand more"), 1, ("MLflow: Run 'a' not found",)),
]


@pytest.mark.parametrize(("error", "code", "said"), TABLE)
def test_what_goes_wrong_is_told(error: BaseException, code: int, said: tuple[str, ...]) -> None:
    found = words(error, HOME)
    assert found is not None
    assert found[1] == code
    assert all(part in found[0] for part in said), found[0]
    assert "\n" not in found[0]


@pytest.mark.parametrize("error", [KeyError("a"), ValueError("b"), OSError("without a number")])
def test_a_bug_is_no_fault_of_a_person(error: Exception) -> None:
    assert words(error, HOME) is None
    with pytest.raises(type(error)), faults(False):
        raise error


@pytest.mark.parametrize(("error", "code", "said"), TABLE)
def test_the_command_ends_with_the_code(
    error: BaseException, code: int, said: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, faults(True):
        raise error
    assert ended.value.exit_code == code
    assert capsys.readouterr().out.startswith('{"error": ')


def test_a_commands_own_end_passes() -> None:
    with pytest.raises(typer.Exit) as ended, faults(False):
        raise typer.Exit(3)
    assert ended.value.exit_code == 3


def test_a_bug_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise KeyError("a")

    monkeypatch.setattr(ml_assets.cli.app, "app", broken)
    with pytest.raises(SystemExit) as ended:
        ml_assets.cli.app.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.splitlines() == [
        "a fault of ml_assets, please report it: KeyError: 'a'; with LOG_LEVEL=DEBUG its traceback is shown"
    ]


def test_mlflow_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ML_ASSETS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    recipe = Path(ml_assets.cli.app.__file__).parent.parent / "recipes" / "iris.yaml"
    ended = ml_assets_process("train", "--recipe-file", recipe, "--json", folder=tmp_path)
    assert ended.code == 1
    assert ended.message.startswith("MLflow does not answer at http://127.0.0.1:9: ")
    assert "secret" not in ended.out + ended.err


def test_a_step_that_meets_a_locked_database_says_so_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Dagster hands on the words of the error alone, which name no file and no remedy."""
    monkeypatch.setenv("ML_ASSETS_HOME", str(HOME))

    @dg.op
    def step() -> None:
        raise sqlalchemy.exc.OperationalError("UPDATE", {}, LOCKED)

    @dg.job
    def work() -> None:
        step()

    told = str(failure(work.execute_in_process(raise_on_error=False).all_events))
    assert told.startswith(f"a database in {HOME}: database is locked: another process holds it")
