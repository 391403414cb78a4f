"""One file of all parts holds what the parts hold, whatever its kind."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ml_assets.serving.batch import PART, whole
from ml_assets.store.places import Folder

ANSWERS = [["tea", 'a "b", c'], [], None, ["é"]]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_lists_of_items_are_the_same_in_a_file_of_either_kind(kind: str, tmp_path: Path) -> None:
    place = Folder(tmp_path / "parts")
    for number, answers in enumerate((ANSWERS[:2], ANSWERS[2:])):
        table = pa.table(
            {
                "user": ["7", "8"],
                "prediction": pa.array(answers, pa.list_(pa.string())),
                "model_version": [1, 1],
            }
        )
        part = io.BytesIO()
        pq.write_table(table, part)
        place.write(PART.format(number), part.getvalue())
    output = tmp_path / f"all.{kind}"
    whole(place, output, kind == "csv")
    if kind == "csv":
        found = pd.read_csv(output)["prediction"]
        assert [None if pd.isna(text) else json.loads(text) for text in found] == ANSWERS
    else:
        assert pq.read_table(output)["prediction"].to_pylist() == ANSWERS
