"""What is served is held against what was judged, before a version takes charge; the record says what was found."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlparse

import numpy as np
import pandas as pd
import pytest

from ml_assets.compiled.run import Compiled
from ml_assets.compiled.spec import ANSWERS, ARRAYS, CHECK, FOLDER, SPECIFICATION, Specification
from ml_assets.lifecycle.again import decide_again
from ml_assets.lifecycle.alike import IN_TIME, see_alike
from ml_assets.records import Promotion, TrainedModel
from ml_assets.registry.integrity import model_sha256
from ml_assets.registry.standard import RAW_ROWS, RawRows
from ml_assets.serving.live import load_version
from ml_assets_tests.support.shore import Shore, day


def rows(number: int) -> pd.DataFrame:
    """Rows of a day."""
    random = np.random.default_rng(number)
    frame = pd.DataFrame(random.normal(size=(200, 3)), columns=["a", "b", "c"])
    return frame.assign(y=np.where(frame["a"] + random.normal(size=200) > 0, "yes", "no"))


@pytest.fixture
def shore(tmp_path: Path, mlflow_home: Path) -> Shore:
    """A model after its first training, on day 1."""
    shore = Shore(tmp_path / "shore", mlflow_home)
    for number in range(2):
        shore.put(number, rows(number))
        shore.take_in(number)
    shore.train(1)
    return shore


def spoilt(shore: Shore, change: Callable[[Path], None], most: float | None = None) -> Promotion:
    """What the gate says of the version, had its files been saved otherwise, and had a row `most` milliseconds."""
    state = shore.state
    promotion = state.recipe.promotion.model_copy(update={"max_latency_ms": most})
    state = replace(state, recipe=state.recipe.model_copy(update={"promotion": promotion}))
    trained = state.store.read_record("trained_model", day(1), TrainedModel)
    folder = Path(unquote(urlparse(state.registry.files.location(trained.model_uri)).path))
    change(folder)
    trained = trained.model_copy(update={"sha256": model_sha256(folder)})
    rows = state.store.read_frame("training_set", day(1))
    gain = Promotion(outcome="promote", reason="better", metric="f1", direction="maximize", rows=9)
    return see_alike(state, trained, rows, gain)


def other_numbers(folder: Path) -> None:
    """A compiled form that is off, and passes for itself."""
    place = folder / FOLDER
    with np.load(place / ARRAYS) as stored:
        arrays = {name: stored[name] for name in stored.files}
    arrays["model.intercept"] = arrays["model.intercept"] + 1e-3
    np.savez(place / ARRAYS, **arrays)
    known = RawRows.model_validate_json((folder / RAW_ROWS).read_text())
    spec = Specification.model_validate_json((place / SPECIFICATION).read_text())
    compiled = Compiled(spec, arrays, place, known.columns, known.kinds.columns)
    rows = json.loads((place / CHECK).read_text())["rows"][:1]
    scores = [each.tolist() for each in compiled.scores(*compiled.encoder.rows([tuple(rows[0])]))]
    (place / CHECK).write_text(json.dumps({"rows": rows, "scores": scores}))


def other_answers(folder: Path) -> None:
    """A pipeline that is not, once it is loaded again, what was fitted."""
    kept = pd.read_parquet(folder / FOLDER / ANSWERS)
    answers = [name for name in kept if name.startswith("answer__")]
    kept.assign(**{name: 1 - kept[name] for name in answers}).to_parquet(folder / FOLDER / ANSWERS)


def test_what_is_served_is_a_line_of_the_gate_and_what_differs_is_not_served(
    shore: Shore, tmp_path: Path
) -> None:
    state = shore.state
    entry = state.ledger.last(state.name, ["promote"])
    assert entry is not None
    lines = {check["name"]: check for check in entry.record["checks"]}
    text = lines["served numbers"]["text"]
    assert (
        text.startswith("served numbers equal the pipeline's on 1,200 rows") and "largest difference" in text
    )
    assert lines["served numbers"]["passed"] and lines["loaded again"]["passed"] and text in entry.reason
    assert load_version(state.registry, state.name, 1).way.name == "compiled"

    said = spoilt(shore.copy(tmp_path / "other numbers"), other_numbers)
    assert said.outcome == "promote" and "on 1,200 hard rows it differs by" in said.by_pipeline
    assert "the compiled form is not served, the pipeline is" in said.reason
    unread = spoilt(
        shore.copy(tmp_path / "unread"), lambda folder: (folder / FOLDER / ARRAYS).write_bytes(b"none")
    )
    assert unread.outcome == "promote" and unread.by_pipeline and unread.by_pipeline in unread.reason
    kept_out = spoilt(shore.copy(tmp_path / "other answers"), other_answers)
    assert kept_out.outcome == "keep" and "better, but loaded again, it answers otherwise" in kept_out.reason

    # The files are as they were: the record alone keeps the compiled form from answering.
    state.ledger.append(state.name, "keep", actor="test", to_version=1, reason="", record=said)
    way = load_version(state.registry, state.name, 1).way
    assert way.name == "pipeline" and way.why == said.by_pipeline


@pytest.mark.parametrize(("change", "form"), [(lambda _: None, "compiled form"), (other_numbers, "pipeline")])
def test_a_version_that_takes_too_long_for_a_row_is_kept_out(
    shore: Shore, tmp_path: Path, change: Callable[[Path], None], form: str
) -> None:
    """Nothing answers in a nanosecond, and everything in a quarter of an hour."""
    inside = spoilt(shore.copy(tmp_path / "inside"), change, most=1e6)
    (told,) = [check for check in inside.checks if check.name == IN_TIME]
    assert told.passed and inside.outcome == "promote"
    assert told.text.startswith(f"one row takes its {form} ") and "1e+06 are allowed" in told.text
    beyond = spoilt(shore.copy(tmp_path / "beyond"), change, most=1e-6)
    assert beyond.outcome == "keep"
    assert "better, but one row takes" in beyond.reason and "(promotion.max_latency_ms)" in beyond.reason
    free = spoilt(shore.copy(tmp_path / "free"), change)
    assert IN_TIME not in {check.name for check in free.checks}


def test_a_first_model_has_to_answer_in_time_too(tmp_path: Path, mlflow_home: Path) -> None:
    shore = Shore(tmp_path / "shore", mlflow_home)
    path = shore.state.path
    path.write_text(f"{path.read_text()}promotion: {{max_latency_ms: 0.000001}}\n")
    shore._lives_in(shore.folder, shore.state.settings.home)
    for number in range(2):
        shore.put(number, rows(number))
        shore.take_in(number)
    said = shore.train(1)
    assert said.outcome == "keep" and "(promotion.max_latency_ms)" in said.reason
    assert shore.state.registry.champion(shore.state.name) is None
    again = decide_again(shore.state, shore.state.registry.version(shore.state.name, 1))
    assert again.same, again.words
