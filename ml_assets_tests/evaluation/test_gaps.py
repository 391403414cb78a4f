"""Gaps between groups are what the literature calls so, and are called sure as seldom by chance as they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.evaluation.gaps import Judge, judged_groups, per_row
from ml_assets.features.cleaning import clean
from ml_assets.features.columns import roles
from ml_assets.lifecycle.protected import groups_of_holdout
from ml_assets.names import BATCH
from ml_assets.quality.groups import MISSING, edges_of, groups_of
from ml_assets.quality.hints import Seen, hints
from ml_assets.recipe.gaps import MEASURES
from ml_assets.records import Gap, ProtectedGroups
from ml_assets.reports.document import SIGNS
from ml_assets.reports.groups import group_checks, group_parts
from ml_assets.serving.export.words import bias
from ml_assets.tasks.metrics import labelled
from ml_assets_tests.support.training_examples import SHARED, recipe_of

BINARY = tuple(name for name, tasks in MEASURES.items() if "classification" in tasks)
GROUPS = ("a", "b", "c")


def answered(
    n: int, seed: int, right: dict[str, float] | None = None
) -> tuple[pd.Series, pd.Series, pd.DataFrame]:
    """Group, truth and prediction of rows, of which a share is told right, the same in each group or by group."""
    rng = np.random.default_rng(seed)
    group, truth = rng.choice(GROUPS, n, p=(0.5, 0.3, 0.2)), rng.random(n) < 0.4
    share = np.array([(right or {}).get(name, 0.8) for name in group])
    told = np.where(rng.random(n) < share, truth, ~truth)
    words = [np.where(values, "yes", "no") for values in (truth, told)]
    shares = np.where(told, rng.uniform(0.5, 1, n), rng.uniform(0, 0.5, n))
    predictions = pd.DataFrame(
        {"prediction": words[1], "probability_no": 1 - shares, "probability_yes": shares}
    )
    return pd.Series(group), pd.Series(words[0]), predictions


def judged(group: pd.Series, y: Any, predictions: pd.DataFrame, **judge: Any) -> ProtectedGroups:
    settings = {
        "task": "classification",
        "metric": "roc_auc",
        "positive": "yes",
        "min_rows": 50,
        "measures": BINARY,
    }
    return judged_groups("who", (), groups_of(group, ()), (y, predictions), Judge(**(settings | judge)))


def gaps(found: ProtectedGroups) -> dict[str, Gap]:
    return {gap.measure: gap for gap in found.gaps}


def test_gaps_are_those_of_the_papers() -> None:
    group, y, predictions = answered(900, 1, {"a": 0.9, "b": 0.7})
    told, true = predictions["prediction"] == "yes", y == "yes"
    selected = told.groupby(group).mean()
    hits, alarms = told[true].groupby(group[true]).mean(), told[~true].groupby(group[~true]).mean()
    found = gaps(judged(group, y, predictions))
    parity = found["demographic_parity_difference"]
    assert parity.value == pytest.approx(selected.max() - selected.min())
    assert parity.ratio == pytest.approx(selected.min() / selected.max())
    assert (parity.most, parity.least) == (selected.idxmax(), selected.idxmin())
    opportunity, wrong = hits.max() - hits.min(), alarms.max() - alarms.min()
    assert found["equal_opportunity_difference"].value == pytest.approx(opportunity)
    assert found["false_positive_rate_difference"].value == pytest.approx(wrong)
    assert found["equalized_odds_difference"].value == pytest.approx(max(opportunity, wrong))
    assert all(gap.low <= gap.value <= gap.high for gap in found.values())


def test_gaps_are_those_of_fairlearn() -> None:
    metrics = pytest.importorskip("fairlearn.metrics", reason="fairlearn is not installed")
    group, y, predictions = answered(900, 2, {"a": 0.9, "c": 0.65})
    true, told = (y == "yes").astype(int), (predictions["prediction"] == "yes").astype(int)
    found = gaps(judged(group, y, predictions))
    for name in (
        "demographic_parity_difference",
        "equal_opportunity_difference",
        "equalized_odds_difference",
    ):
        assert found[name].value == pytest.approx(
            getattr(metrics, name)(true, told, sensitive_features=group)
        ), name
    ratio = metrics.demographic_parity_ratio(true, told, sensitive_features=group)
    assert found["demographic_parity_difference"].ratio == pytest.approx(ratio)
    rates = metrics.MetricFrame(
        metrics=metrics.false_positive_rate, y_true=true, y_pred=told, sensitive_features=group
    )
    assert found["false_positive_rate_difference"].value == pytest.approx(rates.difference())


def test_the_gap_of_numbers_is_that_of_their_mean_error_and_metric() -> None:
    rng = np.random.default_rng(3)
    group = pd.Series(rng.choice(GROUPS, 600))
    y = pd.Series(rng.normal(size=600))
    predictions = pd.DataFrame({"prediction": y + rng.normal(0, 1, 600) + (group == "b") * 0.5})
    measures = ("mean_error_difference", "metric_difference")
    found = gaps(
        judged(group, y, predictions, task="regression", metric="mae", positive=None, measures=measures)
    )
    errors = (predictions["prediction"] - y).groupby(group)
    assert found["mean_error_difference"].value == pytest.approx(errors.mean().max() - errors.mean().min())
    assert found["mean_error_difference"].most == "b" and found["mean_error_difference"].p < 0.01
    sizes = (predictions["prediction"] - y).abs().groupby(group).mean()
    assert found["metric_difference"].value == pytest.approx(sizes.max() - sizes.min())


def test_law_without_a_gap_none_is_called_sure_more_often_than_its_level() -> None:
    measures = ("demographic_parity_difference", "equalized_odds_difference")
    sure, looks = 0, 150
    for seed in range(looks):
        found = judged(*answered(600, seed), metric="accuracy", measures=measures)
        sure += any(gap.p < 0.05 for gap in found.gaps)
    assert sure / looks < 0.05 * len(measures) + 2 * np.sqrt(0.1 * 0.9 / looks)


def test_law_the_interval_holds_the_gap() -> None:
    """A true positive rate of .9, .8 and .6: the gap is .3, also where groups are small."""
    held = 0
    for seed in range(120):
        found = judged(
            *answered(900, 500 + seed, {"a": 0.9, "c": 0.6}), metric="accuracy", min_rows=20,
            measures=("equal_opportunity_difference",),
        )  # fmt: skip
        (gap,) = found.gaps
        held += gap.low <= 0.3 <= gap.high
    assert held / 120 > 0.93


def test_rows_of_one_person_count_as_one() -> None:
    group, y, predictions = answered(300, 4)
    repeated = [pd.concat([part] * 10, ignore_index=True) for part in (group, y, predictions)]
    once = gaps(judged(group, y, predictions))
    flattered = gaps(judged(*repeated))
    honest = gaps(judged(*repeated, design=lambda values, rows: 10.0))
    name = "demographic_parity_difference"
    width = {key: found[name].high - found[name].low for key, found in
             {"once": once, "flattered": flattered, "honest": honest}.items()}  # fmt: skip
    assert width["flattered"] < 0.5 * width["once"]
    assert width["honest"] == pytest.approx(width["once"], rel=0.05)


def test_small_groups_are_told_and_not_judged() -> None:
    group, y, predictions = answered(400, 5)
    group[:15] = "few"
    found = judged(group, y, predictions, min_rows=40)
    assert "few" in found.small and found.rows["few"] == 15
    assert all("few" not in (gap.most, gap.least) for gap in found.gaps)
    lonely = judged(pd.Series(["a"] * 400), y, predictions)
    assert lonely.gaps == () and set(lonely.rows) == {"a"}


def test_groups_of_numbers_are_the_same_whatever_rows_come() -> None:
    ages = pd.Series(np.arange(18.0, 98.0))
    edges = edges_of(ages, None)
    assert len(edges) == 3 and edges_of(ages, 2) == (57.5,) and edges_of(ages, (30, 60)) == (30, 60)
    assert edges_of(pd.Series([0.0, 1.0] * 50), None) == ()
    later = groups_of(pd.Series([20.0, 97.0, np.nan]), edges)
    assert list(later) == [f"under {edges[0]:g}", f"{edges[2]:g} and more", MISSING]
    every = groups_of(ages, edges)
    assert sum(rows.sum() for rows in every.values()) == len(ages)


def test_more_than_two_classes_are_compared_by_the_metric() -> None:
    y = pd.Series(["x", "y", "z"] * 100)
    predictions = pd.DataFrame({"prediction": ["x", "y", "y"] * 100})
    rows = labelled(y, predictions, "classification", None)
    assert per_row(rows) == {}
    group = pd.Series(["a", "b"] * 150)
    found = judged(group, y, predictions, metric="accuracy", positive=None)
    assert [gap.measure for gap in found.gaps] == ["metric_difference"]


def seen(frame: pd.DataFrame, **fairness: Any) -> list[str]:
    recipe = recipe_of(
        interface={"protected_cols": ["sex", "age"]}, evaluation={"fairness": {"min_rows": 50, **fairness}}
    )
    rows = clean(frame, recipe, "all").frame
    return [text for text in hints(Seen(rows, roles(rows, recipe), recipe, True)) if "protected" in text]


def test_a_look_tells_of_groups_and_of_columns_that_give_them_away() -> None:
    rng = np.random.default_rng(6)
    n = 1_200
    sex = rng.choice(["f", "m"], n)
    frame = pd.DataFrame(
        {
            "sex": sex,
            "age": rng.integers(18, 80, n),
            "title": np.where(rng.random(n) < 0.95, np.where(sex == "f", "Ms", "Mr"), "Dr"),
            "spent": rng.normal(size=n),
            "target": rng.choice(["yes", "no"], n),
        }
    )
    told = seen(frame)
    assert any("'sex' is nearly given away by 'title'" in text for text in told)
    assert any(
        "'age' has 62 numbers" in text and "evaluation.fairness.groups: {age: [" in text for text in told
    )
    assert not any("given away" in text for text in seen(frame.drop(columns="title")))
    (text,) = [text for text in seen(frame, groups={"age": [25, 200]}) if "no row" in text]
    assert "'age': no row is in '200 and more'; its values are 18 to 79" in text
    frame.loc[:5, "sex"] = "x"
    assert any("'x'" in text and "too few to be compared" in text for text in seen(frame))


def test_a_report_shows_the_groups_and_calls_a_gap_above_its_limit_so() -> None:
    group, y, predictions = answered(2_000, 7, {"a": 0.95, "c": 0.6})
    found = judged(group, y, predictions, limits={"equal_opportunity_difference": 0.1})
    from ml_assets.records import Evaluation

    evaluation = Evaluation(
        metric="roc_auc", direction="maximize", rows=2_000, scores={}, baseline={}, protected=(found,)
    )
    parts = group_parts(evaluation)
    assert len(parts) == len(found.figures) + 1
    (check,) = group_checks(evaluation)
    assert check.mark in SIGNS and check.mark == "look" and "surely above its limit 0.1" in check.text
    card = "\n".join(bias(evaluation))
    assert "## Bias: gaps between groups of people" in card
    assert "| who | equal_opportunity_difference |" in card and "▼ surely above the limit" in card
    assert bias(evaluation.model_copy(update={"protected": ()})) == []


@pytest.mark.skipif(not (SHARED / "adult.csv").exists(), reason="the data sets are not here")
def test_on_adult_the_gap_of_the_sexes_is_found_though_the_model_does_not_see_them() -> None:
    from ml_assets.evaluation.evaluate import predict
    from ml_assets.training.fit import fit
    from ml_assets.training.splits import split

    raw = pd.read_csv(SHARED / "adult.csv", na_values=["?"]).drop(columns="part").head(5_000)
    recipe = recipe_of(
        "classification", "sklearn.linear_model.LogisticRegression", {"C": 1.0}, target="income",
        interface={"protected_cols": ["sex", "age"]}, evaluation={"fairness": {"groups": {"age": [30, 50]}}},
    )  # fmt: skip
    frame = clean(raw, recipe, "all").frame.assign(**{BATCH: "all"})
    learned, test = split(frame, recipe)
    model, result = fit(learned, recipe)
    assert not {"sex", "age"} & set(result.features)
    sex, age = groups_of_holdout(recipe, test, predict(model, test), learned, result)
    parity = gaps(sex)["demographic_parity_difference"]
    assert (parity.most, parity.least) == ("Male", "Female") and parity.low > 0.08 and parity.p < 1e-6
    assert age.edges == (30, 50) and list(age.rows) == ["under 30", "30 to under 50", "50 and more"]
