"""Laws of loading: a written recipe is read again, a typo is answered with the right name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.names import composed
from ml_assets.recipe import Recipe, RecipeError, load_recipe
from ml_assets.recipe.fields import sections
from ml_assets.recipe.loading import dump_recipe, load_recipes, parse_recipe, recipe_sha256
from ml_assets.recipe.tasks import (
    DEFAULT_METRICS,
    EFFECTS,
    ESTIMATOR_KINDS,
    FORECASTS,
    KNOWN_METRICS,
    METRIC_DIRECTIONS,
    RECOMMENDS,
    TASK_METRICS,
    UNTARGETED,
)
from ml_assets.recipe.yaml_text import dump_yaml
from ml_assets_tests.support.every_key import EVERY, FULL

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT.parent / "shared" / "recipes"
MINIMAL = """\
name: churn
model:
  loader: {source_uri: churn.csv}
  data_interface: {task_type: classification, target_col: churned}
"""
INSIDE = [("model", "hyperparameters", "max_depth"), ("evaluation", "targets", "f1"), ("unknown",)]
WORDS = st.sampled_from(
    [
        "type",
        "low",
        "high",
        "choices",
        "class_path",
        "hyperparameters",
        "estimators",
        "name",
        "estimator",
        "features",
    ]
)
# A name, and any other text, is read as it looks: composed (NFC).
COLUMNS = st.text(min_size=1, max_size=10).map(composed).filter(lambda column: column != "target")
OF_TASK = {
    "clustering": ("sklearn.cluster.KMeans", "n_clusters"),
    "recommendation": ("sklearn.decomposition.TruncatedSVD", "n_components"),
}
"""Estimator of a task without labels, and a parameter of it."""
PLAIN = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=9).map(composed)


def optional(**strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=strategies)


@st.composite
def recipes(draw: st.DrawFn) -> dict[str, Any]:
    task = draw(st.sampled_from(sorted(TASK_METRICS)))
    metric = st.sampled_from(TASK_METRICS[task])
    space = st.builds(
        lambda low, more: {"type": "int", "low": low, "high": low + more},
        st.integers(1, 9),
        st.integers(0, 9),
    )
    hyperparameters = optional(max_depth=space | st.integers(1, 9), random_state=PLAIN, n_jobs=PLAIN)
    estimator = {
        "class_path": f"sklearn.ensemble.RandomForest{ESTIMATOR_KINDS[task]}",
        "hyperparameters": draw(hyperparameters),
    }
    data: dict[str, Any] = {
        "name": draw(st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)),
        "model": (estimator if draw(st.booleans()) else {})
        | {
            "loader": {
                "source_uri": draw(st.sampled_from(["a.csv", "file://b/*.parquet", "sklearn://iris"]))
            },
            "preprocessor": {"params": draw(optional(exclude_cols=st.lists(COLUMNS, max_size=3)))},
            "data_interface": {"task_type": task, "target_col": "target"}
            | draw(optional(entity_cols=st.lists(COLUMNS, max_size=2))),
        },
        "hyperparameter_tuning": draw(
            optional(n_trials=st.integers(1, 99), metric=metric, timeout=st.floats(0.1, 1e9))
        ),
        "evaluation": draw(
            optional(
                metrics=st.lists(metric, min_size=1, max_size=3),
                targets=st.dictionaries(metric, st.floats(0, 1), max_size=2),
                validation=optional(test_size=st.floats(0.05, 0.85), random_state=st.integers(0, 2**31)),
            )
        ),
        "promotion": draw(optional(min_gain=st.floats(0, 1), min_rows=st.integers(10, 10**6))),
    }
    if task in UNTARGETED:
        del data["model"]["data_interface"]["target_col"]
        of_task, count = OF_TASK[task]
        data["model"] |= {
            "class_path": of_task,
            "hyperparameters": draw(optional(random_state=PLAIN, **{count: space | st.integers(2, 9)})),
        }
    if task in RECOMMENDS:
        data["model"]["data_interface"] = {
            "task_type": task,
            "user_col": "user__",
            "item_col": "item__",
        } | draw(optional(top_k=st.integers(1, 99), target_col=st.just("target")))
        del data["model"]["preprocessor"]
    if task in EFFECTS:
        data["model"]["data_interface"]["treatment_col"] = "treated__"
        if "class_path" in data["model"]:
            data["model"] |= {
                "class_path": "ml_assets.uplift.TLearner",
                "hyperparameters": {"learner": estimator},
            }
    if task in FORECASTS:
        data["model"]["feature_engineering"] = {"time_col": "at", "horizon": "365d", "history": 999}
    if not data["model"]["loader"]["source_uri"].startswith("sklearn") and draw(st.booleans()):
        data["batches"] = {"column": draw(COLUMNS), "period": "weekly"} | draw(
            optional(start=st.just("2024-01-01"))
        )
        data["training"] = draw(optional(window=st.integers(1, 99) | st.just("all"), first=st.integers(1, 9)))
        data["monitoring"] = draw(optional(label_delay=st.integers(0, 0 if task in UNTARGETED else 9)))
        data["retraining"] = draw(
            optional(cooldown=st.integers(0, 9), max_age=st.sampled_from(["auto", "off"]) | st.integers(1, 9))
        )
    return data


@settings(deadline=None)
@given(recipes())
def test_a_written_recipe_is_read_again(data: dict[str, Any]) -> None:
    recipe = Recipe.model_validate(data)
    again = parse_recipe(dump_recipe(recipe))
    assert again == recipe
    assert recipe_sha256(again) == recipe_sha256(recipe)
    assert Recipe.model_validate(recipe.model_dump()) == recipe


def every_key(data: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, value in data.items():
        found.append((*path, name))
        if isinstance(value, dict) and name not in ("hyperparameters", "targets", "own_metrics"):
            found += every_key(value, (*path, name))
    return found


def test_the_full_recipe_has_every_key() -> None:
    known = {f"{key}.{name}".lstrip(".") for key, section in sections() for name in section.model_fields}
    written = {".".join(path) for path in every_key(EVERY)}
    assert {key for key in known - written if "[]" not in key} == set()
    parse_recipe(yaml.safe_dump(FULL))


def with_typo(data: dict[str, Any], path: tuple[str, ...], typo: str) -> dict[str, Any]:
    head, *rest = path
    return {
        (typo if name == head and not rest else name): with_typo(value, tuple(rest), typo)
        if name == head and rest
        else value
        for name, value in data.items()
    }


def with_value(data: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    head, *rest = path
    return data | {head: with_value(data[head], tuple(rest), value) if rest else value}


@settings(deadline=None, max_examples=300)
@given(
    path=st.sampled_from([path for path in every_key(FULL) if len(path[-1]) >= 4]),
    position=st.integers(0, 30),
    letter=st.sampled_from("abcdefghijklmnopqrstuvwxyz_"),
    edit=st.sampled_from(["drop", "insert", "replace", "swap"]),
)
def test_a_typo_in_any_key_names_the_right_one(
    path: tuple[str, ...], position: int, letter: str, edit: str
) -> None:
    name = path[-1]
    at = position % (len(name) - 1)
    typo = {
        "drop": name[:at] + name[at + 1 :],
        "insert": name[:at] + letter + name[at:],
        "replace": name[:at] + letter + name[at + 1 :],
        "swap": name[:at] + name[at + 1] + name[at] + name[at + 2 :],
    }[edit]
    if typo == name:
        return
    with pytest.raises(RecipeError) as caught:
        parse_recipe(yaml.safe_dump(with_typo(FULL, path, typo)))
    (fault,) = caught.value.errors
    assert fault.key == ".".join((*path[:-1], typo))
    assert repr(name) in fault.message.partition("Allowed")[0]


ANYTHING = st.recursive(
    PLAIN | st.sampled_from(["int", "xgboost.XGBRegressor", "sklearn://iris", "2024-01-01"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=300)
@given(path=st.sampled_from([*every_key(FULL), *INSIDE]), value=ANYTHING)
def test_any_value_anywhere_loads_or_is_refused_at_a_line_in_words(path: tuple[str, ...], value: Any) -> None:
    try:
        parse_recipe(dump_yaml(with_value(FULL, path, value)))
    except RecipeError as error:
        assert error.errors
        for fault in error.errors:
            assert fault.line is not None
            assert fault.message


def test_the_shortest_recipe_has_at_most_eight_lines() -> None:
    assert len(MINIMAL.splitlines()) <= 8
    recipe = parse_recipe(MINIMAL)
    assert recipe.model.class_path is None
    assert recipe.retraining.enabled


def test_hash_sees_meaning_and_nothing_else() -> None:
    first = recipe_sha256(parse_recipe(MINIMAL))
    same = "# a comment\n" + MINIMAL.replace("churn.csv", "'churn.csv'") + "training: {first: 1}\n"
    assert recipe_sha256(parse_recipe(same)) == first
    assert recipe_sha256(parse_recipe(MINIMAL + "training: {folds: 4}\n")) != first


def test_hash_does_not_see_the_order_of_hyperparameters() -> None:
    estimator = "model:\n  class_path: sklearn.svm.SVC\n  hyperparameters: {%s}\n"
    hashes = {
        recipe_sha256(parse_recipe(MINIMAL.replace("model:\n", estimator % order)))
        for order in ("C: 1.0, gamma: scale", "gamma: scale, C: 1.0")
    }
    assert len(hashes) == 1


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample recipes are not there")
@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("1_forest", []),
        ("2_templated_sql", []),
        ("3_feature_store", []),
        ("4_tuned_boosting", []),
        ("5_multi_target", []),
        ("6_custom_preprocessing", []),
        ("7_voting", []),
    ],
)
def test_existing_recipes_load_or_are_refused_as_not_yet(name: str, refused: list[str]) -> None:
    path = SAMPLES / f"{name}.yaml"
    if not refused:
        assert load_recipe(path).name
        return
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert [fault.key for fault in caught.value.errors] == refused
    assert all("not yet supported" in fault.message for fault in caught.value.errors)


def test_one_broken_recipe_leaves_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(MINIMAL)
    (tmp_path / "b.yml").write_text(MINIMAL.replace("name: churn", "name: other"))
    (tmp_path / "c.yaml").write_text("name: [")
    (tmp_path / "notes.txt").write_text("no recipe")
    loaded, broken = load_recipes([tmp_path, tmp_path, tmp_path / "absent"])
    assert [(path.name, recipe.name) for path, recipe in loaded] == [("a.yaml", "churn"), ("b.yml", "other")]
    assert [path.name for path, _ in broken] == ["c.yaml", "absent"]


def test_second_recipe_of_a_name_is_refused_naming_the_first(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(MINIMAL)
    (tmp_path / "b.yaml").write_text("# copy\n" + MINIMAL)
    loaded, broken = load_recipes([tmp_path])
    assert [path.name for path, _ in loaded] == ["a.yaml"]
    ((path, error),) = broken
    (fault,) = error.errors
    assert (path.name, fault.line, fault.key) == ("b.yaml", 2, "name")
    assert str(tmp_path / "a.yaml") in fault.message


def test_loading_imports_no_heavy_library() -> None:
    code = (
        "import sys, ml_assets.recipe;"
        "heavy = {'pandas', 'numpy', 'sklearn', 'xgboost', 'dagster', 'mlflow', 'optuna'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_tables_of_metrics_agree() -> None:
    named = {metric for metrics in TASK_METRICS.values() for metric in metrics}
    assert sorted(named) == sorted(METRIC_DIRECTIONS) == sorted(KNOWN_METRICS)
    assert all(known.least < known.greatest for known in KNOWN_METRICS.values())
    assert DEFAULT_METRICS.keys() == TASK_METRICS.keys()


@pytest.mark.parametrize(("written", "targets"), [("churned", ("churned",)), ("[a, b]", ("a", "b"))])
def test_targets_are_names_whether_one_is_written_or_several(written: str, targets: tuple[str, ...]) -> None:
    text = MINIMAL.replace("target_col: churned", f"target_col: {written}")
    assert Recipe.model_validate(yaml.safe_load(text)).targets == targets
