"""Laws of versions: what is loaded is what was trained."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from urllib.parse import unquote, urlparse

import numpy as np
import pandas as pd
import pytest

from ml_assets.registry import charge
from ml_assets.registry.champions import UnknownVersionError
from ml_assets.registry.integrity import IntegrityError
from ml_assets.registry.versions import Registry
from ml_assets_tests.support.installations import IN_BOTH
from ml_assets_tests.support.registry_workers import (
    champion_of,
    evaluation,
    fit,
    law_of_the_ledger,
    promote,
    register,
    rows,
    states,
    train,
)


def _folder(registry: Registry, version: int) -> Path:
    info = registry.version("churn", version)
    return Path(unquote(urlparse(registry.files.location(info.model_uri)).path))


@IN_BOTH
def test_a_version_knows_what_was_trained_and_how_it_scored(registry: Registry) -> None:
    trained = train(registry)
    assert registry.champion("churn") is None
    assert registry.register(trained, {"ticket": "7"}, evaluation=evaluation(0.8)) == 1
    info = registry.version("churn", 1)
    assert info.trained == trained
    assert info.holdout is not None and info.holdout.value == 0.8
    assert info.evaluation is not None and np.isnan(info.evaluation.baseline["log_loss"])
    shown = registry.client.get_model_version_by_alias("churn", "challenger")
    assert int(shown.version) == 1
    assert shown.tags["ticket"] == "7"
    assert shown.tags["holdout_roc_auc"] == "0.8"
    assert shown.run_id == trained.run_id


def test_registering_the_same_run_twice_is_one_version(registry: Registry) -> None:
    trained = train(registry)
    assert registry.register(trained) == registry.register(trained) == 1
    assert len(registry.versions("churn")) == 1
    promote(registry, 1, None)
    assert registry.register(trained) == 1
    assert set(registry.client.get_registered_model("churn").aliases) == {"champion"}


def test_a_loaded_model_predicts_as_the_fitted_one(registry: Registry) -> None:
    (version,) = register(registry)
    frame = rows(seed=1)
    loaded = registry.files.load("churn", version)
    np.testing.assert_array_equal(loaded.predict_proba(frame), fit(rows(), 0.1).predict_proba(frame))


def test_the_rows_of_a_training_come_back(registry: Registry) -> None:
    (version,) = register(registry)
    columns = ["age", "colour", "churned", "row_id__"]
    pd.testing.assert_frame_equal(registry.files.reference("churn", version), rows()[columns])
    ids = registry.files.trained_row_ids("churn", version)
    assert ids.dtype == np.uint64
    assert set(ids) == set(rows()["row_id__"])


def test_unknown_versions_are_named_with_the_known_ones(registry: Registry) -> None:
    register(registry, 2)
    with pytest.raises(UnknownVersionError, match=r"no version 9 .*registered: 1, 2"):
        registry.files.load("churn", 9)
    with pytest.raises(UnknownVersionError):
        promote(registry, 9, None)
    assert registry.ledger.entries("churn", "promote") == ()


# ---- integrity


class Evil:
    """Unpickling leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.trace),))


def test_an_altered_model_is_refused_unread_at_load_promotion_and_rollback(
    registry: Registry, tmp_path: Path
) -> None:
    import cloudpickle

    register(registry, 3)
    promote(registry, 1, None)
    promote(registry, 2, 1)
    trace = tmp_path / "unpickled"
    for version in (1, 3):
        (_folder(registry, version) / "model.pkl").write_bytes(cloudpickle.dumps(Evil(trace)))
    with pytest.raises(IntegrityError, match="churn version 1: its files have sha256"):
        registry.files.load("churn", 1)
    with pytest.raises(IntegrityError, match="churn version 1"):
        charge.rollback(registry, "churn", actor="test")
    with pytest.raises(IntegrityError, match="churn version 3"):
        promote(registry, 3, 2)
    assert not trace.exists()
    assert champion_of(registry) == 2
    assert states(registry, "rollback") == [("intent", 2, 1), ("aborted", 2, 1)]
    assert "IntegrityError" in registry.ledger.entries("churn", "promote")[-1].reason
    law_of_the_ledger(registry)


def test_a_lost_or_added_file_is_an_altered_model(registry: Registry) -> None:
    register(registry, 2)
    (_folder(registry, 1) / "sitecustomize.py").write_text("")
    shutil.rmtree(_folder(registry, 2))
    for version in (1, 2):
        with pytest.raises(IntegrityError, match=f"churn version {version}"):
            registry.files.load("churn", version)


@pytest.mark.parametrize("name", ["reference.parquet", "row_ids.npy"])
def test_altered_training_rows_are_refused(registry: Registry, name: str) -> None:
    (version,) = register(registry)
    run_id = registry.version("churn", version).run_id
    uri = registry.client.get_run(run_id).info.artifact_uri
    path = Path(unquote(urlparse(uri).path)) / "training" / name
    path.write_bytes(path.read_bytes() + b" ")
    read = registry.files.reference if name.endswith("parquet") else registry.files.trained_row_ids
    with pytest.raises(IntegrityError, match=f"churn version 1: {name}"):
        read("churn", version)
    path.unlink()
    with pytest.raises(IntegrityError, match=f"churn version 1: {name}"):
        read("churn", version)


def test_a_model_altered_before_it_is_registered_is_no_version(registry: Registry) -> None:
    trained = train(registry)
    with pytest.raises(IntegrityError):
        registry.register(trained.model_copy(update={"sha256": "0" * 64}))
    assert registry.versions("churn") == ()
    assert registry.client.search_model_versions("name = 'churn'") == []


def test_a_model_that_cannot_predict_does_not_become_champion(registry: Registry) -> None:
    register(registry, 1)
    promote(registry, 1, None)
    trained = train(registry)
    renamed = trained.training.model_copy(update={"features": ("age",)})
    version = registry.register(trained.model_copy(update={"training": renamed}))
    with pytest.raises(ValueError, match="colour"):
        promote(registry, version, 1)
    assert champion_of(registry) == 1
    law_of_the_ledger(registry)
