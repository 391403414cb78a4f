"""What is kept online is what is joined now: the same columns, the same values, the same types."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml_assets.serving.online import Online
from ml_assets.settings import Settings
from ml_assets.sources.feature_store.examine import examine
from ml_assets.sources.feature_store.joined import join, newest
from ml_assets.sources.feature_store.repository import opened
from ml_assets.sources.paths import SourceError
from ml_assets_tests.support.feature_stores import recipe_of, redis_of, repository

pytestmark = pytest.mark.extras
KEYS = {"users": ["user_id"], "visits": ["user_id", "shop"]}
ASKED = {"users": ["age", "country", "member", "since"], "visits": ["spent"]}
WHERE = [("files", "sqlite"), ("files", "redis"), ("postgresql", "redis")]
"""Tables, and what keeps the newest values."""


def now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def tables() -> dict[str, pd.DataFrame]:
    """States of the last days, some corrected, some of tomorrow, some without a value."""
    random = np.random.default_rng(2)
    today, n = pd.Timestamp(now()).floor("s"), 80
    since = today - pd.to_timedelta(random.integers(-30, 200, n), unit="h")
    users = pd.DataFrame({"user_id": random.integers(0, 9, n), "event_timestamp": since, "created": since})
    users["age"] = random.integers(18, 80, n)
    users["country"] = random.choice(["DE", "FR", None], n)
    users["member"] = random.choice([True, False], n)
    users["since"] = pd.Timestamp("2020-02-03 04:05:06")
    corrected = users.head(20).assign(age=-1, created=since[:20] + pd.Timedelta("1min"))
    visits = pd.DataFrame({"user_id": random.integers(0, 9, n), "shop": random.choice(["a", "b"], n)})
    visits = visits.assign(event_timestamp=since, created=since, spent=random.normal(size=n))
    users = pd.concat([users, corrected]).drop_duplicates(["user_id", "event_timestamp", "created"])
    return {"users": users, "visits": visits.drop_duplicates(["user_id", "shop", "event_timestamp"])}


@pytest.fixture(params=WHERE, ids="-".join)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    kind, online = request.param
    project = f"tests_{uuid.uuid4().hex[:8]}"
    with (
        redis_of(project if online == "redis" else None) as redis,
        repository(kind, tmp_path, tables(), KEYS, redis) as settings,
    ):
        assert settings.feature_store is not None
        place = settings.feature_store / "features.yaml"
        place.write_text(place.read_text().replace("project: tests", f"project: {project}"))
        yield settings


def test_what_is_kept_online_is_what_is_joined_now(settings: Settings) -> None:
    recipe = recipe_of(ASKED)
    entities = pd.DataFrame({"user_id": range(12), "shop": ["a", "b"] * 6})
    with opened(settings, online=True) as repo:
        before = newest(entities, recipe, repo, now())
        assert before.columns.isna().all(axis=None)
        repo.bring_online(now())
        moment = now()
        online = newest(entities, recipe, repo, moment)
        joined = join(entities.assign(event_timestamp=moment), recipe, repo)
    pd.testing.assert_frame_equal(online.columns, joined.columns)
    assert online.columns["age"].notna().sum() >= 5
    assert online.columns["spent"].notna().sum() >= 3
    assert online.told == joined.told


def test_a_value_that_holds_no_longer_is_missing_online_too(settings: Settings) -> None:
    """Feast's online stores give it."""
    assert settings.feature_store is not None
    place = settings.feature_store / "features.yaml"
    place.write_text(place.read_text().replace("[user_id],", "[user_id], max_age: 1h,"))
    recipe = recipe_of({"users": ["age"]})
    entities = pd.DataFrame({"user_id": range(9)})
    with opened(settings, online=True) as repo:
        repo.bring_online(now())
        raw = repo._feast.get_online_features(["users:age"], entities.to_dict("records")).to_df()
        moment = now()
        online = newest(entities, recipe, repo, moment).columns
        joined = join(entities.assign(event_timestamp=moment), recipe, repo).columns
    pd.testing.assert_frame_equal(online, joined)
    assert online["age"].isna().sum() > raw["age"].isna().sum(), (
        "Feast leaves them out by itself: take ours out"
    )


def test_the_state_of_the_store_is_told(settings: Settings) -> None:
    found = list(examine(settings))
    assert [each.ok for each in found] == [True, True]
    assert "2 namespaces (users, visits), joined by" in found[0].found
    assert "which answers" in found[1].found


def test_a_store_that_does_not_answer_is_told_without_its_password(settings: Settings) -> None:
    from pydantic import SecretStr

    from ml_assets.settings.services import Address

    silent = Address(uri="redis://127.0.0.1:9/0", password=SecretStr("hunter2"))
    found = list(examine(settings.model_copy(update={"redis": silent})))
    assert [each.ok for each in found] == [True, False]
    assert "hunter2" not in str(found)
    with opened(settings.model_copy(update={"redis": silent})) as repo:  # no training rests on it
        assert join(
            pd.DataFrame({"user_id": [1], "event_timestamp": [now()]}), recipe_of({"users": ["age"]}), repo
        )


def test_of_feasts_own_repository_feasts_own_command_brings_values_online(tmp_path: Path) -> None:
    with (
        repository("feast", tmp_path, tables(), KEYS) as settings,
        opened(settings, online=True) as repo,
        pytest.raises(SourceError, match="run `feast materialize-incremental` in its folder"),
    ):
        repo.bring_online(now())


def test_what_is_not_named_is_told(tmp_path: Path) -> None:
    (found,) = examine(Settings(home=tmp_path))
    assert found.ok
    assert "none is named (ML_ASSETS_FEATURE_STORE)" in found.found
    (found,) = examine(Settings(home=tmp_path, feature_store=tmp_path / "absent"))
    assert not found.ok
    assert "holds neither" in found.found


def test_a_server_reads_a_changed_file_again_and_stays_where_it_cannot(tmp_path: Path) -> None:
    with repository("files", tmp_path, tables(), KEYS, None) as settings:
        assert settings.feature_store is not None
        place, online = settings.feature_store / "features.yaml", Online(settings)
        said, first = place.read_text(), online.open()
        assert online.open() is first and "wares" not in first.namespaces
        place.write_text("no: features")
        assert online.open() is first and online.open() is first
        (place.parent / "users.parquet").rename(place.parent / "wares.parquet")
        place.write_text(said.replace("users:", "wares:"))
        second = online.open()
        assert second is not first and "wares" in second.namespaces and online.open() is second
        first.kept(
            "visits", ["spent"], [{"user_id": 1, "shop": "a"}], now()
        )  # a request under way has its own
        online.close()
