"""Each way to prepare a column changes it as the manual says, on frames that a reader checks by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyRegressor

from ml_assets.features.columns import Roles
from ml_assets.features.outliers import Outliers
from ml_assets.features.preprocessing import build, learned_rows, output_columns
from ml_assets.features.rows import INCOMPLETE, OUTLYING, ChoosyPipeline, LearnedRows
from ml_assets.recipe.schema import Recipe
from ml_assets_tests.support.training_examples import mixed_rows, recipe_of

NAN = float("nan")
NINE = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 100.0]
TENS = [0.0, 2.0] * 10 + [50.0]
"""Mean 3.33, standard deviation 10.5: 50 is 4.4 of them away."""


def made(recipe: Recipe, frame: pd.DataFrame, y: Any = None, **new: Any) -> dict[str, list[float]]:
    """Columns of a frame, or of new rows, once they are prepared."""
    numeric = tuple(sorted(c for c in frame if pd.api.types.is_numeric_dtype(frame[c])))
    found = Roles(numeric, tuple(sorted(set(map(str, frame)) - set(numeric))))
    transformer = build(found, recipe).fit(frame, y)
    out = transformer.transform(pd.DataFrame(new) if new else frame)
    names = [name.partition("__")[2] for name in transformer.get_feature_names_out()]
    return {name: np.round(out[:, k], 6).tolist() for k, name in enumerate(names)}


def minmax(**params: Any) -> Recipe:
    """A scaler of which a hand-made frame with the ends 0 and 1 is left as it is."""
    return recipe_of(preprocessor={"numerical_strategy": "minmax", **params})


@pytest.mark.parametrize(
    ("strategy", "filled"),
    [("mean", 0.5), ("median", 0.25), ("mode", 0.0), ("category", 0.25), ("drop", 0.25)],
)
def test_a_missing_number_is_replaced_and_told_beside(strategy: str, filled: float) -> None:
    frame = pd.DataFrame({"x": [0.0, 0.0, 0.0, 0.2, 0.3, 1.0, 1.0, 1.5, NAN]})
    found = made(minmax(missing_strategy=strategy), frame)
    assert found["x"][-1] == pytest.approx(filled / 1.5, abs=1e-6)
    assert found["missingindicator_x"] == [0.0] * 8 + [1.0]


@pytest.mark.parametrize(
    ("strategy", "columns"),
    [
        ("mode", {"c_a", "c_b"}),
        ("category", {"c_a", "c_b", "c_missing"}),
        ("mean", {"c_a", "c_b", "c_missing"}),
    ],
)
def test_a_missing_category_is_the_most_frequent_or_one_of_its_own(strategy: str, columns: set[str]) -> None:
    frame = pd.DataFrame({"c": ["a"] * 9 + ["b"] * 6 + [None] * 5})
    found = made(recipe_of(preprocessor={"missing_strategy": strategy}), frame)
    assert set(found) == columns
    assert found["c_a"][-1] == float(strategy == "mode")


def test_rows_that_miss_a_value_are_not_learned_and_still_predicted() -> None:
    frame = pd.DataFrame(
        {"x": [1.0, NAN, 3.0, 4.0], "c": ["a", "b", None, "d"], "free": [NAN, 1.0, 1.0, 2.0]}
    )
    drop = recipe_of(preprocessor={"column_sets": [{"columns": ["x", "c"], "missing_strategy": "drop"}]})
    rows = learned_rows(Roles(("free", "x"), ("c",)), drop)
    assert rows == LearnedRows(complete=("c", "x"), random_state=42)
    learned, left_out = rows.of(frame, np.array(["y", "n", "y", "n"]))
    assert learned.tolist() == [True, False, False, True]
    assert left_out == {INCOMPLETE: 2}


@pytest.mark.parametrize(
    ("method", "values", "bounds"),
    [
        ("iqr", NINE, (3.0 - 1.5 * 4.0, 7.0 + 1.5 * 4.0)),
        ("zscore", TENS, (np.mean(TENS) - 3 * np.std(TENS), np.mean(TENS) + 3 * np.std(TENS))),
    ],
)
def test_bounds_follow_their_definition(
    method: Any, values: list[float], bounds: tuple[float, float]
) -> None:
    frame = pd.DataFrame({"x": values})
    clip = Outliers(method).fit(frame)
    assert (clip.low_[0], clip.high_[0]) == pytest.approx(bounds)
    assert clip.transform(frame)["x"].tolist() == pytest.approx([*values[:-1], bounds[1]])
    flag = Outliers(method, "flag").fit(frame)
    assert flag.transform(frame)["x_outlier"].tolist() == [0.0] * (len(values) - 1) + [1.0]
    assert clip.outlying(frame).tolist() == [False] * (len(values) - 1) + [True]


def test_a_forest_isolates_the_row_that_is_alone_in_both_columns() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": [*rng.normal(0, 1, 200), 40.0], "b": [*rng.normal(0, 1, 200), -40.0]})
    forest = Outliers("isolation_forest").fit(frame)
    usual = ~forest.outlying(frame)
    assert forest.outlying(frame)[-1]
    assert usual.sum() > 150
    clipped = forest.transform(frame)
    assert clipped.loc[200, "a"] == frame.loc[usual, "a"].max() < 5
    assert clipped.loc[200, "b"] == frame.loc[usual, "b"].min() > -5
    flags = Outliers("isolation_forest", "flag").fit(frame).transform(frame)
    assert flags.columns.tolist() == ["outlier"]
    assert (flags["outlier"].to_numpy() == ~usual).all()


@pytest.mark.parametrize("columns", [1, 3, 10, 30])
@pytest.mark.parametrize("kind", ["normal", "skewed", "even", "whole"])
def test_a_forest_isolates_few_usual_rows_and_all_that_are_far_away(kind: str, columns: int) -> None:
    rng = np.random.default_rng(0)
    values = {
        "normal": rng.normal(size=(1000, columns)),
        "skewed": rng.gamma(2, size=(1000, columns)),
        "even": rng.uniform(size=(1000, columns)),
        "whole": rng.integers(0, 5, size=(1000, columns)).astype(float),
    }[kind]
    names = [f"x{k}" for k in range(columns)]
    usual = Outliers("isolation_forest").fit(pd.DataFrame(values, columns=names))
    assert usual.outlying(pd.DataFrame(values, columns=names)).mean() < 0.15
    values[:5] = values[:5] * 5 + 20
    far = pd.DataFrame(values, columns=names)
    assert Outliers("isolation_forest").fit(far).outlying(far)[:5].all()


@pytest.mark.parametrize("method", ["iqr", "zscore"])
@pytest.mark.parametrize("values", [[0.0] * 30 + [1.0], [NAN] * 5, [3.0] * 9])
def test_the_rarer_of_two_values_is_no_outlier(method: Any, values: list[float]) -> None:
    frame = pd.DataFrame({"x": values})
    pd.testing.assert_frame_equal(Outliers(method).fit_transform(frame), frame)


@pytest.mark.parametrize("method", ["iqr", "zscore", "isolation_forest"])
def test_treatments_clip_flag_and_remove(method: str) -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": [*rng.uniform(0, 1, 100), 50.0]})
    found = Roles(("x",), ())

    def recipe(treatment: str) -> Recipe:
        return minmax(outlier_detection=True, outlier_method=method, outlier_treatment=treatment)

    clipped = build(found, recipe("clip")).fit(frame)
    top = clipped.named_transformers_["numeric"].named_steps["clip"].high_[0]
    assert top < 20
    assert clipped.transform(frame)[-1, 0] == 1.0
    assert clipped.transform(pd.DataFrame({"x": [1e9]}))[0, 0] == 1.0
    flagged = made(recipe("flag"), frame)
    assert flagged["x_outlier" if method != "isolation_forest" else "outlier"][-1] == 1.0
    assert flagged["x"][:2] != clipped.transform(frame)[:2, 0].tolist()
    assert learned_rows(found, recipe("clip")) is None
    assert learned_rows(found, recipe("flag")) is None
    rows = learned_rows(found, recipe("remove"))
    assert rows is not None
    learned, left_out = rows.of(frame, np.arange(101.0))
    assert not learned[-1]
    assert left_out == {OUTLYING: int((~learned).sum())}


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("standard", [-1.224745, 0.0, 1.224745]),
        ("minmax", [0.0, 0.5, 1.0]),
        ("robust", [-1.0, 0.0, 1.0]),
    ],
)
def test_scalers_of_a_column(strategy: str, expected: list[float]) -> None:
    recipe = recipe_of(preprocessor={"numerical_strategy": strategy})
    assert made(recipe, pd.DataFrame({"x": [2.0, 4.0, 6.0]}))["x"] == expected


def test_the_normalizer_brings_the_numbers_of_a_row_to_length_one() -> None:
    recipe = recipe_of(preprocessor={"numerical_strategy": "normalizer"})
    frame = pd.DataFrame({"a": [3.0, 1.0, NAN], "b": [4.0, 0.0, 8.0]})
    found = made(recipe, frame)
    assert (found["a"][:2], found["b"][:2]) == ([0.6, 1.0], [0.8, 0.0])
    assert found["missingindicator_a"] == [0.0, 0.0, 1.0]
    assert "missingindicator_b" not in found


def test_levels_are_coded_in_the_order_of_the_alphabet() -> None:
    frame = pd.DataFrame({"c": ["b", "a", "c"]})
    for strategy in ("label", "ordinal"):
        recipe = recipe_of(preprocessor={"categorical_strategy": strategy})
        assert made(recipe, frame)["c"] == [1.0, 0.0, 2.0]
        assert made(recipe, frame, c=["new", "a"])["c"] == [-1.0, 0.0]


def test_a_target_code_is_the_mean_of_the_level_drawn_to_that_of_all() -> None:
    frame, y = pd.DataFrame({"c": ["a"] * 500 + ["b"] * 500}), np.tile([0.0, 2.0], 500)
    y[500:] += 10.0
    recipe = recipe_of(task="regression", preprocessor={"categorical_strategy": "target"})
    codes = made(recipe, frame, y, c=["a", "b", "new"])["c"]
    assert codes == pytest.approx([1.0, 11.0, 6.0], abs=0.01)


def test_a_set_of_columns_is_prepared_otherwise_than_the_rest() -> None:
    params = {
        "numerical_strategy": "minmax",
        "column_sets": [
            {"columns": ["b"], "numerical_strategy": "robust", "missing_strategy": "mean"},
            {"columns": ["d"], "categorical_strategy": "ordinal"},
        ],
    }
    frame = pd.DataFrame(
        {"a": [0.0, 5.0, 10.0], "b": [2.0, 4.0, 6.0], "c": ["x", "x", "y"], "d": ["x", "x", "y"]}
    )
    found = made(recipe_of(preprocessor=params), frame)
    assert (found["a"], found["b"]) == ([0.0, 0.5, 1.0], [-1.0, 0.0, 1.0])
    assert found["d"] == [0.0, 0.0, 1.0]
    assert found["c_infrequent_sklearn"] == [1.0, 1.0, 1.0]


def test_the_account_of_rows_follows_the_pipeline() -> None:
    rows = LearnedRows(complete=("x",), usual=(("zscore", ("x",)),))
    frame, y = pd.DataFrame({"x": [*TENS, NAN]}), np.array([1.0] * 20 + [1e3, 1e3])
    pipeline = ChoosyPipeline([("estimator", DummyRegressor())], rows=rows).fit(frame, y)
    assert pipeline.left_out_ == {INCOMPLETE: 1, OUTLYING: 1}
    assert pipeline.predict(frame).tolist() == [1.0] * 22
    again = clone(ChoosyPipeline([("estimator", "passthrough")], rows=rows))
    assert again.rows == rows


@pytest.mark.parametrize(
    ("frame", "y", "words"),
    [
        ({"x": [NAN, NAN, NAN]}, ["a", "b", "a"], "no row is left of 3 training rows (3 without a value"),
        (
            {"x": [1.0, 1.0, NAN]},
            ["a", "a", "b"],
            "rows of one class only are left of 3 training rows (1 without",
        ),
    ],
)
def test_a_training_without_rows_says_what_to_do(frame: Any, y: list[str], words: str) -> None:
    with pytest.raises(ValueError, match="Use another missing_strategy, or an outlier_treatment") as caught:
        LearnedRows(complete=("x",)).of(pd.DataFrame(frame), np.array(y))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "params",
    [
        {"numerical_strategy": "normalizer"},
        {"outlier_detection": True, "outlier_method": "isolation_forest", "outlier_treatment": "flag"},
    ],
)
def test_columns_of_several_features_have_no_place(params: dict[str, Any]) -> None:
    frame = mixed_rows().drop(columns=["target", "row_id__"])
    transformer = build(Roles(("age", "income"), ("plan", "region")), recipe_of(preprocessor=params))
    assert output_columns(transformer.fit(frame)) is None


@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf, 1e39])
def test_a_number_that_is_missing_to_the_model_leaves_its_row_out(missing: float) -> None:
    """As one that a function of the recipe makes by a division by nothing."""
    frame = pd.DataFrame({"x": [1.0, missing, 3.0], "c": ["a", "b", None], "n": [missing, 1.0, 2.0]})
    learned, left_out = LearnedRows(complete=("x",)).of(frame, np.array([1.0, 2.0, 3.0]))
    assert learned.tolist() == [True, False, True]
    assert left_out == {INCOMPLETE: 1}
    learned, _ = LearnedRows(complete=("c", "x")).of(frame, np.array([1.0, 2.0, 3.0]))
    assert learned.tolist() == [True, False, False]
    learned, left_out = LearnedRows(complete=("c",)).of(frame, np.array([1.0, 2.0, 3.0]))
    assert learned.tolist() == [True, True, False]
