"""Rules for rows hold for rows to predict as they hold for batches, by whatever way the rows come."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

from ml_assets.quality.rows import broken
from ml_assets.records import Schema
from ml_assets.registry.standard import RawRows
from ml_assets.serving.arrow import MEDIA_TYPE
from ml_assets.serving.batch import RULE, Journal, infer
from ml_assets.serving.rules import RowRules
from ml_assets.serving.standard import RowError, load
from ml_assets.serving.ways import way_of
from ml_assets.settings import Settings
from ml_assets.store.places import Folder
from ml_assets_tests.serving.test_api import api, promote, refusal
from ml_assets_tests.support.registry_workers import evaluation, open_registry, recipe_named, train

COLUMNS: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "whole": ("Int64", st.none() | st.integers(-20, 20) | st.just(2**60)),
    "share": ("float64", st.none() | st.floats(-20, 20) | st.sampled_from([5.0, -99.0, 0.1 + 0.2])),
    "member": (object, st.none() | st.booleans()),
    "region": (object, st.none() | st.sampled_from(["north", "South", "5", "True", "é", "2024-01-31"])),
    "when": (
        "datetime64[us]",
        st.none() | st.datetimes(pd.Timestamp("2023-12-30"), pd.Timestamp("2024-01-03")),
    ),
}
BOUNDS: dict[str, st.SearchStrategy[Any]] = {
    name: st.sampled_from(["2023-12-31", "2024-01-01T12:00:00"]) if name == "when" else st.integers(-9, 9)
    for name in COLUMNS
}
KINDS: dict[str, Any] = {
    "whole": "number",
    "share": "number",
    "member": "text",
    "region": "text",
    "when": "time",
}


@st.composite
def rules(draw: Any) -> dict[str, Any]:
    name = draw(st.sampled_from(sorted(COLUMNS)))
    bound = st.none() | BOUNDS[name]
    rule = {"columns": [name], "min": draw(bound), "max": draw(bound), "required": draw(st.booleans())}
    if name != "when":
        rule["allowed"] = draw(st.lists(st.sampled_from([5, 0.5, "north", "True", True, "5"]), max_size=3))
    return rule


ROWS = st.lists(
    st.fixed_dictionaries({name: values for name, (_, values) in COLUMNS.items()}), min_size=1, max_size=8
)


def test_values_are_judged_as_frames_are() -> None:
    seen = set()

    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
    @given(ROWS, st.lists(rules(), min_size=1, max_size=3))
    def holds(rows: list[dict[str, Any]], asked: list[dict[str, Any]]) -> None:
        recipe = recipe_named("m", quality={"rows": asked})
        frame = pd.DataFrame(rows)
        frame = pd.DataFrame({name: frame[name].astype(kind) for name, (kind, _) in COLUMNS.items()})
        found = [
            each
            for each in broken(frame, recipe, None)
            if each.rule in ("out_of_bounds", "not_allowed", "required")
        ]
        expected = {(row, each.column) for each in found for row in each.rows.nonzero()[0]}
        known = RawRows(
            recipe={}, kinds=Schema(columns=KINDS), columns=tuple(COLUMNS), answer="text", features=()
        )
        judge = RowRules(recipe, known)
        values = [tuple(row[name] for name in COLUMNS) for row in rows]
        texts = [
            tuple(value.isoformat() if isinstance(value, datetime) else value for value in row)
            for row in values
        ]
        for columns in (frame, pa.Table.from_pandas(frame)):
            assert {(each.row, each.column) for each in judge.all_in(columns)} == expected
        for sent in (values, texts):
            first = judge.first(sent)
            assert (None if first is None else first.row) == min((row for row, _ in expected), default=None)
        seen.update(each.rule for each in found)

    holds()
    assert seen == {"out_of_bounds", "not_allowed", "required"}


RULES = {
    "rows": [
        {"columns": ["age"], "min": 18, "max": 110},
        {"columns": ["colour"], "allowed": ["red", "blue"], "required": True},
        {"columns": ["churned"], "allowed": ["yes", "no"]},
    ]
}
GOOD = {"age": 40.0, "colour": "red"}


@pytest.mark.parametrize(
    ("row", "field", "words"),
    [
        ({"age": 17.0}, "age", "17 is below 18 (quality.rows)"),
        ({"age": 1e9}, "age", "1e+09 is above 110 (quality.rows)"),
        ({"colour": "gold"}, "colour", "'gold' is not among the allowed values (quality.rows)"),
        ({"colour": None}, "colour", "a value is required (quality.rows)"),
    ],
)
def test_a_row_that_breaks_a_rule_is_refused_by_every_way(
    mlflow_home: Path, tmp_path: Path, row: dict[str, Any], field: str, words: str
) -> None:
    registry = open_registry(Settings(home=mlflow_home))
    registry.register(train(registry, quality=RULES), evaluation=evaluation())
    promote(registry, 1)
    sent = [GOOD, GOOD | row, GOOD | {"age": None}]
    with api(registry) as (client, _):
        assert client.post("/predict", json={"rows": [sent[0], sent[2]]}).status_code == 200
        refused = client.post("/predict", json={"rows": sent})
        assert refusal(refused) == (422, "breaks_rule", f"rows[1].{field}")
        assert refused.json()["error"]["message"] == words
        sink, table = pa.BufferOutputStream(), pa.Table.from_pylist(sent)
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        refused = client.post(
            "/predict", content=bytes(sink.getvalue()), headers={"content-type": MEDIA_TYPE}
        )
        assert refusal(refused) == (422, "breaks_rule", f"rows[1].{field}")
    trained = registry.version("churn", 1).trained
    with registry.files.verified_model(trained, "it") as folder:
        predictor = load(folder, ())
        with pytest.raises(RowError, match="row 1") as error:
            predictor.predict(pd.DataFrame(sent))
        assert (error.value.row, error.value.column) == (1, field)
        for compiled in (True, False):
            way, place = way_of(folder, (), compiled), Folder(tmp_path / f"{compiled}")
            journal = Journal(tmp_path / f"{compiled}.json", {})
            parts = [table, table.slice(1, 1), table.slice(2, 1)]
            done = infer(parts, way, 1, place, journal, lambda _: None)
            assert (done.rows, done.broken) == (5, 2)
            found = pd.concat(
                [pd.read_parquet(tmp_path / f"{compiled}" / name) for name in sorted(place.names(""))]
            )
            assert found[RULE].tolist() == [None, f"{field}: {words}", None, f"{field}: {words}", None]
            assert found["prediction"].isna().tolist() == [False, True, False, True, False]
            alone = infer(
                [table.slice(0, 1)], way, 1, Folder(tmp_path / f"one {compiled}"), journal, lambda _: None
            )
            assert alone.broken == 0


def test_a_model_that_takes_no_column_of_a_rule_has_nothing_to_look_at() -> None:
    recipe = recipe_named("m", quality=RULES)
    for columns, rules in (("tall",), False), (("tall", "age"), True):
        known = RawRows(recipe={}, kinds=Schema(columns={}), columns=columns, answer="text", features=columns)
        assert bool(RowRules(recipe, known)) is rules
        assert not RowRules(recipe_named("m"), known)
