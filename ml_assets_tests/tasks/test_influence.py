"""Formula, jackknife and bootstrap agree on the error; few rows of a class leave few degrees of freedom."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.tasks import influence
from ml_assets.tasks.all import TASKS
from ml_assets.tasks.base import Labels
from ml_assets.tasks.influence import jackknife, merged, rarest, spread, spread_of
from ml_assets.tasks.metrics import METRICS, evaluate_counts, labelled
from ml_assets.tasks.space import written
from ml_assets_tests.support.calls import calls
from ml_assets_tests.support.shop import points

ROWS = 400


def classifiers(rows: int, rate: float = 0.3) -> list[Any]:
    random = np.random.default_rng(0)
    yes = random.permutation(rows) < rate * rows
    noise = random.normal(size=rows)
    y = pd.Series(np.where(yes, "yes", "no"), dtype=object)
    sides = []
    for signal in (0.8, 1.6):
        chance = 1 / (1 + np.exp(-(signal * (yes - 0.5) + noise + random.normal(size=rows))))
        answer = np.where(chance > 0.5, "yes", "no")
        frame = pd.DataFrame({"prediction": answer, "probability_no": 1 - chance, "probability_yes": chance})
        sides.append(labelled(y, frame, "classification", "yes"))
    return sides


def numbers(rows: int) -> list[Any]:
    random = np.random.default_rng(1)
    y = pd.Series(random.normal(20, 1, size=rows))
    noise = random.standard_t(5, size=rows)
    naive = y.shift(1, fill_value=20.0)
    frames = [
        pd.DataFrame({"prediction": y + size * noise + random.normal(size=rows), "naive": naive})
        for size in (1.0, 0.7)
    ]
    return [labelled(y, frame, "regression", None) for frame in frames]


def effects(rows: int) -> list[Any]:
    random = np.random.default_rng(4)
    frame = calls(rows)
    y = frame[["bought"]].assign(called=(frame["called"] == "yes") * 1.0)
    guesses = [
        pd.DataFrame({"prediction": frame["effect"] + random.normal(0, size, rows)}) for size in (0.5, 0.1)
    ]
    return [labelled(y, each, "causal", None) for each in guesses]


def clusters(rows: int) -> list[Any]:
    random = np.random.default_rng(6)
    group = np.arange(rows) % 3
    y = pd.Series(
        [written({"a": a, "b": b}) for a, b in random.normal(2.0 * group[:, None], 1, (rows, 2)).tolist()]
    )
    guesses = [
        np.where(random.random(rows) < wrong, random.permutation(group), group) for wrong in (0.3, 0.1)
    ]
    return [
        labelled(y, pd.DataFrame({"prediction": each.astype(str)}), "clustering", None) for each in guesses
    ]


def lists(rows: int) -> list[Any]:
    """Every user, of whom the rows lie together, has four items or one."""
    random = np.random.default_rng(8)
    frame = pd.DataFrame({"user": np.arange(rows) // 4, "item": random.integers(0, 40, rows)})
    y = points(frame.assign(user=frame["user"].astype(str)))
    sides = []
    for skill in (0.2, 0.5):
        own = frame.groupby("user")["item"].agg(
            lambda items: json.dumps(
                [str(item) for item in dict.fromkeys([*items[random.random(len(items)) < skill], *range(9)])]  # noqa: B023 - used at once
            )
        )
        found = pd.DataFrame({"prediction": frame["user"].map(own)})
        sides.append(labelled(y, found.assign(known=random.random(rows) < 0.1), "recommendation", None))
    return sides


def by_bootstrap(metric: str, sides: list[Any], groups: Any) -> float:
    """Standard error of the difference when whole groups are drawn."""
    random, n_groups = np.random.default_rng(2), int(groups.max()) + 1
    picks = random.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=2000)
    before, after = (evaluate_counts(METRICS[metric], side, picks[:, groups] * 1.0) for side in sides)
    return float((after - before).std())


SIDES = {
    "classification": classifiers,
    "regression": numbers,
    "timeseries": numbers,
    "causal": effects,
    "clustering": clusters,
    "recommendation": lists,
}


@pytest.mark.parametrize("blocked", [False, True])
@pytest.mark.parametrize("metric", list(METRICS))
def test_error_is_the_error_by_bootstrap(metric: str, blocked: bool) -> None:
    sides = SIDES[METRICS[metric].task](ROWS)
    by_user = METRICS[metric].task == "recommendation"  # whose rows are of one in any case
    groups = np.arange(ROWS) // 4 if blocked or by_user else np.arange(ROWS)
    found = spread(METRICS[metric], sides, groups, np.ones(ROWS, bool))
    assert found is not None
    # Davies-Bouldin is of each cluster the largest of several figures, which few rows make uneven.
    near = 0.2 if metric == "davies_bouldin" else 0.12
    assert found.error == pytest.approx(by_bootstrap(metric, sides, groups), rel=near)
    assert ROWS / (8 if blocked or by_user else 4) < found.freedom < ROWS


@pytest.mark.parametrize("rows_each", [1, 4])
@pytest.mark.parametrize("rows", [ROWS, 1_500])
@pytest.mark.parametrize("metric", [metric.name for metric in TASKS["classification"].metrics])
def test_a_score_alone_is_as_sure_as_by_bootstrap_whose_classes_have_other_shares(
    metric: str, rows: int, rows_each: int
) -> None:
    side, groups = classifiers(rows, 0.15)[0], np.arange(rows) // rows_each
    found = spread(METRICS[metric], [side], groups, np.ones(rows, bool))
    random, n_groups = np.random.default_rng(2), int(groups.max()) + 1
    picks = random.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=1000)
    drawn = evaluate_counts(METRICS[metric], side, picks[:, groups] * 1.0)
    assert found is not None and found.error == pytest.approx(float(drawn.std()), rel=0.12)


@pytest.mark.parametrize("label", ["yes", "no"])
def test_one_class_alone_leaves_an_area_without_an_error(label: str) -> None:
    y, chance = pd.Series([label] * 60, dtype=object), np.linspace(0.1, 0.9, 60)
    frame = pd.DataFrame(
        {
            "prediction": np.where(chance > 0.5, "yes", "no"),
            "probability_no": 1 - chance,
            "probability_yes": chance,
        }
    )
    side = labelled(y, frame, "classification", "yes")
    assert spread(METRICS["roc_auc"], [side], np.arange(60), np.ones(60, bool)) is None


@pytest.mark.parametrize("metric", ["roc_auc", "accuracy", "log_loss"])
def test_jackknife_moves_rows_as_the_formula_does(metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(influence, "FEWEST_PARTS", ROWS)
    sides = classifiers(ROWS)
    truth = sides[0].truth
    formula = METRICS[metric].influence
    assert formula is not None
    known = np.asarray(formula(sides[1])) - np.asarray(formula(sides[0]))
    for code in (0, 1):
        known[truth == code] -= known[truth == code].mean()
    found = jackknife(METRICS[metric], sides, merged(np.arange(ROWS), truth, len(np.unique(truth)), 0), truth)
    assert found is not None and np.allclose(found, known, atol=1e-9)


@settings(max_examples=40)
@given(st.integers(2, 40), st.integers(41, 400), st.integers(0, 100))
def test_degrees_of_freedom_lie_between_the_rarer_class_and_all_rows(few: int, many: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    classes = np.repeat([0, 1], [few, many])
    found = spread_of(
        random.normal(size=few + many), np.arange(few + many), classes, np.ones(few + many, bool)
    )
    assert few - 1 - 1e-9 <= found.freedom <= few + many - 2 + 1e-9


def test_few_positives_carry_what_is_known_of_the_area() -> None:
    for positives in (3, 10, 30):
        sides = classifiers(1_000, positives / 1_000)
        for metric in ("roc_auc", "pr_auc", "f1"):
            found = spread(METRICS[metric], sides, np.arange(1_000), np.ones(1_000, bool))
            assert found is not None and positives - 1 <= found.freedom <= 3 * positives, metric


def test_rarest_of_two_and_of_many() -> None:
    two = np.array([0] * 90 + [1] * 4)
    assert rarest(Labels(("no", "yes"), 1, two, two, None)) == ("yes", 4)
    assert rarest(Labels(("yes",), 0, two * 0, two * 0, None))[1] == 0
    even = np.arange(50) % 10
    assert rarest(Labels(tuple("abcdefghij"), None, even, even, None))[1] == 5
