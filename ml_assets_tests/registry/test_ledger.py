"""Laws of the ledger."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.records import Score
from ml_assets.registry.champions import champions, line_of_champions
from ml_assets.registry.ledger import Entry, Ledger, LedgerBusyError, decisions
from ml_assets_tests.support import registry_workers
from ml_assets_tests.support.databases import database
from ml_assets_tests.support.processes import processes


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A place for a ledger, on both databases."""
    if request.param == "sqlite":
        yield str(tmp_path / "state" / "ledger.db")
    else:
        with database("postgresql", tmp_path) as address:
            yield f"{address}?options=-csearch_path%3Dml_assets"


@pytest.fixture
def ledger(place: str) -> Ledger:
    return Ledger(place)


def test_what_is_written_is_read_back(ledger: Ledger) -> None:
    written = ledger.append(
        "churn",
        "retrain_decision",
        actor="sensor",
        reason="2 of 3 batches drifted",
        from_version=1,
        batch="2024-01-01",
        record=Score(value=0.5, low=float("nan"), high=float("inf")),
    )
    (read,) = Ledger(ledger.url.render_as_string(hide_password=False)).entries("churn")
    assert read == written
    assert read.at.endswith("+00:00")
    assert Score.model_validate(read.record).high == float("inf")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE decisions SET reason = 'another'",
        "DELETE FROM decisions",
        "DELETE FROM decisions WHERE id = 1",
    ],
)
def test_history_cannot_be_rewritten(ledger: Ledger, statement: str) -> None:
    before = ledger.append("churn", "promote", actor="gate", reason="better")
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), ledger._engine.begin() as connection:
        connection.exec_driver_sql(statement)
    assert ledger.entries() == (before,)


def test_replace_cannot_rewrite_history_in_sqlite(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    before, _ = ledger.append_once("churn", "promote", key="k", actor="gate", reason="better")
    columns = "at, recipe, decision_id, kind, state, actor, reason, record, key"
    for values in (
        f"(id, {columns}) VALUES (1, '', 'x', '', '', 'done', '', '', '{{}}', NULL)",
        f"({columns}) VALUES ('', 'churn', '', '', 'done', '', '', '{{}}', 'k')",
    ):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), ledger._engine.begin() as connection:
            connection.exec_driver_sql(f"REPLACE INTO decisions {values}")
    assert ledger.entries() == (before,)


def test_truncate_is_refused_in_postgresql(tmp_path: Path) -> None:
    with database("postgresql", tmp_path) as address:
        ledger = Ledger(address)
        before = ledger.append("churn", "promote", actor="gate", reason="better")
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), ledger._engine.begin() as connection:
            connection.exec_driver_sql("TRUNCATE decisions")
        assert ledger.entries() == (before,)


