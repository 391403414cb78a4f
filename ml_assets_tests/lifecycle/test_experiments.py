"""Labels of an experiment: each line finds its row, whatever the order, and the verdict leads where it must."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.evaluation.evaluate import predict
from ml_assets.lifecycle.experiment_labels import Answered, dealt_out, joined, sides
from ml_assets.lifecycle.experiment_looks import look_at_experiment
from ml_assets.lifecycle.state import ModelState
from ml_assets.promotion.anytime import ratio_p
from ml_assets.recipe import Recipe
from ml_assets.records.experiments import CHAMPION, Arm, Experiment, Step
from ml_assets.registry import experiments, persons
from ml_assets.registry.experiments import Running
from ml_assets.registry.versions import Registry
from ml_assets.settings import Settings
from ml_assets_tests.support import registry_workers
from ml_assets_tests.support.registry_workers import evaluation, open_registry, promote, recipe_named, rows

DAY = pd.Timestamp("2024-03-01")


def inverted(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows that teach the contrary."""
    return frame.assign(churned=np.where(frame["churned"] == "yes", "no", "yes"))


@pytest.fixture
def registry(mlflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Version 1 has learned the contrary and is champion, version 2 what is true."""
    registry = open_registry(Settings(home=mlflow_home))
    plain = registry_workers.rows
    for teach in (inverted, lambda frame: frame):
        monkeypatch.setattr(
            registry_workers, "rows", lambda n=400, seed=0, teach=teach: teach(plain(400, seed))
        )
        registry.register(registry_workers.train(registry), evaluation=evaluation())
    monkeypatch.undo()
    promote(registry, 1, None)
    return registry


def state_of(
    registry: Registry, *, entity: bool = True, batches: bool = True, **promotion: Any
) -> ModelState:
    plain = recipe_named("churn").model_dump(exclude_defaults=True)
    if entity:
        plain["model"]["data_interface"]["entity_cols"] = ["customer"]
    if batches:
        plain["batches"] = {"column": "day", "period": "daily", "start": "2024-01-01"}
    recipe = Recipe.model_validate({**plain, "promotion": promotion})
    state = ModelState(recipe, Path("churn.yaml"), registry.settings).beside(registry.ledger)
    vars(state)["registry"] = registry
    return state


def batch(state: ModelState, count: int = 600, seed: int = 5) -> pd.DataFrame:
    """Labelled rows of one batch that has been taken in."""
    frame = rows(count, seed)
    if state.recipe.batches is not None:
        seconds = np.random.default_rng(seed).permutation(80_000)[:count]
        frame["day"] = (DAY + pd.to_timedelta(seconds, unit="s")).astype("datetime64[us]")
    if state.recipe.model.data_interface.entity_cols:
        frame["customer"] = [f"c{number}" for number in range(count)]
    label = "all" if state.recipe.batches is None else f"{DAY:%Y-%m-%d}"
    state.store.write_frame("cleaned_features", label, frame)
    return frame


def begin(state: ModelState, *arms: Arm, **more: Any) -> Running:
    entity = tuple(state.recipe.model.data_interface.entity_cols)
    arms = arms or (Arm(name="challenger", version=2, share=0.5),)
    wanted = Experiment(champion=1, arms=arms, salt="x", entity=entity, **more)
    return experiments.start(state.ledger, state.name, wanted, actor="a test", reason="to see")


def answered(state: ModelState, one: Running, frame: pd.DataFrame, seed: int = 0) -> Answered:
    """What servers would have answered for these rows, in some order."""
    frame = frame.sample(frac=1, random_state=seed).reset_index(drop=True)
    key = frame["customer"] if "customer" in frame else pd.Series([f"r{k}" for k in range(len(frame))])
    hours = 0.0
    lines = pd.DataFrame(
        {
            "arm": [one.experiment.arm_of(each, hours) for each in key],
            "request": [f"r{k}" for k in range(len(frame))],
            "place": 0,
            "at": pd.Timestamp(one.began, unit="s") + pd.to_timedelta(np.arange(len(frame)), unit="ms"),
            "unit": key,
        }
    ).astype({"at": "datetime64[us]"})
    versions = {CHAMPION: 1, **{arm.name: arm.version for arm in one.experiment.arms}}
    parts, made = [], []
    models = {version: state.registry.files.load("churn", version) for version in (1, 2)}
    for shadow in one.experiment.shadows:
        beside = lines[lines["arm"] == CHAMPION].assign(arm=shadow.name)
        parts.append((beside, frame.loc[beside.index]))
    parts.insert(0, (lines, frame))
    for which, of in parts:
        numbers = which["arm"].map(versions).to_numpy()
        told = pd.concat([predict(models[v], of[numbers == v]) for v in sorted(set(numbers))]).loc[of.index]
        made.append((which.assign(version=numbers), of, told))
    line, whole, told = (pd.concat(each, ignore_index=True) for each in zip(*made, strict=True))
    names = [name for name in ("customer", "day") if name in whole]
    return Answered(line, whole[names], whole[["age", "colour"]], told)


@pytest.mark.parametrize(("entity", "batches"), [(True, True), (True, False), (False, True), (False, False)])
def test_each_line_finds_the_row_that_it_answered_whatever_the_order(
    registry: Registry, entity: bool, batches: bool
) -> None:
    state = state_of(registry, entity=entity, batches=batches)
    frame = batch(state)
    one = begin(state)
    some = frame.iloc[::2] if entity or batches else frame
    found = [answered(state, one, some, seed) for seed in (0, 1)]
    for each in found:
        labelled = joined(state, one, each)
        assert len(labelled.rows) == len(some) and labelled.rows["row_id__"].is_unique
        told = each.clean.iloc[labelled.lines].reset_index(drop=True)
        pd.testing.assert_frame_equal(told, labelled.rows[["age", "colour"]], check_dtype=False)
        if entity:
            assert (each.keys["customer"].iloc[labelled.lines].to_numpy() == labelled.rows["customer"]).all()


def test_a_row_that_is_asked_twice_counts_once_and_a_learned_one_never(registry: Registry) -> None:
    state = state_of(registry)
    frame = batch(state)
    learned = registry.files.trained_row_ids("churn", 2)
    frame.loc[:9, "row_id__"] = learned[:10]
    state.store.write_frame("cleaned_features", f"{DAY:%Y-%m-%d}", frame)
    one = begin(state)
    twice = answered(state, one, pd.concat([frame, frame.iloc[:50]]))
    labelled = joined(state, one, twice)
    assert len(labelled.rows) == len(frame) - 10 and labelled.rows["row_id__"].is_unique


def test_a_better_arm_wins_and_the_gate_lets_it_wait_for_a_person(registry: Registry) -> None:
    state = state_of(registry, approval="person", min_rows=100)
    frame = batch(state)
    one = begin(state, labels=300)
    seen = look_at_experiment(state, lambda *_: answered(state, one, frame))
    assert seen is not None and seen.ended is not None and seen.ended.record["how"] == "winner"
    assert seen.promotion is not None and seen.promotion.kind == "waits", seen.promotion
    request = persons.waiting(state.ledger, "churn")
    assert request is not None and request.version == 2
    newest = state.ledger.newest_id()
    again = look_at_experiment(state, lambda *_: answered(state, one, frame))
    assert again is not None and again.promotion == seen.promotion and not again.fresh
    assert state.ledger.newest_id() == newest


def test_a_canary_that_is_worse_by_its_labels_falls_back(registry: Registry) -> None:
    promote(registry, 2, 1)
    state = state_of(registry)
    frame = batch(state)
    canary = Experiment(
        champion=2,
        arms=(Arm(name="challenger", version=1, share=0.5),),
        salt="x",
        entity=("customer",),
        steps=(Step(hours=0, part=0.4), Step(hours=9, part=1)),
    )
    one = experiments.start(state.ledger, "churn", canary, actor="a test", reason="to see")
    plain = answered(state, one, frame)
    turned = predict(registry.files.load("churn", 1), frame.set_index("customer").loc[plain.keys["customer"]])
    right = predict(registry.files.load("churn", 2), frame.set_index("customer").loc[plain.keys["customer"]])
    mine = (plain.lines["arm"] == "challenger").to_numpy()
    told = pd.concat([turned[mine], right[~mine]]).loc[plain.keys["customer"]].reset_index(drop=True)
    seen = look_at_experiment(state, lambda *_: replace(plain, predictions=told))
    assert seen is not None and seen.ended is not None and seen.ended.record["how"] == "worse"
    assert seen.promotion is None and experiments.running(state.ledger, "churn") is None
    champion = registry.champion("churn")
    assert champion is not None and champion.version == 2
    counts, shares = dealt_out(one, plain)
    assert shares[0] == [0.8, 0.2] and sum(map(sum, counts)) == len(frame) and ratio_p(counts, shares) > 0.01


def test_a_shadow_is_judged_on_the_rows_that_the_champion_answered(registry: Registry) -> None:
    state = state_of(registry, min_rows=100)
    frame = batch(state)
    one = begin(state, Arm(name="shadow", version=2, share=0, shadow=True), labels=300)
    given = answered(state, one, frame)
    champion, shadow = sides(state, one, given, joined(state, one, given))
    assert shadow.beside is not None and len(shadow.y) == len(champion.y) == len(frame)
    seen = look_at_experiment(state, lambda *_: given)
    assert seen is not None and seen.ended is not None and seen.ended.record["how"] == "winner"
    assert seen.promotion is not None and seen.promotion.kind == "promote"
    charge = registry.champion("churn")
    assert charge is not None and charge.version == 2


def test_lost_rows_of_one_arm_end_it_without_a_winner_and_nothing_new_is_no_look(registry: Registry) -> None:
    state = state_of(registry)
    one = begin(state, labels=5_000)
    frame = batch(state, 4_000)
    whole = answered(state, one, frame)
    quiet = replace(whole, lines=whole.lines.head(0), keys=whole.keys.head(0), clean=whole.clean.head(0),
                    predictions=whole.predictions.head(0))  # fmt: skip
    looks: list[int] = []

    def read(*_: Any) -> Answered:
        looks.append(1)
        return quiet

    for _ in range(3):
        seen = look_at_experiment(state, read)
        assert seen is not None and seen.ended is None
    assert len(looks) == 1
    state.store.write_frame("cleaned_features", f"{DAY:%Y-%m-%d}", frame.iloc[::-1].reset_index(drop=True))
    keep = (whole.lines["arm"] == CHAMPION) | (np.arange(len(whole.lines)) % 3 > 0)
    lost = Answered(*(each[keep].reset_index(drop=True) for each in
                      (whole.lines, whole.keys, whole.clean, whole.predictions)))  # fmt: skip
    seen = look_at_experiment(state, lambda *_: lost)
    assert seen is not None and seen.ended is not None and seen.ended.record["how"] == "mismatch"
    assert seen.promotion is None
