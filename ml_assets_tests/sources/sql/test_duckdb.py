"""DuckDB reads one database, or the files of one folder; nothing else of the machine is within its reach."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from ml_assets.sources.paths import SourceError
from ml_assets.sources.source import Source, open_source
from ml_assets.sources.sql import duck, link
from ml_assets.sources.sql.databases import DATABASES
from ml_assets.sources.sql.link import Address
from ml_assets.sources.wanted import Sql, Wanted
from ml_assets_tests.support.databases import put

duckdb = pytest.importorskip("duckdb")
SECRET = "hunter2"
FRAME = pd.DataFrame({"id": [1, 2, 3], "town": ["north", None, "south"]})


@pytest.fixture(params=["file", "folder"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a database; beside it lie files that nobody may read."""
    for name in ("secret.csv", "secret.txt", "secret.json"):
        (tmp_path / name).write_text(f"word\n{SECRET}\n")
    pd.DataFrame({"word": [SECRET]}).to_parquet(tmp_path / "secret.parquet")
    with duckdb.connect(str(tmp_path / "secret.duckdb")) as connection:
        connection.execute(f"CREATE TABLE secrets AS SELECT '{SECRET}' AS word")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "other.csv").write_text(f"word\n{SECRET}\n")
    address = f"duckdb:///{tmp_path / 'shop'}"
    if request.param == "file":
        address += "/shop.duckdb"
    put(address, FRAME)
    return address


def source(address: str, sql: str = "SELECT * FROM orders", **params: object) -> Source:
    return open_source(Wanted(sql, Path(), sql=Sql(address, params)))


REACHES = (
    "SELECT * FROM read_csv('{secret}.csv')",
    "SELECT * FROM read_csv_auto('{secret}.csv')",
    "SELECT * FROM '{secret}.csv'",
    "SELECT * FROM read_parquet('{secret}.parquet')",
    "SELECT * FROM parquet_scan(['{secret}.parquet'])",
    'SELECT * FROM "{secret}.parquet"',
    "SELECT * FROM read_text('{secret}.txt')",
    "SELECT * FROM read_blob('{secret}.txt')",
    "SELECT * FROM read_json('{secret}.json')",
    "SELECT * FROM sniff_csv('{secret}.csv')",
    "SELECT * FROM glob('{secret}*')",
    "SELECT * FROM parquet_metadata('{secret}.parquet')",
    "SELECT * FROM query('SELECT * FROM ''{secret}.csv''')",
    "SELECT * FROM query_table('{secret}.csv')",
    "SELECT * FROM orders, (SELECT * FROM read_csv('{secret}.csv'))",
    "SELECT (SELECT content FROM read_text('{secret}.txt')) AS word",
    "WITH w AS (FROM '{secret}.csv') SELECT * FROM w",
    "SELECT * FROM read_csv('{folder}/other.csv')",
    "SELECT * FROM orders UNION ALL BY NAME FROM '{secret}.parquet'",
    "SELECT * FROM orders JOIN read_parquet('{folder}/../secret.parquet') ON true",
    "SELECT * FROM sqlite_scan('{secret}', 'a')",
    "SELECT * FROM postgres_scan('host=127.0.0.1', 'a', 'b')",
    "SELECT * FROM read_csv('https://127.0.0.1:9/x.csv')",
    "SELECT * FROM read_csv('/proc/self/environ')",
    "SELECT * FROM frame",
    "SELECT getenv('HOME') AS word",
)
WRITES = (
    "COPY orders TO '{secret}.out'",
    "COPY (SELECT 1) TO '{folder}/orders.parquet'",
    "EXPORT DATABASE '{secret}.out'",
    "ATTACH '{secret}.duckdb' AS other",
    "ATTACH '{secret}.duckdb' (READ_ONLY)",
    "INSTALL httpfs",
    "LOAD httpfs",
    "INSTALL 'x.duckdb_extension'",
    "SET enable_external_access = true",
    "RESET lock_configuration",
    "SET allowed_paths = ['{secret}.csv']",
    "DELETE FROM orders",
    "INSERT INTO orders SELECT * FROM orders",
    "DROP TABLE orders",
    "UPDATE orders SET id = 1",
    "CREATE OR REPLACE TABLE orders AS SELECT 1",
    "TRUNCATE orders",
    "CALL pragma_version()",
    "PRAGMA database_list",
    "CHECKPOINT",
    "IMPORT DATABASE '{secret}'",
    "CREATE SECRET s (TYPE s3)",
)


def filled(sql: str, address: str) -> str:
    folder = Path(address.removeprefix("duckdb:///").removesuffix("/shop.duckdb"))
    return sql.format(secret=folder.parent / "secret", folder=folder)


