"""State below `storage.root`: a model lives in a bucket as in its home, whatever is killed, lost, or unreachable."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ml_assets.cli.models import known_state
from ml_assets.lifecycle.storage import OWNER
from ml_assets_tests.e2e.conftest import Shop, opened
from ml_assets_tests.e2e.test_command_line import MONTHLY
from ml_assets_tests.support.buckets import SECRET, empty_bucket, forget, running
from ml_assets_tests.support.command_line import ml_assets, shoppers
from ml_assets_tests.support.emulators import STORES, emulated
from ml_assets_tests.support.processes import Program

ROOT = "s3://lake/state"
TOLD = ("batch", "rows", "live_score", "drift_alarm", "faults", "decision", "champion_version")


@pytest.fixture
def bucket() -> Iterator[Any]:
    with empty_bucket(running()) as made:  # MLflow keeps its client as long as a process lives
        yield made


@pytest.fixture
def monthly(shop: Shop) -> Path:
    """A recipe with three months of data."""
    return with_months(shop, 3)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory, empty_home: Path) -> list[dict[str, Any]]:
    """What four such months come to in a home without a bucket."""
    with opened(tmp_path_factory.mktemp("local"), empty_home) as shop:
        walked = ml_assets("backfill", "--recipe-file", with_months(shop, 4), "--json")
        assert walked.code == 0, walked.err
    return told(walked.result)


def with_months(shop: Shop, count: int) -> Path:
    """A recipe, and so many months of data."""
    for month in range(1, count + 1):
        send(shop, month)
    return shop.recipe(
        "monthly", shoppers(), **{"monthly.csv": "shop/*.csv", "training: {window: all}": MONTHLY}
    )


def send(shop: Shop, month: int) -> None:
    folder = shop.folder / "shop"
    folder.mkdir(exist_ok=True)
    shoppers(160, month).assign(day=f"2024-0{month}-15").to_csv(folder / f"{month}.csv", index=False)


def told(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [{key: row[key] for key in TOLD} for row in result["batches"]]


def keys(bucket: Any) -> set[str]:
    return {each.key for each in bucket.objects.all()}


def test_a_model_in_a_bucket_is_the_same_model(
    bucket: Any, shop: Shop, monthly: Path, local: list[dict[str, Any]], environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("ML_ASSETS_STORAGE_ROOT", ROOT)
    first = ml_assets("backfill", "--recipe-file", monthly, "--json")
    assert told(first.result) == local[:3] and first.result["batches"][2]["champion_version"] == 1
    kinds = {key.split("/")[1] for key in keys(bucket)}
    assert kinds == {"batches", "artifacts", OWNER} and not (shop.home / "artifacts").exists()
    shutil.rmtree(shop.home / "batches")  # copies, and what can be made anew
    quiet = ml_assets("status", "monthly", "--json")
    assert quiet.result["recipes"][0]["champion_version"] == 1 and not quiet.result["recipes"][0]["waiting"]
    send(shop, 4)
    assert told(ml_assets("backfill", "monthly", "--json").result)[-1] == local[3]
    assert ml_assets("doctor", "--json").code == 0
    state = known_state("monthly")
    sha256 = state.store.sha256("raw_data", "2024-02-01")
    bucket.put_object(Key=f"state/batches/monthly/raw_data/blobs/{sha256}.parquet", Body=b"spoiled")
    found = ml_assets("doctor", "--json")
    (wrong,) = [each for each in found.result["checks"] if not each["ok"]]
    assert (
        found.code == 1
        and f"{ROOT}/batches/monthly/raw_data/blobs/{sha256}.parquet is missing" in wrong["found"]
    )
    for outcome in (first, quiet, found):
        assert SECRET not in outcome.out + outcome.err


@pytest.mark.extras
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # gcsfs sends a frame at once
@pytest.mark.parametrize("scheme", STORES)
def test_a_model_in_a_store_of_google_or_azure_is_the_same_model(
    scheme: str,
    shop: Shop,
    monthly: Path,
    local: list[dict[str, Any]],
    tmp_path: Path,
    environment: pytest.MonkeyPatch,
) -> None:
    with emulated(scheme, tmp_path / "service"):
        environment.setenv("ML_ASSETS_STORAGE_ROOT", f"{scheme}://lake/state")
        first = ml_assets("backfill", "--recipe-file", monthly, "--json")
        assert first.code == 0, first.err
        assert told(first.result) == local[:3] and first.result["batches"][2]["champion_version"] == 1
        assert (shop.home / "artifacts").exists() == (scheme == "abfs")
        shutil.rmtree(shop.home / "batches")
        send(shop, 4)
        assert told(ml_assets("backfill", "monthly", "--json").result)[-1] == local[3]
        assert ml_assets("doctor", "--json").code == 0


def test_what_a_home_has_moves_to_the_root_that_it_is_given(
    bucket: Any, shop: Shop, monthly: Path, local: list[dict[str, Any]], environment: pytest.MonkeyPatch
) -> None:
    assert ml_assets("backfill", "--recipe-file", monthly, "--json").code == 0
    environment.setenv("ML_ASSETS_STORAGE_ROOT", ROOT)
    moved = ml_assets("status", "monthly", "--json").result["recipes"][0]
    assert moved["champion_version"] == 1 and moved["waiting"] == []
    assert not list((shop.home / "batches").glob("monthly/*/*.json"))
    send(shop, 4)
    assert told(ml_assets("backfill", "monthly", "--json").result)[-1] == local[3]
    assert ml_assets("doctor", "--json").code == 0


@pytest.mark.slow
def test_another_home_does_not_mix_its_state_with_what_lies_there(
    bucket: Any, shop: Shop, monthly: Path, tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("ML_ASSETS_STORAGE_ROOT", ROOT)
    path = shop.folder / "good.yaml"
    assert ml_assets("train", "--recipe-file", path, "--json").code == 0
    before = keys(bucket)
    environment.setenv("ML_ASSETS_HOME", str(tmp_path / "other"))
    refused = ml_assets("train", "--recipe-file", path, "--json")
    assert (
        refused.code == 1
        and f"storage.root '{ROOT}' holds the state of the home {shop.home}" in refused.message
    )
    assert "one PostgreSQL database" in refused.message and "Traceback" not in refused.err
    assert keys(bucket) == before


def test_a_bucket_out_of_reach_is_one_line_with_the_remedy(
    bucket: Any, shop: Shop, monthly: Path, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("ML_ASSETS_STORAGE_ROOT", ROOT)
    assert ml_assets("backfill", "--recipe-file", monthly, "--to", "2024-01-01", "--json").code == 0
    answered = ml_assets("status", "--environment", "--json").result
    assert [each["found"] for each in answered["checks"] if each["part"] == "storage"] == [
        f"answers at {ROOT}"
    ]
    environment.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    forget()
    failed = ml_assets("backfill", "monthly", "--json")
    assert failed.code == 1 and "Traceback" not in failed.err
    assert failed.message.startswith(f"storage.root '{ROOT}/batches/monthly': the store does not answer")
    assert "AWS_ENDPOINT_URL" in failed.message
    checked = ml_assets("status", "--environment", "--json")
    assert checked.code == 1
    (wrong,) = [each for each in checked.result["checks"] if each["part"] == "storage"]
    assert not wrong["ok"] and "does not answer" in wrong["found"]
    row = ml_assets("status", "monthly", "--json").result["recipes"][0]
    assert row["status"] == "damaged" and "does not answer" in row["why"]


@pytest.mark.slow  # the laws of kills are held on files by quick tests
def test_killed_at_any_put_the_same_command_ends_as_if_nothing_had_been(
    bucket: Any, shop: Shop, monthly: Path, local: list[dict[str, Any]], environment: pytest.MonkeyPatch
) -> None:
    expected = local[:3]  # what comes later changes no month before
    environment.setenv("ML_ASSETS_STORAGE_ROOT", ROOT)
    command = ("ml-assets", "backfill", "--recipe-file", str(monthly), "--json")
    for more in (1, 3, 9, 14):
        before = len(keys(bucket))
        with Program(*command, folder=shop.folder, environ=os.environ) as process:
            deadline = time.monotonic() + 120
            while process.returncode is None and len(keys(bucket)) < before + more:
                assert time.monotonic() < deadline
                time.sleep(0.02)
    walked = ml_assets("backfill", "monthly", "--json")
    assert walked.code == 0, walked.err
    known = {row["batch"]: row for row in told(walked.result)}
    assert known["2024-03-01"]["champion_version"] == expected[2]["champion_version"]
    state = known_state("monthly")
    assert state.store.batches("cleaned_features") == [row["batch"] for row in expected]
    assert list(state.store.faults()) == []
