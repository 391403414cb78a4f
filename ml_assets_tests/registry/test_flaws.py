"""A version that a fault of an older ml_assets has touched says so wherever its owner looks, until it is replaced."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest
import yaml

from ml_assets.cli.explain import notes_of
from ml_assets.estimators.monotone import Monotone
from ml_assets.evaluation.evaluate import predict
from ml_assets.orchestration.model_status import model_status
from ml_assets.records import TrainedModel
from ml_assets.registry import champions
from ml_assets.registry.examine import examine
from ml_assets.registry.flaws import flaws
from ml_assets_tests.support.pages import client_of, words_of
from ml_assets_tests.support.shore import Shore, day

WORDS = (
    "turned monotone constraints round: the share of left may only go the wrong way with a. Train it again"
)


def rows(number: int) -> pd.DataFrame:
    random = np.random.default_rng(number)
    frame = pd.DataFrame(random.normal(size=(200, 2)), columns=["a", "b"])
    return frame.assign(y=np.where(frame["a"] + random.normal(size=200) > 0, "left", "stays"))


def shore_of(tmp_path: Path, home: Path, constraints: dict[str, int], positive: str) -> Shore:
    """A model of who left, with what its recipe says of constraints."""
    shore = Shore(tmp_path / "shore", home)
    path = shore.state.path
    recipe: dict[str, Any] = yaml.safe_load(path.read_text())
    recipe["model"]["class_path"] = "xgboost.XGBClassifier"
    recipe["model"]["hyperparameters"] = {"n_estimators": 10, "monotone_constraints": constraints}
    recipe["model"]["data_interface"]["positive_class"] = positive
    path.write_text(yaml.safe_dump(recipe))
    shore._lives_in(shore.folder, shore.state.settings.home)
    for number in range(2):
        shore.put(number, rows(number))
        shore.take_in(number)
    return shore


def shares(shore: Shore, version: int) -> np.ndarray[Any, Any]:
    """Shares of those who left as `a` rises."""
    asked = pd.DataFrame({"a": np.linspace(-2, 2, 30), "b": 0.0})
    found = predict(shore.state.registry.files.load(shore.state.name, version), asked)
    return np.asarray(found["probability_left"], dtype=float)


def told(shore: Shore) -> dict[str, str]:
    """What status, explanation, doctor and page say."""
    state = shore.state
    with dg.DagsterInstance.ephemeral() as instance:
        row = model_status(instance, state, datetime.now(UTC))
    checks = [each for each in examine(state.settings) if not each.ok]
    page = client_of(state.settings).get(f"/models/{state.name}").text
    return {
        "status": "; ".join(row.notes),
        "explain": "; ".join(notes_of(state)),
        "doctor": "; ".join(f"{each.part}: {each.found}. {each.remedy}" for each in checks),
        "page": words_of(page),
    }


def test_a_version_whose_constraints_were_turned_round_says_so_until_it_is_trained_again(
    tmp_path: Path, mlflow_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shore = shore_of(tmp_path, mlflow_home, {"a": 1, "b": 0}, "left")
    with (
        monkeypatch.context() as older
    ):  # constraints were about the class that is last, and no record said so
        older.setattr(Monotone, "_way", lambda *_: 1)
        older.setattr("ml_assets.training.fit.by_name", lambda _: False)
        shore.train(1)
    (version,) = champions.versions(shore.state.ledger, shore.state.name)
    force(shore, version.version)
    assert np.all(np.diff(shares(shore, version.version)) <= 0)
    said = told(shore)
    assert all(WORDS in said[where] for where in ("status", "explain", "page"))
    assert said["doctor"].startswith("tide: models: version 1 was trained by an older ml_assets")
    assert said["doctor"].endswith("train it again: `ml-assets train`")

    shore.train(1)
    newest = champions.versions(shore.state.ledger, shore.state.name)[-1]
    force(shore, newest.version)
    again = shares(shore, newest.version)
    assert np.all(np.diff(again) >= 0) and np.ptp(again) > 0
    assert not any("older ml_assets" in text for text in told(shore).values())


def force(shore: Shore, version: int) -> None:
    """Put a version in charge, whatever the gate has said of it."""
    from ml_assets.lifecycle.gate import promote_version

    promote_version(shore.state, version, force=True, actor="test")


def test_only_what_was_touched_is_told(tmp_path: Path, mlflow_home: Path) -> None:
    shore = shore_of(tmp_path, mlflow_home, {"a": 1}, "left")
    shore.train(1)
    (version,) = champions.versions(shore.state.ledger, shore.state.name)

    def of(**changes: Any) -> tuple[str, ...]:
        training = version.trained.training.model_copy(update={"constrained": None, **changes})
        trained = TrainedModel.model_validate_json(
            version.trained.model_copy(update={"training": training}).model_dump_json()
        )
        return flaws(version.model_copy(update={"trained": trained}))

    params = version.trained.training.params
    assert version.trained.training.constrained == "left" and not flaws(version) and not flaws(None)
    assert WORDS in of()[0] and version.as_of == day(1)
    assert WORDS in of(classes=None, targets=("y",), target_classes={"y": ("stays", "left")})[0]
    assert not of(classes=("left", "stays"))  # the positive one is last in the alphabet, as libraries mean it
    assert not of(classes=("left", "moves", "stays")) and not of(classes=None)
    assert not of(params=params | {"monotone_constraints": {"a": 0}})
    assert not of(params=params | {"monotone_constraints": [1, 0]})
    assert not of(params={})
