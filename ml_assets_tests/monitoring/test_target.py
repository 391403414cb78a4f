"""Labels that are no longer what the champion learned are named; seasons it has learned are not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.features.columns import Roles
from ml_assets.monitoring.reference import InMemory, Reference
from ml_assets.monitoring.target import sentence, target_drift, usual_effects
from ml_assets.records import ColumnDrift, PerformanceReport, Profile
from ml_assets_tests.support.references import champion


def classes(shares: tuple[float, ...], rows: int, seed: int) -> pd.Series:
    names = np.array(["a", "b", "c", "d"], dtype=object)[: len(shares)]
    drawn = np.random.default_rng(seed).choice(names, rows, p=shares)
    return pd.Series(drawn, name="y", dtype=object)


def numbers(mean: float, rows: int, seed: int) -> pd.Series:
    return pd.Series(np.random.default_rng(seed).normal(mean, 1.0, rows), name="y")


def learned_by(learned: pd.Series, task: str, usual: Any = None, **more: Any) -> Reference:
    kept = InMemory(learned.to_frame("y"), Roles((), ()))
    profile = Profile(metric="", usual={"y": usual or {}})
    return champion(kept, profile=profile, min_rows=300, task=task, **more)


def found(
    y: pd.Series,
    learned: pd.Series,
    task: str = "classification",
    earlier: Sequence[PerformanceReport] = (),
    **more: Any,
) -> ColumnDrift:
    entry = target_drift(y, learned_by(learned, task, **more), earlier)
    assert entry is not None
    return entry


def test_no_drift_against_the_same_world() -> None:
    alarms = sum(
        found(classes((0.7, 0.3), 1000, seed), classes((0.7, 0.3), 5000, seed + 1000)).drifted
        + found(numbers(0, 1000, seed), numbers(0, 5000, seed + 1000), "regression").drifted
        for seed in range(100)
    )
    assert alarms <= 2  # of 200; 1 % each by design, less with the floor of the effect


def test_other_shares_and_other_numbers_are_drift() -> None:
    labels = found(classes((0.6, 0.4), 1000, 1), classes((0.7, 0.3), 5000, 2))
    assert labels.drifted and labels.kind == "categorical" and labels.column == "y"
    assert "labels of 2024-05-01 are not those the champion learned" in sentence(labels, "2024-05-01")
    values = found(numbers(0.3, 1000, 1), numbers(0, 5000, 2), "regression")
    assert values.drifted and values.kind == "numeric" and not values.note


def test_class_that_the_champion_never_saw_is_named() -> None:
    y = classes((0.7, 0.3), 1000, 1)
    y[:3] = "maybe"
    entry = found(y, classes((0.7, 0.3), 5000, 2))
    assert entry.drifted and "'maybe' (3 rows)" in entry.note
    assert "'maybe' (3 rows)" in sentence(entry, "2024-05-01")
    assert not found(y, classes((0.7, 0.3), 5000, 2), classes={"y": ("a", "b", "maybe")}).drifted


def test_numbers_as_classes_are_compared_as_text() -> None:
    learned = pd.Series(["0", "1"] * 500, name="y", dtype=object)
    y = pd.Series([0, 1] * 300, name="y")
    assert not found(y, learned).drifted


def test_few_labels_prove_nothing() -> None:
    assert (
        target_drift(classes((1.0,), 299, 1), learned_by(classes((0.5, 0.5), 5000, 2), "classification"))
        is None
    )
    late = classes((1.0,), 400, 1).where(np.arange(400) < 200)
    assert target_drift(late, learned_by(classes((0.5, 0.5), 5000, 2), "classification")) is None


def test_season_that_the_champion_has_learned_is_no_drift() -> None:
    means = [np.sin(month * np.pi / 6) for month in range(24)]
    frame = pd.concat(
        [
            numbers(mean, 400, month).to_frame().assign(batch__=f"{month:02d}")
            for month, mean in enumerate(means)
        ]
    )
    usual = usual_effects(frame, "y", "regression")
    assert len(usual["Wasserstein"]) == 24
    summer = numbers(1.0, 400, 99)
    assert found(summer, frame["y"], "regression").drifted
    assert not found(summer, frame["y"], "regression", usual=usual).drifted
    assert found(numbers(3.0, 400, 99), frame["y"], "regression", usual=usual).drifted
    assert usual_effects(frame.drop(columns="batch__"), "y", "regression") == {}


def test_quiet_reports_on_the_same_champion_teach_what_is_usual() -> None:
    learned, y = numbers(0, 5000, 1), numbers(0.25, 1000, 2)
    first = found(y, learned, "regression")
    assert first.drifted

    def report(version: int) -> PerformanceReport:
        quiet = first.model_copy(update={"drifted": False})
        return PerformanceReport(
            batch="b", scored_batch="b", champion_version=version, status="ok", metric="rmse",
            direction="minimize", rows=1000, coverage=1.0, target=quiet,
        )  # fmt: skip

    assert not found(y, learned, "regression", earlier=[report(1)] * 8).drifted
    assert found(y, learned, "regression", earlier=[report(2)] * 8).drifted


def test_each_of_several_targets_is_looked_at_by_itself() -> None:
    random = np.random.default_rng(7)
    learned = pd.DataFrame({"heat": random.normal(0, 1, 2000), "wear": random.normal(5, 2, 2000)})
    known = champion(
        InMemory(learned, Roles((), ())), task="regression", targets=("heat", "wear"), classes={}
    )
    batch = pd.DataFrame({"heat": random.normal(0, 1, 500), "wear": random.normal(9, 2, 500)})
    found = {name: target_drift(batch[name], known) for name in batch}
    assert {name: entry is not None and entry.drifted for name, entry in found.items()} == {
        "heat": False,
        "wear": True,
    }
    assert [entry.column for entry in found.values() if entry is not None] == ["heat", "wear"]
