"""No byte of the ledger changes unnoticed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ml_assets.failures import MendableError
from ml_assets.registry import chain, champions
from ml_assets.registry.ledger import Ledger
from ml_assets.registry.ledger_file import LedgerDamagedError
from ml_assets.registry.table import APPEND_ONLY, decisions, links
from ml_assets_tests.support.databases import database

PLACES = 250
"""Places in the file whose byte is changed, evenly spread."""


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A ledger with some entries."""
    write(Ledger(tmp_path / "ledger.db"))
    return tmp_path / "ledger.db"


def write(ledger: Ledger) -> None:
    for number in range(12):
        ledger.append_once(
            "churn", "alert", key=f"a{number}", actor="x", reason="why", record={"n": number / 7}
        )
    ledger.append("churn", "promote", actor="gate", reason="better", to_version=1)
    ledger.append("churn", "promote", actor="gate", reason="bétter\x1f", from_version=1, to_version=2)


def reopened(place: Path | str) -> Ledger:
    """Open a ledger as a new process does."""
    chain._VERIFIED.clear()
    return Ledger(place)


def answers(ledger: Ledger) -> tuple[Any, ...]:
    last = champions.last_change(ledger, "churn")
    return ledger.entries(), last, ledger.by_key("churn", "a7"), ledger.find("churn", ["alert"], 3)


TAMPERED = {
    "a reason": "UPDATE decisions SET reason = 'another' WHERE id = 5",
    "a record": """UPDATE decisions SET record = '{"n": 1.1}' WHERE id = 8""",
    "a version": "UPDATE decisions SET to_version = 2 WHERE id = 13",
    "an entry gone": "DELETE FROM decisions WHERE id = 3",
    "the newest gone": "DELETE FROM decisions WHERE id = 14",
    "a link": "UPDATE decisions_chain SET hash = '0' WHERE id = 9",
    "a link gone": "DELETE FROM decisions_chain WHERE id = 2",
}
"""What somebody does who knows how to go round the triggers."""


DISABLED = {
    "sqlite": ("DROP TRIGGER {0}_no_update", "DROP TRIGGER {0}_no_delete"),
    "postgresql": ("ALTER TABLE {0} DISABLE TRIGGER USER",),
}


@pytest.mark.parametrize("kind", DISABLED)
def test_whoever_goes_round_the_triggers_is_noticed(tmp_path: Path, kind: str) -> None:
    """In both databases, whatever is changed."""
    with database(kind, tmp_path) as address:
        for number, statement in enumerate(TAMPERED.values()):
            schema = f"?options=-csearch_path%3Dledger_{number}"
            place = tmp_path / f"{number}.db" if kind == "sqlite" else address + schema
            write(Ledger(place))
            with reopened(place)._engine.begin() as connection:
                for table in (decisions, links):
                    for disabled in DISABLED[kind]:
                        connection.exec_driver_sql(disabled.format(table.name))
                connection.exec_driver_sql(statement)
            with pytest.raises(LedgerDamagedError, match=r"damaged \(.*restore it from a backup"):
                reopened(place)


def _changed(content: bytes) -> Iterator[tuple[int, bytes]]:
    for place in range(0, len(content), max(1, len(content) // PLACES)):
        yield place, content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def test_a_changed_byte_is_refused_or_means_nothing(written: Path) -> None:
    content, expected = written.read_bytes(), answers(reopened(written))
    refused = 0
    for place, damaged in _changed(content):
        for left in written.parent.glob("ledger.db-*"):
            left.unlink()
        written.write_bytes(damaged)
        try:
            found = answers(reopened(written))
        except (MendableError, sa.exc.OperationalError):  # what `failures.words` tells in one line
            refused += 1
        else:
            assert found == expected, place
    assert refused > 20, "the examples reach what is written"


def test_a_changed_digit_is_told_with_its_entry_and_the_remedy(written: Path) -> None:
    content = written.read_bytes()
    assert content.count(b'"n": 1.0') == 1
    written.write_bytes(content.replace(b'"n": 1.0', b'"n": 1.1'))
    with pytest.raises(
        LedgerDamagedError, match=r"\(entry 8 is not what was written\): .* restore it from a backup"
    ):
        reopened(written)


@pytest.mark.parametrize(
    "statement", ["DELETE FROM decisions WHERE id = 3", "DELETE FROM decisions WHERE id = 14"]
)
def test_an_entry_that_is_gone_is_noticed(written: Path, statement: str) -> None:
    ledger = reopened(written)
    with ledger._engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER decisions_no_delete")
        connection.exec_driver_sql(statement)
    with pytest.raises(LedgerDamagedError, match="damaged"):
        reopened(written)


def test_an_old_ledger_is_chained_when_it_is_opened(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    for number in range(5):
        ledger.append("churn", "alert", actor="x", reason=str(number))
    with ledger._engine.begin() as connection:
        for name in ("update", "delete", "replace"):
            connection.exec_driver_sql(f"DROP TRIGGER decisions_chain_no_{name}")
        links.drop(connection)
    before = ledger.entries()
    assert reopened(tmp_path / "ledger.db").entries() == before
    with ledger._engine.connect() as connection:
        assert chain.is_whole(connection)
        count = connection.execute(sa.select(sa.func.count()).select_from(links)).scalar()
    assert count == len(before) and len(APPEND_ONLY["sqlite"]) == 6


def test_what_was_verified_is_not_read_again(written: Path) -> None:
    ledger = reopened(written)
    with ledger._engine.begin() as connection:  # out of reach of the triggers: behind the process's back
        connection.exec_driver_sql("DROP TRIGGER decisions_no_update")
        connection.execute(sa.update(decisions).where(decisions.c.id == 1).values(reason="another"))
    ledger.append("churn", "alert", actor="x", reason="new")
    Ledger(written)
    with pytest.raises(LedgerDamagedError, match="entry 1 "):
        reopened(written)
