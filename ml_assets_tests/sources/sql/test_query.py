"""A query gives the rows that a file of the same rows gives, from every database; and a database is only read."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from ml_assets.recipe.schema import Batches
from ml_assets.sources.paths import SourceError
from ml_assets.sources.sight import Sight
from ml_assets.sources.source import Source, open_source
from ml_assets.sources.sql import query
from ml_assets.sources.wanted import Columns, Sql, Wanted
from ml_assets_tests.support.databases import QUERIED, database, execute, put

ROWS = 400
FRAME = pd.DataFrame({
    "id": [2**60 + place for place in range(ROWS)],
    "amount": [place / 8 for place in range(ROWS)],
    "visits": range(ROWS),
    "town": ["north", "it's", None, "o:r; --"] * (ROWS // 4),
    "empty": pd.Series([None] * ROWS, dtype=object),
    "placed": pd.date_range("2024-01-01 00:30", periods=ROWS, freq="7h"),
}).assign(amount=lambda rows: rows["amount"].mask(rows.index % 7 == 0))  # fmt: skip
TODAY = datetime(2024, 6, 1)
MONTHLY = Batches(column="placed", period="monthly")
PERIODS = ("hourly", "daily", "weekly", "monthly")


@pytest.fixture(scope="module", params=QUERIED)
def uri(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with database(request.param, tmp_path_factory.mktemp(request.param)) as address:
        put(address, FRAME)
        yield address


@pytest.fixture
def changed(uri: str) -> Iterator[str]:
    """The table, put back afterwards."""
    yield uri
    put(uri, FRAME)


def wanted(
    uri: str, sql: str = "SELECT * FROM orders", batches: Batches | None = MONTHLY, **params: object
) -> Wanted:
    columns = Columns(texts=frozenset({"id"}), named=frozenset({"id", "placed"}))
    return Wanted(sql, Path(), batches, columns=columns, today=TODAY, sql=Sql(uri, params))


def source(
    uri: str, sql: str = "SELECT * FROM orders", batches: Batches | None = MONTHLY, **params: object
) -> Source:
    return open_source(wanted(uri, sql, batches, **params))


def ordered(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values("id").reset_index(drop=True)


@pytest.mark.parametrize("period", PERIODS)
def test_a_query_gives_what_a_file_gives(uri: str, tmp_path: Path, period: str) -> None:
    FRAME.to_parquet(tmp_path / "rows.parquet", index=False)
    batches = Batches(column="placed", period=period, start="2024-01-20", end="2024-04-02")  # type: ignore[arg-type]
    of_query = source(uri, batches=batches)
    of_file = open_source(replace(wanted(uri, batches=batches), uri="rows.parquet", base=tmp_path, sql=None))
    assert of_query.extent() == of_file.extent()
    assert of_query.filled() == of_file.filled()
    assert of_query.describe() == of_file.describe()
    window = (of_file.filled()[1], of_file.filled()[2])
    for asked in ((None, None), window):
        found, expected = of_query.read(asked), of_file.read(asked)
        pd.testing.assert_frame_equal(ordered(found.frame), ordered(expected.frame))
        assert found.account == expected.account
        assert found.account.balance == 0
    parts = [kind.batches_in(kind.look(Sight())) for kind in (of_query, of_file)]
    assert {batch: part.rows for batch, part in parts[0].items()} == {
        batch: part.rows for batch, part in parts[1].items()
    }


def test_static_rows(uri: str) -> None:
    found = source(uri, batches=None).read()
    assert ordered(found.frame)["id"].tolist() == [str(value) for value in FRAME["id"]]
    assert found.account.rows_given == ROWS


ATTACKS = (
    "'; DROP TABLE orders; --", "north' OR '1'='1", "' UNION SELECT 1,2,3,4,5,6 --", "\\' OR 1=1 #",
    "1; DELETE FROM orders", "{{ 7 * 7 }}", "${HOME}", "%s", "%(x)s", ":x", "?", "\u02bc OR 1=1", "/* */", "a\nb",
    "''", '"', "`", "$$", "N'x'", "\\",
)  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_a_value(uri: str, attack: str) -> None:
    sql = "SELECT o.*, {{ x }} AS bare, '{{ x }}' AS quoted FROM orders o WHERE visits < {{ n }} OR town = '{{ x }}'"
    found = source(uri, sql, None, x=attack, n=3).read().frame
    assert len(found) == 3
    assert set(found["bare"]) == set(found["quoted"]) == {attack}
    assert len(source(uri).read().frame) == ROWS


CHANGES = {
    "a cell": ("UPDATE orders SET amount = amount + 1 WHERE visits = 3", {"2024-01-01"}),
    "a cell that becomes missing": ("UPDATE orders SET town = NULL WHERE visits = 0", {"2024-01-01"}),
    "two cells that change places": (
        "UPDATE orders SET amount = CASE visits WHEN 1 THEN .25 ELSE .125 END WHERE visits IN (1, 2)", {"2024-01-01"},
    ),
    "a row that goes": ("DELETE FROM orders WHERE visits = 399", {"2024-04-01"}),
    "a row that moves": (
        "UPDATE orders SET placed = '2024-02-20 01:02:03' WHERE visits = 399", {"2024-02-01", "2024-04-01"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen_in_its_batch_alone(changed: str, change: str) -> None:
    statement, batches = CHANGES[change]
    looked_at = source(changed)
    before = looked_at.look(Sight())
    assert looked_at.look(before) is before
    execute(changed, statement)
    after = looked_at.look(before)
    parts, old = looked_at.batches_in(after), looked_at.batches_in(before)
    assert {batch for batch in old | parts if old.get(batch) != parts.get(batch)} == batches


def test_a_batch_is_told_by_a_server_without_a_look_at_the_others(uri: str) -> None:
    looked_at = source(uri)
    every = looked_at.batches_in(looked_at.look(Sight()))
    told = looked_at.parts_within(("2024-02-01", "2024-04-01"))
    if uri.startswith(("sqlite", "duckdb")):
        assert told is None
    else:
        assert told == {batch: every[batch] for batch in ("2024-02-01", "2024-03-01")}


def test_a_row_without_a_time_is_refused(changed: str) -> None:
    execute(changed, "UPDATE orders SET placed = NULL WHERE visits = 5")
    for ask in ("read", "extent", "describe"):
        with pytest.raises(SourceError, match=r"time.* is missing"):
            getattr(source(changed), ask)()


def test_a_type_depends_on_no_batch(uri: str) -> None:
    first = source(uri).read(("2024-01-01", "2024-02-01")).frame
    none = source(uri, "SELECT * FROM orders WHERE town IS NULL OR visits > 100")
    assert none.read(("2024-01-01", "2024-02-01")).frame.dtypes.equals(first.dtypes)


def test_the_columns_are_known_without_running_the_query(uri: str) -> None:
    """Of a query without an end."""
    endless = (
        "WITH RECURSIVE n(i, at_once) AS (SELECT 1, CAST('2024-01-31 10:00:00' AS {time}) "
        "UNION ALL SELECT i + 1, at_once FROM n) SELECT i, at_once, o.* FROM n, orders o"
    ).format(time="datetime" if uri.startswith("maria") else "timestamp")
    began = time.monotonic()
    found = source(uri, endless, None)
    told = found.columns()
    assert told is not None
    assert time.monotonic() - began < 5
    assert list(told) == ["i", "at_once", *FRAME.columns]
    if uri.startswith("sqlite"):
        assert set(told.values()) == {None}  # it has kinds of values, not of columns
        return
    kinds = ["whole", "time", "whole", "fraction", "whole", "text", "text", "time"]
    assert list(told.values()) == kinds


def test_of_a_large_query_parts_are_looked_at(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert source(uri).sample().whole
    monkeypatch.setattr(query, "CELLS", 300)
    for batches in (MONTHLY, None):
        found = source(uri, batches=batches).sample()
        assert not found.whole
        assert 30 < sum(map(len, found.batches.values())) <= 60
        assert "from parts of a query of 400 rows" in found.words


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT nothing FROM orders", "the query: .*nothing"),
        ("SELECT * FROM missing", "the query: .*missing"),
        ("SELECT visits AS a, id AS a FROM orders", "the query.*'?a'?"),
        (
            "SELECT a.*, b.* FROM orders a JOIN orders b ON a.id = b.id",
            "[Dd]uplicate column name|more than one column named 'id', 'amount'",
        ),
        ("SELECT id FROM orders", r"batches.column: 'placed' is not a column of the query \(found id\)"),
        ("SELECT o.*, visits AS rowid FROM orders o WHERE 1 = 0", "no rows"),
    ],
)
def test_what_a_database_refuses_is_told(uri: str, sql: str, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        source(uri, sql).read()


def test_a_database_is_only_read(uri: str) -> None:
    """Even where a SELECT would write."""
    if not uri.startswith("postgresql"):
        pytest.skip("SELECT cannot write there")
    engine = sa.create_engine(uri, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SEQUENCE numbers")
    with pytest.raises(SourceError, match="read-only transaction"):
        source(uri, "SELECT nextval('numbers') AS n", None).read()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("postgresql://me:hunter2@127.0.0.1:1/none", "onnect"),
        ("mysql://me:hunter2@127.0.0.1:1/none", "onnect"),
        ("postgresql://me:hunter2@127.0.0.1:port/none", "loader.connection_uri: is no address"),
        ("postgres+psycopg2x", "loader.connection_uri: found what has no"),
        ("oracle://me:hunter2@x/y", "loader.connection_uri: found 'oracle://' is not yet read"),
        (
            "snowflake://me:hunter2@x/y",
            r"the driver snowflake is not installed: pip install 'ml_assets\[snowflake\]'",
        ),
        ("bigquery://p/d", r"the driver bigquery is not installed: pip install 'ml_assets\[bigquery\]'"),
        ("sqlight:///a.db", "Did you mean 'sqlite'"),
        ("sqlite:///none.db", "loader.connection_uri: there is no file none.db"),
        ("sqlite://", "loader.connection_uri: an SQLite database in memory"),
        ("", "loader.connection_uri: a query needs a database.*ML_ASSETS_CONNECTION_URI"),
    ],
)
def test_an_address_that_does_not_answer_is_told_without_its_password(address: str, words: str) -> None:
    with pytest.raises(SourceError, match=words) as refused:
        source(address, batches=None).read()
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(wanted(address))


@pytest.mark.parametrize(
    ("kind", "module"), [("snowflake", "snowflake"), ("bigquery", "sqlalchemy_bigquery")]
)
def test_a_missing_driver_is_told_with_the_command_that_installs_it(kind: str, module: str) -> None:
    if importlib.util.find_spec(module) is not None:
        pytest.skip(f"{module} is installed")
    with pytest.raises(
        SourceError, match=rf"driver {kind} is not installed: pip install 'ml_assets\[{kind}\]'"
    ) as told:
        source(f"{kind}://me:hunter2@x/y").read()
    assert "hunter2" not in str(told.value)


def test_a_query_lies_in_a_file(uri: str, tmp_path: Path) -> None:
    (tmp_path / "orders.sql.j2").write_text("SELECT * FROM orders WHERE visits < {{ most | default(9) }};\n")
    (tmp_path / "plain.sql").write_text("SELECT * FROM orders WHERE visits < {{ most }}")
    read = open_source(Wanted("orders.sql.j2", tmp_path, sql=Sql(uri))).read()
    assert len(read.frame) == 9
    for name, words in (("plain.sql", "a template is called .sql.j2"), ("none.sql", "there is no such file")):
        with pytest.raises(SourceError, match=words):
            open_source(Wanted(name, tmp_path, sql=Sql(uri))).read()


def test_an_index_that_a_data_frame_left_is_set_aside(changed: str) -> None:
    put(changed, FRAME, index=True)
    read = source(changed).read()
    assert list(read.account.columns_set_aside) == ["index"]
    assert "index" not in read.frame


def test_excludes_nothing_but_tells_bytes(uri: str) -> None:
    kind = "CAST('\\xff' AS bytea)" if uri.startswith(("postgres", "duckdb")) else "x'ff'"
    with pytest.raises(SourceError, match=r"the query: column 'b' holds bytes .* leave it out of the query"):
        source(uri, f"SELECT o.*, {kind} AS b FROM orders o", None).read()


def test_wide_numbers_and_decimals(uri: str) -> None:
    found = source(
        uri, "SELECT 9007199254740993 AS big, CAST(1.5 AS DECIMAL(6, 2)) AS price FROM orders", None
    )
    row = found.read().frame.iloc[0]
    assert row["big"] == 9007199254740993
    assert np.isclose(float(row["price"]), 1.5)


def test_numbers_beyond_an_int64(uri: str) -> None:
    """MySQL and DuckDB have them; a column where they come late has one type all the same."""
    if uri.startswith(("sqlite", "postgres")):
        pytest.skip("no whole number there is beyond an int64")
    kind = "UNSIGNED" if uri.startswith("maria") else "UBIGINT"
    wide = f"CAST(CASE WHEN visits > 300 THEN 18446744073709551615 ELSE visits END AS {kind})"
    read = source(uri, f"SELECT visits, {wide} AS wide FROM orders", None).read().frame
    assert set(read.loc[read["visits"] > 300, "wide"]) == {2**64 - 1}
    assert (read["wide"] == read["visits"]).sum() == 301
