"""Requests that nobody sends by mistake alone: for each the bytes that go over the wire, and the pauses."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pyarrow as pa

from ml_assets_tests.support.wire import Attack

ARROW: Final = "application/vnd.apache.arrow.stream"
DEEP: Final = 200_000
NUMBERS: Final = (
    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e308", "1e39", "1e-400", "-0", "-0.0", "01", ".5", "5.",
    "+1",
    "1e", "0x10", "1_000", "9" * 30, "1" + "0" * 400, "9" * 5_000, "0." + "0" * 5_000 + "1", "--1", "true", "null",
)  # fmt: skip
TEXTS: Final = (
    "", " ", "\t\n", "'; DROP TABLE predictions; --", "1 OR 1=1", '" OR ""="', "../../../../etc/passwd", "/dev/zero",
    "file:///etc/passwd", "C:\\windows\\win.ini", "${jndi:ldap://127.0.0.1/a}", "{{7*7}}", "$(reboot)", "`id`", "%00",
    "%s%s%n", "<script>alert(1)</script>", "\x00", "a\x00b", "\x1b[2J", "\u202eabc", "\ufeff", "\uffff",
    "\U0001f4a9" * 9,
    "e\u0301" * 99, "\u0660\u0663", "x" * 10_000, "x" * 10_001, "nan", "inf", "-inf", "1e400", "0x1F", "True", "None",
    "null", "1,5", "1 000", "__proto__", "constructor", "=1+1", "\u2028", "I\u0307", "\u00df", "missing", "row_id__",
)  # fmt: skip
TIMES: Final = (
    "now", "today", "9999-12-31", "0000-00-00", "0001-01-01", "10000-01-01", "1677-01-01", "2262-04-12", "2024-02-30",
    "2024-13-01", "2024-01-01T25:00", "2024-01-01T00:00:60", "2024-01-01T00:00:00+99:99", "2024-01-01T00:00:00-23:59",
    "2024-W99-9", "-2024-01-01", "2024-01-01T00:00:00.123456789123", "2024-01-01T00:00[Europe/Paris]", "1 1 1 1 1",
    "T",
    "2024-01-01 00:00:00 EST", "\u0662\u0660\u0662\u0664-01-01", "1e10", "12", "9" * 400, "2024-01-01T00:00:00ZZ",
    "P1D",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2024-06-01T00:00:00.5Z", "2024-06-01 10:11", "NaT",
)  # fmt: skip
RAW: Final = (
    b'"\\ud800"', b'"\\udfff\\ud800"', b'"\xff\xfe"', b'"\xc0\xaf"', b'"\x00"', b'"\\x41"', b'"\\u12"', b'"open',
    b"'a'",
    b"[]", b"{}", b"[[1]]", b'{"a": {"b": []}}', b"undefined", b"", b"/* */ 1", b"1 2", b"[" * DEEP, b'{"a":' * DEEP,
)  # fmt: skip


class Attacks:
    """Attacks on one model's API.

    Parameters
    ----------
    row : mapping
        A row that is answered.
    kinds : mapping of str to str
        Kind of each column.
    key : str
        A key that opens predictions.
    seed : int
    """

    def __init__(self, row: Mapping[str, Any], kinds: Mapping[str, str], key: str, seed: int = 0) -> None:
        self.row, self.kinds, self.key = dict(row), kinds, key
        self.good = json.dumps({"rows": [self.row], "probabilities": True}).encode()
        self.random = random.Random(seed)

    def each(self, count: int) -> list[Attack]:
        """So many of them: of each kind some, then requests with a few bytes changed."""
        fixed = [*self.values(), *self.structures(), *self.heads(), *self.framings(), *self.columns()]
        self.random.shuffle(fixed)
        taken = fixed[:count]
        return taken + list(itertools.islice(self.mutations(), count - len(taken)))

    def post(self, body: bytes, kind: str = "application/json", query: str = "", **more: str) -> bytes:
        """One whole request for predictions."""
        return (
            self.head(
                "POST", f"/predict{query}", {"Content-Type": kind, "Content-Length": str(len(body))} | more
            )
            + body
        )

    def head(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        """A request without its body."""
        own = {"Host": "127.0.0.1", "Authorization": f"Bearer {self.key}"} | dict(headers)
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in own.items())]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def values(self) -> Iterator[Attack]:
        """Each value in each column, alone and beside a column that the model does not know."""
        texts = [
            json.dumps(text, ensure_ascii=ascii_alone).encode("utf-8")
            for text in TEXTS
            for ascii_alone in (True, False)
        ]
        texts += [json.dumps(text).encode() for text in TIMES]
        for name in self.row:
            rest = json.dumps({key: value for key, value in self.row.items() if key != name})[1:-1].encode()
            column = json.dumps(name).encode()
            for value in (*(number.encode() for number in NUMBERS), *texts, *RAW):
                for more in (b"}]}", b', "more": "\\u0041"}]}'):
                    body = b'{"rows": [{' + column + b": " + value + b", " + rest + more
                    yield Attack(f"{name} = {value[:40]!r}", (self.post(body),))

    def structures(self) -> Iterator[Attack]:
        """Bodies of other shapes, and of other sizes."""
        row = json.dumps(self.row)
        doubled = row[:-1] + ", " + row[1:]
        mebibytes = 7 << 20
        for body in (
            "", " ", "null", "0", '"rows"', "[]", "{}", '{"rows"}', '{"rows": null}', '{"rows": []}', '{"rows": {}}',
            '{"rows": [null]}', '{"rows": [[]]}', '{"rows": [{}]}', f'{{"rows": {row}}}', f'{{"rows": [{doubled}]}}',
            f'{{"rows": [{row}], "rows": [{row}]}}', f'{{"rows": [{row}], "probabilities": "yes"}}',
            f'{{"rows": [{row}], "probabilities": null}}', f'{{"rows": [{row}], "model": "../../other"}}',
            f'{{"rows": [{row}]}} {{}}', f'{{"rows": [{row}]', f'\ufeff{{"rows": [{row}]}}', f'{{"rows": [{row},]}}',
            f'{{"rows": [{row}], "\\u0070robabilities": true, "probabilities": true}}', "[" * DEEP, '{"rows":' * DEEP,
            f'{{"rows": [{row[:-1]}, "more": {"[" * DEEP}{"]" * DEEP}}}]}}',
            f'{{"rows": [{",".join([row] * 10_001)}]}}',
            f'{{"rows": [{",".join([row] * 2_000)}]}}', '{"rows": [' + "{}," * (mebibytes // 3) + "{}]}",
            '{"rows": [' + "[]," * (mebibytes // 3) + "[]]}", '{"rows": [' + "1," * (mebibytes // 2) + "1]}",
            '{"rows": [{' + ",".join(f'"k{k}":0' for k in range(400_000)) + "}]}",
            f'{{"rows": [{row[:-1]}, "more": [{"{}," * (mebibytes // 3)}0]}}]}}',
            '{"rows": "' + "x" * mebibytes + '"}',
            '{"rows": [' + '"ab",' * (mebibytes // 5) + "0]}", " " * mebibytes, "\\" * mebibytes,
            f'{{"rows": [{row[:-1]}, "more": "{"{" * mebibytes}"}}]}}', "9" * mebibytes, " " * (9 << 20),
        ):  # fmt: skip
            yield Attack(f"body {body[:60]!r} of {len(body):,}", (self.post(body.encode()),))
        utf16 = self.good.decode().encode("utf-16")
        yield Attack("UTF-16", (self.post(utf16),))
        yield Attack("latin-1", (self.post('{"rows": [{"é": 1}]}'.encode("latin-1")),))

    def heads(self) -> Iterator[Attack]:
        """Other methods, paths, queries, headers and keys."""
        for method in (
            "GET",
            "HEAD",
            "PUT",
            "PATCH",
            "DELETE",
            "OPTIONS",
            "TRACE",
            "PROPFIND",
            "CONNECT",
            "BREW",
            "post",
        ):
            for path in ("/predict", "/metadata", "/nowhere"):
                known = method not in ("CONNECT", "BREW", "post")
                yield Attack(
                    f"{method} {path}", (self.head(method, path, {"Content-Length": "0"}),), spoken=known
                )
        for path in (
            "/", "//predict", "/predict/", "/predict/../metadata", "/..%2f..%2fetc/passwd", "/../../etc/passwd",
            "/%00",
            "/metadata%0d%0aSet-Cookie:a=b", "/docs/../../ml_assets", "/metadata?" + "a=b&" * 2_000,
            "/" + "a" * 20_000,
            "/%ff%fe", "/metadata#there", "/metrics?name[]=ml_assets", "/.env", "/openapi.json?x=%F0%9F%92%A9",
            "http://127.0.0.1/metadata", "*", "/metadata;a=b", "/ready?%", "/docs?url=file:///etc/passwd",
            "/%2e%2e/%2e%2e",
        ):  # fmt: skip
            yield Attack(f"GET {path[:60]}", (self.head("GET", path, {}),), spoken=path.startswith("/"))
        for value in ("", "Bearer", "Bearer ", "Basic YTpi", f"bearer {self.key}", f"Bearer {self.key}\xff",
        f"Bearer  {self.key}",
                      "Bearer " + "A" * 9_000, f"Bearer {self.key},{self.key}", "Bearer \xe9\xe8",
                      "Negotiate"):  # fmt: skip
            yield Attack(f"key {value[:30]!r}", (self.post(self.good, Authorization=value),))
        for kind in ("", "text/plain", "application/json; charset=utf-7", "application/json;" * 300,
        "multipart/form-data",
                     "APPLICATION/JSON", "\xff", "application/x-www-form-urlencoded",
                     f"{ARROW}, application/json"):  # fmt: skip
            yield Attack(f"type {kind[:40]!r}", (self.post(self.good, kind),))
        for name, value in {
            "Content-Encoding": "gzip", "Accept": "\x01", "X-Request-Id": "a" * 5_000, "Cookie": "a=b;" * 1_000,
            "X-Forwarded-For": "127.0.0.1, " * 100, "Expect": "100-continue", "Upgrade": "h2c", "Range": "bytes=0-1",
            "If-None-Match": "*", "Host": "", "Accept-Encoding": "br;q=9e9", "Origin": "null", "TE": "trailers",
        }.items():  # fmt: skip
            yield Attack(
                f"{name}: {value[:30]!r}", (self.post(self.good, **{name: value}),), spoken=name != "Accept"
            )
        many = {f"X-Number-{k}": "1" for k in range(3_000)}
        yield Attack("3,000 headers", (self.post(self.good, **many),))
        upgrade = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Key": "x" * 24,
            "Sec-WebSocket-Version": "13",
        }
        yield Attack("a web socket", (self.head("GET", "/predict", upgrade),))

    def framings(self) -> Iterator[Attack]:
        """Bodies in pieces, too slow, too short, of two lengths; and what is no HTTP at all."""
        chunked = self.head(
            "POST", "/predict", {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
        )
        pieces = [self.good[place : place + 7] for place in range(0, len(self.good), 7)]
        chunks = [f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces]
        end = b"0\r\n\r\n"
        yield Attack("chunked", (chunked, *chunks, end))
        yield Attack("chunked, slowly", (chunked, *chunks[:20], b"".join(chunks[20:]) + end), 0.02)
        yield Attack("chunked, with a trailer", (chunked + b"".join(chunks) + b"0\r\nX-A: b\r\n\r\n",))
        yield Attack("chunked, an extension", (chunked + b"5;" + b"a=b;" * 2_000 + b"\r\nhello\r\n" + end,))
        yield Attack("chunked, without an end", (chunked, *chunks), ends=True, spoken=False)
        million = b"10000\r\n" + b" " * 65_536 + b"\r\n"
        yield Attack("chunked, 20 MB", (chunked, *[million] * 320, end), spoken=False)
        for size in (b"-1", b"ffffffffffffffff", b"0x5", b"zz", b"", b"5 5"):
            yield Attack(
                f"a chunk of {size!r}", (chunked + size + b"\r\nhello\r\n" + end,), spoken=False, ends=True
            )
        head = {"Content-Type": "application/json"}
        for length in (
            "-1",
            "1e3",
            "99999999999999999999",
            "",
            "0x10",
            f"{len(self.good)}, {len(self.good)}",
        ):
            asked = self.head("POST", "/predict", head | {"Content-Length": length})
            yield Attack(f"length {length!r}", (asked + self.good,), spoken=False, ends=True)
        for length in (len(self.good) + 5, len(self.good) - 5, 1 << 40, 0):
            asked = self.head("POST", "/predict", head | {"Content-Length": str(length)})
            yield Attack(f"length {length}", (asked + self.good,), spoken=False, ends=True)
        two = self.head("POST", "/predict", head | {"Content-Length": "3", "Transfer-Encoding": "chunked"})
        yield Attack("two lengths", (two + b"".join(chunks) + end,), spoken=False, ends=True)
        slow = self.post(self.good)
        yield Attack("a byte at a time", (*(slow[k : k + 1] for k in range(60)), slow[60:]), 0.01)
        yield Attack("half a head", (slow[:40],), ends=True, spoken=False)
        yield Attack("half a body", (slow[:-30],), ends=True, spoken=False)
        yield Attack("two at once", (self.post(self.good) * 2,))
        yield Attack(
            "gone before the answer",
            (self.post(json.dumps({"rows": [self.row] * 900}).encode()),),
            ends=True,
            spoken=False,
        )
        for noise in (
            b"", b"\0" * 99, b"\r\n" * 500, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET /metadata\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /\r\n", b"POST /predict HTTP/1.1\r\n\r\n\r\n",
            b"GET / HTTP/1.1\r\nA\r\n\r\n", b"GET / HTTP/1.1\r\n: b\r\n\r\n", b"GET / HTTP/1.1\nHost: a\n\n",
            b"a" * 100_000,
            b"GET / HTTP/1.1\r\nA: " + b"b" * 200_000 + b"\r\n\r\n", b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        ):  # fmt: skip
            yield Attack(f"noise {noise[:30]!r}", (noise,), ends=True, spoken=False)

    def columns(self) -> Iterator[Attack]:
        """Streams of Arrow: of other types in each column, and cut short."""
        length = 3
        kinds: list[pa.Array] = [
            pa.nulls(length), pa.array([1, 2, None]), pa.array([2**63, 1, 0], pa.uint64()), pa.array(["a", "", None]),
            pa.array([b"\xff", b"", None]), pa.array([float("nan"), float("inf"), 1e300]), pa.array([[1], [], None]),
            pa.array([{"a": 1}, {}, None]), pa.array([True, False, None]), pa.array(["a", "b",
            "a"]).dictionary_encode(),
            pa.array([0, 2**62, -(2**62)], pa.timestamp("s")), pa.array([0, 1, 2**40], pa.timestamp("us",
            "Asia/Tokyo")),
            pa.array([1, 2, 3], pa.duration("us")), pa.array([1, None, 3], pa.date32()), pa.array([1, 2, 3],
            pa.time64("us")),
            pa.array(["1", "nan", "1e400"]), pa.array(["x" * 20_000] * length, pa.large_string()),
            pa.array([1.5] * 3, pa.float16()),
            pa.array([1, 2, 3], pa.decimal128(38, 10)), pa.array([[("a", 1)], [], None], pa.map_(pa.string(),
            pa.int8())),
            pa.array(["2024-01-01", "now", "9" * 99]), pa.RunEndEncodedArray.from_arrays([3], ["a"]),
            pa.array(["a"] * 3, pa.string_view()),
            pa.UnionArray.from_sparse(pa.array([0, 0, 0], pa.int8()), [pa.array([1, 2, 3])]), pa.array([b"ab"] * 3,
            pa.binary(2)),
            pa.array([1, 1, 1], pa.int32()).dictionary_encode(), pa.array([[1.0, 2.0]] * 3, pa.list_(pa.float64(),
            2)),
        ]  # fmt: skip
        usual = {name: pa.array([self.row[name]] * length) for name in self.row}
        for name in self.row:
            for values in kinds:
                yield Attack(f"Arrow: {name} as {values.type}", (self.table(usual | {name: values}),))
        whole = self.stream(usual)
        yield Attack("Arrow: no columns", (self.table({}),))
        yield Attack("Arrow: no rows", (self.table({name: values[:0] for name, values in usual.items()}),))
        yield Attack(
            "Arrow: too many rows",
            (self.table({name: pa.array([self.row[name]] * 10_001) for name in self.row}),),
        )
        yield Attack(
            "Arrow: a billion of nothing", (self.table({name: pa.nulls(10**9) for name in self.row}),)
        )
        yield Attack("Arrow: doubled", (self.post(whole + whole, ARROW),))
        for codec in ("lz4", "zstd"):
            options = pa.ipc.IpcWriteOptions(compression=codec)
            yield Attack(f"Arrow: {codec}", (self.post(self.stream(usual, options), ARROW),))
        for place in range(0, len(whole), 37):
            yield Attack(f"Arrow: {place} bytes of it", (self.post(whole[:place], ARROW),))
        yield Attack("Arrow that is JSON", (self.post(self.good, ARROW),))
        yield Attack("JSON that is Arrow", (self.post(whole),))

    def table(self, columns: Mapping[str, pa.Array]) -> bytes:
        """A request with columns."""
        return self.post(self.stream(columns), ARROW, "?probabilities=true")

    @staticmethod
    def stream(columns: Mapping[str, pa.Array], options: Any = None) -> bytes:
        """Columns as a stream of Arrow."""
        table = pa.table(dict(columns))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema, options=options) as stream:
            stream.write_table(table)
        return bytes(sink.getvalue())

    def mutations(self) -> Iterator[Attack]:
        """Good requests with a few bytes changed, taken out, or there twice: of JSON, of Arrow, of the head."""
        usual = {name: pa.array([self.row[name]] * 3) for name in self.row}
        wholes = [self.post(self.good), self.post(self.stream(usual), ARROW), self.post(self.good)]
        for k in itertools.count():
            whole = bytearray(wholes[k % 3])
            begin = whole.index(b"\r\n\r\n") + 4
            first, last = (0, begin - 5) if k % 3 == 2 else (begin, len(whole) - 1)
            for _ in range(self.random.choice((1, 1, 2, 5, 20))):
                place = self.random.randint(first, min(last, len(whole) - 1))
                match self.random.randrange(4 if k % 3 == 2 else 2):
                    case 0:
                        whole[place] = self.random.randrange(256)
                    case 1:
                        whole[place] = self.random.choice(b'\0\x01\xff"{}[]:,\\\r\n 0-')
                    case 2:
                        del whole[place]
                    case _:
                        whole[place:place] = whole[place : place + self.random.randint(1, 40)]
            yield Attack(f"changed bytes {k}", (bytes(whole),), ends=k % 3 == 2, spoken=k % 3 != 2)