def test_a_key_is_written_once_however_many_processes_race_for_it(place: str) -> None:
    """The ledger does not exist yet: making it is part of the race."""
    context = processes()
    barrier, answers = context.Barrier(8), context.Queue()
    workers = [
        context.Process(target=registry_workers.append_once, args=(place, "k", barrier, answers))
        for _ in range(8)
    ]
    for worker in workers:
        worker.start()
    created = [answers.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(30)
        assert worker.exitcode == 0
    assert sorted(created) == [False] * 7 + [True]
    assert len(Ledger(place).entries("churn")) == 1


def test_a_key_is_written_once_however_many_threads_race_for_it(ledger: Ledger) -> None:
    answers: list[tuple[Entry, bool]] = []
    barrier = threading.Barrier(8)

    def race(number: int) -> None:
        barrier.wait()
        answers.append(ledger.append_once("churn", "alert", key="k", actor=str(number), reason="race"))

    threads = [threading.Thread(target=race, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(created for _, created in answers) == 1
    assert len({entry.id for entry, _ in answers}) == 1


def test_keys_of_two_recipes_do_not_collide(ledger: Ledger) -> None:
    assert ledger.append_once("a", "alert", key="k", actor="x", reason="x")[1]
    assert ledger.append_once("b", "alert", key="k", actor="x", reason="x")[1]
    assert not ledger.append_once("a", "alert", key="k", actor="y", reason="y")[1]
    assert ledger.recipes() == ("a", "b")


def test_newest_entries_come_last_and_limit_keeps_the_newest(ledger: Ledger) -> None:
    for i in range(5):
        ledger.append("a", "alert" if i % 2 else "keep", actor="x", reason=str(i))
    assert [e.reason for e in ledger.entries("a")] == list("01234")
    assert [e.reason for e in ledger.entries(limit=2)] == ["3", "4"]
    assert [e.reason for e in ledger.entries("a", "alert")] == ["1", "3"]
    last = ledger.last("a", ("alert",))
    assert last is not None and last.reason == "3"
    assert ledger.last("b", ("alert",)) is None


def test_an_intent_is_open_until_its_outcome_is_written(ledger: Ledger) -> None:
    intent = ledger.append("a", "promote", state="intent", actor="x", reason="r", to_version=2)
    other = ledger.append("b", "promote", state="intent", actor="x", reason="r", to_version=1)
    assert ledger.open_intents() == (intent, other)
    assert ledger.open_intents("b") == (other,)
    ledger.append("a", "promote", actor="x", reason="r", decision_id=intent.decision_id, to_version=2)
    assert ledger.open_intents() == (other,)
    assert [e.state for e in ledger.decision(intent.decision_id)] == ["intent", "done"]


def test_a_held_lock_is_waited_for_and_then_named(ledger: Ledger) -> None:
    with (
        ledger.lock("churn"),
        ledger.lock("iris"),
        pytest.raises(LedgerBusyError, match="churn"),
        ledger.lock("churn", seconds=0.05),
    ):
        pass
    with ledger.lock("churn", seconds=0.05):
        pass


def test_a_ledger_killed_while_it_was_made_is_completed(tmp_path: Path) -> None:
    place = tmp_path / "ledger.db"
    engine = sa.create_engine(f"sqlite:///{place}")
    decisions.metadata.create_all(engine)
    engine.dispose()
    ledger = Ledger(place)
    ledger.append("a", "alert", actor="x", reason="r")
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), ledger._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM decisions")


def test_other_databases_are_refused() -> None:
    with pytest.raises(ValueError, match="use sqlite or postgresql"):
        Ledger("mysql://localhost/x")


def test_the_ledger_needs_no_mlflow() -> None:
    code = (
        "import sys, ml_assets.registry.ledger, ml_assets.registry.champions\n"
        "heavy = {'mlflow', 'sklearn', 'pandas'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def _entry(kind: str, to: int) -> Entry:
    return Entry(
        id=0,
        at="",
        recipe="a",
        decision_id="",
        kind=kind,
        state="done",
        actor="",
        from_version=None,
        to_version=to,
        batch=None,
        reason="",
        record={},
        key=None,
    )


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ([], ()),
        ([("promote", 1)], (1,)),
        ([("promote", 1), ("promote", 2), ("promote", 3)], (1, 2, 3)),
        ([("promote", 1), ("promote", 2), ("rollback", 1)], (1,)),
        ([("promote", 1), ("promote", 2), ("rollback", 1), ("promote", 3)], (1, 3)),
        ([("promote", 1), ("promote", 2), ("promote", 3), ("rollback", 1)], (1,)),
        ([("promote", 1), ("rollback", 7)], (1, 7)),
        ([("promote", 1), ("reconcile", 2), ("keep", 9), ("promote", 2)], (1, 2)),
    ],
)
def test_a_rollback_goes_back_along_the_line(changes: list[tuple[str, int]], line: tuple[int, ...]) -> None:
    assert line_of_champions(_entry(*change) for change in changes) == line


@given(st.lists(st.tuples(st.sampled_from(["promote", "rollback", "reconcile"]), st.integers(1, 4))))
def test_the_last_change_is_the_champion(changes: list[tuple[str, int]]) -> None:
    line = line_of_champions(_entry(*change) for change in changes)
    assert (line[-1:] or (None,))[0] == (changes[-1][1] if changes else None)
    assert all(a != b for a, b in itertools.pairwise(line))


def test_an_aborted_change_changes_nothing(ledger: Ledger) -> None:
    ledger.append("a", "promote", actor="x", reason="r", to_version=1)
    ledger.append("a", "promote", state="aborted", actor="x", reason="r", from_version=1, to_version=2)
    ledger.append("a", "promote", state="intent", actor="x", reason="r", from_version=1, to_version=3)
    assert champions(ledger, "a") == (1,)
