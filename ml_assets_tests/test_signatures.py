"""Nobody wires a dozen arguments by hand: what is carried together is one frozen value."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import ml_assets

MOST = 8
MOST_OF_A_DECISION = 6


def functions() -> Iterator[tuple[str, int]]:
    """Name of each function of the package, and how many arguments it takes beside `self`."""
    for path in sorted(Path(ml_assets.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                given = node.args
                named = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
                rest = [a.arg for a in (given.vararg, given.kwarg) if a is not None]
                yield node.name, len([name for name in named + rest if name not in ("self", "cls")])


def test_no_function_takes_more_than_eight_arguments() -> None:
    assert {name for name, count in functions() if count > MOST} == set()


def test_no_decision_takes_more_than_six_arguments() -> None:
    decisions = {name: count for name, count in functions() if name.startswith("decide_")}
    assert {"decide_promotion", "decide_probation", "decide_retrain"} <= set(decisions)
    assert {name for name, count in decisions.items() if count > MOST_OF_A_DECISION} == set()
