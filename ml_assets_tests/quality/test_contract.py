"""The contract: good data passes in silence, each defect gives one finding that names column and remedy."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.quality.contract import check_raw, kind_of, learn_schema
from ml_assets.recipe.schema import Recipe
from ml_assets.sources.paths import SourceError
from ml_assets_tests.support.sources import read_source

DATA = Path(__file__).parents[3] / "shared" / "data"


def recipe(task: str = "classification", target: str = "churned", **sections: Any) -> Recipe:
    model = {
        "loader": {"source_uri": "rows.csv"},
        "data_interface": {
            "task_type": task,
            "target_col": target,
            "entity_cols": sections.pop("entity_cols", ["customer"]),
            "protected_cols": sections.pop("protected_cols", []),
        },
        "preprocessor": sections.pop("preprocessor", {}),
        "feature_engineering": sections.pop("feature_engineering", {}),
    }
    return Recipe.model_validate({"name": "churn", "model": model, **sections})


BATCHES = {"column": "month", "period": "monthly"}
GOOD = pd.DataFrame(
    {
        "month": pd.to_datetime(["2024-01-01"] * 10),
        "customer": [f"C{i}" for i in range(10)],
        "charges": [20.0 + i for i in range(10)],
        "calls": pd.array([0, 1, None, 3, 4, 5, 6, 7, 8, 9], dtype="Int64"),
        "contract": ["month", "year", "unknown", None, "month", "year", "month", "year", "month", "1"],
        "autopay": [True, False] * 5,
        "churned": [0, 1] * 5,
    }
)


def changed(name: str, values: dict[int, Any]) -> pd.DataFrame:
    frame = GOOD.astype({name: object})
    for row, value in values.items():
        frame.loc[row, name] = value
    return frame


def grouped_by(name: str) -> Recipe:
    """A recipe that asks for groups of numbers of a column."""
    return recipe(protected_cols=[name], evaluation={"fairness": {"groups": {name: [1, 2.5]}}})


STATIC = [
    # (frame, recipe, rule, column, part of the message)
    (GOOD[:0], recipe(), "empty", None, "there are no rows"),
    (
        pd.concat([GOOD, GOOD[["charges"]]], axis=1),
        recipe(),
        "duplicate_columns",
        "charges",
        "more than one column 'charges': rename or remove all but one",
    ),
    (
        GOOD.rename(columns={"churned": "churn"}),
        recipe(),
        "missing_column",
        "churned",
        "target_col: 'churned' is not a column of .* (found month, customer, .* Did you mean 'churn'?",
    ),
    (
        GOOD,
        recipe(entity_cols=["custmer"]),
        "missing_column",
        "custmer",
        "entity_cols: 'custmer' is not a column .* Did you mean 'customer'?",
    ),
    (
        GOOD,
        recipe(preprocessor={"params": {"exclude_cols": ["charge", "elsewhere", "churned"]}}),
        "missing_column",
        "charge",
        "exclude_cols: 'charge' is not a column .* Did you mean 'charges'?",
    ),
    (
        GOOD,
        recipe(batches={"column": "mnth", "period": "monthly"}),
        "missing_column",
        "mnth",
        "batches.column: 'mnth' is not a column .* Did you mean 'month'?",
    ),
    (
        GOOD.assign(churned=None),
        recipe(),
        "target_all_missing",
        "churned",
        "target 'churned' has no value in any row: nothing can be learned",
    ),
    (
        GOOD.assign(churned=None),
        recipe(batches=BATCHES),
        "target_all_missing",
        "churned",
        "no value in any row of this batch. .* monitoring.label_delay",
    ),
    (
        GOOD.assign(churned=1),
        recipe(),
        "one_class",
        "churned",
        "target 'churned' has one class only, '1', in all 10 labelled rows",
    ),
    (
        pd.DataFrame({"customer": range(600), "churned": np.linspace(0, 1, 600)}),
        recipe(),
        "too_many_classes",
        "churned",
        "target 'churned' has 600 different values in 600 rows, .* task_type: regression",
    ),
    (
        GOOD,
        recipe("regression", "contract"),
        "target_is_text",
        "contract",
        "target 'contract' is text, as 'month', .* task_type: classification",
    ),
    (
        changed("charges", {3: "12,50"}),
        recipe("regression", "charges"),
        "text_in_numbers",
        "charges",
        "column 'charges' holds numbers, but text in 1 of 10 values: the first is '12,50' in row 4",
    ),
    (
        changed("charges", {7: "n/k", 8: "n/k", 1: None}).astype({"charges": object}),
        recipe(),
        "text_in_numbers",
        "charges",
        None,
    ),
    (
        changed("calls", {5: "five"}),
        recipe(),
        "text_in_numbers",
        "calls",
        "column 'calls' holds numbers, but text in 1 of 9 values: the first is 'five' in row 6",
    ),
    (
        changed("charges", {2: -1e200, 4: 1e308}).astype({"charges": float}),
        recipe(),
        "infinite",
        "charges",
        "has 2 values beyond .* with which no model can calculate, .* exclude 'charges'",
    ),
    (
        changed("charges", {3: "low"}).astype({"charges": object}),
        recipe(),
        "text_in_numbers",
        "charges",
        "name cells that mean no value in loader.na_values",
    ),
    (
        changed("charges", {2: np.inf}).astype({"charges": float}),
        recipe(),
        "infinite",
        "charges",
        "column 'charges' has 1 infinite value, the first in row 3",
    ),
    (
        GOOD.assign(contract=[["a", "b"]] * 10),
        recipe(),
        "unusable_type",
        "contract",
        "column 'contract' holds values that are neither number, text nor time",
    ),
    (
        GOOD.assign(churned=[["yes"], ["no"]] * 5),
        recipe(),
        "unusable_type",
        "churned",
        "column 'churned' holds values that are neither number, text nor time, as .*: take it apart in the source",
    ),
    (
        GOOD.assign(contract=["m", "f", "m", None, "m"] * 2),
        grouped_by("contract"),
        "groups_not_cut",
        "contract",
        "groups: column 'contract' holds text (found 'm', 'f'), and groups of numbers (1, 2.5) have no row of it",
    ),
    (
        GOOD.assign(month=pd.Timestamp("2024-01-01")),
        grouped_by("month"),
        "groups_not_cut",
        "month",
        "column 'month' holds times (found '2024-01-01 00:00:00'), .* make groups of it in the source",
    ),
    (
        GOOD.assign(row_id__=1),
        recipe(),
        "reserved_column",
        "row_id__",
        "column 'row_id__' has a reserved name",
    ),
]


@pytest.mark.parametrize(("frame", "recipe", "rule", "column", "message"), STATIC)
def test_defect_gives_one_finding_that_names_the_column(
    frame: pd.DataFrame, recipe: Recipe, rule: str, column: str | None, message: str | None
) -> None:
    if message is None:  # two wrong of nine values: more than a fifth, so the column is taken for text
        assert check_raw(frame, recipe) == []
        return
    [finding] = check_raw(frame, recipe)
    assert (finding.rule, finding.column) == (rule, column)
    pattern = message.replace("(", r"\(").replace(")", r"\)").replace("?", r"\?")
    assert pd.Series([finding.message]).str.contains(pattern).item(), finding.message


SINCE = [
    # (frame, rule, part of the message), None where all is well
    (GOOD, None, ""),
    (GOOD.assign(new=1), None, ""),
    (GOOD.assign(calls=None), None, ""),
    (GOOD.assign(charges=GOOD["charges"].astype(str)), None, ""),
    (GOOD.astype({"calls": float}), None, ""),
    (GOOD.assign(autopay=["yes", "no"] * 5), None, ""),
    (GOOD.drop(columns="calls"), "missing_column", "column 'calls' is missing, which the first batch had"),
    (
        GOOD.rename(columns={"calls": "call"}),
        "missing_column",
        "column 'calls' is missing, which the first batch had. Did you mean 'call'",
    ),
    (
        GOOD.assign(charges="high"),
        "type_change",
        "column 'charges' was number in the first batch and is text now",
    ),
    (
        GOOD.assign(contract=1),
        "type_change",
        "column 'contract' was text in the first batch and is number now",
    ),
    (
        GOOD.assign(charges=pd.Timestamp("2024-01-01")),
        "type_change",
        "column 'charges' was number in the first batch and is time now",
    ),
    (
        changed("charges", {0: "?!"}),
        "text_in_numbers",
        "text in 1 of 10 values: the first is '\\?!' in row 1",
    ),
]


@pytest.mark.parametrize(("frame", "rule", "message"), SINCE)
def test_change_since_the_first_batch(frame: pd.DataFrame, rule: str | None, message: str) -> None:
    arriving = recipe(batches=BATCHES)
    findings = check_raw(frame, arriving, learn_schema(GOOD, arriving))
    assert [finding.rule for finding in findings] == ([rule] if rule else [])
    assert all(pd.Series([finding.message]).str.contains(message).item() for finding in findings)


def test_late_labels_and_batches_of_one_class_are_no_defect() -> None:
    late = recipe(batches=BATCHES, monitoring={"label_delay": 1})
    assert check_raw(GOOD.assign(churned=None), late) == []
    assert check_raw(GOOD.assign(churned=1), late) == []


def test_columns_that_are_never_used_are_not_judged() -> None:
    frame = changed("charges", {3: "12,50"})
    unused = recipe(preprocessor={"params": {"exclude_cols": ["charges"]}})
    assert check_raw(frame, unused) == []
    assert "charges" not in learn_schema(GOOD, unused).columns
    assert check_raw(frame.drop(columns="charges"), unused, learn_schema(GOOD, unused)) == []


def test_columns_that_are_made_of_the_time_or_the_past_are_something_to_learn_from() -> None:
    bare = GOOD[["month", "customer", "churned"]]
    own = "ml_assets_tests.support.own_features.magnitude"
    for made, rules in (
        ({}, ["no_features"]),
        ({"date_parts": {"columns": ["month"], "parts": ["month"]}}, []),
        ({"functions": [own]}, []),
    ):
        asked = recipe(batches=BATCHES, feature_engineering=made)
        assert [finding.rule for finding in check_raw(bare, asked)] == rules


@pytest.mark.parametrize(
    ("params", "made", "values", "key", "words"),
    [
        ({"numerical_features": ["plan"]}, {}, None, "numerical_features", "name it in categorical_features"),
        ({"numerical_features": ["plan"]}, {}, [True] * 5 + [False] * 5, "numerical_features", "as 'True'"),
        (
            {"numerical_features": ["month"]},
            {},
            None,
            "numerical_features",
            "date_parts make numbers of 'month'",
        ),
        ({}, {"polynomials": {"columns": ["plan"]}}, None, "polynomials", "name a column of numbers"),
        (
            {},
            {"interactions": [["calls", "plan"]]},
            None,
            "interactions",
            "'calls' is a number and 'plan' a cat",
        ),
        (
            {"column_sets": [{"columns": ["cals"], "missing_strategy": "mean"}]},
            {},
            None,
            "column_sets",
            "'calls'?",
        ),
    ],
)
def test_columns_that_cannot_be_what_the_recipe_calls_them_are_told_before_training(
    params: dict[str, Any], made: dict[str, Any], values: list[Any] | None, key: str, words: str
) -> None:
    asked = recipe(preprocessor={"name": "custom_preprocessor", "params": params}, feature_engineering=made)
    frame = GOOD.assign(plan=values or ["basic", "plus"] * 5)
    (finding,) = check_raw(frame, asked)
    assert finding.key is not None and finding.key.rpartition(".")[2] == key
    assert words in finding.message
    assert check_raw(GOOD.assign(plan=range(10), cals=1.5, month=range(10)), asked) == []


def test_named_categories_may_mix_digits_and_letters() -> None:
    params = {"categorical_features": ["charges"], "numerical_features": ["calls"]}
    named = recipe(preprocessor={"name": "custom_preprocessor", "params": params})
    assert check_raw(changed("charges", {3: "4A"}), named) == []


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2], "number"),
        ([1.5, None], "number"),
        ([True, False], "text"),
        (["a", None], "text"),
        (["2024-01-31", "2024-02-29 13:00"], "time"),
        (["2024-01-31", "soon"], "text"),
        ([None, None], "empty"),
        ([{"a": 1}], "other"),
        (pd.to_datetime(["2024-01-31"]), "time"),
    ],
)
def test_kind(values: Any, kind: str) -> None:
    assert kind_of(pd.Series(values)) == kind


@given(st.permutations(range(10)), st.integers(1, 10))
def test_good_rows_pass_in_any_order_and_number(order: list[int], size: int) -> None:
    arriving = recipe(batches=BATCHES)
    part = GOOD.iloc[order[:size]].reset_index(drop=True)
    assert check_raw(part, arriving, learn_schema(GOOD, arriving)) == []


BROKEN_FILES = {
    "empty file": (b"", "rows.csv is empty"),
    "header only": (b"customer,x,churned\n", "there are no rows"),
    "duplicate columns": (b"customer,x,x,churned\n1,2,3,0\n", "more than one column named 'x'"),
    "text in a number column": (
        b"customer,x,churned\n" + b"1,2,0\n2,3,1\n" * 5 + b"3,much,0\n",
        "column 'x' holds numbers, but text in 1 of 11 values: the first is 'much' in row 11",
    ),
    "target all null": (b"customer,x,churned\n1,2,\n2,3,\n", "target 'churned' has no value in any row"),
    "one class only": (
        b"customer,x,churned\n1,2,yes\n2,3,yes\n",
        "target 'churned' has one class only, 'yes'",
    ),
    "missing target": (b"customer,x,churn\n1,2,0\n2,3,1\n", "'churned' is not a column"),
    "ragged rows": (b"customer,x,churned\n1,2,0\n2,3\n", "rows.csv, line 3: 2 cells, the header has 3"),
    "binary garbage": (b"\x00\x01\x02\xff", "rows.csv is not a CSV file"),
}


@pytest.mark.parametrize("name", BROKEN_FILES)
def test_broken_file_gives_one_message(tmp_path: Path, name: str) -> None:
    content, message = BROKEN_FILES[name]
    (tmp_path / "rows.csv").write_bytes(content)
    try:
        messages = [finding.message for finding in check_raw(read_source("rows.csv", tmp_path), recipe())]
    except SourceError as error:
        messages = [str(error)]
    [only] = messages
    assert message in only and "\n" not in only


@pytest.mark.skipif(not DATA.is_dir(), reason="needs the real data sets in ../shared/data")
@pytest.mark.parametrize(
    ("file", "task", "target"),
    [
        ("adult.csv", "classification", "income"),
        ("german_credit.csv", "classification", "class"),
        ("california_housing.csv", "regression", "median_house_value"),
        ("bank_marketing.csv", "classification", "y"),
        ("occupancy.csv", "classification", "Occupancy"),
    ],
)
def test_real_data_passes(file: str, task: str, target: str) -> None:
    real = recipe(task, target, entity_cols=[])
    frame = read_source(file, DATA)
    assert check_raw(frame, real, learn_schema(frame, real)) == []


@pytest.mark.parametrize(
    ("history", "accepted", "usual"),
    [
        ([], (), True),
        (["with"], (), True),
        (["without", "with"], (), False),
        (["without", "with", "with"], (), True),
        (["with"] * 3 + ["without"] + ["with"], (), True),
        (["without"] * 3 + ["with"] * 2, (), False),
        (["without"] * 3 + ["with"] * 2, ("calls",), True),
    ],
)
def test_a_column_counts_once_most_of_the_newest_batches_have_it(
    history: list[str], accepted: tuple[str, ...], usual: bool
) -> None:
    without = [str(name) for name in GOOD.columns if name != "calls"]
    earlier = [[*without, "calls"] if each == "with" else without for each in history]
    schema = learn_schema(GOOD, recipe(), earlier=earlier, accepted=accepted)
    assert ("calls" in schema.columns) == usual
    findings = check_raw(GOOD.drop(columns="calls"), recipe(), schema)
    assert [finding.rule for finding in findings] == ["missing_column"] * usual
