"""A protected column reaches nothing that is learned, and what a model says does not depend on it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.evaluation.evaluate import predict
from ml_assets.features.cleaning import clean
from ml_assets.features.columns import PROTECTED, roles
from ml_assets.features.functions import load
from ml_assets.names import BATCH, POINT, ROW_ID
from ml_assets.recipe import RecipeError
from ml_assets.recipe.loading import parse_recipe
from ml_assets.recipe.yaml_text import dump_yaml
from ml_assets.registry.standard import raw_rows
from ml_assets.training.fit import fit
from ml_assets_tests.support.training_examples import recipe_of

ROWS = 160
DAYS = pd.date_range("2024-01-01", periods=ROWS, freq="D")
LOGISTIC = ("sklearn.linear_model.LogisticRegression", {"C": 1.0})
RIDGE = ("sklearn.linear_model.Ridge", {"alpha": 1.0})
TIMES: dict[str, Any] = {"batches": {"column": "at", "period": "weekly"}}
SEARCH: dict[str, Any] = {"hyperparameter_tuning": {"enabled": True, "n_trials": 2}}

KINDS: dict[str, tuple[Any, ...]] = {
    "classes": ("classification", *LOGISTIC, {}),
    "numbers": ("regression", *RIDGE, {}),
    "several targets": ("regression", *RIDGE, {"interface": {"target_col": ["target", "second"]}}),
    "an automatic search": ("classification", None, None, SEARCH),
    "a time series": ("timeseries", *RIDGE, TIMES),
    "clusters": ("clustering", "sklearn.cluster.KMeans", {"n_clusters": 3}, {}),
    "an effect": (
        "causal", "ml_assets.uplift.TLearner", {"learner": {"class_path": RIDGE[0], "hyperparameters": {"alpha": 1.0}}},
        {"interface": {"treatment_col": "treated"}},
    ),
    "recommendations": ("recommendation", "sklearn.decomposition.TruncatedSVD", {"n_components": 3}, {}),
    "features of one's own": ("classification", *LOGISTIC, {"functions": ["pc_shop.made.total", "pc_shop.made.every"]}),
    "columns made of others": (
        "regression", *RIDGE,
        {**TIMES, "feature_engineering": {
            "interactions": [["income", "spent"]], "polynomials": {"columns": ["income", "spent"]},
            "lags": {"columns": ["spent"]}, "rolling": {"columns": ["spent"], "windows": [3]},
        }, "feature_selection": {"method": "anova", "keep": 0.5}},
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A person's own functions, of which one reads whatever columns it is given."""
    package = tmp_path / "pc_shop"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "made.py").write_text(
        "import pandas as pd\n"
        "def total(rows): return rows['income'] + rows['spent']\n"
        "def every(rows): return rows.astype(str).sum(axis=1).map(lambda text: float(sum(map(ord, text)) % 97))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in ("pc_shop", "pc_shop.made"):
        sys.modules.pop(name, None)


def raw_of(task: str, seed: int = 0) -> pd.DataFrame:
    """Rows in which who is of which group, and how old, tells nearly everything."""
    rng = np.random.default_rng(seed)
    sex, age = rng.choice(["f", "m"], ROWS), rng.integers(18, 80, ROWS).astype(float)
    frame = pd.DataFrame(
        {
            "income": rng.lognormal(3, 0.5, ROWS).round(3),
            "spent": rng.normal(40, 10, ROWS).round(3),
            "region": rng.choice(["north", "south"], ROWS),
            "sex": sex,
            "age": age,
            "at": DAYS,
        }
    )
    answer = (sex == "f") * 5 + age / 20 + frame["income"] / 20 + rng.normal(0, 0.3, ROWS)
    frame["target"] = np.where(answer > answer.median(), "yes", "no") if task == "classification" else answer
    frame["second"] = answer + frame["spent"]
    frame["treated"] = rng.integers(0, 2, ROWS)
    frame["user"], frame["item"] = rng.integers(0, 12, ROWS).astype(str), rng.integers(0, 9, ROWS).astype(str)
    used = {
        "clustering": ["target", "second", "treated", "user", "item"],
        "recommendation": ["target", "second", "treated"],
        "causal": ["second", "user", "item"],
    }.get(task, ["treated", "user", "item"])
    return frame.drop(columns=used)


def fitted(kind: str, raw: pd.DataFrame, **interface: Any) -> tuple[Any, Any, pd.DataFrame, Any]:
    task, path, values, more = KINDS[kind]
    more = dict(more)
    names = more.pop("functions", [])
    made = {"functions": names} if names else more.pop("feature_engineering", {})
    selection = more.pop("feature_selection", None)
    several = more.pop("interface", {})
    recipe = recipe_of(
        task, path, values, interface={"protected_cols": ["sex", "age"], **several, **interface}, **more
    )
    model = recipe.model_dump(mode="json", exclude_unset=True)
    model["model"] |= {"feature_engineering": made} if made else {}
    model["model"] |= {"feature_selection": selection} if selection else {}
    raw = raw if "target_col" in several else raw.drop(columns="second", errors="ignore")
    recipe = parse_recipe(dump_yaml(model))
    frame = clean(raw, recipe, "2024-01-01", functions=load(names, ["pc_shop"])).frame
    # A row's name is a hash of all that it holds, and decides in which order rows come to what is random.
    frame = frame.assign(**{BATCH: "2024-01-01", ROW_ID: np.arange(len(frame), dtype=np.uint64)})
    pipeline, result = fit(frame, recipe)
    return pipeline, result, frame, recipe


def shuffled(raw: pd.DataFrame) -> pd.DataFrame:
    """The same rows, with other people's groups."""
    order = np.random.default_rng(9).permutation(ROWS)
    return raw.assign(sex=raw["sex"].to_numpy()[order], age=raw["age"].to_numpy()[order] + 1)


@pytest.mark.parametrize("kind", KINDS)
def test_law_a_protected_column_changes_neither_what_is_learned_nor_what_is_said(kind: str) -> None:
    raw = raw_of(KINDS[kind][0])
    model, result, frame, recipe = fitted(kind, raw)
    assert not {"sex", "age"} & set(result.features)
    assert not [name for name in result.features if name.startswith(("sex", "age"))]
    again, _, other, _ = fitted(kind, shuffled(raw))
    learned = [name for name in frame if name not in ("sex", "age", ROW_ID)]
    pd.testing.assert_frame_equal(frame[learned], other[learned])  # nothing is made of it
    pd.testing.assert_frame_equal(predict(model, frame), predict(again, frame))
    pd.testing.assert_frame_equal(predict(model, frame), predict(model, other))
    without = frame.drop(columns=["sex", "age"])
    pd.testing.assert_frame_equal(predict(model, frame), predict(model, without))
    assert not {"sex", "age"} & set(raw_rows(recipe, result, frame, raw).columns)  # nor is it asked for


def test_a_protected_column_is_a_feature_where_the_recipe_says_so() -> None:
    raw = raw_of("classification")
    model, result, frame, _ = fitted("classes", raw, protected_features=["age"])
    assert "age" in result.features and "sex" not in result.features
    assert not predict(model, frame).equals(predict(model, frame.assign(age=frame["age"].to_numpy()[::-1])))


def test_the_role_is_told() -> None:
    recipe = recipe_of(interface={"protected_cols": ["sex"]})
    found = roles(raw_of("classification"), recipe)
    assert found.excluded["sex"] == PROTECTED and "age" in found.features


BASE = {
    "name": "loan",
    "model": {
        "loader": {"source_uri": "loan.csv"},
        "data_interface": {"task_type": "classification", "target_col": "paid", "protected_cols": ["sex"]},
    },
}
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"model.data_interface.protected_cols": ["paid"]}, "'paid' is the target"),
    ({"model.data_interface.protected_cols": ["sex", "sex"]}, "names 'sex' twice"),
    ({"model.data_interface.entity_cols": ["sex"]}, "'sex' is in entity_cols"),
    ({"model.data_interface.protected_features": ["age"]}, "'age' is not in protected_cols"),
    ({"model.feature_engineering": {"interactions": [["sex", "spent"]]}}, "'sex' is protected"),
    ({"model.feature_engineering": {"polynomials": {"columns": ["sex", "a"]}}}, "'sex' is protected"),
    (
        {"model.preprocessor": {"name": "custom_preprocessor", "params": {"categorical_features": ["sex"]}}},
        "'sex' is protected",
    ),
    (
        {"model.preprocessor": {
            "name": "custom_preprocessor", "params": {"column_sets": [{"columns": ["sex"], "missing_strategy": "mode"}]}
        }},
        "'sex' is protected",
    ),
    ({"batches": {"column": "sex", "period": "daily"}}, "'sex' is the time of the batches"),
    ({"evaluation.fairness": {"max_gap": {"equal_oportunity_difference": 0.1}}}, "Did you mean 'equal_opportunity"),
    ({"evaluation.fairness": {"max_gap": {"equal_opportunity_difference": 10}}}, "found 10; allowed: a difference of"),
    ({"evaluation.fairness": {"max_gap": {"mean_error_difference": 0.1}}}, "of regression, timeseries, not of"),
    ({"evaluation.fairness": {"groups": {"age": [30]}}}, "is not in model.data_interface.protected_cols"),
    ({"evaluation.fairness": {"groups": {"sex": [60, 30]}}}, "allowed: numbers that rise"),
    (
        {"model.data_interface.protected_cols": [], "evaluation.fairness": {"tolerance": 0.1}},
        "judges the groups of protected columns",
    ),
    (
        {"model.data_interface": {"task_type": "clustering", "protected_cols": ["sex"]},
         "model.class_path": "sklearn.cluster.KMeans", "model.hyperparameters": {"n_clusters": 3},
         "evaluation.fairness": {"tolerance": 0.1}},
        "not of clustering",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("edits", "words"), REFUSED)
def test_what_a_protected_column_cannot_be_is_refused_with_its_place(
    edits: dict[str, Any], words: str
) -> None:
    import copy

    recipe = copy.deepcopy(BASE)
    parse_recipe(dump_yaml(recipe))
    for key, value in edits.items():
        *path, last = key.split(".")
        place: Any = recipe
        for name in path:
            place = place.setdefault(name, {})
        place[last] = value
    with pytest.raises(RecipeError, match=words.replace("(", r"\(").replace("[", r"\[")):
        parse_recipe(dump_yaml(recipe))


def test_interactions_of_points_leave_protected_columns_out() -> None:
    """What clusters are measured by is no protected column either."""
    raw = raw_of("clustering")
    _, _, frame, _ = fitted("clusters", raw)
    assert "sex" not in frame[POINT].iloc[0] and "income" in frame[POINT].iloc[0]
