"""`group_split` and `validation_size`: laws of hold-out and folds, and what a leak of entities looks like without."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.evaluation.evaluate import predict
from ml_assets.recipe.schema import Recipe
from ml_assets.training.fit import fit
from ml_assets.training.splits import folds, labelled_rows, split
from ml_assets_tests.support.training_examples import recipe_of, weekly_rows

ENTITY = {"entity_cols": ["who"]}
FOREST = "sklearn.ensemble.RandomForestClassifier"


def grouped(task: str = "classification", class_path: str | None = None, **validation: Any) -> Recipe:
    section = {"validation": {"method": "group_split"} | validation}
    params = {"n_estimators": 30} if class_path else None
    return recipe_of(task, class_path, params, interface=ENTITY, evaluation=section)


def people(n_people: int, each: int, seed: int = 0) -> pd.DataFrame:
    """Rows of people whose answer is of the person alone, and whose columns tell the person, not the answer."""
    random = np.random.default_rng(seed)
    who = np.repeat(np.arange(n_people), each)
    answer = random.permutation(np.arange(n_people) % 3 == 0)[who]
    return pd.DataFrame({
        "who": [f"person {k}" for k in who],
        "height": random.normal(size=n_people)[who] + random.normal(0, 1e-3, len(who)),
        "weight": random.normal(size=n_people)[who] + random.normal(0, 1e-3, len(who)),
        "target": np.where(answer, "yes", "no"),
        "row_id__": random.permutation(len(who)).astype("uint64"),
    })  # fmt: skip


@pytest.mark.parametrize("task", ["classification", "regression"])
@given(st.integers(4, 60), st.integers(1, 9), st.floats(0.05, 0.6), st.booleans())
@settings(max_examples=40, deadline=None)
def test_no_entity_is_on_two_sides(task: str, n_people: int, each: int, share: float, stratify: bool) -> None:
    recipe = grouped(task, test_size=share, stratify=stratify)
    frame = people(n_people, each)
    if task == "regression":
        frame["target"] = frame["height"]
    train, test = split(frame.sample(frac=1, random_state=each), recipe)
    assert sorted([*train["row_id__"], *test["row_id__"]]) == sorted(frame["row_id__"])
    assert len(train) and len(test) and not set(train["who"]) & set(test["who"])
    # By class a part may be one entity off.
    assert abs(len(test) - share * len(frame)) <= 3 * each
    rows = labelled_rows(frame, recipe)
    if n_people < 12:
        return
    parts = folds(rows, recipe)
    for learned, judged in parts:
        assert not set(rows["who"].iloc[learned]) & set(rows["who"].iloc[judged])
    judged_rows = np.concatenate([judged for _, judged in parts])
    assert len(np.unique(judged_rows)) == len(judged_rows)


def test_classes_keep_their_shares_as_far_as_entities_let_them() -> None:
    train, test = split(people(300, 4), grouped())
    assert (test["target"] == "yes").mean() == pytest.approx((train["target"] == "yes").mean(), abs=0.03)


def test_an_entity_stays_on_its_side_when_others_come() -> None:
    frame, recipe = people(200, 3), grouped()
    _, before = split(frame[frame["who"].isin([f"person {k}" for k in range(100)])], recipe)
    _, after = split(frame, recipe)
    known = set(before["who"])
    assert len(known & set(after["who"])) > 0.8 * len(known)
    assert set(split(frame, grouped(random_state=7))[1]["who"]) != set(after["who"])


def test_without_it_what_is_learned_by_heart_looks_like_knowledge() -> None:
    """The columns tell who it is, and nothing of the answer: of new people nothing can be known."""
    frame = people(60, 20)

    def accuracy(recipe: Recipe) -> tuple[float, float]:
        train, test = split(frame, recipe)
        model, result = fit(train, recipe)
        said = predict(model, test)["prediction"].to_numpy()
        return float((said == test["target"]).mean()), float(np.mean(result.cv_scores))

    by_rows = recipe_of(class_path=FOREST, hyperparameters={"n_estimators": 30}, interface=ENTITY)
    assert min(accuracy(by_rows)) > 0.97
    whole, folds_of_whole = accuracy(grouped(class_path=FOREST))
    assert whole < 0.8
    assert folds_of_whole < 0.8


def test_one_entity_and_a_class_of_one_entity_are_told() -> None:
    recipe = grouped()
    with pytest.raises(ValueError, match="who: all 30 labelled rows are of one entity"):
        split(people(1, 30), recipe)
    frame = people(20, 5)
    frame["target"] = np.where(frame["who"] == "person 3", "yes", "no")
    with pytest.raises(ValueError, match="in no part of whole entities are two classes"):
        folds(labelled_rows(frame, recipe), recipe)


@pytest.mark.parametrize("method", ["train_test_split", "time_split", "group_split"])
def test_a_validation_part_is_one_share_of_all_rows(method: str) -> None:
    sections: dict[str, Any] = (
        {"batches": {"column": "at", "period": "weekly"}} if method == "time_split" else {}
    )
    validation = {"method": method, "test_size": 0.15, "validation_size": 0.15}
    recipe = recipe_of(interface=ENTITY, evaluation={"validation": validation}, **sections)
    frame = weekly_rows(400).assign(who=lambda rows: (rows["row_id__"] % 80).astype(str))
    train, _ = split(frame, recipe)
    rows = labelled_rows(train, recipe)
    ((learned, judged),) = folds(rows, recipe)
    assert sorted([*learned, *judged]) == list(range(len(rows)))
    assert len(judged) == pytest.approx(60, abs=8)
    if method == "time_split":
        assert rows["at"].iloc[learned].max() <= rows["at"].iloc[judged].min()
    if method == "group_split":
        assert not set(rows["who"].iloc[learned]) & set(rows["who"].iloc[judged])
