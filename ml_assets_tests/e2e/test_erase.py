"""Of an entity that was erased nothing is found under the home, whatever was killed on the way."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd
import pytest

from ml_assets.cli.models import known_state
from ml_assets.erasure.entity import Entity
from ml_assets.lifecycle.arrival import state_of_data
from ml_assets.registry import erasures
from ml_assets.serving.log import PredictionLog, new_number
from ml_assets.serving.logged import Answered, Taken
from ml_assets.store.places import Folder
from ml_assets_tests.e2e.conftest import Shop, opened
from ml_assets_tests.support.buckets import empty_bucket, running
from ml_assets_tests.support.command_line import Outcome, ml_assets
from ml_assets_tests.support.homes import copy_home
from ml_assets_tests.support.places import BATCH_RECIPE, day, rows

ONE, OTHER = "zoë-00007", "zoë-00008"
RECIPE = (
    BATCH_RECIPE.replace('"*.csv"', '"tide/*.csv"').replace(
        "target_col: y", "target_col: y, entity_cols: [client]"
    )
    + "quality: {rows: [{columns: [b], min: -50}]}\n"
)


def put(folder: Path, number: int, *without: str) -> None:
    frame = rows(number, number >= 2)
    frame["client"] = [f"zoë-{(place + 5) % 60:05d}" for place in range(len(frame))]
    frame.loc[62, "b"] = -99.0  # in quarantine, and of the one; row 2 is shown in Dagster
    (folder / "tide").mkdir(exist_ok=True)
    frame[~frame["client"].isin(without)].to_csv(folder / "tide" / f"{day(number)}.csv", index=False)


def note(home: Path, *clients: str) -> str:
    """Log a request about some clients, as a server does."""
    log, number = PredictionLog(Folder(home / "predictions" / "tide")), new_number()
    kinds = dict.fromkeys("abcd", "number")
    asked = [{**dict.fromkeys("abcd", 0.5), "client": client} for client in clients]
    log.start()
    log.note(
        Answered(
            number, datetime.now(UTC).timestamp(), 1, Taken(tuple("abcd"), kinds), asked, ["yes"] * len(asked)
        )
    )
    log.close()
    return number


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory, empty_home: Path) -> Iterator[Shop]:
    """A model whose second version is champion, and that has learned all clients."""
    with opened(tmp_path_factory.mktemp("erased"), empty_home) as shop:
        shop.write("tide.yaml", RECIPE)
        for number in range(4):
            put(shop.folder, number)
        done = ml_assets("backfill", "tide", "--json")
        assert done.code == 0 and done.result["batches"][-1]["champion_version"] == 2, done.err
        yield shop


@pytest.fixture
def tide(walked: Shop, tmp_path: Path, environment: pytest.MonkeyPatch) -> Shop:
    return copied(walked, tmp_path, environment)


def copied(walked: Shop, root: Path, environment: pytest.MonkeyPatch) -> Shop:
    root.mkdir(exist_ok=True)
    shop = Shop(copy_home(walked.home, root / "a home"), root / "recipes")
    shutil.copytree(walked.folder, shop.folder)
    environment.setenv("ML_ASSETS_HOME", str(shop.home))
    environment.setenv("ML_ASSETS_RECIPES", str(shop.folder))
    return shop


def erase(value: str, *more: str) -> Outcome:
    return ml_assets("erase", "tide", "--entity", f"client={value}", "--yes", "--json", *more)


def found_in(home: Path, value: str) -> list[str]:
    """Files that have a value, in their bytes or in the cells of a table."""
    found = []
    for path in sorted(each for each in home.rglob("*") if each.is_file()):
        content = path.read_bytes()
        if any(form.encode() in content for form in Entity("client", value).forms) or (
            path.suffix == ".parquet" and in_cells(content, value)
        ):
            found.append(str(path.relative_to(home)))
    return found


def in_cells(content: bytes, value: str) -> bool:
    frame = pd.read_parquet(io.BytesIO(content))
    return any(value in text for text in frame.astype(str).to_numpy().ravel())


def test_nothing_of_an_entity_is_left_and_all_else_knows(tide: Shop) -> None:
    mine, others = note(tide.home, ONE, OTHER), note(tide.home, OTHER)
    everywhere = found_in(tide.home, ONE)
    for part in (
        "raw_data",
        "cleaned_features",
        "training_set",
        "quarantine",
        "predictions/",
        "training/reference",
        "dagster",
    ):
        assert any(part in path for path in everywhere), part
    before = known_state("tide")
    rows_before, snapshots = (
        before.store.rows("raw_data", day(0)),
        before.registry.version("tide", 1).trained.snapshots,
    )
    done = erase(ONE)
    assert done.code == 0, done.err
    assert found_in(tide.home, ONE) == []
    assert found_in(tide.home, OTHER), "the others stay"
    told = done.result
    assert told["learned"] == [1, 2] and told["predictions"] == 1 and told["rows"]["raw_data"][day(0)] == 4
    assert told["rows"]["quarantine"][day(0)] == 1 and ONE not in str(told)
    state = known_state("tide")
    assert state.store.rows("raw_data", day(0)) == rows_before - 4
    # It is no fault, no change of the source, and nothing that was learned from other rows.
    assert list(state.store.faults()) == [] and state.registry.files.faults("tide", 2) == []
    assert set(snapshots) and state_of_data(state).waiting == state_of_data(state).outdated == ()
    assert "had learned rows that were erased since" in ml_assets("status", "tide").err
    explained = ml_assets("explain", "tide", "--decision", str(told["entry"]))
    assert "erased the rows of one entity" in explained.out and "column client" in explained.out
    assert ONE not in explained.out
    # A replay says so; of another one it can be tried.
    assert "was erased on" in ml_assets("replay", mine, "--json").message
    assert "was erased" not in ml_assets("replay", others, "--json").err
    again = erase(ONE)
    assert again.code == 0 and not again.result["rows"]


def test_nothing_is_left_in_a_bucket_nor_in_the_copies_of_it(
    tide: Shop, environment: pytest.MonkeyPatch
) -> None:
    with empty_bucket(running()) as bucket:
        environment.setenv("ML_ASSETS_STORAGE_ROOT", "s3://lake/state")
        assert ml_assets("status", "tide", "--json").code == 0  # batches and records move there
        artifacts = tide.home / "artifacts"
        for path in artifacts.rglob("*"):  # files of runs, as those of trainings to come will lie there
            if path.is_file():
                bucket.upload_file(str(path), f"state/artifacts/{path.relative_to(artifacts)}")
        store = known_state("tide").store
        page = next(key for key in store.place.keys("") if key.endswith(".html"))
        store.place.write(page, f"<p>{ONE} came most often</p>".encode())
        bucket.upload_file(str(store.place.file(page)), "state/artifacts/tide/0/artifacts/report/page.html")

        def left(value: str) -> list[str]:
            for each in bucket.objects.all():
                place = tide.home / "all that is in the bucket" / each.key
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(each.get()["Body"].read())
            found = found_in(tide.home, value)
            shutil.rmtree(tide.home / "all that is in the bucket")
            return found

        before = left(ONE)
        for part in ("bucket/state/batches", "bucket/state/artifacts"):
            assert any(part in path for path in before), part
        assert any(path.startswith("batches/tide/") and path.endswith(".html") for path in before)
        assert erase(ONE).code == 0
        assert left(ONE) == []
        assert left(OTHER), "the others stay"
        # What was left by an erasure that did not know of such places goes when it is asked for again.
        key = "state/artifacts/tide/1/artifacts/report/page.html"
        bucket.Object(key).put(Body=f"<p>{ONE} came most often</p>".encode())
        assert left(ONE)
        declined = ml_assets("erase", "tide", "--entity", f"client={ONE}", "--json")
        assert declined.code != 0 and "looked through again" in declined.err and left(ONE)
        assert erase(ONE).result["done"] and left(ONE) == []


def test_what_comes_again_is_kept_out_and_counted(tide: Shop) -> None:
    assert erase(ONE).code == 0
    put(tide.folder, 4)  # a new batch, in which the source has them still
    walked = ml_assets("backfill", "tide", "--json")
    assert walked.code == 0, walked.err
    state = known_state("tide")
    assert found_in(tide.home, ONE) == []
    assert state.store.rows("raw_data", day(4)) == 300 - 5
    account = state.rows(day(4)).account
    assert [(part.reason, part.rows) for part in account.set_aside if "erased" in part.reason] == [
        ("of an erased entity", 5)
    ]
    assert account.balance == 0
    # The source without them is what is known already.
    put(tide.folder, 4, ONE)
    again = ml_assets("backfill", "tide", "--json")
    assert again.code == 0 and state.store.rows("raw_data", day(4)) == 300 - 5, again.err


def test_two_entities_and_old_models(tide: Shop) -> None:
    assert erase(ONE).code == erase(OTHER).code == 0
    assert found_in(tide.home, ONE) == found_in(tide.home, OTHER) == []
    state = known_state("tide")
    assert state.registry.files.faults("tide", 1) == state.registry.files.faults("tide", 2) == []
    refused = erase(ONE, "--versions", "2")
    assert refused.code != 0 and "it is the champion" in refused.message
    deleted = erase(ONE, "--versions", "1")
    assert deleted.result["deleted"] == [1]
    assert "the model of version 1 is deleted" in state.ledger.last("tide", ("erase",), state="done").reason
    assert erase(ONE, "--versions", "1").result["deleted"] == [], "it is gone"
    assert not erase("nobody").result["done"]
    for command in (
        ("promote", "tide", 1, "--force"),
        ("rollback", "tide", "--to", 1),
        ("ab", "start", "tide", 1),
    ):
        assert (
            "version 1 was deleted by an erasure: take one that is left (2)"
            in ml_assets(*command, "--json").message
        )
    assert "there is nothing to go back to" in ml_assets("rollback", "tide", "--json").message
    assert state.registry.files.faults("tide", 1) == []
    assert erasures.erased_words(state.ledger, "tide")[0].startswith("version 2 had learned")
    audit = ml_assets("audit", "tide", "--out", tide.home.parent / "audit", "--json")
    assert audit.code == 0 and audit.result["faults"] == [], audit.err
    assert ml_assets("doctor", "--json").result is not None


class Killed(BaseException):
    """Stands for the end of the process."""


def test_killed_anywhere_the_same_command_goes_on(
    walked: Shop, tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    moves = 0
    replace = os.replace

    def counted(*arguments: Any) -> None:
        nonlocal moves
        moves += 1
        if moves == last:
            raise Killed
        replace(*arguments)

    last, count = 0, 1
    places = [0.0, 0.15, 0.4, 0.7, 0.97]
    for number, place in enumerate([None, *places]):
        shop = copied(walked, tmp_path / str(number), environment)
        note(shop.home, ONE)
        moves, last = 0, 0 if place is None else 1 + int(place * count)
        with patch("ml_assets.store.atomic.os.replace", counted):
            if place is None:
                assert erase(ONE).code == 0
                count = moves
                assert count > 10
                continue
            with pytest.raises(Killed):
                erase(ONE)
        done = erase(ONE)
        assert done.code == 0, done.err
        assert found_in(shop.home, ONE) == [], place
        assert done.result["learned"] == [1, 2]
        state = known_state("tide")
        assert list(state.store.faults()) == [] and state.registry.files.faults("tide", 2) == []
        assert state_of_data(state).outdated == ()
        assert state.ledger.find("tide", ["erase"], state="done")
        shutil.rmtree(tmp_path / str(number))


def test_who_asks_for_what_there_is_not_is_told(tide: Shop) -> None:
    nobody = erase("client-99999")
    assert nobody.code == 0 and not nobody.result["done"]
    assert known_state("tide").ledger.find("tide", ["erase"]) == ()
    assert "Did you mean 'client'?" in ml_assets("erase", "tide", "--entity", "clint=x", "--json").message
    assert "COLUMN=VALUE" in ml_assets("erase", "tide", "--entity", "client", "--json").message
    plan = ml_assets("erase", "tide", "--entity", f"client={ONE}", "--json")
    assert "say --yes" in plan.message and "raw_data: 16 rows of 4 batches" in plan.err
    assert found_in(tide.home, ONE), "nothing was changed"
    tide.write("tide.yaml", RECIPE.replace(", entity_cols: [client]", ""))
    assert "entity_cols: [client]" in erase(ONE).message
