"""What a file is that is no table of the type its name says, by its first bytes."""

from __future__ import annotations

import re
from pathlib import Path

from ml_assets.sources.paths import SourceError

LOOKED_AT = 512
"""Bytes."""
SAVE = "save it as CSV or Parquet"
FOREIGN = {
    b"PK\x03\x04": "is a ZIP archive or an Excel workbook: unpack it, or save it as CSV",
    b"\xd0\xcf\x11\xe0": "is an Excel workbook: save it as CSV",
    b"ARROW1": f"is an Arrow or Feather file: {SAVE} (pandas: read_feather(…).to_parquet(…))",
    b"FEA1": f"is a Feather file: {SAVE} (pandas: read_feather(…).to_parquet(…))",
    b"ORC": f"is an ORC file: {SAVE} (pandas: read_orc(…).to_parquet(…))",
    b"Obj\x01": f"is an Avro file: {SAVE}",
    b"\x89HDF": f"is an HDF5 file: {SAVE} (pandas: read_hdf(…).to_parquet(…))",
    b"SQLite format 3": "is a database of SQLite: set connection_uri to sqlite:///PATH and source_uri to a query",
    b"\x80\x04\x95": f"is a pickle: {SAVE} (pandas: read_pickle(…).to_parquet(…))",
    b"\x80\x05\x95": f"is a pickle: {SAVE} (pandas: read_pickle(…).to_parquet(…))",
    b"\xfd7zXZ": "is packed by xz: unpack it, or pack it by gzip",
    b"7z\xbc\xaf": "is a 7z archive: unpack it",
    b"Rar!": "is a RAR archive: unpack it",
}
"""First bytes of what is read from no file."""
NO_TABLES = (
    (
        re.compile(rb"\s*<(!doctype|html|\?xml|head|body)\b", re.I),
        "is a web page: was the download refused? Fetch it anew",
    ),
    (
        re.compile(rb"version https://git-lfs"),
        "is a pointer of Git LFS instead of the rows: fetch them (git lfs pull)",
    ),
    (re.compile(rb'\s*(\[\s*)?\{\s*"'), "is JSON: save it as CSV"),
    (re.compile(rb"%PDF-"), "is a PDF: save the table in it as CSV"),
    (re.compile(rb"\s*(%[^\n]*\n\s*)*@relation\b", re.I), "is an ARFF file of Weka: save it as CSV"),
)
"""Beginnings of texts that are no table."""
PARQUET = b"PAR1"
DUCKDB = b"DUCK"
"""Of a database of DuckDB, from its ninth byte."""
PACKED = (b"\x1f\x8b", b"BZh", b"\x28\xb5\x2f\xfd")


def check_foreign(path: Path, head: bytes, *, parquet: bool = False) -> None:
    """Refuse a file whose first bytes are those of another type; of Parquet, that are not its own.

    Raises
    ------
    SourceError
        With what the file is, and what to do.
    """
    found = next((words for start, words in FOREIGN.items() if head.startswith(start)), None)
    found = found or next((words for beginning, words in NO_TABLES if beginning.match(head)), None)
    if head[8:12] == DUCKDB:
        found = "is a database of DuckDB: set connection_uri to duckdb:///PATH and source_uri to a query"
    if parquet and not found and not head.startswith(PARQUET):
        if head.startswith(PACKED):
            found = "is packed as a whole: unpack it; Parquet is packed inside"
        elif b"\0" not in head and (b"\n" in head or b"\r" in head):
            found = "is text: give it a name that ends in .csv"
    elif not parquet and head.startswith(PARQUET):
        found = "is a Parquet file: give it a name that ends in .parquet"
    if found:
        raise SourceError(f"{path} {found}")
