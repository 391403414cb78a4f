"""As much of the services of BigQuery and Snowflake as their drivers ask for, on this machine."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[str, str, dict[str, Any]], dict[str, Any]]
"""What is answered to a method, a path and what was sent."""


@contextmanager
def service(answer: Answer) -> Iterator[int]:
    """Answer in JSON on a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def _answer(self) -> None:
            given = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Content-Encoding") == "gzip":
                given = gzip.decompress(given)
            sent = json.loads(given) if given[:1] == b"{" else {}
            said = json.dumps(answer(self.command, self.path, sent)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_DELETE = _answer

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Snowflake:
    """Snowflake's service: keeps what it was asked, and answers with the rows of a table."""

    def __init__(self, columns: list[dict[str, Any]], rows: list[list[str | None]]) -> None:
        self.columns, self.rows = columns, rows
        self.asked: list[tuple[str, dict[str, Any]]] = []
        """Each statement and its bound values."""

    def __call__(self, _: str, path: str, sent: dict[str, Any]) -> dict[str, Any]:
        data: dict[str, Any] = {}
        if "login-request" in path:
            data = {
                "token": "t", "masterToken": "m", "validityInSeconds": 3600, "masterValidityInSeconds": 14400,
                "sessionId": 1, "parameters": [], "serverVersion": "9.0.0", "sessionInfo": {
                    "databaseName": "DB", "schemaName": "S", "warehouseName": "W", "roleName": "R",
                },
            }  # fmt: skip
        elif "query-request" in path:
            sql = sent["sqlText"]
            self.asked.append((sql, sent.get("bindings") or {}))
            columns, rows = self.columns, [] if "LIMIT 0" in sql else self.rows
            if "orders" not in sql:  # what the driver asks for itself: versions, names
                columns, rows = [_text("A"), _text("B")], [["9.0.0", "S"]]
            elif "COUNT(*)" in sql:
                columns, rows = [_number("N")], [[str(len(self.rows))]]
            data = {
                "parameters": [], "rowtype": columns, "rowset": rows, "total": len(rows), "returned": len(rows),
                "queryId": "01-1", "queryResultFormat": "json", "statementTypeId": 4096, "version": 1,
                "finalDatabaseName": "DB", "finalSchemaName": "S", "finalWarehouseName": "W", "finalRoleName": "R",
            }  # fmt: skip
        return {"data": data, "success": True, "code": None, "message": None}


class BigQuery:
    """BigQuery's service: keeps what it was asked, and answers with the rows of a table."""

    def __init__(self, columns: list[dict[str, str]], rows: list[list[str | None]]) -> None:
        self.columns, self.rows = columns, rows
        self.asked: list[tuple[str, dict[str, Any]]] = []
        """Each statement and its bound values."""

    def __call__(self, _: str, path: str, sent: dict[str, Any]) -> dict[str, Any]:
        if path.startswith("/token"):
            return {"access_token": "a", "expires_in": 3600, "token_type": "Bearer"}
        assert path.partition("?")[0] == "/bigquery/v2/projects/p/queries", path
        sql = sent["query"]
        self.asked.append((sql, {one["name"]: one for one in sent.get("queryParameters", [])}))
        columns, rows = self.columns, [] if "LIMIT 0" in sql else self.rows
        if "COUNT(*)" in sql:
            columns, rows = [{"name": "n", "type": "INTEGER"}], [[str(len(self.rows))]]
        return {
            "jobReference": {"projectId": "p", "jobId": "j", "location": "US"}, "jobComplete": True,
            "schema": {"fields": columns}, "totalRows": str(len(rows)),
            "rows": [{"f": [{"v": cell} for cell in row]} for row in rows],
        }  # fmt: skip


def _column(name: str, kind: str, **more: int) -> dict[str, Any]:
    sizes = dict.fromkeys(("length", "byteLength", "scale", "precision"))
    return {"name": name, "type": kind, "nullable": True, **sizes, **more}


def _text(name: str) -> dict[str, Any]:
    return _column(name, "text", length=40, byteLength=160)


def _number(name: str, scale: int = 0) -> dict[str, Any]:
    return _column(name, "fixed", scale=scale, precision=38)


SNOWFLAKE_COLUMNS = [
    _text("CUSTOMER"),
    _number("VISITS"),
    _number("AMOUNT", 2),
    _column("SENT_AT", "timestamp_ntz", scale=9, precision=0),
    _text("Late"),
]
BIGQUERY_COLUMNS = [
    {"name": "customer", "type": "STRING"}, {"name": "visits", "type": "INTEGER"},
    {"name": "amount", "type": "NUMERIC"},
    {"name": "sent_at", "type": "TIMESTAMP"}, {"name": "Late", "type": "STRING"},
]  # fmt: skip
