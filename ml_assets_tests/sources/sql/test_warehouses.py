"""BigQuery and Snowflake up to their drivers: what leaves this machine is the statement, and its values beside it.

No test asks the services themselves: what answers here is `support/warehouses.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ml_assets.recipe.schema import Batches
from ml_assets.sources.paths import SourceError
from ml_assets.sources.source import Source, open_source
from ml_assets.sources.sql.databases import DATABASES
from ml_assets.sources.sql.session import opened
from ml_assets.sources.wanted import Columns, Sql, Wanted
from ml_assets_tests.support import warehouses
from ml_assets_tests.support.warehouses import BigQuery, Snowflake, service

pytestmark = pytest.mark.extras
ATTACK = "'; DROP TABLE orders; --"
MONTHLY = Batches(column="sent_at", period="monthly")
QUERY = """
SELECT o.*, '{{ town }}' AS town FROM orders o
WHERE town = {{ town }} AND n IN ({{ ns }}) AND share < {{ share }} AND gone IS {{ gone }}
AND at LIKE '10:%' AND x::text = '?'
"""
PARAMS: dict[str, object] = {"town": ATTACK, "ns": [1, 2], "share": 0.5, "gone": None}
ROWS: list[list[str | None]] = [
    ["a", "1", "1.50", "1704067200.0", "yes"],
    ["b", None, None, "1704153600.0", None],
]


@pytest.fixture
def snowflake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Snowflake]:
    pytest.importorskip("snowflake.sqlalchemy")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    kept = Snowflake(warehouses.SNOWFLAKE_COLUMNS, ROWS)
    with service(kept) as port:
        row = DATABASES["snowflake"]
        beside = {**row.arguments, "host": "127.0.0.1", "port": port, "protocol": "http"}
        monkeypatch.setitem(DATABASES, "snowflake", row._replace(arguments=beside))
        yield kept


@pytest.fixture
def bigquery(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[BigQuery]:
    pytest.importorskip("sqlalchemy_bigquery")
    rows = [[*row[:3], str(int(float(row[3] or 0) * 1_000_000)), row[4]] for row in ROWS]
    kept = BigQuery(warehouses.BIGQUERY_COLUMNS, rows)
    with service(kept) as port:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account(tmp_path, port)))
        yield kept


def account(folder: Path, port: int) -> Path:
    """A service account of our own."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    place = folder / "account.json"
    place.write_text(
        json.dumps({
            "type": "service_account", "project_id": "p", "private_key_id": "k", "client_id": "1",
            "client_email": "a@p.iam.gserviceaccount.com", "private_key": key.private_bytes(*form).decode(),
            "token_uri": f"http://127.0.0.1:{port}/token",
        })
    )  # fmt: skip
    return place


ADDRESSES = {"snowflake": "snowflake://me:hunter2@account/db/s?warehouse=w", "bigquery": "bigquery://p/d"}


def source(kind: str, sql: str = QUERY, batches: Batches | None = None) -> Source:
    columns = Columns(named=frozenset({"sent_at"}))
    given = Sql(ADDRESSES[kind], PARAMS)
    return open_source(Wanted(sql, Path(), batches, columns=columns, today=datetime(2024, 6, 1), sql=given))


def told(kept: Snowflake | BigQuery) -> list[tuple[str, dict[str, Any]]]:
    return [(sql, values) for sql, values in kept.asked if "orders" in sql]


