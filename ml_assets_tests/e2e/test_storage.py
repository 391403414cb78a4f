"""A model whose rows lie in a bucket: taken in by batches, watched, and told what came later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.e2e.test_command_line import MONTHLY
from ml_assets_tests.support.buckets import SECRET, empty_bucket, serving
from ml_assets_tests.support.command_line import ml_assets, shoppers


@pytest.fixture
def bucket() -> Iterator[Any]:
    with serving() as endpoint, empty_bucket(endpoint) as made:
        yield made


def send(bucket: Any, month: int, frame: pd.DataFrame) -> None:
    bucket.put_object(Key=f"shop/2024-{month:02}.csv", Body=frame.to_csv(index=False).encode())


def test_a_model_lives_on_a_bucket(bucket: Any, shop: Shop) -> None:
    months = {month: shoppers(160, month).assign(day=f"2024-0{month}-15") for month in (1, 2, 3)}
    for month, frame in months.items():
        send(bucket, month, frame)
    path = shop.recipe(
        "monthly", shoppers(), **{"monthly.csv": "s3://lake/shop", "training: {window: all}": MONTHLY}
    )
    outcomes = [checked := ml_assets("validate", path, "--json")]
    assert checked.code == 0 and checked.result["files"][0]["looked_at"]
    outcomes.append(walked := ml_assets("backfill", "--recipe-file", path, "--json"))
    assert [(row["batch"], row["rows"]) for row in walked.result["batches"]] == [
        (f"2024-0{month}-01", 160) for month in months
    ]
    assert walked.result["batches"][2]["champion_version"] == 1
    outcomes.append(quiet := ml_assets("status", "monthly", "--json"))
    assert quiet.result["recipes"][0]["waiting"] == []
    send(bucket, 2, pd.concat([months[2], shoppers(20, 9).assign(day="2024-02-20")]))
    send(bucket, 4, shoppers(160, 4).assign(day="2024-04-15"))
    outcomes.append(later := ml_assets("status", "monthly", "--json"))
    assert later.result["recipes"][0]["waiting"] == ["2024-02-01", "2024-04-01"]
    outcomes.append(again := ml_assets("backfill", "monthly", "--json"))
    assert again.result["batches"][-1]["batch"] == "2024-04-01"
    outcomes.append(settled := ml_assets("status", "monthly", "--json"))
    assert settled.result["recipes"][0]["waiting"] == []
    assert settled.result["recipes"][0]["learned"]["known_rows"] == 4 * 160 + 20
    for outcome in outcomes:
        assert outcome.code == 0 and SECRET not in outcome.out + outcome.err
