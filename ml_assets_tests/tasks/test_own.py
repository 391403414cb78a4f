"""Metrics of a person's own: scores, intervals and the gate's errors, as of those that are built in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from ml_assets.promotion.paired import compare
from ml_assets.recipe.own import OwnError, allow, declare
from ml_assets.tasks.intervals import intervals
from ml_assets.tasks.metrics import labelled, metric_named, score
from ml_assets.tasks.several import answers
from ml_assets_tests.tasks.test_several import classes, numbers

OWN = "ml_assets_tests.support.own_metrics"


@pytest.fixture(autouse=True)
def _declared() -> Iterator[None]:
    allow({"ml_assets_tests.support"})
    declare("numbers", "regression", {f"{OWN}.rmse": "minimize"})
    named = dict.fromkeys(
        ("area", "profit", "weighted_profit", "total", "broken", "unlike", "absent"), "maximize"
    )
    declare("classes", "classification", {f"{OWN}.{name}": way for name, way in named.items()})
    yield
    for recipe in ("numbers", "classes", "other"):
        declare(recipe, "regression", {})
    allow(())


def test_score_and_interval_are_those_of_the_same_metric_built_in() -> None:
    y, given, _ = numbers()
    rows = labelled(y["heat"], answers(given)["heat"], "regression", None)
    found = intervals(rows, [f"{OWN}.rmse", "rmse"], 0)
    ours, built_in = found[f"{OWN}.rmse"], found["rmse"]
    assert [ours.value, ours.low, ours.high] == pytest.approx([built_in.value, built_in.low, built_in.high])


@pytest.mark.parametrize(
    ("own", "built_in", "rows"), [("rmse", "rmse", 200), ("rmse", "rmse", 1500), ("area", "roc_auc", 300)]
)
def test_gate_knows_its_gain_as_surely_as_that_of_the_metric_built_in(
    own: str, built_in: str, rows: int
) -> None:
    """By a jackknife that leaves rows out, where the function takes no weights."""
    y, before, after = numbers(rows) if own == "rmse" else classes(rows)
    name = str(y.columns[0])
    positive = None if own == "rmse" else "yes"
    sides = answers(before)[name], answers(after)[name]
    found, expected = (
        compare(y[name], *sides, metric, positive=positive) for metric in (f"{OWN}.{own}", built_in)
    )
    assert found is not None
    assert expected is not None
    assert found.gain == pytest.approx(expected.gain)
    assert found.error == pytest.approx(expected.error, rel=0.15)


def test_of_several_targets_it_is_the_mean() -> None:
    y, given, _ = numbers()
    assert score(f"{OWN}.rmse", y, given, None) == pytest.approx(score("rmse", y, given, None))


def test_with_weights_and_without_the_gate_says_the_same() -> None:
    random = np.random.default_rng(0)
    y = pd.Series(random.choice(["0", "1"], 300))
    sides = [
        pd.DataFrame({"prediction": np.where(random.random(300) < share, y, "1")}) for share in (0.5, 0.8)
    ]
    plain, weighted = (
        compare(y, *sides, f"{OWN}.{name}", positive="1") for name in ("profit", "weighted_profit")
    )
    assert plain is not None
    assert weighted is not None
    assert weighted.gain == pytest.approx(plain.gain)
    assert weighted.error == pytest.approx(plain.error, rel=0.2)  # with weights the classes keep their shares


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("total", "give a mean per row, not a sum"),
        ("broken", "broken failed: KeyError: 'price'"),
        ("unlike", "cannot be called with (y_true, y_pred)"),
        ("absent", "has no function 'absent'"),
        ("undeclared", "has no function 'undeclared'"),
    ],
)
def test_what_is_no_metric_is_told_in_one_line(name: str, words: str) -> None:
    y = pd.Series(["0", "1", "1"])
    with pytest.raises(OwnError) as caught:
        score(f"{OWN}.{name}", y, pd.DataFrame({"prediction": ["0", "1", "0"]}), "1")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_only_modules_that_are_allowed_are_imported() -> None:
    declare("other", "regression", {"antigravity.fly": "maximize"})
    with pytest.raises(
        OwnError, match=r"not allowed .*ML_ASSETS_MODULES=ml_assets_tests.support,antigravity"
    ):
        metric_named("antigravity.fly")
    allow(())
    with pytest.raises(OwnError, match=r"allowed: none"):
        metric_named(f"{OWN}.rmse")


def test_two_recipes_say_the_same_of_a_metric() -> None:
    declare("other", "regression", {f"{OWN}.rmse": "minimize"})
    with pytest.raises(OwnError, match=r"is to maximize .* here, and to minimize"):
        declare("other", "regression", {f"{OWN}.rmse": "maximize"})
    declare("numbers", "regression", {})
    declare("other", "regression", {f"{OWN}.rmse": "maximize"})
    assert metric_named(f"{OWN}.rmse").direction == "maximize"
