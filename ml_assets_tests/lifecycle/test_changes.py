"""What a changed recipe makes anew: the assets that read the changed keys, what is made of them, and nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import dagster as dg
import numpy as np
import pandas as pd
import pytest
import yaml
from pydantic import BaseModel

from ml_assets.cli.diff import diff_text
from ml_assets.cli.models import file_state, promote_version
from ml_assets.cli.train import train_recipe
from ml_assets.lifecycle.changes import NothingToCompareError, compare, compare_with_champion
from ml_assets.lifecycle.errors import StepError
from ml_assets.lifecycle.intake import predict_step
from ml_assets.lifecycle.split import split_step
from ml_assets.lifecycle.state import ModelState
from ml_assets.orchestration import assets_batch, assets_training, sensor, walk
from ml_assets.orchestration.location import model_repository
from ml_assets.orchestration.runs import open_instance
from ml_assets.recipe import Recipe, load_recipe
from ml_assets.recipe.fields import sections
from ml_assets.recipe.loading import parse_recipe
from ml_assets.recipe.parts import BESIDE, BY_CHAMPION, PARTS, UPSTREAM, below, code_versions, leaves, readers
from ml_assets.recipe.schema import Section
from ml_assets.settings import Settings
from ml_assets_tests.support import every_key
from ml_assets_tests.support.shore import day
from ml_assets_tests.support.tide import MODEL

FULL = parse_recipe(yaml.safe_dump(every_key.FULL | {"foreach": every_key.EVERY["foreach"]}))
KEYS = [key for key, _ in leaves(FULL)]


def changed(section: Any, path: list[str]) -> Any:
    """The same section with another value at a key; whether it may be said there does not matter."""
    name, *rest = path
    value = getattr(section, name)
    if value is None and float in get_args(type(section).model_fields[name].annotation):
        value = 0.0
    return section.model_copy(update={name: changed(value, rest) if rest else another(value)})


def another(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return f"{value}x"
    if isinstance(value, tuple):
        return (*value, *value)
    if isinstance(value, dict):
        return {} if value else {"x": "x"}
    return "x"


def keys_of(asset: str) -> set[str]:
    """Keys that change an asset, or what it is made of."""
    above = {*UPSTREAM[asset], *(["champion"] if asset in BY_CHAMPION else [])}
    return {key for key in ALL if asset in readers(key)}.union(*(keys_of(each) for each in above))


ALL = [
    f"{key}.{name}".lstrip(".").replace("[]", "")
    for key, section in sections()
    for name in section.model_fields
]


@pytest.mark.parametrize("key", KEYS)
def test_law_diff_names_exactly_the_assets_whose_code_version_changes(key: str) -> None:
    new = changed(FULL, key.split("."))
    found = compare(FULL, new)
    before, after = code_versions(FULL), code_versions(new)
    assert [change.key for change in found.changes] == [key]
    assert set(found.reruns) == {asset for asset in before if before[asset] != after[asset]}
    assert found.changes[0].reruns == found.reruns
    assert found.reruns or found.changes[0].beside, "a key that changes nothing"
    parts = (*found.reruns, *found.follows, *found.stays)
    assert sorted(parts) == sorted(UPSTREAM)
    assert key in diff_text(found)
    for asset in found.stays:
        assert not {*UPSTREAM[asset]} & {*found.reruns, *found.follows}


def test_what_says_the_same_makes_nothing_anew() -> None:
    found = compare(FULL, FULL.model_copy(deep=True), ("a.yaml", "b.yaml"))
    assert not (found.changes or found.reruns or found.follows)
    assert diff_text(found) == "a.yaml and b.yaml say the same: nothing is made anew"


def test_missing_values_touch_cleaning_only_where_they_are_interpolated() -> None:
    def with_missing(strategy: str) -> Recipe:
        params = FULL.model.preprocessor.params.model_copy(
            update={"missing_strategy": strategy, "column_sets": ()}
        )
        model = FULL.model.model_copy(
            update={"preprocessor": FULL.model.preprocessor.model_copy(update={"params": params})}
        )
        return FULL.model_copy(update={"model": model})

    assert compare(with_missing("mean"), with_missing("median")).reruns == ("trained_model",)
    found = compare(with_missing("mean"), with_missing("interpolation"))
    assert found.reruns == ("cleaned_features", "trained_model") == found.changes[0].reruns


def test_graph_is_the_one_that_diff_follows_and_carries_its_versions(tmp_path: Path) -> None:
    path = tmp_path / "tide.yaml"
    path.write_text(f"{MODEL}batches: {{column: day, period: daily, start: 2024-01-01}}\n")
    state = ModelState(load_recipe(path), path, Settings(home=tmp_path / "home", recipes=(tmp_path,)))
    graph = model_repository(state).asset_graph
    nodes = {key.path[1]: graph.get(key) for key in graph.get_all_asset_keys() if key.path[0] == "tide"}
    assert {name: node.code_version for name, node in nodes.items()} == code_versions(state.recipe)
    assert set(nodes) == set(PARTS) == set(UPSTREAM)
    for name, node in nodes.items():
        assert {key.path[1] for key in node.parent_keys} == {*UPSTREAM[name]}, name


# ---- what the steps really read

STEPS = {
    "raw_step": "raw_data", "clean_step": "cleaned_features", "predict_step": "predictions",
    "drift_step": "drift_report", "performance_step": "performance_report", "scored_with": "performance_report",
    "split_step": "training_set", "train_step": "trained_model", "evaluate_step": "evaluation_report",
    "champion_step": "champion", "decide": "decisions",
}  # fmt: skip

PROTECTED = ("model.data_interface.protected_cols", "model.data_interface.protected_features")
ONLY_JUDGED = {
    # The contract of a batch is held when it comes, by the recipe as it is then; its rows are the same.
    "raw_data": (
        "evaluation.segments", "model.preprocessor.params", "model.feature_engineering", "model.augmenter",
        "quality.not_a_leak", "evaluation.fairness.groups", "batches.start", "batches.end", "monitoring.label_delay",
        *PROTECTED,
    ),
    # Whether a column that is new may wait, and which batches came with labels; what interpolation carries is a law.
    "cleaned_features": (
        "evaluation.segments", "model.preprocessor.params", "model.feature_engineering", "monitoring.label_delay",
    ),
    # Its page of the data, in the order in which the estimator is given the columns; what the split does with classes.
    "training_set": ("model.preprocessor.params", "model.data_interface.positive_class", "model.class_path"),
    # Rows as they come are cleaned once more, for its example: which of their columns may wait.
    "trained_model": ("evaluation.validation", "evaluation.segments"),
    "drift_report": ("batches.start", "batches.end"),
    "performance_report": ("batches.start", "batches.end"),
    # The account of the source's rows; when a first ageing is known, and what trainings cost in that history; what an
    # alert says will come of it.
    "champion": (
        "batches.start", "batches.end", "retraining.max_age", "retraining.mode", "retraining.enabled",
        "retraining.budget.cpu_hours",
    ),
    "evaluation_report": ("evaluation.validation.random_state",),
}  # fmt: skip
"""What a step reads beside, and what it makes is the same."""

RICH = """
name: rich
model:
  class_path: sklearn.linear_model.LogisticRegression
  hyperparameters: {C: {type: float, low: 0.1, high: 1.0}}
  loader: {source_uri: data.csv, na_values: ['-999']}
  preprocessor:
    name: custom_preprocessor
    params:
      exclude_cols: [id]
      categorical_features: [c]
      categorical_strategy: target
      numerical_features: [x, z]
      numerical_strategy: robust
      missing_strategy: mean
      outlier_detection: true
      column_sets: [{columns: [z], missing_strategy: drop, outlier_method: zscore, outlier_treatment: clip}]
  feature_engineering:
    date_parts: {columns: [born], parts: [year]}
    interactions: [[x, z]]
    polynomials: {columns: [x], degree: 3}
    lags: {columns: [x], steps: [1]}
    rolling: {columns: [z], windows: [3, 2d], statistics: [mean]}
    functions: [ml_assets_tests.support.own_features.magnitude]
    history: 2
  feature_selection: {method: anova, keep: 0.8}
  data_interface: {task_type: classification, target_col: y, entity_cols: [who], positive_class: 1}
