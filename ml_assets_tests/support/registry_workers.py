"""Models small enough to log by the dozen, and what tests run in processes of their own."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from ml_assets.lifecycle.known import remember
from ml_assets.recipe.schema import Recipe
from ml_assets.records import (
    Evaluation,
    Score,
    TrainedModel,
    TrainingResult,
    Trial,
    TuningResult,
)
from ml_assets.registry import champions, charge
from ml_assets.registry.charge import StaleChampionError
from ml_assets.registry.database import configure
from ml_assets.registry.ledger import Ledger
from ml_assets.registry.tracking import (
    RunPlace,
    end_run,
    ensure_experiment,
    log_training,
    unregister_exit_hook,
)
from ml_assets.registry.versions import Registry
from ml_assets.settings import Settings
from ml_assets.tasks.over_folds import over_folds


def rows(n: int = 60, seed: int = 0) -> pd.DataFrame:
    """Cleaned rows with nulls in a number and in a text column."""
    random = np.random.default_rng(seed)
    age = random.normal(40, 10, n)
    colour = random.choice(np.array(["red", "blue", None], dtype=object), n)
    frame = pd.DataFrame({"age": age, "colour": colour})
    frame["churned"] = np.where(age + (colour == "red") * 10 > 42, "yes", "no")
    frame.loc[::7, "age"] = np.nan
    frame["row_id__"] = random.integers(0, 2**64 - 1, n, dtype=np.uint64)
    return frame


def recipe_named(name: str, **more: Any) -> Recipe:
    """The recipe of such rows, with further sections."""
    return Recipe.model_validate(
        {
            "name": name,
            "model": {
                "loader": {"source_uri": "rows.csv"},
                "data_interface": {"task_type": "classification", "target_col": "churned"},
            },
            **more,
        }
    )


def fit(frame: pd.DataFrame, c: float = 1.0) -> Pipeline:
    """A pipeline like the real ones: impute, encode, estimate."""
    columns = make_column_transformer(
        (SimpleImputer(), ["age"]),
        (OneHotEncoder(handle_unknown="ignore"), ["colour"]),
    )
    model = make_pipeline(columns, LogisticRegression(C=c))
    return model.fit(frame[["age", "colour"]], frame["churned"])


def training_result(trials: int = 0, n: int = 60) -> TrainingResult:
    """The record of such a fit."""
    states = ("complete", "pruned", "failed")
    history = tuple(
        Trial(
            number=i,
            params={"C": 0.1 * (i + 1)},
            value=None if i % 3 else 0.5 + i / 1000,
            state=states[i % 3],
            seconds=0.01,
        )
        for i in range(trials)
    )
    tuning = TuningResult(
        engine="optuna",
        metric="roc_auc",
        direction="maximize",
        best_params={"C": 1.0},
        best_score=0.8,
        history=history,
        total_trials=trials,
        pruned_trials=0,
        optimization_time=1.0,
    )
    return TrainingResult(
        class_path="sklearn.linear_model.LogisticRegression",
        params={"C": 1.0},
        metric="roc_auc",
        direction="maximize",
        cv_scores=(0.7, 0.9),
        over_folds=over_folds((0.7, 0.9)),
        rows=n,
        features=("age", "colour"),
        excluded={},
        classes=("no", "yes"),
        random_state=42,
        seconds=0.1,
        tuning=tuning if trials else None,
    )


def evaluation(value: float = 0.8) -> Evaluation:
    """Scores on a hold-out."""
    return Evaluation(
        metric="roc_auc",
        direction="maximize",
        rows=20,
        scores={"roc_auc": Score(value=value, low=value - 0.1, high=value + 0.1)},
        baseline={"roc_auc": 0.5, "log_loss": float("nan")},
    )


def open_registry(settings: Settings) -> Registry:
    """The registry of an installation."""
    return Registry(settings, Ledger(settings.ledger))


def train(
    registry: Registry, c: float = 1.0, recipe: str = "churn", seed: int = 0, **more: Any
) -> TrainedModel:
    """Fit and log one model; `more` are sections of its recipe."""
    frame = rows(seed=seed)
    experiment = ensure_experiment(registry.client, registry.settings, recipe)
    logged = log_training(
        registry.client,
        RunPlace(experiment),
        recipe=recipe_named(recipe, **more),
        pipeline=fit(frame, c),
        training=training_result(),
        rows=frame,
        raw=frame,
    )
    return TrainedModel(
        recipe=recipe,
        as_of="2024-01-01",
        batches=("2024-01-01",),
        run_id=logged.run_id,
        model_uri=logged.model_uri,
        sha256=logged.sha256,
        recipe_sha256=uuid.uuid4().hex,
        data_sha256=uuid.uuid4().hex,
        trained_at="2024-02-01T00:00:00+00:00",
        training=training_result(),
    )


def register(registry: Registry, n: int = 1) -> list[int]:
    """Train and register versions; their numbers."""
    return [registry.register(train(registry, c=0.1 * (i + 1)), evaluation=evaluation()) for i in range(n)]


def promote(registry: Registry, version: int, expected: int | None) -> None:
    """Put a version in charge."""
    charge.promote(registry, "churn", version, expected_champion=expected, reason="better", actor="test")


def champion_of(registry: Registry) -> int | None:
    """Who is in charge, as the registry says."""
    info = registry.champion("churn")
    return None if info is None else info.version


def states(registry: Registry, kind: str) -> list[tuple[str, int | None, int | None]]:
    """State, old and new version of each entry of a kind."""
    return [(e.state, e.from_version, e.to_version) for e in registry.ledger.entries("churn", kind)]


def law_of_the_ledger(registry: Registry) -> None:
    """The ledger and the alias tell the same story, and every intent has one outcome."""
    info = champions.champion(registry.ledger, "churn")
    assert (None if info is None else info.version) == champion_of(registry)
    assert registry.ledger.open_intents() == ()
    for entry in registry.ledger.entries():
        if entry.state == "intent":
            assert len(registry.ledger.decision(entry.decision_id)) == 2


def append_once(place: str, key: str, barrier: Any, answers: Any) -> None:
    """Race for a key."""
    barrier.wait()
    _, created = Ledger(place).append_once("churn", "alert", key=key, actor=str(os.getpid()), reason="race")
    answers.put(created)


def remember_all(home: Path, paths: Sequence[Path], barrier: Any) -> None:
    """Remember the recipes of files, all at once with others that do."""
    barrier.wait()
    for path in paths:
        remember(Settings(home=home, recipes=()), path)


def race_to_promote(
    settings: Settings, version: int, expected: int | None, barrier: Any, answers: Any
) -> None:
    """Race for the alias."""
    registry = open_registry(settings)
    registry.champion("churn")
    barrier.wait()
    try:
        charge.promote(registry, "churn", version, expected_champion=expected, reason="better", actor="race")
    except StaleChampionError:
        answers.put((version, "stale"))
    else:
        answers.put((version, "champion"))


WRITES = frozenset(
    {
        "append",
        "append_once",
        "create_registered_model",
        "create_model_version",
        "set_logged_model_tags",
        "set_registered_model_alias",
        "set_registered_model_tag",
        "delete_registered_model_alias",
    }
)


class DiesAt:
    """Wraps an object; the process dies, as by kill -9, before the n-th write through it.

    What is on disk changes only there, so these are all the states that a kill can leave.
    """

    def __init__(self, wrapped: Any, writes: list[str], at: int) -> None:
        self._wrapped, self._writes, self._at = wrapped, writes, at

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._wrapped, name)
        if name not in WRITES:
            return value

        def write(*args: Any, **kwargs: Any) -> Any:
            if len(self._writes) == self._at:
                os._exit(9)
            self._writes.append(name)
            return value(*args, **kwargs)

        return write


def leave_open(home: Path, run_id: str, how: str) -> None:
    """Come to the end with MLflow's active run open."""
    import mlflow

    client = configure(Settings(home=home))
    mlflow.set_tracking_uri(client.tracking_uri)
    if how == "failed first":
        end_run(client, run_id, "FAILED")
        mlflow.start_run(run_id=run_id)
        end_run(client, run_id, "FAILED")
        assert mlflow.active_run() is None
    else:
        mlflow.start_run(run_id=run_id)
        if how == "bridged":
            unregister_exit_hook()


def die_in(settings: Settings, action: str, argument: Any, at: int) -> None:
    """Do something to the registry and die before the n-th write; exit code 9 where that came, else 0."""
    registry = open_registry(settings)
    writes: list[str] = []
    registry.client = DiesAt(registry.client, writes, at)
    registry.ledger = DiesAt(registry.ledger, writes, at)
    if action == "promote":
        version, expected = argument
        charge.promote(registry, "churn", version, expected_champion=expected, reason="better", actor="test")
    elif action == "rollback":
        charge.rollback(registry, "churn", actor="test")
    else:
        registry.register(argument, evaluation=evaluation())
    os._exit(0)
