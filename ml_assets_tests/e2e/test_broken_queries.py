"""Whatever is wrong with a query, its template or its database: one message, which says where and what to do."""

from __future__ import annotations

import sqlite3

import pandas as pd
import pytest

from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import SMALL, ml_assets, shoppers

ROWS = shoppers().assign(day=pd.date_range("2024-01-01", periods=200).strftime("%Y-%m-%d"))
SOURCE, ADDRESS = "model.loader.source_uri", "model.loader.connection_uri"
GOOD = "SELECT age, spent, channel, bought FROM orders"

# Query and what stands beside it in `loader`; key, words of the message.
BROKEN: dict[str, tuple[str, str, str, list[str]]] = {
    "unknown column": (
        "SELECT age, spend, bought FROM orders",
        "",
        SOURCE,
        ["the query: ", "no such column: spend"],
    ),
    "unknown table": ("SELECT * FROM order_lines", "", SOURCE, ["the query: ", "no such table: order_lines"]),
    "not SQL": ("SELECT age, FROM WHERE orders", "", SOURCE, ["the query"]),
    "bracket not closed": ("SELECT (age FROM orders", "", SOURCE, ["the query is not SQL that can be read"]),
    "two statements": (
        "SELECT * FROM orders; DROP TABLE orders",
        "",
        SOURCE,
        ["holds 2 statements", "one SELECT is read"],
    ),
    "a statement that writes": (
        "WITH w AS (DELETE FROM orders RETURNING *) SELECT * FROM w",
        "",
        SOURCE,
        ["writes or locks (DELETE)", "take that part out"],
    ),
    "a lock": (
        "SELECT * FROM orders FOR UPDATE",
        "",
        SOURCE,
        ["writes or locks (LOCK)", "take that part out"],
    ),
    "parameter missing": (
        "SELECT * FROM orders WHERE age > {{ least }}",
        "params: {last: 3}",
        SOURCE,
        ["the parameter 'least' is not given", "Did you mean 'last'?", "Add it to loader.params"],
    ),
    "name not allowed": (
        "SELECT {{ c | identifier }}, bought FROM orders",
        "params: {c: age}, identifiers: [spent]",
        SOURCE,
        ["'age' is no name that may stand in the SQL", "allowed: spent", "Add it to loader.identifiers"],
    ),
    "value for a name": (
        "SELECT * FROM {{ t }}",
        "params: {t: orders}",
        SOURCE,
        ["a value stands in the place of a name", "{{ name | identifier }}"],
    ),
    "template broken": (
        "SELECT * FROM orders {% if x %}",
        "",
        SOURCE,
        ["line 1: the template cannot be filled in"],
    ),
    "template that reaches out": (
        "SELECT {{ x.__class__ }} AS a, bought FROM orders",
        "params: {x: a}",
        SOURCE,
        ["the template cannot be filled in"],
    ),
    "no rows": (GOOD + " WHERE 1 = 0", "", SOURCE, ["there are no rows", "Look at the source"]),
    "bytes": (
        "SELECT age, x'ff00' AS photo, bought FROM orders",
        "",
        SOURCE,
        ["'photo' holds bytes", "leave it out of the query"],
    ),
    "target not in the query": (
        "SELECT age, spent FROM orders",
        "",
        "model.data_interface.target_col",
        ["'bought' is not a column of", "found age, spent"],
    ),
    "no such file of SQL": ("orders.sql", "", SOURCE, ["'orders.sql': there is no such file"]),
    "a template in plain SQL": (
        "plain.sql",
        "",
        SOURCE,
        ["plain.sql holds {{ … }}", "a template is called .sql.j2"],
    ),
    "no such database": (GOOD, "connection_uri: 'sqlite:///none.db'", ADDRESS, ["there is no file none.db"]),
    "no address": (
        GOOD,
        "connection_uri: 'shop.db'",
        ADDRESS,
        ["found what has no '://'", "read are postgresql://"],
    ),
    "unknown database": (
        GOOD,
        "connection_uri: 'sqlight:///shop.db'",
        ADDRESS,
        ["found 'sqlight://'", "Did you mean 'sqlite'"],
    ),
    "database of a later version": (
        GOOD,
        "connection_uri: 'oracle://h/shop'",
        ADDRESS,
        ["'oracle://' is not yet read", "sqlite://"],
    ),
    "no database at all": (GOOD, "NONE", ADDRESS, ["a query needs a database", "ML_ASSETS_CONNECTION_URI"]),
    "a file that is no database": (
        GOOD,
        "connection_uri: 'sqlite:///text.db'",
        SOURCE,
        ["file is not a database"],
    ),
    "a server that does not answer": (
        GOOD,
        "connection_uri: 'postgresql://me@127.0.0.1:1/shop'",
        SOURCE,
        ["onnect"],
    ),
    "a password in the recipe": (
        GOOD,
        "connection_uri: 'postgresql://me:hunter2@127.0.0.1/shop'",
        ADDRESS,
        ["password", "set ML_ASSETS_CONNECTION_URI"],
    ),
    "DuckDB: a function that reads files": (
        "SELECT * FROM read_csv('/etc/passwd')",
        "connection_uri: 'duckdb:///folder'",
        SOURCE,
        ["reads from the function read_csv()", "name a table of the database"],
    ),
    "DuckDB: no such table": (
        "SELECT * FROM orders",
        "connection_uri: 'duckdb:///folder'",
        SOURCE,
        ["orders does not exist", "tables are the files of", "visits"],
    ),
    "DuckDB: no such file": (
        "SELECT * FROM orders",
        "connection_uri: 'duckdb:///none.duckdb'",
        ADDRESS,
        ["there is no file or folder none.duckdb"],
    ),
    "DuckDB: a file that is no database": (
        "SELECT * FROM orders",
        "connection_uri: 'duckdb:///text.db'",
        ADDRESS,
        ["text.db: ", "not a valid DuckDB database file"],
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_query_gives_one_message(fault: str, shop: Shop) -> None:
    query, beside, key, words = BROKEN[fault]
    if "duckdb" in beside:
        pytest.importorskip("duckdb")
    with sqlite3.connect(shop.folder / "shop.db") as connection:
        ROWS.to_sql("orders", connection, index=False)
    connection.close()
    (shop.folder / "text.db").write_text("no database at all " * 99)
    (shop.folder / "plain.sql").write_text("SELECT * FROM orders WHERE age > {{ x }}")
    (shop.folder / "folder").mkdir()
    ROWS.to_csv(shop.folder / "folder" / "visits.csv", index=False)
    beside = {"NONE": ""}.get(
        beside, beside if "connection_uri" in beside else f"connection_uri: 'sqlite:///shop.db', {beside}"
    )
    loader = f'{{source_uri: "{query}", {beside.rstrip(", ")}}}'
    path = shop.write("bad.yaml", SMALL.format(name="bad", data="DATA").replace("{source_uri: DATA}", loader))
    validated = ml_assets("validate", path, "--json")
    [error] = validated.result["files"][0]["errors"]
    assert validated.code == 2
    assert error["key"] == key, error["message"]
    assert error["message"].startswith(f"{path}:{error['line']} ")
    assert [word for word in words if word not in error["message"]] == [], error["message"]
    assert "hunter2" not in validated.out + validated.err
    trained = ml_assets("train", "--recipe-file", path, "--json")
    assert trained.code in (1, 2)
    assert "hunter2" not in trained.out + trained.err
    assert "Traceback" not in trained.out + trained.err
    assert trained.err.count(trained.message) == 1


def test_a_sound_query_is_valid(shop: Shop) -> None:
    """What the broken ones are made of."""
    with sqlite3.connect(shop.folder / "shop.db") as connection:
        ROWS.to_sql("orders", connection, index=False)
    connection.close()
    loader = f'{{source_uri: "{GOOD}", connection_uri: "sqlite:///shop.db"}}'
    path = shop.write("bad.yaml", SMALL.format(name="bad", data="DATA").replace("{source_uri: DATA}", loader))
    assert ml_assets("validate", path, "--json").code == 0
