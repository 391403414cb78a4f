"""Parts of a hold-out: what is worse is found, and on noise hardly anything is called worse."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.evaluation.classes import class_intervals, per_class
from ml_assets.evaluation.evaluate import evaluate
from ml_assets.evaluation.parts import LEVEL, rows_of, scored_parts, surely_worse, worst_part
from ml_assets.tasks.metrics import labelled
from ml_assets_tests.support.training_examples import recipe_of
from ml_assets_tests.tasks.test_metrics import classified

FEATURES = ("age", "region", "plan", "income")


def frame_of(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.normal(40, 10, n),
            "income": np.where(rng.random(n) < 0.1, np.nan, rng.lognormal(3, 0.5, n)),
            "region": rng.choice(["north", "south", "east", "west"], n),
            "plan": rng.choice(["a", "b"], n),
            "target": rng.normal(size=n),
        }
    )


def scored(frame: pd.DataFrame, errors: Any, **sections: Any) -> Any:
    recipe = recipe_of("regression", **sections)
    predictions = pd.DataFrame({"prediction": frame["target"] + errors})
    rows = rows_of(recipe, frame, predictions, None)
    return scored_parts(recipe, rows, FEATURES, "mae", None)


def test_law_on_noise_no_more_parts_are_called_worse_than_their_level() -> None:
    """On the rows among which it was found, the worst of some forty parts is called worse far too often."""
    called, where_it_was_found, looks = 0, 0, 150
    for seed in range(looks):
        frame, errors = frame_of(400, 1000 + seed), np.random.default_rng(seed).normal(size=400)
        predictions = pd.DataFrame({"prediction": frame["target"] + errors})
        rows = rows_of(recipe_of("regression"), frame, predictions, None)
        worst = worst_part(rows, FEATURES, seed)
        assert worst is not None
        _, mask, half = worst
        called += surely_worse(rows.losses[half], mask[half], rows.owners[half]) < LEVEL
        where_it_was_found += surely_worse(rows.losses[~half], mask[~half], rows.owners[~half]) < LEVEL
    assert called / looks < LEVEL + 2 * np.sqrt(LEVEL * (1 - LEVEL) / looks)
    assert where_it_was_found / looks > 0.3


@pytest.mark.parametrize("of_two", [False, True])
def test_the_part_that_is_worse_is_found(of_two: bool) -> None:
    found = []
    for seed in range(10):
        rng, frame = np.random.default_rng(seed), frame_of(2_000, 100 + seed)
        bad = (frame["region"] == "north") & ((frame["plan"] == "a") | (not of_two))
        (part,) = scored(frame, rng.normal(size=2_000) * np.where(bad, 2.0, 1.0))
        found.append(part)
    named = [part for part in found if "region=north" in part.name and ("plan=a" in part.name or not of_two)]
    assert len(named) >= 9
    assert all(part.worse and part.found and part.loss > 2 * part.others for part in named)
    assert sum(part.score.low < 1.6 < part.score.high for part in named) >= len(named) - 2


def test_segments_that_the_recipe_names_are_told_in_any_case() -> None:
    frame = frame_of(2_000, 0)
    bad = frame["region"] == "south"
    errors = np.random.default_rng(0).normal(size=2_000) * np.where(bad, 2.0, 1.0)
    *named, worst = scored(frame, errors, evaluation={"segments": ["region", "plan"]})
    assert {part.name for part in named} == {
        *(f"region={name}" for name in ("north", "south", "east", "west")), "plan=a", "plan=b",
    }  # fmt: skip
    assert [part.name for part in named if part.worse] == ["region=south"]
    assert worst.found and "region=south" in worst.name
    mean = {part.name: part for part in named}["region=south"]
    assert mean.loss == pytest.approx(float(np.square(errors[bad]).mean()))
    assert mean.others == pytest.approx(float(np.square(errors[~bad]).mean()))


def test_rows_of_one_owner_count_together() -> None:
    """Twenty owners of a hundred equal rows each know as little as twenty rows."""
    rng, called = np.random.default_rng(0), [0, 0]
    for _ in range(300):
        owners = np.repeat(np.arange(40), 50)
        losses = np.repeat(rng.exponential(size=40), 50)
        mask = np.repeat(rng.permutation(40) < 20, 50)
        called[0] += surely_worse(losses, mask, owners) < LEVEL
        called[1] += surely_worse(losses, mask, np.arange(len(losses))) < LEVEL
    assert called[0] / 300 < LEVEL + 0.03
    assert called[1] / 300 > 0.3


def test_few_rows_have_no_worst_part() -> None:
    assert scored(frame_of(80, 0), np.zeros(80)) == ()


@pytest.mark.parametrize("classes", [["no", "yes"], ["a", "b", "c"]])
def test_the_scores_of_a_class_have_intervals_that_hold_the_truth(classes: list[str]) -> None:
    y, predictions = classified(20_000, classes, 0)
    whole, held, rng = labelled(y, predictions, "classification", None), 0, np.random.default_rng(0)
    truth = per_class(whole)
    for seed in range(100):
        picked = rng.integers(0, len(y), 200)
        part = labelled(
            y.iloc[picked].reset_index(drop=True),
            predictions.iloc[picked].reset_index(drop=True),
            "classification",
            None,
        )
        low, high = class_intervals(part, seed, {})[classes[0]]["recall"]
        held += low <= truth[classes[0]]["recall"] <= high
    assert 88 <= held <= 100


def test_parts_and_classes_are_in_the_record() -> None:
    y, predictions = classified(600, ["no", "yes"], 0)
    frame = frame_of(600, 0).assign(target=y)
    found = evaluate(recipe_of(), y, predictions, y, seen=(frame, FEATURES))
    assert found.parts and found.parts[-1].found
    assert evaluate(recipe_of(), y, predictions, y).parts == ()
    for label, scores in found.class_intervals.items():
        for name, (low, high) in scores.items():
            assert low <= found.per_class[label][name] <= high
    assert type(found).model_validate_json(found.model_dump_json()) == found
