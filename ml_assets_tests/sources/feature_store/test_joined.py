"""Laws of the join: each row gets what was known of its entities at its own time, and nothing of later."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from ml_assets.settings import Settings
from ml_assets.settings.services import Database
from ml_assets.sources.feature_store.joined import Joined, join
from ml_assets.sources.feature_store.repository import opened
from ml_assets.sources.paths import SourceError
from ml_assets_tests.support.feature_stores import KINDS, recipe_of, repository

pytestmark = [pytest.mark.extras, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
START = pd.Timestamp("2024-01-01")
KEYS = {"users": ["user_id"], "wares": ["ware"]}


def hours(*counts: float) -> pd.DatetimeIndex:
    """Times so many hours after the start."""
    return START + pd.to_timedelta(list(counts), unit="h")


def joined(settings: Settings, frame: pd.DataFrame, features: dict[str, list[str]]) -> Joined:
    with opened(settings) as repo:
        return join(frame, recipe_of(features), repo)


def tables(random: np.random.Generator, n: int = 60) -> dict[str, pd.DataFrame]:
    """States of some entities, of which many are written late, and some overwritten by a later row of the same time."""
    made = {}
    for name, (key,) in KEYS.items():
        since = random.integers(0, 40, n)
        made[name] = pd.DataFrame(
            {
                key: random.integers(0, 5, n) if key == "user_id" else random.choice(["a", "b", "c"], n),
                "event_timestamp": hours(*since),
                "created": hours(*(since + random.permutation(n) / 2)),
                "amount": random.normal(size=n).round(3),
                "word": random.choice(["x", "y", None], n),
                "flag": random.choice([True, False], n),
            }
        )
    return made


def known(table: pd.DataFrame, key: str, who: object, when: pd.Timestamp) -> pd.Series | None:
    """The newest state whose own time and writing are not after a time: the definition, row by row."""
    there = table[(table[key] == who) & (table["event_timestamp"] <= when) & (table["created"] <= when)]
    return None if there.empty else there.sort_values(["event_timestamp", "created"]).iloc[-1]


@pytest.mark.parametrize("kind", KINDS)
def test_each_row_gets_what_was_known_at_its_time(kind: str, tmp_path: Path) -> None:
    random = np.random.default_rng(KINDS.index(kind))
    made = tables(random)
    n = 120
    frame = pd.DataFrame(
        {
            "user_id": random.integers(0, 7, n),
            "ware": random.choice(["a", "b", "c", "d", None], n),
            "event_timestamp": hours(*random.integers(0, 60, n)),
        },
        index=random.permutation(n),
    )
    frame = pd.concat([frame, frame.head(20)])  # rows that share key and time
    frame.index = range(3, 3 + len(frame))
    asked = {"users": ["amount", "word"], "wares": ["amount", "flag"]}
    with repository(kind, tmp_path, made, KEYS) as settings:
        found = joined(settings, frame, asked)
    assert list(found.columns.index) == list(frame.index)
    assert sorted(found.columns) == ["flag", "users__amount", "wares__amount", "word"]
    for place, row in frame.iterrows():
        got = found.columns.loc[place]
        for name, (key,) in KEYS.items():
            state = known(made[name], key, row[key], row["event_timestamp"])
            for feature, column in (("amount", f"{name}__amount"), ("word", "word"), ("flag", "flag")):
                if column in ("word", "flag") and (column == "word") != (name == "users"):
                    continue
                wanted = None if state is None else state[feature]
                assert (pd.isna(got[column]) and pd.isna(wanted)) or got[column] == wanted, (
                    kind,
                    row,
                    column,
                )
    missing = int(found.columns["flag"].isna().sum())
    assert any(
        f"no value for {missing} of {len(frame)} rows of wares (amount, flag)" in each for each in found.told
    )
    assert any(
        f"{int(frame['ware'].isna().sum())} of them without a key or a time" in each for each in found.told
    )


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_later_changes_no_row(kind: str, tmp_path: Path) -> None:
    """A correction of the past, written after the rows, and a state of the future: both are never joined."""
    frame = pd.DataFrame({"user_id": [1, 1, 2], "event_timestamp": hours(10, 20, 10)})
    early = pd.DataFrame(
        {"user_id": [1, 2], "event_timestamp": hours(1, 1), "created": hours(2, 2), "amount": [1.0, 2.0]}
    )
    late = pd.DataFrame(
        {
            "user_id": [1, 1, 2, 2],
            "event_timestamp": hours(5, 21, 9.5, 30),
            "created": hours(20.5, 21, 10.1, 30),
            "amount": [100.0, 200.0, 300.0, 400.0],
        }
    )
    for place, table in (("without", early), ("with", pd.concat([early, late]))):
        (tmp_path / place).mkdir()
        with repository(kind, tmp_path / place, {"users": table}, {"users": ["user_id"]}) as settings:
            found = joined(settings, frame, {"users": ["amount"]})
        assert found.columns["amount"].tolist() == [1.0, 1.0, 2.0], place


@pytest.mark.parametrize("kind", KINDS)
def test_states_that_share_all_their_times_make_no_row_twice(kind: str, tmp_path: Path) -> None:
    table = pd.DataFrame({"user_id": [1, 1, 2], "event_timestamp": hours(0, 0, 0), "amount": [1.0, 2.0, 3.0]})
    table["created"] = table["event_timestamp"]
    frame = pd.DataFrame({"user_id": [2, 1, 1], "event_timestamp": hours(5, 5, 6)})
    with repository(kind, tmp_path, {"users": table}, {"users": ["user_id"]}) as settings:
        found = joined(settings, frame, {"users": ["amount"]}).columns["amount"].tolist()
    assert found[0] == 3.0
    assert {*found[1:]} <= {1.0, 2.0}


def test_a_server_in_another_zone_joins_nothing_later(tmp_path: Path) -> None:
    """PostgreSQL compares times with and without a zone in the zone of the session."""
    frame = pd.DataFrame({"user_id": [1], "event_timestamp": hours(10)})
    table = pd.DataFrame({"user_id": [1, 1], "event_timestamp": hours(1, 13), "amount": [1.0, 100.0]})
    table["created"] = table["event_timestamp"].dt.tz_localize("UTC")
    for zone in ("Asia/Tokyo", "America/Los_Angeles"):
        for aware in (True, False):
            place = tmp_path / f"{zone[:3]}{aware}"
            place.mkdir()
            own = table.assign(event_timestamp=table["created"]) if aware else table
            with repository("postgresql", place, {"users": own}, {"users": ["user_id"]}) as settings:
                assert settings.database is not None
                engine = sa.create_engine(
                    settings.database.at("public").get_secret_value(), poolclass=sa.NullPool
                )
                with engine.begin() as connection:
                    connection.exec_driver_sql(
                        f"ALTER DATABASE {settings.database.name} SET timezone TO '{zone}'"
                    )
                found = joined(settings, frame, {"users": ["amount"]})
                assert found.columns["amount"].tolist() == [1.0], (zone, aware)


def test_a_value_holds_as_long_as_it_is_declared(tmp_path: Path) -> None:
    table = pd.DataFrame({"user_id": [1], "event_timestamp": hours(0), "amount": [1.0]})
    frame = pd.DataFrame({"user_id": [1, 1], "event_timestamp": hours(23, 25)})
    with repository("files", tmp_path, {"users": table}, {"users": ["user_id"]}) as settings:
        assert settings.feature_store is not None
        place = settings.feature_store / "features.yaml"
        place.write_text(place.read_text().replace("[user_id]", "[user_id], max_age: 1d"))
        found = joined(settings, frame, {"users": ["amount"]})
    assert found.columns["amount"].isna().tolist() == [False, True]


def test_keys_are_those_of_the_store_however_the_rows_write_them(tmp_path: Path) -> None:
    table = pd.DataFrame({"user_id": [7], "event_timestamp": hours(0), "amount": [1.0]})
    with repository("files", tmp_path, {"users": table}, {"users": ["user_id"]}) as settings:
        for keys in ([7], ["7"], [7.0], pd.array([7], "Int64")):
            frame = pd.DataFrame({"user_id": keys, "event_timestamp": ["2024-01-02T00:00:00+01:00"]})
            assert joined(settings, frame, {"users": ["amount"]}).columns["amount"].tolist() == [1.0]
    named = table.assign(user_id="7")
    (tmp_path / "text").mkdir()
    with repository("files", tmp_path / "text", {"users": named}, {"users": ["user_id"]}) as settings:
        for keys in ([7], ["7"], [7.0]):
            frame = pd.DataFrame({"user_id": keys, "event_timestamp": hours(24)})
            assert joined(settings, frame, {"users": ["amount"]}).columns["amount"].tolist() == [1.0]


ROWS = pd.DataFrame({"user_id": [1], "event_timestamp": hours(24)})
WRONG = {
    "namespace": (ROWS, {"user": ["amount"]}, "model.augmenter.features",
        "unknown feature_namespace 'user' (the feature store has users). Did you mean 'users'?"),
    "feature": (ROWS, {"users": ["amout"]}, "model.augmenter.features",
        "unknown feature of users 'amout' (the feature store has amount, tags). Did you mean 'amount'?"),
    "list": (ROWS, {"users": ["tags"]}, "model.augmenter.features", "'tags' of users is a list, a map or bytes"),
    "no key": (ROWS.rename(columns={"user_id": "user"}), {"users": ["amount"]}, "model.augmenter.features",
        "'users' is kept by 'user_id', which is not a column of the rows (found user, event_timestamp)"),
    "no time": (ROWS.drop(columns="event_timestamp"), {"users": ["amount"]}, "model.augmenter.timestamp_col",
        "'event_timestamp' is not a column of the rows"),
    "times of numbers": (ROWS.assign(event_timestamp=20240101), {"users": ["amount"]},
        "model.augmenter.timestamp_col", "holds numbers"),
    "times of words": (ROWS.assign(event_timestamp="yesterday"), {"users": ["amount"]},
        "model.augmenter.timestamp_col", "holds what is no time"),
    "key of words": (ROWS.assign(user_id="u-7"), {"users": ["amount"]}, "model.augmenter.features",
        "keeps 'users' by whole numbers in 'user_id', and the rows have 'u-7' there (1 such values)"),
    "twice": (ROWS.assign(amount=1), {"users": ["amount"]}, "model.augmenter.features",
        "'amount' of 'users' is a column of the rows already"),
}  # fmt: skip


@pytest.fixture(scope="module")
def one_user(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    table = pd.DataFrame({"user_id": [1], "event_timestamp": hours(0), "amount": [1.0], "tags": [["a", "b"]]})
    with repository(
        "files", tmp_path_factory.mktemp("one"), {"users": table}, {"users": ["user_id"]}
    ) as settings:
        return settings


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_joined_is_said_in_one_line(name: str, one_user: Settings) -> None:
    frame, features, key, words = WRONG[name]
    with pytest.raises(SourceError) as caught:
        joined(one_user, frame, features)
    assert caught.value.key == key
    assert words in caught.value.message
    assert "\n" not in caught.value.message


def test_rows_without_any_key_have_no_values(one_user: Settings) -> None:
    frame = ROWS.assign(user_id=pd.array([None], "Int64"))
    found = joined(one_user, frame, {"users": ["amount"]})
    assert found.columns["amount"].isna().tolist() == [True]
    assert found.columns["amount"].dtype == "float64"


def test_the_rows_that_ask_need_no_right_in_the_schema_public(tmp_path: Path) -> None:
    """Since PostgreSQL 15 only its owner may make tables there."""
    table = pd.DataFrame({"user_id": [1], "event_timestamp": hours(0), "amount": [1.0]})
    with repository("postgresql", tmp_path, {"users": table}, {"users": ["user_id"]}) as settings:
        assert settings.database is not None
        server, name = settings.database, f"reader_{settings.database.name}"
        engine = sa.create_engine(server.at("public").get_secret_value(), poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN")
            connection.exec_driver_sql(f"GRANT SELECT ON users TO {name}")
            connection.exec_driver_sql(f"CREATE SCHEMA ml_assets AUTHORIZATION {name}")
        try:
            own = Database(uri=f"postgresql://{name}@{server.host}:{server.port}/{server.name}")
            found = joined(settings.model_copy(update={"database": own}), ROWS, {"users": ["amount"]})
            assert found.columns["amount"].tolist() == [1.0]
            with engine.connect() as connection:
                left = connection.exec_driver_sql(
                    "SELECT tablename FROM pg_tables WHERE schemaname = 'ml_assets'"
                )
                assert left.all() == [], "the rows that asked are left"
        finally:
            with engine.begin() as connection:
                connection.exec_driver_sql(
                    f"DROP SCHEMA ml_assets CASCADE; DROP OWNED BY {name}; DROP ROLE {name}"
                )
