"""A batch beside the batches before it: quiet streams say nothing, each way to be unlike them is told and named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.monitoring.usual import FEWEST, LASTING, facts_of, latest, unusual
from ml_assets.recipe.schema import Recipe
from ml_assets.records import BatchFacts
from ml_assets.sources.calendar import next_batch

RECIPE = Recipe.model_validate(
    {
        "name": "m",
        "model": {
            "loader": {"source_uri": "rows.csv"},
            "data_interface": {"task_type": "classification", "target_col": "y"},
        },
        "batches": {"column": "t", "period": "weekly"},
    }
)
START = "2024-01-01"
COLUMNS = 12


def week(number: int) -> str:
    return next_batch(START, "weekly", number)


def rows(chance: np.random.Generator, size: int = 400, positive: float = 0.3) -> pd.DataFrame:
    """A week: columns of which each misses its own share, labels."""
    frame = pd.DataFrame(chance.normal(size=(size, COLUMNS)), columns=[f"x{i}" for i in range(COLUMNS)])
    for place, name in enumerate(frame.columns):
        frame[name] = frame[name].where(chance.random(size) >= 0.03 * place)
    return frame.assign(y=np.where(chance.random(size) < positive, "yes", "no"))


def replay(frames: list[pd.DataFrame], late: list[float | None] | None = None) -> list[dict[str, str]]:
    """What is told of each batch in turn."""
    earlier: list[BatchFacts] = []
    told = []
    for number, frame in enumerate(frames):
        facts = facts_of(frame, RECIPE, week(number))
        facts = facts.model_copy(update={"late_seconds": late[number] if late else None})
        found = unusual(facts, earlier, "weekly")
        earlier.append(facts.model_copy(update={"told": tuple(found)}))
        told.append(found)
    return told


@pytest.mark.parametrize("size", [60, pytest.param(400, marks=pytest.mark.slow)])
def test_quiet_weeks_say_nothing(size: int) -> None:
    """Of 12 columns, volume, classes, repeated rows and arrival hardly one word in a hundred weeks."""
    words = 0
    for seed in range(6):
        chance = np.random.default_rng(seed)
        sizes = chance.normal(size, size / 10, 50).astype(int)
        late = list(map(float, chance.exponential(3600, 50)))
        words += sum(map(len, replay([rows(chance, each) for each in sizes], late)))
    assert words <= 3


def emptied(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(x0=frame["x0"].where(np.arange(len(frame)) % 5 > 0))


CHANGES: dict[str, tuple[Any, str, str]] = {
    "a fifth of a column is gone": (emptied, "missing x0", "column 'x0' is empty in 20"),
    "half the rows": (lambda frame: frame[:150], "rows", "there are 150 rows, where"),
    "twice the rows": (
        lambda frame: pd.concat([frame, frame.assign(x0=frame["x1"])]),
        "rows",
        "sent or joined twice",
    ),
    "a third again": (
        lambda frame: pd.concat([frame[:266], frame[:134]]),
        "repeated",
        "of the rows are there before",
    ),
    "hardly a positive": (
        lambda frame: frame.assign(y=frame["y"].where(np.arange(len(frame)) % 10 == 0, "no")),
        "class yes",
        "class 'yes' has",
    ),
    "a class of its own": (
        lambda frame: frame.assign(y=frame["y"].where(np.arange(len(frame)) % 5 > 0, "perhaps")),
        "class perhaps",
        "class 'perhaps' has 20.0% of the labels, 0.0% in the",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_way_to_be_unlike_the_batches_before_is_told_until_it_is_usual(change: str) -> None:
    spoil, way, words = CHANGES[change]
    chance = np.random.default_rng(1)
    weeks = [rows(chance) for _ in range(12)] + [spoil(rows(chance)) for _ in range(LASTING + 2)]
    told = replay(weeks)
    assert not any(told[:12])
    for found in told[12 : 12 + LASTING]:
        assert way in found and words in found[way]
    assert way not in told[12 + LASTING + 1]


def test_too_few_batches_say_nothing() -> None:
    chance = np.random.default_rng(2)
    assert not any(replay([rows(chance) for _ in range(FEWEST - 1)] + [emptied(rows(chance))]))


def test_a_batch_that_is_told_of_does_not_widen_the_limit() -> None:
    chance = np.random.default_rng(3)
    quiet = [rows(chance) for _ in range(8)]
    told = replay([*quiet, emptied(rows(chance)), *[rows(chance) for _ in range(3)], emptied(rows(chance))])
    assert "missing x0" in told[8] and "missing x0" in told[12]


def test_later_than_ever_is_told() -> None:
    chance = np.random.default_rng(4)
    hours = [3600.0 * hour for hour in (1, 2, 1, 3, 2, 1, 2, 3, 40)]
    told = replay([rows(chance) for _ in hours], [*hours])
    assert not any(told[:-1]) and told[-1] == {
        "late": "it came 40 h after its end, the others 3 h after its end at the latest"
    }
    assert latest(hours[:4], "weekly") is None
    assert latest(hours[:8], "weekly") == 3 * 3600 + 0.05 * 7 * 86400
