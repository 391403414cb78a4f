"""What holds for every recipe, whatever its data, its estimator and its task.

A law is a function of a trained example. It reads like its name and fails with an assertion.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from ml_assets.evaluation.evaluate import predict
from ml_assets.features.cleaning import clean
from ml_assets.features.columns import roles
from ml_assets.lifecycle.accounting import training_rows
from ml_assets.lifecycle.intake import clean_step, raw_step
from ml_assets.lifecycle.state import ModelState
from ml_assets.monitoring.drift import drift_report
from ml_assets.monitoring.reference import InMemory, Reference
from ml_assets.names import RESERVED
from ml_assets.orchestration.location import build_definitions
from ml_assets.recipe.loading import dump_recipe, parse_recipe, recipe_sha256
from ml_assets.records import Evaluation, TrainedModel, TrainingResult
from ml_assets.registry import champions
from ml_assets.tasks.base import NAIVE
from ml_assets.tasks.metrics import METRICS, score
from ml_assets.training.fit import fit
from ml_assets.training.splits import split


@dataclass(frozen=True)
class Example:
    """A model that the command has trained and whose newest batch has been predicted."""

    state: ModelState
    as_of: str

    @property
    def target(self) -> str:
        return self.state.recipe.target

    @cached_property
    def trained(self) -> TrainedModel:
        return self.state.store.read_record("trained_model", self.as_of, TrainedModel)

    @cached_property
    def evaluation(self) -> Evaluation:
        return self.state.store.read_record("evaluation_report", self.as_of, Evaluation)

    @cached_property
    def model(self) -> Any:
        """The model as it was evaluated on the test set, before any refit."""
        return self.state.registry.files.load_trained(self.trained)

    def frame(self, asset: str) -> pd.DataFrame:
        return self.state.store.read_frame(asset, self.as_of)

    @cached_property
    def parts_with_poison(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Training and test set again, from rows whose test part says something else in every feature."""
        frame = self.state.store.read_frames("cleaned_features", self.state.window(self.as_of))
        labelled = frame.dropna(subset=[self.target]).reset_index(drop=True)
        tested = labelled["row_id__"].isin(self.frame("test_set")["row_id__"])
        for name in self.trained.training.features:
            numeric = pd.api.types.is_numeric_dtype(labelled[name].dtype)
            poison = labelled[name] * 1000 + 7 if numeric else "poison"
            labelled[name] = labelled[name].where(~tested, poison)
        return split(labelled, self.state.recipe)

    @cached_property
    def trained_again(self) -> tuple[Any, TrainingResult]:
        """Model and record of another training, beside poison, on the same rows and columns in another order."""
        rows = self.parts_with_poison[0].sample(frac=1.0, random_state=1)
        return fit(rows[sorted(rows.columns)], self.state.recipe)


def model_never_sees_the_test_set(example: Example) -> None:
    training_set, test_set = example.parts_with_poison
    assert set(test_set["row_id__"]) == set(example.frame("test_set")["row_id__"])
    assert set(training_set["row_id__"]) == set(example.frame("training_set")["row_id__"])
    assert not set(training_set["row_id__"]) & set(test_set["row_id__"])
    features = list(example.trained.training.features)
    assert not test_set[features].equals(example.frame("test_set")[features])
    same(predict(example.trained_again[0], example.frame("test_set")), predicted(example))


def test_set_is_no_ancestor_of_the_model(example: Example) -> None:
    graph = build_definitions(example.state.settings).get_repository_def().asset_graph
    key = dg.AssetKey([example.state.name, "trained_model"])
    above = graph.get_ancestor_asset_keys(key)
    assert dg.AssetKey([example.state.name, "training_set"]) in above
    assert dg.AssetKey([example.state.name, "test_set"]) not in above


def same_recipe_and_same_data_give_the_same_model(example: Example) -> None:
    again, result = example.trained_again
    assert result.params == example.trained.training.params
    same(predict(again, example.frame("test_set")), predicted(example))


def features_are_neither_target_nor_names_nor_times(example: Example) -> None:
    recipe = example.state.recipe
    forbidden = {example.target, *RESERVED, *recipe.model.data_interface.entity_cols}
    forbidden |= set(recipe.model.preprocessor.params.exclude_cols)
    forbidden |= {recipe.batches.column} if recipe.batches else set()
    features = set(example.trained.training.features)
    assert features
    assert not features & forbidden
    blind = example.frame("test_set").drop(columns=list(forbidden), errors="ignore")
    same(predict(example.model, blind), predicted(example))


