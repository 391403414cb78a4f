"""Requests as most of them are, read in one pass; what is unusual is left to `body.read`, which says what is wrong."""

from __future__ import annotations

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
    """

    def __init__(self, known: RawRows, most_rows: int) -> None:
        import msgspec

        self.known = known
        kinds = [known.kinds.columns.get(name, "text") for name in known.columns]
        self._texts = [k for k, kind in enumerate(kinds) if kind != "number"]
        self._astuple = msgspec.structs.astuple
        self._failed = msgspec.MsgspecError
        self._reader: Any = None
        try:
            fields = [
                (f"c{k}", KINDS.get(kind, TEXT), msgspec.field(name=name))
                for k, (kind, name) in enumerate(zip(kinds, known.columns, strict=True))
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
        self._reader = msgspec.json.Decoder(body)

    def read(self, content: bytes) -> Asked | None:
        """Read a request; None where it is unusual, or wrong.

        No key is there twice: of a body without a backslash, whose keys are all known and all wanted, the number of
        quotation marks says how many keys there are.
        """
        if self._reader is None or b"\\" in content:
            return None
        try:
            body = self._reader.decode(content)
        except (self._failed, UnicodeDecodeError, RecursionError):
            return None
        values = [self._astuple(row) for row in body.rows]
        texts = [value for row in values for k in self._texts if type(value := row[k]) is str]
        keys = len(values) * len(self.known.columns) + 1 + (b'"probabilities"' in content)
        if content.count(b'"') != 2 * (keys + len(texts)):
            return None
        if len(content) > LONGEST_TEXT and any(len(text) > LONGEST_TEXT for text in texts):
            return None
        return Asked(self.known, values, body.probabilities, Came(self.known.columns, values))


def _annotated(kind: Any, meta: Any) -> Any:
    from typing import Annotated

    return Annotated[kind, meta]
