"""What a question to the ledger costs does not grow with what was written before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ml_assets.registry import champions
from ml_assets.registry.ledger import Fields, Ledger, _row
from ml_assets.registry.table import decisions
from ml_assets_tests.support.registry_workers import evaluation, training_result

Question = Callable[[Ledger], Any]

EACH = 10
"""Batches between two trainings; every fifth challenger is promoted."""

QUESTIONS: dict[str, Question] = {
    "champion": lambda ledger: champions.champion(ledger, "churn"),
    "probation": lambda ledger: champions.on_probation(ledger, "churn"),
    "rollbacks": lambda ledger: champions.rollbacks_of_probation(ledger, "churn", 40),
    "looks": lambda ledger: champions.looks(
        ledger, "churn", champions.champion_version(ledger, "churn") or 0
    ),
    "open intents": lambda ledger: ledger.open_intents("churn"),
    "newest": lambda ledger: ledger.last(
        "churn", ["retrain_decision", *champions.GATE, "rollback"], state="done"
    ),
    "a batch": lambda ledger: ledger.find("churn", ["retrain_decision", *champions.GATE], batch="17"),
    "a key": lambda ledger: ledger.append_once("churn", "alert", key="alert:7", actor="x", reason="again"),
}


def _trained(version: int) -> dict[str, Any]:
    training = training_result().model_dump()
    hashes = {"sha256": "0", "recipe_sha256": "0", "data_sha256": "0"}
    where = {"recipe": "churn", "run_id": str(version), "model_uri": "models:/m", "trained_at": "2024-01-01"}
    trained = {"as_of": "1", "batches": ["1"], "training": training, **hashes, **where}
    return {"trained": trained, "evaluation": evaluation().model_dump(), "files": {}}


def _history(batches: int) -> list[dict[str, Any]]:
    """Rows that a model leaves: three entries a batch, a training now and then, now and then a new champion."""
    rows: list[dict[str, Any]] = []
    champion: int | None = None

    def write(kind: str, key: str | None = None, **fields: Any) -> None:
        said: Fields = {"actor": "x", "reason": "r", **fields}  # type: ignore[typeddict-item]
        rows.append(_row("churn", kind, key, said))

    for batch in range(batches):
        for kind in ("retrain_decision", "backfill", "alert"):
            write(kind, f"{kind}:{batch}", batch=str(batch), record={"action": "none"})
        if batch % EACH:
            continue
        version = batch // EACH + 1
        write("train", to_version=version, record=_trained(version))
        if batch % (5 * EACH):
            write("keep", from_version=champion, to_version=version, record={"champion_score": 0.8})
            continue
        change = {
            "from_version": champion,
            "to_version": version,
            "decision_id": f"d{version}",
            "batch": str(batch),
        }
        write("promote", state="intent", **change)
        write("promote", **change)
        champion = version
    return rows


def _filled(place: Path, batches: int) -> Ledger:
    ledger = Ledger(place)
    with ledger._engine.begin() as connection:
        connection.execute(sa.insert(decisions), _history(batches))
    return ledger


def _steps(ledger: Ledger, question: Question) -> int:
    """Instructions that SQLite carries out for a question: no clock, no luck."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    def listen(connection: Any, _record: Any) -> None:
        connection.set_progress_handler(step, 1)

    sa.event.listen(ledger._engine, "connect", listen)
    question(ledger)
    sa.event.remove(ledger._engine, "connect", listen)
    return count


@pytest.fixture(scope="module")
def short_and_long(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ledger, Ledger]:
    folder = tmp_path_factory.mktemp("growth")
    return _filled(folder / "short.db", 60), _filled(folder / "long.db", 1010)


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_costs_the_same_after_a_long_history(
    short_and_long: tuple[Ledger, Ledger], name: str
) -> None:
    short, long = (_steps(ledger, QUESTIONS[name]) for ledger in short_and_long)
    assert short > 0
    assert long <= 1.2 * short


def test_an_old_ledger_is_given_its_indexes(tmp_path: Path) -> None:
    ledger = _filled(tmp_path / "ledger.db", 60)
    names = {index.name for index in decisions.indexes}
    with ledger._engine.begin() as connection:
        for name in names:
            connection.exec_driver_sql(f"DROP INDEX {name}")
    old = Ledger(tmp_path / "ledger.db")
    with old._engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'index'").scalars()
        assert names <= set(found)
    assert old.entries() == ledger.entries()
