"""A person's own feature functions: imported only where the operator allows it, and row by row."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml_assets.features.cleaning import clean
from ml_assets.features.columns import roles
from ml_assets.features.engineered import unread
from ml_assets.features.functions import FunctionError, load
from ml_assets.names import ROW_ID
from ml_assets.settings import SettingsError, read_settings
from ml_assets_tests.features.test_engineering import engineering
from ml_assets_tests.support.command_line import ml_assets
from ml_assets_tests.support.training_examples import mixed_rows

SOURCE = """
import pandas as pd
def ratio(rows): return rows["income"] / rows["age"]
def words(rows):
    columns = {"old": rows["age"] > 40, "where": rows["region"].str[:2], "n": 1}
    return pd.DataFrame(columns, index=rows.index)
def rank(rows): return rows["income"].rank()
def answer(rows): return rows["target"]
def short(rows): return rows["income"].head(3)
def number(rows): return 3
def since(rows): return rows["age"] - rows["income"].where(rows["region"] == "x", 0)
def every(rows): return rows.select_dtypes("number").sum(axis=1)
def income(rows): return rows["income"]
LIMIT = 3
"""
ROWS = mixed_rows(60).drop(columns=ROW_ID)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package `fx_shop` with functions, and beside it a module that says when it is imported."""
    package = tmp_path / "code" / "fx_shop"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "made.py").write_text(SOURCE)
    (tmp_path / "code" / "fx_bad.py").write_text(
        f"open({str(tmp_path / 'ran')!r}, 'w')\ndef f(rows): return rows"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "code"))
    yield tmp_path
    for name in ("fx_shop", "fx_shop.made", "fx_bad"):
        sys.modules.pop(name, None)


def made(*names: str) -> pd.DataFrame:
    """Clean rows with what some functions of the package make."""
    paths = [f"fx_shop.made.{name}" for name in names]
    recipe = engineering({"functions": paths})
    return clean(ROWS, recipe, "all", functions=load(paths, {"fx_shop"})).frame


def test_a_function_makes_columns_of_each_row(shop: Path) -> None:
    frame = made("ratio", "words")
    np.testing.assert_allclose(frame["ratio"], ROWS["income"] / ROWS["age"])
    assert frame["words_old"].tolist() == [float(old) for old in ROWS["age"] > 40]
    assert frame["words_where"].tolist() == [where[:2] for where in ROWS["region"]]
    assert (frame["words_n"] == 1.0).all()
    assert (
        frame[ROW_ID].tolist() == clean(ROWS, engineering({"interactions": []}), "all").frame[ROW_ID].tolist()
    )


def test_what_a_function_makes_is_a_feature_which_no_list_needs_to_name(shop: Path) -> None:
    paths = ["fx_shop.made.ratio", "fx_shop.made.words"]
    recipe = engineering({"functions": paths}, preprocessor={"numerical_features": ["age"]})
    found = roles(clean(ROWS, recipe, "all", functions=load(paths, {"fx_shop"})).frame, recipe)
    assert found.numeric == ("age", "ratio", "words_old")


@pytest.mark.parametrize(
    ("name", "needless"),
    [("ratio", ["region", "later"]), ("since", ["later"]), ("every", ["region"]), ("words", ["later"])],
)
def test_what_a_function_does_not_read_need_not_be_known_of_a_row_to_predict(
    shop: Path, name: str, needless: list[str]
) -> None:
    paths, rows = [f"fx_shop.made.{name}"], ROWS.assign(later=ROWS["income"] * 2)
    recipe = engineering({"functions": paths}, preprocessor={"exclude_cols": ["region", "later"]})
    functions = load(paths, {"fx_shop"})
    frame = clean(rows, recipe, "all", functions=functions).frame
    assert unread(frame, recipe, functions) == needless


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("rank", "fx_shop.made.rank looks at other rows: row 1 gets"),
        ("answer", "fx_shop.made.answer failed: KeyError: 'target'"),
        ("short", "gave 3 rows, or others, for 60: keep the index"),
        ("number", "gave a int; a feature function gives a Series or a DataFrame"),
        ("income", "makes a column 'income', which is there already: rename one"),
    ],
)
def test_a_function_that_does_something_else_is_told_by_name(shop: Path, name: str, words: str) -> None:
    with pytest.raises(FunctionError) as caught:
        made(name)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("path", "modules", "words"),
    [
        ("fx_bad.f", set(), "(allowed: none). If you trust it, the operator sets ML_ASSETS_MODULES=fx_bad"),
        (
            "fx_bad.f",
            {"fx_shop"},
            "(allowed: fx_shop). If you trust it, the operator sets ML_ASSETS_MODULES=fx_shop,fx_bad",
        ),
        ("fx_shopping.f", {"fx_shop"}, "is of a module that is not allowed"),
        ("fx_shop.gone.f", {"fx_shop"}, "cannot be imported: No module named 'fx_shop.gone'. Install"),
        ("fx_shop.made.ratios", {"fx_shop"}, "has no function 'ratios'. Did you mean 'ratio'?"),
        ("fx_shop.made.LIMIT", {"fx_shop.made"}, "has no function 'LIMIT'"),
    ],
)
def test_only_what_the_operator_allows_is_imported(
    shop: Path, path: str, modules: set[str], words: str
) -> None:
    with pytest.raises(FunctionError) as caught:
        load([path], modules)
    assert words in str(caught.value)
    assert not (shop / "ran").exists()


def test_rows_are_not_cleaned_without_the_functions_of_their_recipe(shop: Path) -> None:
    with pytest.raises(FunctionError, match="was not loaded"):
        clean(ROWS, engineering({"functions": ["fx_shop.made.ratio"]}), "all")


def test_allowed_modules_are_a_setting() -> None:
    assert read_settings({"ML_ASSETS_MODULES": "a.b, c"}).variables.modules == {"a.b", "c"}
    assert read_settings({}).variables.modules == frozenset()
    with pytest.raises(SettingsError, match="ML_ASSETS_MODULES: 'a b' is no name of a module"):
        read_settings({"ML_ASSETS_MODULES": "a b"})


def test_validate_names_the_line_of_a_function_that_is_not_allowed(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ML_ASSETS_HOME", str(shop / "home"))
    ROWS.to_csv(shop / "rows.csv", index=False)
    path = shop / "r.yaml"
    path.write_text(
        "name: r\nmodel:\n  loader: {source_uri: rows.csv}\n"
        "  feature_engineering:\n    functions: [fx_shop.made.ratio]\n"
        "  data_interface: {task_type: classification, target_col: target}\n"
    )
    refused = ml_assets("validate", path, "--json")
    assert refused.code == 2
    (error,) = refused.result["files"][0]["errors"]
    assert error["message"].startswith(
        f"{path}:5 model.feature_engineering.functions: 'fx_shop.made.ratio' is of a"
    )
    monkeypatch.setenv("ML_ASSETS_MODULES", "fx_shop")
    assert ml_assets("validate", path, "--json").code == 0