@pytest.mark.parametrize("sql", (*REACHES, *WRITES))
def test_no_query_reaches_beyond_its_database(place: str, sql: str) -> None:
    frame = FRAME  # a name in a query means no variable of a program
    with pytest.raises(SourceError) as refused:
        source(place, filled(sql, place)).read()
    assert SECRET not in str(refused.value)
    assert len(source(place).read().frame) == len(frame)


@pytest.mark.parametrize("sql", (*REACHES, *WRITES))
def test_the_connection_alone_keeps_it_in(place: str, sql: str) -> None:
    """Whatever passes as one SELECT: no file is read or written, and no table changed."""
    before = sorted(Path(place.removeprefix("duckdb:///")).parent.rglob("*"))
    address = Address(place, (Path(),), frozenset({"orders"}))
    with duck.connected(address, DATABASES["duckdb"]) as opened:
        try:
            found = str(opened.connection.execute(filled(sql, place)).fetchall())  # type: ignore[attr-defined]
        except duckdb.Error as error:
            found = str(error).split("\n", maxsplit=1)[0]
    assert SECRET not in found
    assert sorted(Path(place.removeprefix("duckdb:///")).parent.rglob("*")) == before
    assert len(source(place).read().frame) == len(FRAME)


def test_a_value_is_no_file_and_no_query(place: str) -> None:
    for sql in ("SELECT * FROM {{ x }}", "SELECT * FROM query({{ x }})", "SELECT * FROM read_csv({{ x }})"):
        with pytest.raises(SourceError):
            source(place, sql, x="SELECT 1").read()


def test_rows_come_in_parts(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duck, "CHUNK", 1000)
    put(place, pd.DataFrame({"id": range(10_500)}))
    address = Address(place, (Path(),), frozenset({"orders"}))
    with duck.connected(address, DATABASES["duckdb"]) as opened:
        sizes = [
            len(part[0]) for part in opened.parts("SELECT id FROM orders WHERE id >= :least", {"least": 500})
        ]
    assert sum(sizes) == 10_000
    assert max(sizes) <= 1000
    assert link.CHUNK <= 100_000


def test_two_queries_at_once(place: str) -> None:
    address = Address(place, (Path(),), frozenset({"orders"}))
    with (
        duck.connected(address, DATABASES["duckdb"]) as first,
        duck.connected(address, DATABASES["duckdb"]) as second,
    ):
        assert [one.rows("SELECT COUNT(*) FROM orders", {}) for one in (first, second)] == [[(3,)], [(3,)]]


TYPES = {
    "INT": [1, 2],
    "HUGEINT": [1, 2],
    "DECIMAL(9, 2)": [1.5, 2.25],
    "BOOLEAN": [True, False],
    "DATE": ["2024-01-31"] * 2,
    "TIMESTAMP_NS": ["2024-01-31 10:00:00"] * 2,
    "TIMESTAMPTZ": ["2024-01-31 10:00:00+02"] * 2,
    "TIME": ["10:30:00"] * 2,
    "UUID": ["180e6bb0-56ee-44b1-8ea9-9905d5124631"] * 2,
    "INTEGER[]": ["[1, 2]"] * 2,
    "STRUCT(a INT)": ["{'a': 1}"] * 2,
    "ENUM('a', 'b')": ["a", "b"],
    "UBIGINT": [2**63 + 1, 1],
    "INTERVAL": ["1 day"] * 2,
    "JSON": ['{"a": 1}'] * 2,
}
READ = {
    "INT": "Int64",
    "HUGEINT": "Int64",
    "DECIMAL(9, 2)": "float64",
    "BOOLEAN": "boolean",
    "UBIGINT": "UInt64",
    "DATE": "datetime64[us]",
    "TIMESTAMP_NS": "datetime64[us]",
    "TIMESTAMPTZ": "datetime64[us]",
}


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_is_read(tmp_path: Path, kind: str) -> None:
    values = ", ".join(f"($${value}$$)" for value in TYPES[kind])
    with duckdb.connect(str(tmp_path / "a.duckdb")) as connection:
        connection.execute(
            f"CREATE TABLE t AS SELECT CAST(x AS {kind}) AS x FROM (VALUES {values}, (NULL)) v(x)"
        )
    read = source(f"duckdb:///{tmp_path}/a.duckdb", "SELECT * FROM t").read().frame["x"]
    assert str(read.dtype) == READ.get(kind, "object")
    assert read.isna().sum() == 1
    if kind == "TIMESTAMPTZ":
        assert read[0] == pd.Timestamp("2024-01-31 08:00:00")
    elif READ.get(kind) in ("Int64", "UInt64", "float64", "boolean"):
        assert read.dropna().tolist() == TYPES[kind]