def served_prediction_equals_batch_prediction(example: Example) -> None:
    champion = example.state.registry.champion(example.state.name)
    assert champion is not None
    model = example.state.registry.files.load(example.state.name, champion.version)
    stored = example.frame("predictions")
    assert set(stored["champion_version"]) == {champion.version}
    rows = example.frame("cleaned_features")
    assert (stored["row_id__"] == rows["row_id__"]).all()
    batch = stored.drop(columns=["row_id__", "champion_version"])
    same(predict(model, rows), batch)
    for position in range(0, len(rows), max(1, len(rows) // 5)):
        one = predict(model, rows.iloc[[position]])
        pd.testing.assert_frame_equal(one, batch.iloc[[position]], rtol=1e-9, check_dtype=False)


def model_beats_the_baseline(example: Example) -> None:
    evaluation = example.evaluation
    ours, baseline = evaluation.scores[evaluation.metric].value, evaluation.baseline[evaluation.metric]
    assert ours > baseline if evaluation.direction == "maximize" else ours < baseline
    assert set(evaluation.baseline) == set(evaluation.scores)
    positive = example.trained.training.positive
    for name, found in evaluation.scores.items():
        assert found.low <= found.value <= found.high, name
        again = score(
            name,
            example.frame("test_set")[example.target],
            predicted(example),
            positive,
        )
        assert np.isclose(found.value, again), name


def shuffled_predictions_score_worse(example: Example) -> None:
    y = example.frame("test_set")[example.target]
    right = predicted(example)
    for seed in range(3):
        shuffled = right.sample(frac=1.0, random_state=seed).set_axis(right.index)
        shuffled = shuffled.assign(**right.filter(items=[NAIVE]))  # which is not the model's
        for name, found in example.evaluation.scores.items():
            worse = score(name, y, shuffled, example.trained.training.positive)
            higher = METRICS[name].direction == "maximize"
            assert worse < found.value if higher else worse > found.value, name


def no_drift_against_itself(example: Example) -> None:
    champion = example.state.registry.champion(example.state.name)
    assert champion is not None
    reference = example.state.registry.files.reference(example.state.name, champion.version)
    columns = roles(reference, example.state.recipe)
    known = Reference.of_rows(InMemory(reference, columns), min_rows=20)
    report = drift_report("again", reference.sample(frac=1.0, random_state=0), known)
    (fault,) = report.faults  # rows that were learned are told as such, and as nothing else
    assert "100% of the rows" in fault and "are there again" in fault
    assert report.share == 0.0
    assert not any(column.drifted for column in report.columns)


def unknown_values_are_predicted(example: Example) -> None:
    rows = example.frame("test_set").head(3).reset_index(drop=True)
    strange = rows.copy()
    for name in example.trained.training.features:
        if pd.api.types.is_numeric_dtype(rows[name].dtype):
            strange[name] = [np.nan, 1e12, -1e12]
        else:
            strange[name] = pd.Series([None, "never seen", ""], dtype=object)
    found = predict(example.model, strange.assign(new_column="x"))
    assert len(found) == 3
    assert found.drop(columns=NAIVE, errors="ignore").notna().all().all()
    probabilities = found.filter(like="probability_")
    if not probabilities.empty:
        assert np.allclose(probabilities.sum(axis=1), 1.0)
        assert set(found["prediction"]) <= set(example.trained.training.classes or ())


def ledger_and_alias_agree(example: Example) -> None:
    state = example.state
    version = champions.champions(state.ledger, state.name)[-1]
    alias = state.registry.client.get_model_version_by_alias(state.name, "champion")
    assert int(alias.version) == version
    assert not state.ledger.open_intents(state.name)
    entry = state.ledger.last(state.name, ["promote"], state="done")
    assert entry is not None
    assert (entry.to_version, entry.from_version) == (version, None)
    assert entry.reason
    info = champions.version_info(state.ledger, state.name, version)
    assert info.trained.recipe_sha256 == recipe_sha256(state.recipe)
    assert info.trained.data_sha256 == state.store.sha256("training_set", example.as_of)


def recipe_written_and_read_is_the_same(example: Example) -> None:
    recipe = example.state.recipe
    again = parse_recipe(dump_recipe(recipe))
    assert again == recipe
    assert recipe_sha256(again) == recipe_sha256(recipe)


def batch_sent_again_changes_nothing(example: Example) -> None:
    state, batch = example.state, example.as_of
    before = {asset: state.store.sha256(asset, batch) for asset in ("raw_data", "cleaned_features")}
    assert raw_step(state, batch).problems == []
    clean_step(state, batch)
    assert {asset: state.store.sha256(asset, batch) for asset in before} == before
    raw = state.store.read_frame("raw_data", batch)
    shuffled = raw.sample(frac=1.0, random_state=3)
    reordered = clean(shuffled, state.recipe, batch, functions=state.functions).frame
    known = example.frame("cleaned_features")
    assert set(reordered["row_id__"]) == set(known["row_id__"])
    assert known["row_id__"].is_unique


def late_labels_change_labels_only(example: Example) -> None:
    raw = example.state.store.read_frame("raw_data", example.as_of)
    silent = raw.assign(**{example.target: raw[example.target].mask(raw[example.target].notna())})
    before, after = (
        clean(frame, example.state.recipe, example.as_of, functions=example.state.functions).frame
        for frame in (silent, raw)
    )
    assert before[example.target].isna().all()
    pd.testing.assert_frame_equal(
        before.drop(columns=example.target), after.drop(columns=example.target), check_exact=True
    )


def every_row_of_the_source_is_accounted_for(example: Example) -> None:
    rows = training_rows(example.state, example.trained)
    assert rows.balance == 0
    assert rows.learned == example.trained.training.learned
    for reason, count in example.trained.training.left_out.items():
        assert rows.left_out[reason] == count > 0


LAWS = (
    model_never_sees_the_test_set,
    test_set_is_no_ancestor_of_the_model,
    same_recipe_and_same_data_give_the_same_model,
    features_are_neither_target_nor_names_nor_times,
    served_prediction_equals_batch_prediction,
    model_beats_the_baseline,
    shuffled_predictions_score_worse,
    no_drift_against_itself,
    unknown_values_are_predicted,
    ledger_and_alias_agree,
    recipe_written_and_read_is_the_same,
    batch_sent_again_changes_nothing,
    late_labels_change_labels_only,
    every_row_of_the_source_is_accounted_for,
)


def predicted(example: Example) -> pd.DataFrame:
    return predict(example.model, example.frame("test_set"))


def same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Bit for bit."""
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
