"""What `ml-assets doctor` found."""

from __future__ import annotations

from ml_assets.records.base import Record


class Examined(Record):
    """One thing that was looked at; `remedy` says what to do where it is not well."""

    part: str
    found: str
    ok: bool = True
    remedy: str = ""
