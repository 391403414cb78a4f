"""Evidently's report and our pictures survive what batches hold."""

from __future__ import annotations

import json
import re
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest

from ml_assets.monitoring import evidently_report, pictures
from ml_assets.recipe.schema import Monitoring
from ml_assets_tests.support.references import compared


def frame(rows: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    levels = np.array([f"a rather long level ${k}" for k in range(12)], dtype=object)
    return pd.DataFrame(
        {name: rng.normal(size=rows) for name in ("x", "y", "$z$")} | {"c": levels[rng.integers(0, 12, rows)]}
    )


NUMERIC, CATEGORICAL = ["x", "y", "$z$"], ["c"]


def test_report_compares_each_column() -> None:
    text, html = evidently_report.report(frame(300), frame(200, 1), NUMERIC, CATEGORICAL)
    record = json.loads(text)
    assert [name for name in NUMERIC + CATEGORICAL if f"column={name}," in text] == NUMERIC + CATEGORICAL
    assert record["left_out"] == [] and "<html" in html


def test_report_is_the_one_that_evidently_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of its page is lost with the pictures that are not drawn."""
    ours = evidently_report.report(frame(60), frame(40, 1), ["x"], CATEGORICAL)
    monkeypatch.setattr(evidently_report, "_drawn_once", nullcontext)
    theirs = evidently_report.report(frame(60), frame(40, 1), ["x"], CATEGORICAL)
    drawn_by_chance = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}")
    assert [drawn_by_chance.sub("", text) for text in ours] == [
        drawn_by_chance.sub("", text) for text in theirs
    ]


def test_report_survives_empty_frames_and_columns() -> None:
    whole = frame(300)
    text, html = evidently_report.report(whole, whole.head(0), NUMERIC, CATEGORICAL)
    assert json.loads(text)["left_out"] == ["$z$", "c", "x", "y"] and "0 rows in the batch" in html
    holes = whole.assign(x=np.nan, y=np.inf, c=None)
    text, _ = evidently_report.report(whole, holes, [*NUMERIC, "absent"], CATEGORICAL)
    assert json.loads(text)["left_out"] == ["absent", "c", "x", "y"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda batch: batch,
        lambda batch: batch.assign(x=np.nan, c=None),
        lambda batch: batch.assign(x=1e300),
        lambda batch: batch.drop(columns=["x", "c"]),
        lambda batch: batch.head(0),
        lambda batch: batch.drop(columns=list(batch.columns)),
    ],
)
def test_picture_is_small_whatever_the_batch(spoil) -> None:
    reference, batch = frame(2000), spoil(frame(1000, 1))
    report = compared("b", batch, reference, NUMERIC, CATEGORICAL, Monitoring())
    picture = pictures.worst_columns(report, reference, batch)
    assert picture.startswith(b"\x89PNG") and len(picture) <= 30_000


def test_names_and_levels_become_no_part_of_the_page() -> None:
    attack = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>"
    names = {"x": attack, "c": f"c{attack}"}

    def spoilt(seed: int) -> pd.DataFrame:
        whole = frame(200, seed)
        return whole.assign(c=whole["c"] + attack).rename(columns=names)

    text, html = evidently_report.report(spoilt(0), spoilt(1), [attack], [f"c{attack}"])
    plain = evidently_report.report(frame(200), frame(200, 1), ["x"], ["c"])[1]
    assert json.dumps(attack)[1:-1] in text  # the record has the name as it is
    assert "‹script›document.title" in html
    assert [html.lower().count(tag) for tag in TAGS] == [plain.lower().count(tag) for tag in TAGS]


TAGS = ("<script", "</script", "<img")
