"""Laws of the automatic search: same seed same model, a budget that is kept, a choice that is explained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.estimators.families import families
from ml_assets.evaluation.evaluate import predict
from ml_assets.recipe.schema import Recipe
from ml_assets.search.blending import BLOCKS
from ml_assets.search.study import SearchRun
from ml_assets.training import splits
from ml_assets.training.fit import fit, refit, seconds_of_a_fit
from ml_assets_tests.support.training_examples import mixed_rows, recipe_of

FEW: dict[str, Any] = {
    "hyperparameter_tuning": {"n_trials": 6, "timeout": 10_000},
    "training": {"folds": 2},
}


def fitted(recipe: Recipe, frame: pd.DataFrame, **options: Any) -> tuple[Any, Any]:
    return fit(frame, recipe, run=SearchRun(**options))


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_same_rows_and_seed_give_the_same_model_to_the_bit(task: str) -> None:
    recipe, frame = recipe_of(task, **FEW), mixed_rows(150, task=task)
    (first, found), (second, again) = fitted(recipe, frame), fitted(recipe, frame)
    assert (found.params, found.cv_scores) == (again.params, again.cv_scores)
    assert found.choice.by_clock is False
    pd.testing.assert_frame_equal(predict(first, frame), predict(second, frame), check_exact=True)
    third = refit(frame, recipe, found)
    pd.testing.assert_frame_equal(predict(first, frame), predict(third, frame), check_exact=True)


def test_a_search_that_was_finished_or_killed_ends_the_same(tmp_path: Path) -> None:
    recipe, frame = recipe_of(**FEW), mixed_rows(150)

    def interrupt(done: int, _total: int, _best: float) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(recipe, frame, storage=tmp_path, progress=interrupt)
    seen: list[tuple[int, int]] = []
    _, resumed = fitted(recipe, frame, storage=tmp_path, progress=lambda done, of, _: seen.append((done, of)))
    assert seen == [(5, 6), (6, 6)]
    _, whole = fitted(recipe, frame)
    assert (resumed.params, resumed.cv_scores) == (whole.params, whole.cv_scores)
    assert resumed.choice.why == whole.choice.why


def test_a_family_is_told_with_where_it_is_ended_and_no_guess_of_how_long_it_takes() -> None:
    told: list[tuple[str, float]] = []
    options = {"n_trials": 4, "timeout": 1_000}
    recipe = recipe_of(hyperparameter_tuning=options, training={"folds": 2})
    _, result = fit(mixed_rows(150), recipe, begins=lambda *each: told.append(each))
    families = [each for each in told if "first trial, at most" in each[0]]
    assert result.choice is not None and len(families) == len(result.choice.standings)
    assert all(seconds == 0.0 and " and " in text for text, seconds in told if "at most" in text)
    guessed = {text: seconds for text, seconds in told if seconds}
    assert all(
        text.startswith("fit on all") and seconds < result.seconds for text, seconds in guessed.items()
    )


def test_the_last_best_of_each_family_is_tried_first() -> None:
    recipe, frame = recipe_of(**FEW), mixed_rows(150)
    last = {"family": "linear", "linear.C": 0.25, "xgboost.max_depth": 4}
    _, result = fitted(recipe, frame, warm_start=last)
    firsts: dict[str, dict[str, Any]] = {}
    for trial in result.tuning.history:
        firsts.setdefault(trial.params["family"], trial.params)
    assert firsts["linear"]["linear.C"] == 0.25
    assert firsts["xgboost"]["xgboost.max_depth"] == 4


def test_without_time_one_family_is_tried_and_the_record_says_so() -> None:
    recipe = recipe_of(hyperparameter_tuning={"n_trials": 20, "timeout": 1e-6})
    _, result = fitted(recipe, mixed_rows(150))
    assert result.class_path == "sklearn.linear_model.LogisticRegression"
    assert result.choice.by_clock is True
    assert "left out: " in result.choice.why
    assert "xgboost: its seconds were over" in result.choice.why


def test_seconds_alone_are_a_budget_whose_trials_the_families_end() -> None:
    recipe = recipe_of(hyperparameter_tuning={"timeout": 1.0}, training={"folds": 2})
    _, result = fitted(recipe, mixed_rows(100))
    assert result.tuning.total_trials > 0
    assert result.choice.standings


def test_the_choice_is_explained() -> None:
    _, result = fitted(recipe_of(**FEW), mixed_rows(150))
    choice = result.choice
    assert sum(each.weight for each in choice.standings) == pytest.approx(1.0)
    assert [each.score for each in choice.standings] == sorted(
        (each.score for each in choice.standings), reverse=True
    )
    assert choice.why
    assert sum(each.trials for each in choice.standings) == result.tuning.total_trials == 6
    assert 0 <= seconds_of_a_fit(result) < result.seconds


def test_several_targets_get_the_best_family() -> None:
    frame = mixed_rows(120, task="regression").assign(other=lambda rows: rows["income"] / 2)
    recipe = recipe_of(
        "regression", target=["target", "other"], hyperparameter_tuning={"n_trials": 4}, training={"folds": 2}
    )  # type: ignore[arg-type]
    model, result = fitted(recipe, frame)
    assert [each.weight for each in result.choice.standings].count(1.0) == 1
    assert list(predict(model, frame).columns) == ["prediction_target", "prediction_other"]


def test_of_many_rows_one_fold_is_enough_and_the_gain_is_judged_by_its_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(splits, "FEW_ROWS", 300)
    recipe, frame = recipe_of(hyperparameter_tuning={"n_trials": 4}), mixed_rows(400)
    _, result = fitted(recipe, frame)
    assert len(result.cv_scores) == BLOCKS
    assert all(each.standard_error > 0 for each in result.choice.standings)
    assert result.cv_scores == fitted(recipe, frame)[1].cv_scores


@pytest.mark.parametrize(("width", "fits"), [(1, True), (0, False)])
def test_a_family_is_left_out_where_columns_are_more_than_it_takes(
    width: int, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = {name: replace(each, most_columns=width) for name, each in families("classification").items()}
    wide = narrow | {"linear": replace(narrow["linear"], most_columns=None)}
    monkeypatch.setattr("ml_assets.training.fit.searched_families", lambda *_: wide)
    frame = mixed_rows(100)[["income", "target", "row_id__"]]
    _, result = fitted(recipe_of(**FEW), frame)
    assert ({each.family for each in result.choice.standings} == {"linear"}) != fits


def test_what_is_too_large_is_not_chosen_and_the_choice_says_so() -> None:
    frame = mixed_rows(150)
    _, free = fitted(recipe_of(**FEW), frame)
    _, result = fitted(recipe_of(**FEW, promotion={"max_size_mb": 0.02}), frame)
    assert {each.family for each in free.choice.standings} - {each.family for each in result.choice.standings}
    assert "left out: " in result.choice.why
    assert "(promotion.max_size_mb)" in result.choice.why


def test_no_family_that_answers_too_slowly_is_chosen() -> None:
    """Nothing answers in a tenth of a microsecond."""
    options = FEW["hyperparameter_tuning"] | {"max_prediction_ms": 1e-4}
    recipe = recipe_of(hyperparameter_tuning=options, training={"folds": 2})
    with pytest.raises(
        ValueError, match=r"one prediction takes .* \(hyperparameter_tuning.max_prediction_ms\)"
    ):
        fitted(recipe, mixed_rows(100))


def test_what_takes_too_long_as_it_is_served_is_not_chosen_either() -> None:
    recipe = recipe_of(**FEW, promotion={"max_latency_ms": 1e-6})
    with pytest.raises(ValueError, match=r"the estimator alone takes .* \(promotion.max_latency_ms\)"):
        fitted(recipe, mixed_rows(100))


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_boosting_is_judged_by_what_the_recipe_with_its_parameters_written_out_scores(
    task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = {"xgboost": families(task)["xgboost"]}
    monkeypatch.setattr("ml_assets.training.fit.searched_families", lambda *_: alone)
    frame = mixed_rows(200, task=task)
    _, found = fitted(recipe_of(task, hyperparameter_tuning={"n_trials": 3, "timeout": 10_000}), frame)
    _, written = fitted(recipe_of(task, found.class_path, hyperparameters=found.params), frame)
    assert found.cv_scores == written.cv_scores
    assert found.choice.standings[0].score == pytest.approx(sum(found.cv_scores) / len(found.cv_scores))


@pytest.mark.slow
def test_a_family_far_behind_is_tried_where_it_is_known_to_be_good_and_no_further() -> None:
    rows = np.random.default_rng(0).normal(size=(600, 2))
    frame = pd.DataFrame(rows, columns=["a", "b"]).assign(
        target=np.where(rows[:, 0] * rows[:, 1] > 0, "yes", "no"), row_id__=np.arange(600, dtype=np.uint64)
    )
    _, result = fitted(recipe_of(hyperparameter_tuning={"n_trials": 20, "timeout": 10_000}), frame)
    trials = {each.family: each.trials for each in result.choice.standings}
    known = {name: 1 + len(each.candidate.more) for name, each in families("classification").items()}
    assert trials["linear"] == known["linear"]
    assert trials["xgboost"] > known["xgboost"]
