"""Requests as most of them are, read in one pass; what is unusual is left to `body.read`, which says what is wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from ml_assets.registry.standard import RawRows
from ml_assets.serving.body import LONGEST_TEXT, Asked, Came

KINDS: Final[dict[str, Any]] = {"number": float | None, "time": str | None}
TEXT: Final[Any] = str | int | float | bool | None


class Decoder:
    """Reads requests for one version of a model.

    Parameters
    ----------
    known : RawRows
        What it takes.
    most_rows : int
    further : sequence of str
        Columns that come beside those as a rule: what a row's arm is told by.
    """

    def __init__(self, known: RawRows, most_rows: int, further: Sequence[str] = ()) -> None:
        import msgspec

        self.known, self.further = known, tuple(name for name in further if name not in known.columns)
        self._plain = _Rows(known, (), most_rows)
        self._with = _Rows(known, self.further, most_rows) if self.further else None
        self._marks = [json.dumps(name).encode() for name in self.further]
        self._failed = msgspec.MsgspecError

    def read(self, content: bytes) -> Asked | None:
        """Read a request; None where it is unusual, or wrong.

        No key is there twice: of a body without a backslash, whose keys are all known and all wanted, the number of
        quotation marks says how many keys there are.
        """
        if b"\\" in content:
            return None
        rows = self._plain
        if self._with is not None and all(mark in content for mark in self._marks):
            rows = self._with
        if rows.reader is None:
            return None
        try:
            body = rows.reader.decode(content)
        except (self._failed, UnicodeDecodeError, RecursionError):
            return None
        return rows.asked(body, content)


class _Rows:
    """Rows of the columns that are wanted, and of some beside them."""

    def __init__(self, known: RawRows, further: tuple[str, ...], most_rows: int) -> None:
        import msgspec

        self.known, self.many = known, len(known.columns)
        self.columns = known.columns + further if further else known.columns
        kinds = [known.kinds.columns.get(name, "text") for name in self.columns]
        self._texts = [k for k, kind in enumerate(kinds) if kind != "number"]
        self._astuple = msgspec.structs.astuple
        self.reader: Any = None
        try:
            fields = [
                (f"c{k}", KINDS.get(kind, TEXT), msgspec.field(name=name))
                for k, (kind, name) in enumerate(zip(kinds, self.columns, strict=True))
            ]
            row = msgspec.defstruct("Row", fields, forbid_unknown_fields=True, gc=False)
        except ValueError:  # a name that JSON has to write with a backslash
            return
        rows = msgspec.Meta(min_length=1, max_length=most_rows)
        body = msgspec.defstruct(
            "Body",
            [("rows", _annotated(list[row], rows)), ("probabilities", bool, False)],  # type: ignore[valid-type]  # made here
            forbid_unknown_fields=True,
        )
        self.reader = msgspec.json.Decoder(body)

    def asked(self, body: Any, content: bytes) -> Asked | None:
        """What was decoded, where it is all that came."""
        values = [self._astuple(row) for row in body.rows]
        texts = [value for row in values for k in self._texts if type(value := row[k]) is str]
        keys = len(values) * len(self.columns) + 1 + (b'"probabilities"' in content)
        if content.count(b'"') != 2 * (keys + len(texts)):
            return None
        if len(content) > LONGEST_TEXT and any(len(text) > LONGEST_TEXT for text in texts):
            return None
        came = Came(self.columns, values)
        if len(self.columns) > self.many:
            values = [row[: self.many] for row in values]
        return Asked(self.known, values, body.probabilities, came)


def _annotated(kind: Any, meta: Any) -> Any:
    from typing import Annotated

    return Annotated[kind, meta]
