import ast
import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ml_assets
from ml_assets.evaluation.pictures import PICTURES
from ml_assets.monitoring.target import PAIRS
from ml_assets.quality.targets import TARGET_CHECKS
from ml_assets.recipe.tasks import (
    DEFAULT_METRICS,
    ESTIMATOR_KINDS,
    KNOWN_METRICS,
    RECOMMENDS,
    TASK_METRICS,
    UNTARGETED,
)
from ml_assets.tasks import interactions, space
from ml_assets.tasks.all import TASKS
from ml_assets.tasks.base import NOT_FOR_THIS_TASK, PROBABILITY, Labels, Metric, Task
from ml_assets.tasks.metrics import METRICS, labelled, score

HOUSE = Path(ml_assets.__file__).parent
OPTIONAL = {"positive", "class_names", "strata", "estimated_by"}
"""Rows that may be not for a task."""
OF_LABELS = {"encoded_target", "target_check", "target_pair", "estimated_by"}
"""Rows that are not for a task without a target."""


def untargeted(task: str, rng: np.random.Generator, n: int) -> tuple[pd.Series, pd.DataFrame]:
    """Rows of a task without labels, as they are measured, and what is said of them."""
    if task in RECOMMENDS:
        users = rng.integers(0, 5, n)
        lists = [json.dumps([f"i{item}" for item in rng.permutation(12)[:10]]) for _ in range(5)]
        y = [interactions.written(f"u{user}", f"i{rng.integers(0, 12)}", rng.normal()) for user in users]
        return pd.Series(y), pd.DataFrame({"prediction": [lists[user] for user in users]})
    y = [space.written({"a": a, "b": b}) for a, b in rng.normal(size=(n, 2)).tolist()]
    return pd.Series(y), pd.DataFrame({"prediction": rng.choice(["0", "1", "2"], n)})


def compares_a_task(tree: ast.AST) -> list[int]:
    """Lines on which a task is compared with text."""
    names = {*TASKS, "clustering", "recommendation", "timeseries", "causal"}
    lines = []
    for node in ast.walk(tree):
        parts: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.Match):
            parts = [case.pattern.value for case in node.cases if isinstance(case.pattern, ast.MatchValue)]
        for part in parts:
            inner = part.elts if isinstance(part, ast.Tuple | ast.List | ast.Set) else [part]
            if any(isinstance(each, ast.Constant) and each.value in names for each in inner):
                lines.append(part.lineno)
    return lines


def test_no_other_room_compares_the_task_with_text() -> None:
    found = {
        str(path.relative_to(HOUSE)): lines
        for path in sorted(HOUSE.rglob("*.py"))
        if path.relative_to(HOUSE).parts[0] not in ("tasks", "recipe")
        and (lines := compares_a_task(ast.parse(path.read_text())))
    }
    assert found == {}


@pytest.mark.parametrize(
    "text", ['recipe.task == "regression"', 'x = 1 if "classification" != task else 2', 'task in ("causal",)']
)
def test_such_comparisons_are_seen(text: str) -> None:
    assert compares_a_task(ast.parse(text)) == [1]


def test_a_task_answers_every_row() -> None:
    assert all(
        field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        for field in dataclasses.fields(Task)
    )
    for task in TASKS.values():
        silent = {
            field.name for field in dataclasses.fields(Task) if getattr(task, field.name) is NOT_FOR_THIS_TASK
        }
        assert silent <= OPTIONAL | (OF_LABELS if task.name in UNTARGETED else set()), task.name


def test_the_recipe_s_tasks_and_metrics_are_these() -> None:
    assert list(TASKS) == list(TASK_METRICS)
    assert {name: tuple(m.name for m in task.metrics) for name, task in TASKS.items()} == TASK_METRICS
    assert list(METRICS) == list(KNOWN_METRICS)
    assert list(TASKS) == list(ESTIMATOR_KINDS)
    for name, default in DEFAULT_METRICS.items():
        assert default is None or default == TASKS[name].default_metric(None)


@pytest.mark.parametrize("metric", METRICS)
def test_the_tasks_of_a_metric_read_labelled_predictions_alike(metric: str) -> None:
    tasks = [TASKS[name] for name in KNOWN_METRICS[metric].tasks]
    assert (
        len({(task.labelled, task.classes, task.estimated_by, ESTIMATOR_KINDS[task.name]) for task in tasks})
        == 1
    )
    assert all(METRICS[metric] in task.metrics for task in tasks)


@pytest.mark.parametrize(
    ("row", "choices"), [("picture", PICTURES), ("target_check", TARGET_CHECKS), ("target_pair", PAIRS)]
)
def test_what_a_task_names_is_there(row: str, choices: dict[str, object]) -> None:
    assert {getattr(task, row) for task in TASKS.values()} - {NOT_FOR_THIS_TASK} == set(choices)