def test_a_type_follows_from_all_rows_of_a_csv_file(tmp_path: Path) -> None:
    lines = [f"{place},{place}" for place in range(30_000)]
    (tmp_path / "orders.csv").write_text("\n".join(["id,code", *lines, "30000,x7"]))
    read = source(f"duckdb:///{tmp_path}").read().frame
    assert read["code"].iloc[-1] == "x7"
    assert str(read["id"].dtype) == "Int64"


def test_files_of_a_folder_are_tables(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "Orders.csv", index=False)
    (tmp_path / "visits").mkdir()
    for month, rows in (("2024-01", [1, 2]), ("2024-02", [3])):
        (tmp_path / "visits" / f"month={month}").mkdir()
        pd.DataFrame({"id": rows, "pages": 7}).to_parquet(
            tmp_path / "visits" / f"month={month}" / "x.parquet"
        )
    (tmp_path / "broken.parquet").write_text("nothing that is read")
    both = (
        source(
            f"duckdb:///{tmp_path}",
            "SELECT o.town, v.pages, v.month FROM orders o JOIN visits v USING (id) WHERE id >= {{ n }}",
            n=2,
        )
        .read()
        .frame
    )
    assert both["pages"].tolist() == [7, 7]
    assert set(both["month"]) == {"2024-01", "2024-02"}


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("duckdb://", "loader.connection_uri: a DuckDB database in memory"),
        ("duckdb:///:memory:", "loader.connection_uri: a DuckDB database in memory"),
        ("duckdb:///{folder}/none.duckdb", "loader.connection_uri: there is no file or folder"),
        ("duckdb://shop.duckdb", "loader.connection_uri: 'duckdb://' takes a path alone"),
        (
            "duckdb:///{folder}/a.duckdb?access_mode=READ_WRITE",
            "loader.connection_uri: 'duckdb://' takes a path alone",
        ),
        ("duckdb:///{folder}/text.duckdb", r"loader.connection_uri: .*text.duckdb: .*not a valid DuckDB"),
        ("duckdb:///{folder}/twice", "two files of .*twice would be the table 'orders'"),
        ("duckdb:///{folder}/mixed", "mixed/orders holds CSV and Parquet files"),
        ("duckdb:///{folder}/other", r"orders does not exist.*tables are the files of .*other: visits"),
        ("duckdb:///{folder}/empty", r"orders does not exist.*there is none"),
    ],
)
def test_what_is_no_database_is_told(tmp_path: Path, address: str, words: str) -> None:
    (tmp_path / "text.duckdb").write_text("no database " * 400)
    for folder, names in {
        "twice": ("orders.csv", "orders.tsv"),
        "mixed": ("orders/a.csv", "orders/b.parquet"),
        "other": ("visits.csv",),
        "empty": (),
    }.items():
        (tmp_path / folder / "orders").mkdir(parents=True)
        for name in names:
            (tmp_path / folder / name).write_text("a\n1\n")
    with pytest.raises(SourceError, match=words):
        source(address.format(folder=tmp_path)).read()


def test_a_database_that_another_process_writes_is_told(tmp_path: Path) -> None:
    address = f"duckdb:///{tmp_path}/shop.duckdb"
    put(address, FRAME)
    opened = f"c = duckdb.connect({str(tmp_path / 'shop.duckdb')!r})"
    writing = f"import duckdb; {opened}; print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", writing], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None and writer.stdin is not None
        writer.stdout.readline()
        with pytest.raises(
            SourceError, match=r"shop.duckdb: .*lock.* another program has it open for writing"
        ):
            source(address).read()
        writer.stdin.write(b"\n")
    assert len(source(address).read().frame) == len(FRAME)


def test_what_was_not_yet_written_into_the_file_is_read(tmp_path: Path) -> None:
    address = f"duckdb:///{tmp_path}/shop.duckdb"
    put(address, FRAME)
    killed = (
        f"import duckdb, os; c = duckdb.connect({str(tmp_path / 'shop.duckdb')!r}); "
        "c.execute('INSERT INTO orders SELECT 4, NULL'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", killed], check=False)
    assert (tmp_path / "shop.duckdb.wal").exists()
    assert len(source(address).read().frame) == 4


def test_without_the_library_the_command_that_installs_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(f"duckdb:///{tmp_path}/a.duckdb", FRAME)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(SourceError, match=r"duckdb is not installed: pip install 'ml_assets\[duckdb\]'"):
        source(f"duckdb:///{tmp_path}/a.duckdb").read()
