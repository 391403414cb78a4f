"""Whatever is done to a file of rows: it is read, or refused with its name and what was found; never a traceback."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from ml_assets.cli.validate import validate_files
from ml_assets.settings import Settings
from ml_assets_tests.support.command_line import SMALL, shoppers
from ml_assets_tests.support.databases import FILES, put

ROWS = shoppers(300)
ODD = [
    "", '"', "'", "\x00", "\n", ",", ";", "\t", "1e999", "-", "9" * 400, "NaN", "inf", "0x1F", "1,234.5", "1.234,5",
    "2024-13-45",
    "=cmd()", "é", "\ufeff", "\u202e", "None", "true", "{'a': 1}", "[1]", "<br>", "--", "#", "1 000", "€ 5", "\\", "\r",
]  # fmt: skip
UNKNOWN = "cannot be checked"
"""How `validate` begins to say that nobody has thought of something."""


def cells(text: str, drawn: random.Random) -> str:
    """Do one to four things to lines and cells."""
    lines = text.splitlines()
    for _ in range(drawn.randint(1, 4)):
        at = drawn.randrange(len(lines))
        line = lines[at]
        match drawn.randrange(8):
            case 0:
                lines[at] = ",".join(reversed(line.split(",")))
            case 1:
                lines.insert(at, drawn.choice(ODD))
            case 2:
                parts = line.split(",")
                parts[drawn.randrange(len(parts))] = drawn.choice(ODD)
                lines[at] = ",".join(parts)
            case 3:
                lines = [each.rpartition(",")[0] for each in lines]
            case 4:
                lines = lines[: at + 1]
            case 5:
                lines = [each.replace(",", drawn.choice([";", "|", "::", ", ", "\t"])) for each in lines]
            case 6:
                column = drawn.randrange(4)
                odd = drawn.choice(ODD)
                for place in range(1, len(lines)):
                    parts = lines[place].split(",")
                    if column < len(parts) and drawn.random() < 0.5:
                        parts[column] = odd
                        lines[place] = ",".join(parts)
            case _:
                lines[0] = drawn.choice(ODD) + lines[0]
        lines = lines or [""]
    return "\n".join(lines) + "\n"


def in_bytes(data: bytes, drawn: random.Random) -> bytes:
    """Change, cut off or double some bytes."""
    changed = bytearray(data)
    for _ in range(drawn.randint(1, 20)):
        changed[drawn.randrange(len(changed))] = drawn.randrange(256)
    match drawn.randrange(4):
        case 0:
            return bytes(changed[: drawn.randrange(len(changed))])
        case 1:
            return bytes(changed + changed[:100])
        case _:
            return bytes(changed)


def as_csv(place: Path, drawn: random.Random) -> dict[str, str]:
    (place / "rows.csv").write_text(cells(ROWS.to_csv(index=False), drawn))
    return {"source_uri": "rows.csv"}


def as_bytes_of_csv(place: Path, drawn: random.Random) -> dict[str, str]:
    (place / "rows.csv").write_bytes(in_bytes(ROWS.to_csv(index=False).encode(), drawn))
    return {"source_uri": "rows.csv"}


def as_packed_csv(place: Path, drawn: random.Random) -> dict[str, str]:
    (place / "rows.csv.gz").write_bytes(in_bytes(gzip.compress(ROWS.to_csv(index=False).encode()), drawn))
    return {"source_uri": "rows.csv.gz"}


def as_parquet(place: Path, drawn: random.Random) -> dict[str, str]:
    ROWS.to_parquet(place / "rows.parquet", index=False)
    (place / "rows.parquet").write_bytes(in_bytes((place / "rows.parquet").read_bytes(), drawn))
    return {"source_uri": "rows.parquet"}


def as_text_in_parquet(place: Path, drawn: random.Random) -> dict[str, str]:
    odd = ROWS.astype(object)
    for _ in range(drawn.randint(1, 40)):
        odd.iloc[drawn.randrange(len(odd)), drawn.randrange(4)] = drawn.choice(ODD)
    odd.map(str).to_parquet(place / "rows.parquet", index=False)
    return {"source_uri": "rows.parquet"}


def in_database(kind: str, file: str) -> Callable[[Path, random.Random], dict[str, str]]:
    """Change the values of a table, or the bytes of its database."""

    def spoiled(place: Path, drawn: random.Random) -> dict[str, str]:
        address = FILES[kind].format(folder=place)
        if drawn.random() < 0.5:
            odd = ROWS.astype(object)
            for _ in range(drawn.randint(1, 40)):
                odd.iloc[drawn.randrange(len(odd)), drawn.randrange(4)] = drawn.choice(ODD).replace(
                    "\x00", ""
                )
            put(address, odd if kind == "sqlite" else odd.map(str))
        else:
            put(address, ROWS)
            (place / file).write_bytes(in_bytes((place / file).read_bytes(), drawn))
        return {"source_uri": "SELECT * FROM orders", "connection_uri": address}

    return spoiled


SPOILED: dict[str, Callable[[Path, random.Random], dict[str, str]]] = {
    "cells of CSV": as_csv,
    "bytes of CSV": as_bytes_of_csv,
    "packed CSV": as_packed_csv,
    "bytes of Parquet": as_parquet,
    "text in Parquet": as_text_in_parquet,
    "SQLite": in_database("sqlite", "rows.db"),
    "DuckDB": in_database("duckdb", "rows.duckdb"),
    "Parquet by DuckDB": in_database("parquet", "orders.parquet"),
}
SEEDS = [
    *range(5), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(5, 60)),
]  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", SPOILED)
def test_a_spoiled_file_is_read_or_refused_in_words(kind: str, seed: int, tmp_path: Path) -> None:
    """Forty of them in `make test`; each message has file, line and key of the recipe, and says what was found."""
    loader = SPOILED[kind](tmp_path, random.Random(f"{kind} {seed}"))
    recipe = tmp_path / "bad.yaml"
    text = SMALL.format(name="bad", data="DATA")
    said = ", ".join(f'{key}: "{value}"' for key, value in loader.items())
    recipe.write_text(text.replace("{source_uri: DATA}", f"{{{said}}}"))
    [report] = validate_files([recipe], Settings(home=tmp_path / "home"))
    for error in report["errors"]:
        message = error["message"]
        assert UNKNOWN not in message, message
        assert "Traceback" not in message
        assert message.startswith(f"{recipe}:"), message
        assert error["line"] and error["key"], message
        assert "\n" not in message, message
        place, _, found = message.partition(f"{error['key']}: ")
        assert place and len(found.split()) >= 4, message


def test_a_name_of_a_column_that_is_no_text_is_told_of_duckdb(tmp_path: Path) -> None:
    place = tmp_path / "orders.parquet"
    pd.DataFrame({"name_x": [1, 2], "y": [0, 1]}).to_parquet(place, index=False)
    place.write_bytes(place.read_bytes().replace(b"name_x", b"name_\xff"))
    recipe = tmp_path / "bad.yaml"
    loader = f'{{source_uri: "SELECT * FROM orders", connection_uri: "duckdb:///{tmp_path}"}}'
    recipe.write_text(SMALL.format(name="bad", data="DATA").replace("{source_uri: DATA}", loader))
    [report] = validate_files([recipe], Settings(home=tmp_path / "home"))
    assert "is damaged (no UTF-8): write the file again" in report["errors"][0]["message"]


def test_some_are_read_and_most_are_refused(tmp_path: Path) -> None:
    """A spoiled file that nothing is wrong with would prove nothing."""
    refused = 0
    for seed in range(10):
        place = tmp_path / str(seed)
        place.mkdir()
        as_csv(place, random.Random(f"cells of CSV {seed}"))
        (place / "bad.yaml").write_text(SMALL.format(name="bad", data="rows.csv"))
        [report] = validate_files([place / "bad.yaml"], Settings(home=place / "home"))
        refused += not report["ok"]
    assert 2 < refused < 10
