"""What was answered is judged on the rows that are there now, never on learned ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml_assets.lifecycle.served import Served, served, unlearned
from ml_assets_tests.support.shore import Shore, day


def answers(learned: tuple[bool, ...] = (False, True, False, False)) -> Served:
    """Rows 1 to 4 were answered for; row 3 is gone since, row 5 has come, row 1 has no label yet."""
    cleaned = pd.DataFrame({"a": [5, 4, 2, 1], "y": ["no", "yes", "no", None]}, index=[5, 4, 2, 1])
    predicted = pd.DataFrame({"prediction": ["yes", "no", "no", "no"]}, index=[4, 3, 2, 1])
    return Served("b", 1, predicted, cleaned, np.array(learned))


def test_only_rows_that_are_there_and_unlearned_count_in_the_order_of_the_answers() -> None:
    found = answers((False, False, True, False))
    assert list(found.rows.index) == list(found.predictions.index) == [4, 1]
    assert found.rows["a"].tolist() == [4, 1] and found.predictions["prediction"].tolist() == ["yes", "no"]
    rows, predicted = found.labelled("y")
    assert list(rows.index) == list(predicted.index) == [4]


def test_labels_are_those_of_all_answers() -> None:
    assert answers().labels("y").fillna("?").tolist() == ["yes", "?", "no", "?"]


@pytest.fixture
def shore(tmp_path: Path, mlflow_home: Path) -> Shore:
    shore = Shore(tmp_path, mlflow_home, window=1)
    random = np.random.default_rng(0)
    for number in range(3):
        frame = pd.DataFrame(random.normal(size=(200, 3)), columns=["a", "b", "c"])
        frame["y"] = np.where(frame["a"] + random.normal(size=200) > 0, "yes", "no")  # no leak
        shore.put(number, frame)
        shore.take_in(number)
        if number == 1:
            assert shore.train(1).outcome == "promote"  # learned day 0
    return shore


def test_learned_rows_are_left_out_of_every_use(shore: Shore) -> None:
    state = shore.state
    old, new = (state.store.read_frame("cleaned_features", day(number)) for number in (0, 2))
    assert served(state, day(0)) is None  # nobody was there to answer
    found = served(state, day(2))
    assert found is not None and found.version == 1
    assert len(found.answers) == len(found.rows) == len(found.predictions) == 200
    assert list(found.answers.columns) == ["prediction", "probability_no", "probability_yes"]
    both = pd.concat([old, new], ignore_index=True)
    assert unlearned(state, both, 1)["row_id__"].tolist() == new["row_id__"].tolist()
