"""Predictions over HTTP are kept: through a kill, for a replay bit for bit, as the next batches of monitoring."""

from __future__ import annotations

import io
import json
import os
import signal
import time

import pyarrow.parquet as pq
import pytest

from ml_assets.serving.log_search import find
from ml_assets.serving.logged import REQUEST
from ml_assets.serving.segments import segments
from ml_assets.store.places import Folder
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import ml_assets, shoppers
from ml_assets_tests.support.served import serving


def numbers_of(place: Folder) -> set[str]:
    """All requests that a log has."""
    files = [segment for day in place.folders() for segment in segments(place, day)]
    tables = [pq.read_table(io.BytesIO(place.read(one.key) or b""), columns=[REQUEST]) for one in files]
    return {str(number) for table in tables for number in table[REQUEST].to_pylist()}


def test_a_kill_loses_a_second_of_the_log_at_most_and_an_end_nothing(
    trained_shop: Shop, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("ML_ASSETS_REQUESTS_PER_MINUTE", "1000000")
    rows = json.loads(shoppers(30, 5).drop(columns="bought").to_json(orient="records"))
    place = Folder(trained_shop.home / "predictions" / "good")
    for ending in (signal.SIGKILL, signal.SIGTERM):
        answers: list[tuple[float, str]] = []
        with serving("good", trained_shop.folder) as server:
            until = time.monotonic() + 3
            while time.monotonic() < until:
                answer = server.asked("/predict", {"rows": rows[len(answers) % 30 :][:1]})
                answers.append((time.monotonic(), str(answer["request_id"])))
            ended = time.monotonic()
            os.kill(server.program.pid, ending)
            server.program.wait(60)
        kept = numbers_of(place)
        lost = [at for at, number in answers if number not in kept]
        assert find(place, answers[0][1]) is not None
        assert len(answers) > 20 and all(ended - at <= 1 for at in lost)
        assert ending == signal.SIGKILL or not lost


def test_a_prediction_is_made_again_bit_for_bit_and_tells_where_it_comes_from(trained_shop: Shop) -> None:
    recipe = trained_shop.folder / "good.yaml"
    rows = json.loads(shoppers(3, 5).drop(columns="bought").assign(customer="c7").to_json(orient="records"))
    with serving("good", trained_shop.folder) as server:
        answer = server.asked("/predict", {"rows": rows, "probabilities": True})
        os.kill(server.program.pid, signal.SIGTERM)
        server.program.wait(60)
    recipe.write_text(recipe.read_text().replace("C: 1.0", "C: 0.001"))
    assert ml_assets("train", "--recipe-file", recipe, "--json").code == 0
    assert ml_assets("promote", "good", "2", "--force").code == 0  # another answers now
    shown = ml_assets("replay", str(answer["request_id"]))
    assert shown.code == 0 and "the same, bit for bit" in shown.out and "version 1" in shown.out
    assert "learned from 160 rows" in shown.out and '"customer": "c7"' in shown.out
    result = ml_assets("replay", str(answer["request_id"]), "--json").result
    assert result["same"] and result["rows"] == rows and result["version"] == 1
    assert result["predictions"] == [one["prediction"] for one in answer["predictions"]]
    assert result["probabilities"] == [one["probabilities"] for one in answer["predictions"]]
    learned = result["learned_from"]
    assert learned["rows"] == learned["row_ids"] == 160 and set(learned["snapshots"]) == {"all"}
    for unknown in ("0" * 32, "../../etc"):
        assert "Traceback" not in ml_assets("replay", unknown).err
        assert ml_assets("replay", unknown, "--json").code == 1
