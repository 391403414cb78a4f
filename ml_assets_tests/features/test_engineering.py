"""Columns made of others, and the selection among them, on frames that a reader checks by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LassoCV
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler, TargetEncoder

from ml_assets.features.by_targets import EachTargetEncoder
from ml_assets.features.cleaning import clean
from ml_assets.features.columns import Roles, roles
from ml_assets.features.dates import PARTS
from ml_assets.features.preprocessing import build, encoded_counts, output_columns
from ml_assets.features.products import Products
from ml_assets.features.selection import METHODS, OWN_NUMBER, Selected
from ml_assets.names import ROW_ID
from ml_assets.quality.contract import check_raw
from ml_assets.recipe.schema import Recipe
from ml_assets.training.fit import fit
from ml_assets_tests.support.training_examples import mixed_rows, recipe_of

TIMES = ["2024-02-29 13:45:00", None, "1970-01-03"]
LINEAR = "sklearn.linear_model.LogisticRegression"


def engineering(wanted: dict[str, Any], *, preprocessor: dict[str, Any] | None = None, **more: Any) -> Recipe:
    made = recipe_of(class_path=LINEAR, preprocessor=preprocessor, **more)
    model = made.model.model_dump(mode="json", exclude_none=True) | {"feature_engineering": wanted}
    return Recipe.model_validate({"name": "example", "model": model})


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("year", [2024, np.nan, 1970]),
        ("quarter", [1, np.nan, 1]),
        ("month", [2, np.nan, 1]),
        ("week", [9, np.nan, 1]),
        ("day", [29, np.nan, 3]),
        ("day_of_year", [60, np.nan, 3]),
        ("weekday", [3, np.nan, 5]),
        ("weekend", [0, np.nan, 1]),
        ("hour", [13, np.nan, 0]),
        ("minute", [45, np.nan, 0]),
        ("days", [19_782 + (13 * 60 + 45) / 1440, np.nan, 2]),
    ],
)
def test_a_time_gives_the_numbers_it_is_made_of(part: str, expected: list[float]) -> None:
    raw = pd.DataFrame({"born": pd.to_datetime(TIMES, format="ISO8601"), "target": ["a", "b", "a"]})
    recipe = engineering({"date_parts": {"columns": ["born"], "parts": [part]}})
    frame = clean(raw, recipe, "all").frame
    np.testing.assert_allclose(frame[f"born_{part}"], expected)
    assert frame[ROW_ID].tolist() == clean(raw, recipe_of(), "all").frame[ROW_ID].tolist()
    empty = clean(raw.assign(born=None), recipe, "all").frame
    assert empty[f"born_{part}"].isna().all()


def test_every_part_of_a_time_is_tried() -> None:
    from ml_assets.recipe.schema.engineering import Part

    assert tuple(PARTS) == Part.__args__  # type: ignore[attr-defined]  # a Literal has them


def test_parts_of_times_are_features_which_no_list_needs_to_name() -> None:
    rows = mixed_rows(60).drop(columns=ROW_ID)
    rows["born"] = pd.date_range("2024-01-01", periods=60, freq="37h")
    recipe = engineering(
        {"date_parts": {"columns": ["born"], "parts": ["weekday"]}},
        preprocessor={"numerical_features": ["age"]},
    )
    found = roles(clean(rows, recipe, "all").frame, recipe)
    assert found.numeric == ("age", "born_weekday")
    assert found.excluded["born"] == "date or time"


@pytest.mark.parametrize(
    ("wanted", "columns", "words"),
    [
        ({"date_parts": {"columns": ["bron"]}}, {}, "columns: 'bron' is not a column of rows.csv"),
        ({"date_parts": {"columns": ["plan"]}}, {}, "column 'plan' holds no times, as 'a'"),
        (
            {"date_parts": {"columns": ["born"]}},
            {"born_hour": 1.0},
            "date_parts: would make a column 'born_hour', and the data",
        ),
        ({"interactions": [["age", "incme"]]}, {}, "'incme' is not a column of rows.csv"),
        ({"polynomials": {"columns": ["born_weekday"]}}, {}, "'born_weekday' is not a column"),
    ],
)
def test_what_nothing_can_be_made_of_is_refused_with_its_batch(
    wanted: dict[str, Any], columns: dict[str, Any], words: str
) -> None:
    rows = mixed_rows(60).drop(columns=ROW_ID)
    rows["born"] = pd.date_range("2024-01-01", periods=60, freq="37h")
    (finding,) = check_raw(rows.assign(**columns), engineering(wanted))
    assert words in finding.message
    assert finding.key is not None


def test_what_is_made_of_what_is_made_is_no_defect() -> None:
    rows = mixed_rows(60).drop(columns=ROW_ID)
    rows["born"] = pd.date_range("2024-01-01", periods=60, freq="37h")
    wanted = {
        "date_parts": {"columns": ["born"]},
        "interactions": [["born_weekday", "age"]],
        "polynomials": {"columns": ["born_hour"]},
    }
    recipe = engineering(wanted)
    assert check_raw(rows, recipe) == []
    assert fit(clean(rows, recipe, "all").frame, recipe)[1].features


def test_products_are_those_of_the_numbers_as_they_are_filled() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0, np.nan], "b": [10.0, 20.0, 60.0, 20.0]})
    recipe = engineering(
        {"interactions": [["a", "b"]], "polynomials": {"columns": ["a", "b"]}},
        preprocessor={"numerical_strategy": "minmax"},
    )
    transformer = build(Roles(("a", "b"), ()), recipe).fit(frame)
    out = pd.DataFrame(transformer.transform(frame), columns=transformer.get_feature_names_out())
    a, b = pd.Series([1.0, 2.0, 3.0, 2.0]), frame["b"]
    for name, value in {"a*b": a * b, "a^2": a**2, "a b": a * b, "b^2": b**2}.items():
        expected = (value - value.min()) / (value.max() - value.min())
        np.testing.assert_allclose(out[f"products__{name}"], expected)
    assert output_columns(transformer) is None


def test_pairs_of_levels_are_categories() -> None:
    frame = pd.DataFrame({"a": ["x", "y"] * 10, "b": ["u", "u", "v", "v"] * 5})
    transformer = build(Roles((), ("a", "b")), engineering({"interactions": [["a", "b"]]})).fit(frame)
    names = [name for name in transformer.get_feature_names_out() if name.startswith("pairs__")]
    assert names == [f"pairs__a*b_{pair}" for pair in ("x & u", "x & v", "y & u", "y & v")]
    out = transformer.transform(pd.DataFrame({"a": ["y", "new"], "b": ["v", None]}))
    assert out[0, -4:].tolist() == [0.0, 0.0, 0.0, 1.0]
    assert np.isfinite(out).all()


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"interactions": [["a", "gone"]]}, "interactions: 'gone' is no feature of the model (constant)"),
        ({"interactions": [["a", "c"]]}, "'a' is a number and 'c' a category: name two of one kind"),
        (
            {"polynomials": {"columns": ["c"]}},
            "polynomials: 'c' is no numeric feature of the model (it is a category)",
        ),
    ],
)
def test_columns_that_are_no_features_have_no_products(wanted: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=r"interactions|polynomials") as caught:
        build(Roles(("a",), ("c",), {"gone": "constant"}), engineering(wanted))
    assert words in str(caught.value)


def test_a_product_of_huge_numbers_stays_one_that_trees_can_hold() -> None:
    frame = pd.DataFrame({"a": [1e38, -1e38], "b": [1e38, 1.0]})
    assert (np.abs(Products((("a", "b"),), ("a",), 4).fit_transform(frame)) <= 1e30).all().all()


def informative(classes: bool, seed: int = 0) -> tuple[Any, Any]:
    """Eight columns from 0 to 1, of which the second and the sixth tell the target."""
    rng = np.random.default_rng(seed)
    X = rng.random((300, 8))
    y = X[:, 1] + 2 * X[:, 5] + rng.normal(0, 0.1, 300)
    return X, np.where(y > 1.5, "yes", "no") if classes else y


@pytest.mark.parametrize("classes", [True, False])
@pytest.mark.parametrize("method", METHODS)
def test_a_selection_finds_the_columns_that_tell_the_target(method: Any, classes: bool) -> None:
    if method == "chi2" and not classes:
        return
    X, y = informative(classes)
    assert np.flatnonzero(Selected(method, 2, classes).fit(X, y).get_support()).tolist() == [1, 5]
    assert Selected(method, 0.5, classes).fit(X, y).get_support().sum() == 4
    assert Selected(method, 99, classes).fit(X, y).get_support().all()
    own = Selected(method, None, classes).fit(X, y).get_support()
    assert own[[1, 5]].all()
    assert own.sum() == 4 or method in OWN_NUMBER
    constant = np.hstack([X[:, [1, 5]], np.ones((300, 1))])
    assert not Selected(method, 2, classes).fit(constant, y).get_support()[2]


@pytest.mark.parametrize("classes", [True, False])
@pytest.mark.parametrize("method", METHODS)
def test_of_several_targets_each_has_its_say_in_a_selection(method: Any, classes: bool) -> None:
    """A column that tells one of two targets counts as one that tells the other, however strong each is."""
    if method == "chi2" and not classes:
        return
    X, _ = informative(classes)
    rng = np.random.default_rng(1)
    one, other = X[:, 1] + rng.normal(0, 0.05, 300), 900 * (X[:, 5] + rng.normal(0, 0.2, 300))
    y = np.column_stack(
        [np.where(each > np.median(each), "yes", "no") if classes else each for each in (one, other)]
    )
    assert np.flatnonzero(Selected(method, 2, classes).fit(X, y).get_support()).tolist() == [1, 5]
    own = Selected(method, None, classes).fit(pd.DataFrame(X), pd.DataFrame(y)).get_support()
    assert own[[1, 5]].all() and (own.sum() == 4 or method in OWN_NUMBER)
    twice = Selected(method, 3, classes).fit(X, y[:, [0, 0]]).get_support()
    if method != "sequential":  # whose folds are others
        assert twice.tolist() == Selected(method, 3, classes).fit(X, y[:, 0]).get_support().tolist()


@pytest.mark.parametrize("classes", [None, 2, 3])
def test_of_several_targets_a_category_is_encoded_by_each(classes: int | None) -> None:
    """The columns of each target are those that scikit-learn makes of it alone, those of one category side by side."""
    rng = np.random.default_rng(2)
    X = pd.DataFrame({name: rng.choice(list("abcdef"), 200) for name in ("town", "plan")})
    y = pd.DataFrame({"one": rng.normal(size=200), "other": rng.normal(size=200)})
    if classes:
        y = pd.DataFrame(
            {"one": rng.choice(["x", "y"], 200), "other": rng.choice(list("pqr")[:classes], 200)}
        )
    encoder = TargetEncoder(
        target_type="auto" if classes else "continuous", cv=KFold(5, shuffle=True, random_state=3)
    )
    several = EachTargetEncoder(encoder)
    learned, wide = several.fit_transform(X, y), 3 if classes == 3 else 1
    assert learned.shape == (200, 2 * (1 + wide)) and encoded_counts(several, 2) == [1 + wide] * 2
    assert several.get_feature_names_out().tolist() == [f"{name}_{k}" for name in X for k in range(1 + wide)]
    by_town, by_plan = np.split(np.arange(2 * (1 + wide)), 2)
    for made, of in ((learned, "fit_transform"), (several.transform(X), "transform")):
        for places, name in ((by_town, "town"), (by_plan, "plan")):
            for target, own in (("one", places[:1]), ("other", places[1:])):
                alone = clone(encoder)
                expected = alone.fit_transform(X[[name]], y[target])
                expected = expected if of == "fit_transform" else alone.transform(X[[name]])
                assert np.allclose(made[:, own], expected, rtol=0, atol=1e-12)


def test_where_nothing_has_a_weight_all_is_kept() -> None:
    X, _ = informative(classes=False)
    y = np.random.default_rng(5).normal(size=300)
    assert not LassoCV(cv=3, random_state=0).fit(StandardScaler().fit_transform(X), y).coef_.any()
    assert Selected("lasso", None, classes=False).fit(X, y).get_support().all()


def test_the_selection_is_a_step_of_the_model_and_is_told() -> None:
    recipe = recipe_of(class_path=LINEAR)
    model = recipe.model.model_dump(mode="json", exclude_none=True) | {
        "feature_selection": {"method": "anova", "keep": 2}
    }
    pipeline, result = fit(mixed_rows(), Recipe.model_validate({"name": "example", "model": model}))
    assert list(pipeline.named_steps) == ["preprocessing", "selection", "estimator"]
    assert pipeline["estimator"].n_features_in_ == 2
    assert result.notes == ("feature_selection (anova) keeps 2 of 9 columns: age, region_north",)