hyperparameter_tuning: {n_trials: 2, metric: f1, timeout: 60, pruning: {n_startup_trials: 1}}
evaluation: {metrics: [f1], validation: {method: time_split, test_size: 0.3}, targets: {f1: 0.1}, segments: [c]}
quality: {leak: warn, not_a_leak: [c], quarantine: 0.05, rows: [{columns: [x], min: -50, required: true}]}
batches: {column: t, period: daily, start: 2024-01-01, end: 2024-01-07}
training: {window: 4, first: 2, folds: 2}
monitoring: {label_delay: 1, min_rows: 60}
retraining: {performance_threshold: 0.6, breaches: {k: 1, n: 2}, cooldown: 1, max_age: 2}
"""


def rows(days: int, each: int) -> pd.DataFrame:
    random = np.random.default_rng(0)
    frames = []
    for number in range(days):
        frame = pd.DataFrame({"x": random.normal(size=each), "z": random.normal(size=each)})
        frame["id"] = np.arange(each) + number * each
        frame["who"] = random.integers(0, 60, each)
        frame["c"] = random.choice(list("abc"), each)
        frame["t"] = pd.Timestamp(day(number)) + pd.to_timedelta(random.integers(0, 86_000, each), unit="s")
        frame["born"] = pd.Timestamp("1980-01-01") + pd.to_timedelta(
            random.integers(0, 9_000, each), unit="D"
        )
        frame["y"] = (frame["x"] + frame["z"] + 0.8 * random.normal(size=each) > 0).astype(int)
        frames.append(frame)
    return pd.concat(frames)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ML_ASSETS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ML_ASSETS_MODULES", "ml_assets_tests.support")
    return tmp_path


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, set[str]]]:
    """Keys that each step reads while the test runs, by asset."""
    names: dict[type, list[str]] = defaultdict(list)
    for key, section in sections():
        names[section].append(key.replace("[]", ""))
    found: dict[str, set[str]] = defaultdict(set)
    working: list[str] = []
    plain = BaseModel.__getattribute__

    def noted(self: Section, name: str) -> Any:
        if working and name in type(self).model_fields:
            found[working[-1]].update(f"{key}.{name}".lstrip(".") for key in names[type(self)])
        return plain(self, name)

    def by(asset: str, step: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            working.append(asset)
            try:
                return step(*arguments, **options)
            finally:
                working.pop()

        return wrapped

    monkeypatch.setattr(Section, "__getattribute__", noted, raising=False)
    for module in (assets_batch, assets_training, sensor, walk):
        for name, asset in STEPS.items():
            if hasattr(module, name):
                monkeypatch.setattr(module, name, by(asset, getattr(module, name)))
    yield found


@pytest.mark.slow
def test_law_a_step_reads_only_keys_that_change_its_asset(place: Path, read: dict[str, set[str]]) -> None:
    rows(6, 200).to_csv(place / "data.csv", index=False)
    (place / "rich.yaml").write_text(RICH)
    walk.walk(file_state(place / "rich.yaml"))
    inner = {key.replace("[]", "") for key, _ in sections()}
    assert {*STEPS.values()} == {*read}
    for asset, keys in read.items():
        keys -= inner | {"name"}
        if asset == "decisions":
            assert all(below(key, BESIDE) or below(key, PARTS["performance_report"] + ("batches", "training"))
                       for key in keys)  # fmt: skip
            continue
        beside = ONLY_JUDGED.get(asset, ())
        assert {key for key in keys if not below(key, beside)} <= keys_of(asset), asset
    missed = {key for key in ALL if key not in inner and not readers(key) and not below(key, BESIDE)}
    assert not missed


# ---- only that re-runs


def made_in(run: Callable[[], Any], state: ModelState) -> dict[str, list[str]]:
    """Batches of each asset that were made while something ran."""
    with open_instance(state.settings) as instance:
        before = instance.event_log_storage.get_maximum_record_id() or 0
    run()
    found: dict[str, list[str]] = {}
    with open_instance(state.settings) as instance:
        for name in UPSTREAM:
            key = dg.AssetKey([state.name, name])
            filters = dg.AssetRecordsFilter(key, after_storage_id=before)
            records = instance.fetch_materializations(filters, limit=100).records
            found[name] = sorted(str(record.partition_key) for record in records)
    return found


@pytest.mark.slow
def test_only_what_reads_a_changed_key_runs_again(place: Path) -> None:
    rows(4, 150).to_csv(place / "data.csv", index=False)
    path, said = place / "rich.yaml", []
    days = [day(number) for number in range(4)]

    def rewritten(old: str, new: str) -> ModelState:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        return file_state(path)

    path.write_text(RICH)
    first = file_state(path)
    with pytest.raises(NothingToCompareError, match="no champion yet"):
        compare_with_champion(first, lambda: days)
    made = made_in(lambda: train_recipe(path, said.append), first)
    assert made["raw_data"] == made["cleaned_features"] == days
    assert not compare_with_champion(first, lambda: days).changes

    state = rewritten("steps: [1]", "steps: [2]")
    found = compare_with_champion(state, lambda: days)
    assert (found.read_anew, found.cleaned_anew) == ((), tuple(days))
    assert {change.key for change in found.changes} == {"model.feature_engineering.lags.steps"}
    assert "raw_data" in found.stays and found.reruns == ("cleaned_features",)
    with pytest.raises(StepError, match="was made before the recipe changed"):
        split_step(state, days[-1])
    raw = {batch: state.store.sha256("raw_data", batch) for batch in days}
    made = made_in(lambda: train_recipe(path, said.append), state)
    assert (made["raw_data"], made["cleaned_features"]) == ([], days)
    assert "rich: the recipe has changed: cleaning batch 2024-01-01 to 2024-01-04 (4 in all) anew" in said
    told = state.ledger.last("rich", ["inconclusive"])
    assert told is not None and told.reason.startswith(
        "rich version 1 needs x_lag_1, which the recipe does not make"
    )
    with pytest.raises(StepError, match="take the change back"):
        predict_step(state, days[-1])
    assert promote_version("rich", 2, force=True)["promoted"]
    for batch in days:
        assert "x_lag_2" in state.store.columns("cleaned_features", batch)
    assert raw == {batch: state.store.sha256("raw_data", batch) for batch in days}

    state = rewritten("window: 4", "window: 3")
    found = compare_with_champion(state, lambda: days)
    assert not found.cleaned_anew and {"raw_data", "cleaned_features"} <= {*found.stays}
    made = made_in(lambda: train_recipe(path, said.append), state)
    assert not made["raw_data"] and not made["cleaned_features"] and len(made["champion"]) == 1

    state = rewritten("na_values: ['-999']", "na_values: ['-99']")
    assert compare_with_champion(state, lambda: days).read_anew == tuple(days)
    assert compare_with_champion(state, lambda: days[1:]).gone == (days[0],)
    made = made_in(lambda: train_recipe(path, said.append), state)
    assert made["raw_data"] == made["cleaned_features"] == days
    assert not compare_with_champion(state, lambda: days).read_anew