def test_snowflake_is_sent_the_statement_and_its_values_beside_it(snowflake: Snowflake) -> None:
    read = source("snowflake").read()
    assert snowflake.asked[0][0] != told(snowflake)[0][0]
    assert "ALTER SESSION SET TIMEZONE = 'UTC'" in [sql for sql, _ in snowflake.asked]
    for sql, values in told(snowflake):
        assert "DROP" not in sql
        assert "at LIKE '10:%' AND x::text = '?'" in sql
        assert sql.count("?") == 7
        assert [value["value"] for value in values.values()] == [ATTACK, ATTACK, "1", "2", "0.5", None]
    assert [str(kind) for kind in read.frame.dtypes] == [
        "object",
        "Int64",
        "float64",
        "datetime64[us]",
        "object",
    ]
    assert list(read.frame) == ["customer", "visits", "amount", "sent_at", "Late"]
    assert read.frame["amount"].tolist()[0] == 1.5
    assert read.frame["sent_at"].tolist() == [datetime(2024, 1, 1), datetime(2024, 1, 2)]
    names = told(snowflake)[-1][0]
    assert 'q.customer, q.visits, q.amount, q.sent_at, q."Late"' in names


def test_bigquery_is_sent_the_statement_and_its_values_beside_it(bigquery: BigQuery) -> None:
    read = source("bigquery", QUERY.replace("x::text", "x")).read()
    for sql, values in told(bigquery):
        assert "DROP" not in sql
        assert "at LIKE '10:%' AND x = '?'" in sql
        given = [
            (value["parameterType"]["type"], value["parameterValue"].get("value"))
            for value in values.values()
        ]
        assert given == [
            ("STRING", ATTACK), ("STRING", ATTACK), ("INT64", "1"), ("INT64", "2"), ("FLOAT64", 0.5), ("STRING", None),
        ]  # fmt: skip
    assert [str(kind) for kind in read.frame.dtypes] == [
        "object",
        "Int64",
        "float64",
        "datetime64[us]",
        "object",
    ]
    assert read.frame["sent_at"].tolist() == [datetime(2024, 1, 1), datetime(2024, 1, 2)]


@pytest.mark.parametrize("kind", ADDRESSES)
def test_a_batch_is_read_by_its_times(kind: str, request: pytest.FixtureRequest) -> None:
    kept = request.getfixturevalue(kind)
    wanted = source(kind, "SELECT * FROM orders", MONTHLY).wanted  # type: ignore[attr-defined]
    with opened(wanted) as session:
        where, values = session.within("sent_at", (datetime(2024, 1, 1), datetime(2024, 2, 1)))
        assert sum(len(part) for part in session.tables(session.names, where, values)) == 2
        list(session.days("sent_at", "day"))
    sql, bound = told(kept)[-2]
    given = [value.get("value") or value["parameterValue"]["value"] for value in bound.values()]
    if kind == "bigquery":
        assert "WHERE CAST(q.`sent_at` AS DATETIME) >= @`begin` AND" in sql
        assert [time[:19] for time in given] == ["2024-01-01T00:00:00", "2024-02-01T00:00:00"]
        assert "GROUP BY DATETIME_TRUNC(CAST(q.`sent_at` AS DATETIME), DAY)" in told(kept)[-1][0]
    else:
        moment = "CAST(CONVERT_TIMEZONE('UTC', CAST(q.sent_at AS TIMESTAMP_TZ)) AS TIMESTAMP_NTZ)"
        assert f"WHERE {moment} >= ? AND {moment} < ?" in sql
        assert given == ["1704067200000000000", "1706745600000000000"]
        assert f"GROUP BY DATE_TRUNC('day', {moment})" in told(kept)[-1][0]


def test_a_service_that_refuses_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("snowflake.sqlalchemy")
    with service(
        lambda *_: {"success": False, "code": "390100", "message": "Incorrect username hunter2", "data": {}}
    ) as port:
        row = DATABASES["snowflake"]
        beside = {**row.arguments, "host": "127.0.0.1", "port": port, "protocol": "http"}
        monkeypatch.setitem(DATABASES, "snowflake", row._replace(arguments=beside))
        with pytest.raises(SourceError, match="Incorrect username") as refused:
            source("snowflake").read()
    assert "hunter2" not in str(refused.value)


def test_without_credentials_bigquery_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy_bigquery")
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with pytest.raises(SourceError, match=r"none"):
        source("bigquery").read()
