"""`foreach`: one file, a model for each value, and one message for what makes no models."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.recipe import RecipeError, load_recipe
from ml_assets.recipe.each import each_model
from ml_assets.recipe.loading import dump_recipe, load_recipes, models_of, parse_recipe
from ml_assets.recipe.yaml_text import dump_yaml

FILES, FOLDERS = "data/*.csv", "data/{{ shop }}/*.csv"
QUERY = "SELECT * FROM sales WHERE shop = {{ shop }}"


def text(values: object, uri: str = FILES, column: str = "shop", **more: object) -> str:
    data: dict[str, object] = {
        "name": "sales",
        "model": {
            "loader": {"source_uri": uri, **more},
            "data_interface": {"task_type": "regression", "target_col": "sold"},
        },
        "foreach": {"column": column, "values": values},
    }
    return dump_yaml(data)


def test_each_value_has_a_recipe_that_could_have_been_written(tmp_path: Path) -> None:
    (tmp_path / "sales.yaml").write_text(text(["berlin", "São Paulo", 7, True]), "utf-8")
    made = models_of(tmp_path / "sales.yaml")
    assert [recipe.name for recipe in made] == ["sales_berlin", "sales_sao_paulo", "sales_7", "sales_true"]
    assert [recipe.model.loader.where["shop"] for recipe in made] == ["berlin", "São Paulo", 7, True]
    assert all(parse_recipe(dump_recipe(recipe)) == recipe for recipe in made)
    assert [recipe for _, recipe in load_recipes([tmp_path])[0]] == list(made)


def test_a_value_stands_in_the_path_or_is_a_parameter_of_the_query() -> None:
    first, _ = each_model(parse_recipe(text(["berlin", 7], FOLDERS)))
    assert (first.model.loader.source_uri, first.model.loader.where) == ("data/berlin/*.csv", {})
    _, second = each_model(parse_recipe(text(["berlin", 7], QUERY, params={"day": "2024-01-01"})))
    assert second.model.loader.source_uri == QUERY
    assert second.model.loader.params == {"day": "2024-01-01", "shop": 7} and not second.model.loader.where


@given(st.lists(st.text(max_size=70) | st.integers() | st.booleans(), min_size=1, max_size=6, unique=True))
def test_whatever_the_values_are_names_are_told_apart_and_paths_stay_inside(values: list[object]) -> None:
    for uri in (FILES, FOLDERS):
        try:
            made = each_model(parse_recipe(text(values, uri)))
        except RecipeError as error:
            assert all(fault.key.startswith("foreach") or uri == FOLDERS for fault in error.errors)
            continue
        assert len({recipe.name for recipe in made}) == len(values)
        for recipe in made:
            assert parse_recipe(dump_recipe(recipe)) == recipe
            assert uri == FILES or recipe.model.loader.source_uri.count("/") == FOLDERS.count("/")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (text([]), "sales.yaml:10 foreach.values: found a list of 0; allowed"),
        (text(["A b", "a-b"]), "foreach.values[1]: 'A b' and 'a-b' make one name, 'sales_a_b'"),
        (text(["東京"]), "foreach.values[0]: '東京' has no letter from a to z and no digit for a name"),
        (text(["b", "b"]), "foreach.values[1]: 'b' is there twice: leave one out"),
        (text(["x" * 60]), "makes the name 'sales_xxx"),
        (text(["../../etc"], FOLDERS), "foreach.values[0]: '../../etc' cannot stand in a path"),
        (text(["*"], FOLDERS), "has no letter from a to z"),
        (text(["a*"], FOLDERS), "'a*' cannot stand in a path"),
        (
            text(["a"], FOLDERS, "store"),
            "source_uri: {{ shop }} stands for nothing: write foreach: {column: shop",
        ),
        (text(["a"], where={"shop": "b"}), "model.loader.where.shop: is set by foreach, value by value"),
        (
            text(["a"], QUERY, params={"shop": 1}),
            "model.loader.params.shop: is set by foreach, value by value",
        ),
        (
            text(["a"], "SELECT shop FROM sales {# shop #}"),
            "sales.yaml:4 model.loader.source_uri: the query does not name {{ shop }}, so each model of foreach would",
        ),
        (text([{"a": 1}]), "foreach.values"),
    ],
)
def test_what_makes_no_models_is_told_once(written: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "sales.yaml").write_text(written, "utf-8")
    recipes, broken = load_recipes([tmp_path])
    assert not recipes and len(broken) == 1
    assert message in str(broken[0][1])


@pytest.mark.parametrize(
    ("name", "query", "fits"),
    [
        ("sales.sql.j2", QUERY, True),
        ("sales.sql.j2", "SELECT 1 {% if shop %} AS a {% endif %}", True),
        ("sales.sql.j2", "SELECT shop FROM sales", False),
        ("sales.sql", QUERY, False),
    ],
)
def test_a_query_in_a_file_gives_each_model_rows_of_its_own(
    name: str, query: str, fits: bool, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(query, "utf-8")
    (tmp_path / "sales.yaml").write_text(text(["a", "b"], name), "utf-8")
    recipes, broken = load_recipes([tmp_path])
    assert len(recipes) == (2 if fits else 0)
    assert fits or f"model.loader.source_uri: {name}: the query does not name {{{{ shop }}}}" in str(
        broken[0][1]
    )


def test_a_command_about_one_model_is_told_their_names(tmp_path: Path) -> None:
    (tmp_path / "sales.yaml").write_text(text(["a", "b"]), "utf-8")
    with pytest.raises(
        RecipeError, match=r"sales\.yaml:8 foreach: makes 2 models: name one of sales_a, sales_b"
    ):
        load_recipe(tmp_path / "sales.yaml")
    (tmp_path / "sales.yaml").write_text(text(["a"]), "utf-8")
    assert load_recipe(tmp_path / "sales.yaml").name == "sales_a"


def test_a_recipe_of_its_own_keeps_a_name_that_foreach_makes_too(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(text(["a", "b"]), "utf-8")
    own = text(["a"]).partition("foreach:")[0].replace("name: sales", "name: sales_b")
    (tmp_path / "sales_b.yaml").write_text(own, "utf-8")
    recipes, broken = load_recipes([tmp_path])
    assert [(path.name, recipe.name) for path, recipe in recipes] == [
        ("all.yaml", "sales_a"),
        ("sales_b.yaml", "sales_b"),
    ]
    assert [path.name for path, _ in broken] == ["all.yaml"]
    assert "'sales_b' is the name of" in str(broken[0][1])
