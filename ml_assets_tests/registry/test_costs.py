"""Laws of what steps have cost: sums are of what was kept, in both databases, and whatever two writers do at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from ml_assets.records.costs import StepCost
from ml_assets.registry import costs
from ml_assets.registry.ledger import Ledger
from ml_assets.registry.ledger_file import engine_of
from ml_assets.registry.spending import spending
from ml_assets_tests.support.databases import database

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    if request.param == "sqlite":
        yield Ledger(tmp_path / "ledger.db")
        return
    with database("postgresql", tmp_path) as address:
        yield Ledger(f"{address}?options=-csearch_path%3Dml_assets")


def cost(asset: str, run: str, cpu: float, minutes: int = 0, **more: object) -> StepCost:
    at = costs.iso(NOON + timedelta(minutes=minutes))
    told = {"recipe": "tide", "asset": asset, "batch": "all", "run": run, "at": at, "cpu_seconds": cpu}
    return StepCost.model_validate(told | more)


def test_sums_are_of_what_ended_since_and_of_the_model_alone(ledger: Ledger) -> None:
    nothing = spending(ledger, NOON, "tide")
    assert (nothing.steps, nothing.cpu_seconds, nothing.trainings) == (0, 0, ())
    for each in (
        cost("raw_data", "a", 1.0, minutes=-1),
        cost("raw_data", "b", 2.0, peak_bytes=2**33, rows_written=2**40),
        cost("trained_model", "c", 4.0, peak_bytes=5),
        cost("champion", "c", 1.0, version=1),
        cost("trained_model", "d", 8.0, minutes=1, ok=False),
        cost("raw_data", "e", 16.0, recipe="ebb"),
    ):
        costs.keep(ledger, each)
    ledger.append("tide", "promote", actor="test", reason="better", to_version=1)
    found = spending(ledger, NOON, "tide")
    assert (found.cpu_seconds, found.steps, found.failed) == (15.0, 4, 1)
    assert (found.peak_bytes, found.rows_written) == (2**33, 2**40)
    assert [(each.asset, each.cpu_seconds) for each in found.assets] == [
        ("trained_model", 12.0),
        ("raw_data", 2.0),
        ("champion", 1.0),
    ]
    assert [(each.run, each.cpu_seconds, each.promoted) for each in found.trainings] == [
        ("d", 8.0, False),
        ("c", 5.0, True),
    ]
    assert (found.training_cpu_seconds, found.lost_cpu_seconds) == (13.0, 8.0)
    assert costs.cpu_of_runs(ledger, ["a", "c", "none"]) == {"a": 1.0, "c": 5.0}


EDITED = {
    "sqlite": ("cpu_seconds = 'much'", "version = 'two'", "peak_bytes = x'00'", "batch = x'07'"),
    "postgresql": ("cpu_seconds = 'NaN'", "cpu_seconds = 'Infinity'"),
}


def test_a_row_that_no_step_has_written_moves_no_sum_and_is_counted(ledger: Ledger) -> None:
    costs.keep(ledger, cost("trained_model", "a", 4.0))
    before = spending(ledger, NOON, "tide")
    assert costs.left_out(ledger, "tide") == 0 == costs.left_out(ledger, "ebb")
    edits = ("cpu_seconds = -1e6", "rows_read = -1", *EDITED[ledger.url.get_backend_name()])
    for number, edit in enumerate(edits, start=1):
        costs.keep(ledger, cost("trained_model", f"b{number}", 8.0))
        with engine_of(ledger.url).begin() as connection:
            connection.execute(sa.text(f"UPDATE costs SET {edit} WHERE run = 'b{number}'"))
        assert spending(ledger, NOON, "tide") == before, edit
        assert costs.cpu_of_runs(ledger, ["a", f"b{number}"]) == {"a": 4.0}
        assert costs.left_out(ledger, "tide") == number


def test_who_comes_first_makes_the_table_and_all_is_kept(ledger: Ledger) -> None:
    begin = threading.Barrier(4)

    def write(number: int) -> None:
        begin.wait()
        for each in range(5):
            costs.keep(ledger, cost("raw_data", f"{number}:{each}", 1.0))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert spending(ledger, NOON, "tide").steps == 20


def test_table_that_a_kill_left_without_an_index_is_made_whole(ledger: Ledger) -> None:
    costs.keep(ledger, cost("raw_data", "a", 1.0))
    with engine_of(ledger.url).begin() as connection:
        connection.exec_driver_sql("DROP INDEX costs_run")
    costs.keep(ledger, cost("raw_data", "b", 1.0))
    with engine_of(ledger.url).connect() as connection:
        assert len(sa.inspect(connection).get_indexes("costs")) == 2
    assert spending(ledger, NOON, "tide").steps == 2


def test_questions_are_answered_by_an_index(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    costs.keep(ledger, cost("raw_data", "a", 1.0))
    asked: list[str] = []
    engine = engine_of(ledger.url)

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if statement.lstrip().startswith("SELECT costs"):
            asked.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    costs.by_asset(ledger, NOON, "tide")
    costs.by_training(ledger, NOON, "tide")
    costs.cpu_of_runs(ledger, ["a"])
    sa.event.remove(engine, "before_cursor_execute", note)
    assert len(asked) == 3
    with engine.connect() as connection:
        for statement in asked:
            places = tuple("" for _ in range(statement.count("?")))
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", places).all()
            assert not [row for row in plan if "SCAN costs" in str(row)], (statement, plan)
