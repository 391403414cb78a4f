"""Small versions of the lines of `benchmarks/trust` about drift, with bounds that a broken rule misses."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.trust import drift, together
from benchmarks.trust.__main__ import main
from benchmarks.trust.table import Row, markdown, wilson


@pytest.mark.parametrize(
    ("rows", "count", "pairs"),
    [(500, 30, 40), pytest.param(1000, 5, 40, marks=pytest.mark.slow), (50, 30, 40), (1000, 100, 8)],
)
def test_undrifted_batches_are_quiet(rows: int, count: int, pairs: int) -> None:
    assert drift.false_alarms(1, pairs, rows, count, 30) <= 2


def test_under_min_rows_nothing_is_claimed() -> None:
    assert drift.false_alarms(2, 5, 100, 30, 300) == 0
    names = drift.columns()
    rng = np.random.default_rng(0)
    found = drift.report(drift.world(rng, 100, names), drift.world(rng, 500, names))
    assert found.status == "insufficient_data"


@pytest.mark.parametrize(("what", "least"), [(what, entry[2]) for what, entry in drift.POWERS.items()])
def test_changes_are_found_and_their_column_named(what: str, least: int) -> None:
    assert drift.power(3, 15, what) / 15 >= least / 100 - 0.25


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (place > 0)) for place, name in enumerate(drift.STREAMS)],
)
def test_streams_that_do_not_change_ask_for_nothing(name: str) -> None:
    total, alarms, asked = drift.quiet_stream(4, 20, name)
    assert alarms / total <= 0.15 and asked == 0  # without a history of their own: every batch


@pytest.mark.parametrize("name", [name for name in together.WORLDS if "undeclared" not in name])
def test_rows_that_belong_together_are_no_alarm(name: str) -> None:
    """Predictions included; taken as independent, with predictions that have no history, a third of them alarm."""
    stream = together.made(together.WORLDS[name], 1, 12)
    assert {found.status for found in together.reports(stream)} <= {"ok", "insufficient_data"}


@pytest.mark.parametrize(("gradual", "most"), [(False, 2), (True, 6)])
def test_changes_are_found_in_time(gradual: bool, most: int) -> None:
    assert max(drift.found_after(5, 1, gradual)) <= most


def test_columns_without_importance_ask_for_nothing() -> None:
    total, alarms, asked = drift.unimportant(6, 6)
    assert alarms == total and asked == 0


def test_cost_stays_low() -> None:
    rng = np.random.default_rng(7)
    names = drift.columns()
    reference, current = drift.world(rng, 10_000, names), drift.world(rng, 10_000, names)
    drift.report(current, reference)
    assert min(drift.cpu(lambda: drift.report(current, reference)) for _ in range(3)) <= 0.3


def test_table_is_markdown_beside_its_goal() -> None:
    text = markdown([Row("what", "≤ 1 %", "0.5 %", True, 2000), Row("other", "0", "1", False, 1)])
    assert text.splitlines()[2:] == [
        "| what | ≤ 1 % | 0.5 % | 2,000 | yes |",
        "| other | 0 | 1 | 1 | **no** |",
    ]
    assert wilson(0, 2000)[1] < 0.002 and wilson(10, 10)[1] > 0.99


def test_unknown_part_is_refused_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["drfit"])
    assert ended.value.code == 2
    assert "no part drfit; there are drift, performance, gate, policy" in capsys.readouterr().err
    assert json.dumps(Row("a", "b", "c", True, 1).record())
