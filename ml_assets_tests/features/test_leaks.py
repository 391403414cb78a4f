"""No option lets a row learn what it must not know, and none fails on rows that are new to it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.evaluation.evaluate import predict
from ml_assets.features.cleaning import clean
from ml_assets.features.functions import load
from ml_assets.names import ROW_ID
from ml_assets.recipe.loading import parse_recipe
from ml_assets.recipe.schema import Recipe
from ml_assets.recipe.yaml_text import dump_yaml
from ml_assets.records import TrainingResult
from ml_assets.training.fit import fit, refit
from ml_assets.training.splits import split
from ml_assets_tests.support.options import Option, options

OPTIONS = options(("age", "income"), ("region", "plan"), "at", classes=True)
NOW = pd.Timestamp("2024-03-01")
LOGISTIC = {"class_path": "sklearn.linear_model.LogisticRegression"}


def recipe_with(option: Option, **more: Any) -> Recipe:
    """A logistic regression whose recipe has an option; the hold-out is drawn whatever the target is."""
    return parse_recipe(
        dump_yaml(
            {
                "name": "example",
                "model": {
                    "loader": {"source_uri": "rows.csv"},
                    "data_interface": {
                        "task_type": "classification",
                        "target_col": "target",
                        "entity_cols": ["shop"],
                    },
                    **LOGISTIC,
                    **option,
                    **more,
                },
                "evaluation": {"validation": {"stratify": False}},
                "training": {"folds": 2},
            }
        )
    )


@cache
def raw_rows() -> pd.DataFrame:
    """Rows of four shops over four months: numbers, categories, missing values, outliers."""
    rng = np.random.default_rng(0)
    n = 220
    frame = pd.DataFrame(
        {
            "shop": rng.choice(list("abcd"), n),
            "at": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 120 * 24, n), unit="h"),
            "age": rng.normal(40, 10, n),
            "income": rng.lognormal(3, 0.5, n),
            "region": rng.choice(["north", "south", "east"], n),
            "plan": rng.choice(["a", "b", None], n, p=[0.5, 0.4, 0.1]),
        }
    )
    signal = 0.15 * (frame["age"] - 40) + (frame["region"] == "north") * 2 + rng.normal(0, 1, n)
    frame["target"] = np.where(signal > 0.7, "yes", "no")
    frame.loc[rng.random(n) < 0.1, "age"] = np.nan
    frame.loc[rng.random(n) < 0.03, "income"] = 1e5
    return frame


def cleaned(raw: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    functions = load(recipe.model.feature_engineering.functions, {"ml_assets_tests"})
    return clean(raw, recipe, "all", functions=functions).frame


@cache
def trained(option: str) -> tuple[Recipe, pd.DataFrame, pd.DataFrame, Any, TrainingResult]:
    recipe = recipe_with(OPTIONS[option])
    training, test = split(cleaned(raw_rows(), recipe), recipe)
    return recipe, training, test, *fit(training, recipe)


@pytest.mark.parametrize("option", OPTIONS)
def test_shuffling_the_target_of_the_hold_out_changes_nothing_learned(option: str) -> None:
    recipe, training, test, model, result = trained(option)
    raw = raw_rows()
    held_out = cleaned(raw, recipe)[ROW_ID].isin(test[ROW_ID]).to_numpy()
    shuffled = raw.assign(target=raw["target"].mask(held_out, raw["target"].map({"yes": "no", "no": "yes"})))
    again, tested = split(cleaned(shuffled, recipe), recipe)
    pd.testing.assert_frame_equal(again, training)
    assert (tested["target"] != test["target"]).all()
    pd.testing.assert_frame_equal(tested.drop(columns="target"), test.drop(columns="target"))
    pd.testing.assert_frame_equal(predict(refit(again, recipe, result), test), predict(model, test))


@pytest.mark.parametrize("option", [name for name, part in OPTIONS.items() if "feature_engineering" in part])
def test_a_future_row_changes_no_past_feature(option: str) -> None:
    recipe, raw = recipe_with(OPTIONS[option]), raw_rows()
    past = raw["at"] < NOW
    poisoned = raw.assign(
        **{name: raw[name].where(past, raw[name] * -1000) for name in ("age", "income")},
        **{name: raw[name].where(past, "poison") for name in ("region", "plan", "target")},
    )
    now = cleaned(raw[past].reset_index(drop=True), recipe).set_index(ROW_ID)
    for later in (raw, poisoned):
        frame = cleaned(later, recipe)
        known = frame[frame["at"] < NOW].set_index(ROW_ID)
        pd.testing.assert_frame_equal(known.loc[now.index], now)


@pytest.mark.parametrize("option", OPTIONS)
def test_new_levels_and_empty_columns_are_predicted(option: str) -> None:
    recipe, _, test, model, result = trained(option)
    rows = test.head(6).reset_index(drop=True)
    numbers = [name for name in result.features if pd.api.types.is_numeric_dtype(rows[name].dtype)]
    texts = [name for name in result.features if name not in numbers]
    for frame in (
        rows.assign(**dict.fromkeys(numbers, np.nan)),
        rows.assign(**dict.fromkeys(texts, None)),
        rows.assign(**dict.fromkeys(numbers, np.nan), **dict.fromkeys(texts, None)),
        rows.assign(**dict.fromkeys(numbers, 1e12), **dict.fromkeys(texts, "never seen")),
        rows.assign(**dict.fromkeys(numbers, -1e12)),
        rows.iloc[:0],
        rows.iloc[[0]],
    ):
        found = predict(model, frame)
        assert len(found) == len(frame)
        assert found.notna().all().all()
    empty = raw_rows().head(6).assign(age=np.nan, income=np.nan, region=None, plan=None, at=pd.NaT)
    assert predict(model, cleaned(empty, recipe)).notna().all().all()


def test_rows_that_are_not_learned_are_counted() -> None:
    raw = raw_rows()
    for option in ("missing drop", "outliers iqr remove", "sets of columns"):
        result = trained(option)[-1]
        assert 0 < sum(result.left_out.values()) < len(raw) / 2, option
        assert result.learned == result.rows - sum(result.left_out.values())
    training = trained("missing drop")[1]
    assert trained("missing drop")[-1].left_out == {
        "without a value in a column of missing_strategy drop": int(
            training[["age", "plan"]].isna().any(axis=1).sum()
        )
    }


def noise(rows: int, **columns: Any) -> pd.DataFrame:
    """Columns that tell nothing of the target."""
    rng = np.random.default_rng(7)
    frame = pd.DataFrame({name: draw(rng, rows) for name, draw in columns.items()})
    return frame.assign(target=rng.choice(["yes", "no"], rows), **{ROW_ID: np.arange(rows, dtype=np.uint64)})


def auc(recipe: Recipe, frame: pd.DataFrame) -> float:
    result = fit(frame, recipe)[1]
    assert result.metric == "roc_auc"
    return float(np.mean(result.cv_scores))


BOTH = {"task_type": "classification", "target_col": ["target", "other"]}


@pytest.mark.parametrize("more", [{}, {"data_interface": BOTH}], ids=["one target", "two"])
def test_a_target_encoder_learns_nothing_from_noise(more: dict[str, Any]) -> None:
    """Of some ten rows a level: learned beside the folds, the levels' codes would tell the target."""
    frame = noise(6_000, town=lambda rng, n: [f"t{k}" for k in rng.integers(0, 600, n)])
    if more:
        frame["other"] = np.random.default_rng(8).permutation(frame["target"])
    option = {"preprocessor": {"name": "custom_preprocessor", "params": {"categorical_strategy": "target"}}}
    assert abs(auc(recipe_with(option, **more), frame) - 0.5) < 0.03
    frame = frame.drop(columns="other", errors="ignore")
    codes = (frame["target"] == "yes").groupby(frame["town"]).transform("mean")
    assert auc(recipe_with({}), frame.assign(town=codes)) > 0.6


@pytest.mark.parametrize("method", ["anova", "forest"])
def test_a_selection_learns_nothing_from_noise(method: str) -> None:
    names = [f"x{k}" for k in range(150)]
    frame = noise(1_500, **dict.fromkeys(names, lambda rng, n: rng.normal(size=n)))
    option = {"feature_selection": {"method": method, "keep": 10}}
    assert abs(auc(recipe_with(option), frame) - 0.5) < 0.04
    told = np.abs([np.corrcoef(frame[name], frame["target"] == "yes")[0, 1] for name in names])
    best = [names[k] for k in np.argsort(told)[-10:]]
    assert auc(recipe_with({}), frame[[*best, "target", ROW_ID]]) > 0.56
