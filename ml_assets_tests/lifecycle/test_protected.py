"""Protected columns on the live path: what each batch tells of the groups, the alert, and the gate."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml_assets.lifecycle.batch_page import batch_facts
from ml_assets.lifecycle.occasions import remedy
from ml_assets.orchestration.display import performance_metadata
from ml_assets.records import Evaluation, PerformanceReport
from ml_assets.reports.as_markdown import as_markdown
from ml_assets.reports.batch import batch_document
from ml_assets_tests.lifecycle.test_findings import Reef
from ml_assets_tests.support.pages import client_of, section
from ml_assets_tests.support.shore import day

FAIR = """evaluation:
  validation: {test_size: 0.3}
  fairness: {max_gap: {equal_opportunity_difference: 0.15}, groups: {age: [40]}}
"""


class Bay(Reef):
    """Batches in which people of one sex may be judged by other signs than those of the other."""

    def _lives_in(self, folder: Path, home: Path) -> None:
        path = folder / "tide.yaml"
        text = path.read_text()
        if "protected_cols" not in text:
            text = text.replace("target_col: y}", "target_col: y, protected_cols: [sex, age]}")
            path.write_text(text.replace("evaluation: {validation: {test_size: 0.3}}\n", FAIR))
        super()._lives_in(folder, home)

    def write(self, number: int, *, unlike: float = 0.0, **other: float) -> None:
        """Of a share of the women what `a` says is turned round."""
        random = np.random.default_rng(number)
        frame = pd.DataFrame(random.normal(size=(600, 3)), columns=["a", "b", "c"])
        frame["sex"] = random.choice(["f", "m"], 600)
        frame["age"] = random.integers(18, 80, 600)
        turned = (frame["sex"] == "f") & (random.random(600) < unlike)
        signal = np.where(turned, -2.0, 2.0) * frame["a"] - frame["b"]
        frame["y"] = np.where(random.random(600) < 1 / (1 + np.exp(-signal)), "yes", "no")
        self.put(number, frame)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, mlflow_template: Path) -> Bay:
    """Three days, and a first champion."""
    home = tmp_path_factory.mktemp("home")
    shutil.copyfile(mlflow_template, home / "mlflow.db")
    bay = Bay(tmp_path_factory.mktemp("recipes"), home, window=2)
    for number in range(3):
        bay.arrive(number)
    assert bay.train(2).outcome == "promote"
    return bay


@pytest.fixture
def bay(lived: Bay, tmp_path: Path) -> Bay:
    return lived.copy(tmp_path)


def test_a_training_tells_the_groups_and_learns_none(bay: Bay) -> None:
    champion = bay.state.registry.champion("tide")
    assert champion is not None and champion.trained.training.features == ("a", "b", "c")
    evaluation = bay.state.store.read_record("evaluation_report", day(2), Evaluation)
    assert [each.column for each in evaluation.protected] == ["sex", "age"]
    assert evaluation.protected[1].edges == (40,)


def test_a_gap_that_opens_is_told_and_asks_for_no_training(bay: Bay) -> None:
    bay.arrive(3)
    quiet = bay.arrive(4)
    assert [each.column for each in quiet.protected] == ["sex", "age"] and not quiet.unequal
    assert set(quiet.protected[1].rows) == {"under 40", "40 and more"}
    bay.write(5, unlike=1.0)
    bay.take_in(5)
    told: PerformanceReport = bay.arrive(6)
    assert told.scored_batch == day(5)
    (test,) = told.unequal
    assert (test.column, test.more, test.less) == ("sex", "m", "f")
    assert "surely above its limit 0.15" in told.text and test.text in bay.alarms
    (alert,) = bay.alerts("gap")
    assert "equal_opportunity_difference of 'sex' is surely above its limit" in alert
    assert "nothing is trained" in remedy("gap", "tide")
    assert "gaps" in performance_metadata(told)
    page = as_markdown(batch_document(batch_facts(bay.state, day(5))))
    assert "How it treated groups of people" in page and "surely above its limit 0.15" in page
    with client_of(bay.state.settings) as pages:
        words = section(pages.get("/models/tide").text, "groups")
    assert "surely above its limit, over its batches" in words
    assert words.index("sex equal_opportunity_difference") < words.index("age")  # what alarms stands first