def effects(n: int, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    y = pd.DataFrame({"outcome": rng.gamma(9, 1, n), "treated": np.arange(n) % 2.0})
    return y, pd.DataFrame({"prediction": rng.normal(0, 5, n)})


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_stays_in_its_range(metric: str) -> None:
    rng, known = np.random.default_rng(0), KNOWN_METRICS[metric]
    for n in range(2, 40):
        if TASKS[METRICS[metric].task].joint:
            y, predictions = effects(n, rng)
        elif METRICS[metric].task in UNTARGETED:
            y, predictions = untargeted(METRICS[metric].task, rng, n)
        elif not TASKS[METRICS[metric].task].classes:
            y = pd.Series(rng.gamma(2, 2, n))
            predictions = pd.DataFrame({"prediction": rng.normal(0, 5, n)})
        else:
            share = rng.random(n)
            y = pd.Series(rng.choice(["no", "yes"], n))
            predictions = pd.DataFrame(
                {
                    "prediction": np.where(share > 0.5, "yes", "no"),
                    f"{PROBABILITY}no": 1 - share,
                    f"{PROBABILITY}yes": share,
                }
            )
        value = score(metric, y, predictions, None)
        assert known.least <= value <= known.greatest or (math.isnan(value) and METRICS[metric].undefined)


@pytest.mark.parametrize("metric", ["precision", "recall", "f1"])
def test_the_positive_class_does_not_change_with_the_batch(metric: str) -> None:
    """A model without probabilities: the rarer label of a batch is not for that its positive class."""
    truth = ["no", "no", "no", "no", "yes", "yes"]
    predicted = ["no", "no", "no", "yes", "yes", "no"]
    turned = {"no": "yes", "yes": "no"}
    for positive in ("no", "yes"):
        for swap in (False, True):
            y = pd.Series([turned[c] if swap else c for c in truth])
            guess = pd.DataFrame({"prediction": [turned[c] if swap else c for c in predicted]})
            hits = ((y == positive) & (guess["prediction"] == positive)).sum()
            said, there = (guess["prediction"] == positive).sum(), (y == positive).sum()
            expected = {"precision": hits / said, "recall": hits / there, "f1": 2 * hits / (said + there)}
            assert score(metric, y, guess, positive) == pytest.approx(expected[metric])


@pytest.mark.parametrize(
    ("truth", "predicted", "classes", "code"),
    [
        (["no", "yes"], ["no", "no"], ("no", "yes"), 1),
        (["no", "no"], ["no", "no"], ("no", "yes"), 1),  # a batch without the positive class
        (["yes", "yes"], ["yes", "yes"], ("yes",), 0),
        (["yes", "new"], ["yes", "no"], ("new", "no", "yes"), 2),  # a label that the model never saw
    ],
)
def test_the_positive_class_travels_with_the_labelled_predictions(
    truth: list[str], predicted: list[str], classes: tuple[str, ...], code: int
) -> None:
    rows = labelled(pd.Series(truth), pd.DataFrame({"prediction": predicted}), "classification", "yes")
    assert isinstance(rows, Labels)
    assert (rows.classes, rows.positive) == (classes, code)


def test_two_classes_in_a_batch_are_not_two_classes_of_the_model() -> None:
    y, guess = pd.Series(["a", "a", "b"]), pd.DataFrame({"prediction": ["a", "b", "b"]})
    assert score("recall", y, guess, None) == pytest.approx(2 / 3)  # averaged over rows: 1/2, 1/2 and 1


@pytest.mark.parametrize(
    "metric", [m for m in METRICS.values() if m.per_row is not None], ids=lambda m: m.name
)
def test_a_mean_metric_is_the_mean_of_its_rows(metric: Metric) -> None:
    if metric.task in UNTARGETED:
        y, predictions = untargeted(metric.task, np.random.default_rng(0), 3)
    elif not TASKS[metric.task].classes:
        y = pd.Series([1.0, 2.0, 4.0])
        predictions = pd.DataFrame({"prediction": [1.0, 3.0, 2.0]})
    else:
        y = pd.Series(["no", "yes", "yes"])
        predictions = pd.DataFrame(
            {
                "prediction": ["no", "no", "yes"],
                f"{PROBABILITY}no": [0.8, 0.6, 0.1],
                f"{PROBABILITY}yes": [0.2, 0.4, 0.9],
            }
        )
    rows = labelled(y, predictions, metric.task, None)
    assert metric.per_row is not None and metric.influence is metric.per_row
    assert score(metric.name, y, predictions, None) == pytest.approx(metric.per_row(rows).mean())


@pytest.mark.parametrize(
    # A row of a clustering is measured beside the other rows, which are others in each half.
    "metric",
    [metric for metric in METRICS.values() if metric.task not in UNTARGETED],
    ids=lambda m: m.name,
)
def test_a_metric_that_is_a_mean_over_rows_says_so_and_no_other_does(metric: Metric) -> None:
    rng = np.random.default_rng(3)
    share, halves = rng.random(40).round(2), (np.arange(0, 13), np.arange(13, 40))
    y: pd.Series | pd.DataFrame
    if TASKS[metric.task].joint:
        y, predictions = effects(40, rng)
    elif not TASKS[metric.task].classes:
        y, predictions = pd.Series(rng.gamma(9, 1, 40)), pd.DataFrame({"prediction": rng.gamma(9, 1, 40)})
    else:
        y = pd.Series(rng.choice(["no", "yes"], 40))
        predictions = pd.DataFrame({"prediction": np.where(share > 0.4, "yes", "no")}).assign(
            **{f"{PROBABILITY}no": 1 - share, f"{PROBABILITY}yes": share}
        )
    parts = [
        len(rows) / 40 * score(metric.name, y.iloc[rows], predictions.iloc[rows], None) for rows in halves
    ]
    is_mean = sum(parts) == pytest.approx(score(metric.name, y, predictions, None))
    assert is_mean == (metric.per_row is not None)


@pytest.mark.parametrize(
    "metric", [m for m in METRICS.values() if m.from_squared is not None], ids=lambda m: m.name
)
def test_what_follows_from_squared_errors_is_the_metric(metric: Metric) -> None:
    y, guess = pd.Series([1.0, 2.0, 4.0, 9.0]), pd.DataFrame({"prediction": [1.0, 3.0, 2.0, 8.0]})
    squared, variance = float(np.square(y - guess["prediction"]).mean()), float(y.var(ddof=0))
    assert metric.from_squared is not None
    assert metric.from_squared(squared, variance) == pytest.approx(score(metric.name, y, guess, None))
    assert metric.undefined == "" or math.isnan(metric.from_squared(squared, 0.0))
