"""Every row of the source is learned, held out, or left out with its reason, whatever the source is like."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.lifecycle import accounting
from ml_assets.lifecycle.accepted import Accepted
from ml_assets.lifecycle.accounting import TrainingRows, training_rows
from ml_assets.lifecycle.intake import clean_step, raw_step
from ml_assets.lifecycle.split import split_step
from ml_assets.lifecycle.state import ModelState
from ml_assets.names import STATIC
from ml_assets.recipe.loading import load_recipe
from ml_assets.records import TrainedModel, TrainingResult
from ml_assets.settings import Settings
from ml_assets.sources.account import FAR_TIME, SENT_TWICE

RECIPE = """
name: kept
model:
  loader: {source_uri: "rows*.SUFFIX"}
  data_interface: {task_type: classification, target_col: y, entity_cols: [who]}
"""
BATCHES = "batches: {column: t, period: monthly}\n"
MONTHS = ("2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01")


def month(place: int, rows: int, unlabelled: int, doubled: int) -> pd.DataFrame:
    """Rows of which the last have no label; the first few stand there twice."""
    frame = pd.DataFrame(
        {"who": [f"w{place}{row}" for row in range(rows)], "x": np.arange(rows) % 7 + 0.5, "t": MONTHS[place]}
    )
    frame["y"] = ["yes" if row % 2 else "no" for row in range(rows)]
    frame.loc[rows - unlabelled :, "y"] = None
    return pd.concat([frame, frame[:doubled]], ignore_index=True)


def model(folder: Path, months: list[pd.DataFrame], suffix: str, more: str) -> ModelState:
    for place, frame in enumerate(months):
        path = folder / f"rows{place}.{suffix}"
        frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    path = folder / "kept.yaml"
    path.write_text(RECIPE.replace("SUFFIX", suffix) + more)
    return ModelState(load_recipe(path), path, Settings(home=folder / "home", recipes=(folder,)))


def accounted(state: ModelState, batches: list[str], refitted: bool = False) -> TrainingRows:
    accepted = Accepted(state)
    for batch in batches:
        if not raw_step(state, batch, accepted).problems:
            clean_step(state, batch)
    parts = split_step(state, batches[-1])
    rows = parts["training_set"].rows + (parts["test_set"].rows if refitted else 0)
    return training_rows(state, fitted(batches, rows))


def fitted(batches: Sequence[str], rows: int) -> TrainedModel:
    """A model that has learned so many rows, as of the last batch."""
    result = TrainingResult(
        class_path="a.B", params={}, metric="accuracy", direction="maximize", cv_scores=(), rows=rows,
        features=("x",), excluded={"who": "identifies"}, classes=("no", "yes"), random_state=0, seconds=0.0,
    )  # fmt: skip
    names = ("run_id", "model_uri", "sha256", "recipe_sha256", "data_sha256", "trained_at")
    texts: dict[str, Any] = dict.fromkeys(names, "")
    return TrainedModel(recipe="kept", as_of=batches[-1], batches=tuple(batches), training=result, **texts)


@settings(max_examples=6)
@given(
    sizes=st.lists(
        st.tuples(st.integers(10, 40), st.integers(0, 5), st.integers(0, 5)), min_size=4, max_size=4
    ),
    taken=st.integers(2, 4),
    window=st.sampled_from(["all", 1, 2]),
    delay=st.integers(0, 1),
    suffix=st.sampled_from(["csv", "parquet"]),
    refitted=st.booleans(),
)
def test_rows_in_the_files_are_accounted_for(
    tmp_path_factory: pytest.TempPathFactory,
    sizes: Any,
    taken: int,
    window: str | int,
    delay: int,
    suffix: str,
    refitted: bool,
) -> None:
    months = [month(place, *size) for place, size in enumerate(sizes)]
    more = f"{BATCHES}training: {{window: {window}}}\nmonitoring: {{label_delay: {delay}}}\n"
    state = model(tmp_path_factory.mktemp("kept"), months, suffix, more)
    found = accounted(state, list(MONTHS[:taken]), refitted)
    assert found.balance == 0 and found.in_files == sum(map(len, months))
    assert found.left_out.get(accounting.TWICE, 0) == sum(doubled for *_, doubled in sizes[:taken])
    assert found.left_out.get(accounting.NOT_TAKEN_IN, 0) == sum(map(len, months[taken:]))
    assert found.left_out.get(accounting.TOO_NEW, 0) == (sizes[taken - 1][0] if delay else 0)
    assert (found.held_out == 0) == refitted


def test_a_table_is_accounted_for(tmp_path: Path) -> None:
    state = model(tmp_path, [month(0, 40, 6, 3)], "csv", "")
    found = accounted(state, [STATIC])
    assert found.words == (
        "43 rows in the files: 27 learned, 7 held out, 3 equal to another row of their entity, 6 without a label"
    )
    assert found.balance == 0 and found.columns_left_out == {"who": "identifies"}


@pytest.mark.parametrize("more", ["", BATCHES])
def test_rows_in_quarantine_are_accounted_for(tmp_path: Path, more: str) -> None:
    months = [month(place, 30, 0, 0) for place in range(4)]
    months[1].loc[4, "x"] = np.inf
    months[3].loc[[1, 2], "who"] = None
    state = model(tmp_path, months, "csv", f"{more}quality: {{quarantine: 0.1}}\n")
    found = accounted(state, list(MONTHS) if more else [STATIC])
    assert found.left_out == {
        "with an infinite or too large number in column 'x'": 1,
        "without a value in column 'who', which is required": 2,
    }
    assert found.balance == 0 and found.in_files == 120 and found.learned + found.held_out == 117


def test_refused_repeated_and_misdated_rows_are_accounted_for(tmp_path: Path) -> None:
    months = [month(place, 30, 0, 0) for place in range(4)]
    months[2]["x"] = np.inf
    months[3].loc[4, "t"] = "9999-12-31"
    state = model(tmp_path, [*months, months[1]], "csv", BATCHES)
    found = accounted(state, list(MONTHS))
    assert found.left_out == {SENT_TWICE: 30, FAR_TIME: 1, accounting.REFUSED: 30}
    assert found.balance == 0 and found.learned + found.held_out == 89
    months[0][:10].to_csv(tmp_path / "rows0.csv", index=False)  # a part of what was taken in is gone
    again = training_rows(state, fitted(MONTHS, found.learned))
    assert again.balance == 0 and again.left_out[accounting.GONE] == -20
    assert "less 20 taken in before" in again.words
