"""What rows can be read of, by name: kinds of sources, types of files, data sets.

What reads them is in `ml_assets.sources`; tests there keep the names equal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

FILE_TYPES: Final[dict[str, tuple[str, ...]]] = {
    "CSV": (".csv", ".csv.gz", ".csv.bz2", ".csv.zst", ".tsv", ".tsv.gz"),
    "Parquet": (".parquet", ".pq"),
}
"""Types of files, each with the endings of its names."""

ENDINGS: Final = {ending: name for name, endings in FILE_TYPES.items() for ending in endings}

QUERIES: Final = (".sql", ".sql.j2")
"""Endings of files that hold a query, and of those that hold a template of one."""

STORES: Final = {"s3": "s3://BUCKET/PATH", "gs": "gs://BUCKET/PATH", "abfs": "abfs://CONTAINER/PATH"}
"""Beginnings of addresses in object storage: an object, a pattern or a folder."""

TABLES: Final = {"sklearn": "sklearn://NAME", "openml": "openml://NAME[/VERSION]"}
"""Beginnings of data sets that are known by name: each is one table, without times."""

SCHEMES: Final = {"file": "file://PATH"} | TABLES | STORES
"""Beginnings of a `source_uri` that is no path, and how the whole is written."""

OPENML: Final = re.compile(r"([\w.()+-]*[^\W\d][\w.()+-]*)(?:/([1-9]\d{0,5}))?", re.ASCII)
"""Name of a data set of OpenML, and its version."""
OPENML_FORM: Final = (
    "write the name as openml.org has it, as openml://adult, or with a version, as openml://adult/2"
)

DATASETS: Final = ("breast_cancer", "diabetes", "digits", "iris", "wine")
"""Data sets of `sklearn://NAME`: those that scikit-learn carries along, so that no network is needed."""


def either(names: Iterable[str]) -> str:
    """
    Write a choice as people do.

    >>> either(["CSV"]), either(["CSV", "Parquet", "ORC"])
    ('CSV', 'CSV, Parquet or ORC')
    """
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


ACCEPTED: Final = either([
    f"a {either(FILE_TYPES)} path, glob or folder", *SCHEMES.values(),
    f"a query (SELECT … or a {either(QUERIES)} file)",
])  # fmt: skip
"""What may stand as `source_uri`."""


SELECTING: Final = re.compile(r"[\s(]*(?:select|with)[\s(*]|\s*(?:--|/\*)", re.IGNORECASE)
WRITING: Final = re.compile(
    r"\s*(?:(?:delete\s+from|insert\s+into|merge\s+into|replace\s+into|truncate\s+table)\s"
    r"|(?:drop|create|alter)\s+(?:or\s+replace\s+)?(?:table|view|index|schema|database)\s"
    r"|update\s+[^/\\]+\sset\s|(?:values|call\s+\w+)\s*\()",
    re.IGNORECASE,
)
"""Beginnings of SQL that is no SELECT: it is refused as such, and looked for as no file."""


def writes(source_uri: str) -> bool:
    """
    Whether a `source_uri` is SQL that does more than read.

    >>> [writes(text) for text in ("DELETE FROM shop", "update all.csv", "drop/table.csv", "SELECT 1")]
    [True, False, False, False]
    """
    return WRITING.match(source_uri) is not None


def is_query(source_uri: str) -> bool:
    """
    Whether a `source_uri` is a query itself.

    >>> [is_query(text) for text in ("SELECT * FROM t", "with a as (select 1) select * from a", "select.csv")]
    [True, True, False]
    """
    return SELECTING.match(source_uri) is not None


def is_sql(source_uri: str) -> bool:
    """Whether rows come from a database: by a query, or by a file that holds one."""
    return is_query(source_uri) or source_uri.lower().rstrip().endswith(QUERIES)
