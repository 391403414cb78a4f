"""From the bytes of a request to rows: bounded before they are parsed, and each fault with the name of its field."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NoReturn

from ml_assets.failures import MendableError
from ml_assets.names import WITHOUT
from ml_assets.recipe.faults import did_you_mean, nearest
from ml_assets.registry.standard import RawRows
from ml_assets.shown import shown

if TYPE_CHECKING:
    import pandas as pd

LONGEST_TEXT: Final = 10_000
MOST_ITEMS: Final = 10_000
"""Items that a row leaves out, at most."""
KEYS: Final = ("rows", "probabilities")
BRACKETS: Final = 30
"""Objects and lists of a request, at most, for each row that it may have: they need more memory than their bytes."""
ISO: Final = re.compile(r"\d{4}(-?\d{2}(-?\d{2}([T ].+)?)?)?", re.ASCII)
"""How a time begins, as ISO 8601 writes it."""
MOST_NAMES: Final = 100
"""Names that are looked through for the one that was meant."""


class RequestError(MendableError):
    """A request that is refused.

    Parameters
    ----------
    status : int
        HTTP status.
    kind : str
        The kind of fault, for programs.
    message : str
        What was found and what is wanted, for people.
    field : str, optional
        Where, as `rows[3].age`.
    """

    def __init__(
        self, status: int, kind: str, message: str, field: str | None = None, after: int | None = None
    ):
        super().__init__(message)
        self.status, self.kind, self.message, self.field, self.after = status, kind, message, field, after


@dataclass(frozen=True)
class Asked:
    """What a request asks for."""

    known: RawRows
    values: list[tuple[Any, ...]]
    """Of each row those of the columns that are wanted, in their order."""
    probabilities: bool
    came: Sequence[Mapping[str, Any]]
    """The rows as they came."""

    def frame(self) -> pd.DataFrame:
        """Make a frame of the rows, of shape (n_rows, n_columns); a time that is none is refused with 422."""
        import pandas as pd

        made = {}
        for name, values in zip(self.known.columns, zip(*self.values, strict=True), strict=True):
            if self.known.kinds.columns.get(name) == "time":
                values = tuple(
                    read_time(value, f"rows[{place}].{name}") if isinstance(value, str) else value
                    for place, value in enumerate(values)
                )
            made[name] = pd.Series(values, dtype=_dtype(self.known, name))
        if leaves_out(self.known) and any(WITHOUT in row for row in self.came):
            made[WITHOUT] = pd.Series([row.get(WITHOUT) for row in self.came], dtype=object)
        return pd.DataFrame(made)


class Came(Sequence[Mapping[str, Any]]):
    """Rows as they came, which become objects only when somebody reads them.

    Parameters
    ----------
    columns : tuple of str
    values : list of tuple
        Of each row.
    """

    def __init__(self, columns: tuple[str, ...], values: list[tuple[Any, ...]]) -> None:
        self.columns, self.values = columns, values

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, place: Any) -> Any:
        return dict(zip(self.columns, self.values[place], strict=True))

    def some(self, places: Sequence[int]) -> Came:
        """Those at some places."""
        return Came(self.columns, [self.values[place] for place in places])


def read(
    content: bytes,
    known: RawRows,
    most_rows: int,
    fill: Callable[[Sequence[Mapping[str, Any]]], Sequence[Mapping[str, Any]]] | None = None,
) -> Asked:
    """Read `{"rows": [{column: value, …}, …], "probabilities": false}`.

    Parameters
    ----------
    content : bytes
    known : RawRows
    most_rows : int
    fill : callable, optional
        Given the rows before their columns are looked at; gives them back with what they lacked.

    Raises
    ------
    RequestError
        400 where it is no JSON, 413 of too many rows, 422 with the field where something in it is wrong.
    """
    _see_few(content, most_rows)
    data = parsed(content)
    if not isinstance(data, dict):
        _wrong(None, f'{{"rows": [...]}} is wanted, found {_kind(data)}')
    for key in data:
        if key not in KEYS:
            _wrong(shown(key, 100), f"no such key.{did_you_mean(key, KEYS)}")
    rows, shares = data.get("rows"), data.get("probabilities", False)
    if not isinstance(shares, bool):
        _wrong("probabilities", f"true or false is wanted, found {_kind(shares)}")
    if not isinstance(rows, list) or not rows:
        _wrong("rows", "a list of at least one row is wanted" + ("" if "rows" in data else ", found none"))
    if len(rows) > most_rows:
        raise RequestError(
            413, "too_many_rows", f"{len(rows):,} rows; {most_rows:,} at most in one request", "rows"
        )
    columns = dict.fromkeys(known.columns)
    taken = []
    for place, row in enumerate(rows):
        if not isinstance(row, dict):
            _wrong(f"rows[{place}]", f"an object with the columns is wanted, found {_kind(row)}")
    came: Sequence[Mapping[str, Any]] = rows if fill is None else fill(rows)
    for place, row in enumerate(came):
        values = []
        for name in columns:
            if name not in row:
                others = [each for each in islice(row, MOST_NAMES) if each not in columns]
                near = "".join(f" Is it what came as {each!r}?" for each in nearest(name, others)[:1])
                _wrong(
                    f"rows[{place}].{name}", f"the column is missing; null stands for a missing value.{near}"
                )
            values.append(_value(row[name], known.kinds.columns.get(name), f"rows[{place}].{name}"))
        if leaves_out(known) and WITHOUT in row:
            _see_items(row[WITHOUT], f"rows[{place}].{WITHOUT}")
        taken.append(tuple(values))
    return Asked(known, taken, shares, came)


def leaves_out(known: RawRows) -> bool:
    """Whether a row may say which items are not recommended."""
    return known.answer == "items" and WITHOUT not in known.columns


def _see_items(items: Any, field: str) -> None:
    """Hold what a row leaves out to a list of items."""
    if items is None:
        return
    if not isinstance(items, list):
        _wrong(field, f"a list of items is wanted, those that are not recommended, found {_kind(items)}")
    if len(items) > MOST_ITEMS:
        _wrong(field, f"{len(items):,} items; {MOST_ITEMS:,} at most")
    for place, item in enumerate(items):
        if isinstance(item, (list, dict)) or item is None:
            _wrong(f"{field}[{place}]", f"an item is wanted, found {_kind(item)}")
        if isinstance(item, str) and len(item) > LONGEST_TEXT:
            _wrong(f"{field}[{place}]", f"{len(item):,} characters; {LONGEST_TEXT:,} at most")


def parsed(content: bytes) -> Any:
    """Parse JSON that is strict, and names no key twice.

    Raises
    ------
    RequestError
        With status 400.
    """
    try:
        found = json.loads(content, parse_constant=_no_json, object_pairs_hook=_once)
        if b"\\u" in content:
            json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        _no_json("brackets are nested too deep")
    except UnicodeEncodeError:
        _no_json("a text has half of a character (a surrogate alone)")
    except ValueError as error:
        _no_json(str(error))
    return found


def _see_few(content: bytes, most_rows: int) -> None:
    most = BRACKETS * max(most_rows, 1_000)
    if content.count(b"{") + content.count(b"[") > most:
        raise RequestError(
            413, "too_many_parts", f"more than {most:,} brackets; send the rows in several requests"
        )


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            _no_json(f"the key {shown(key, 100)!r} is there twice")
        found[key] = value
    return found


def _value(value: Any, kind: str | None, field: str) -> Any:
    if value is None:
        return None
    if isinstance(value, (list, dict)):
        _wrong(field, f"one value is wanted, found {_kind(value)}")
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            _wrong(field, f"{len(value):,} characters; {LONGEST_TEXT:,} at most")
        if kind == "number":
            if "_" in value or not value.isascii():
                return value  # Python would read 6_0 as 60, and digits of other scripts: cleaning does not
            try:
                number = float(value)
            except ValueError:
                return value  # it may be a word for a missing number: cleaning knows
            if math.isnan(number):
                return None
            value = number
        elif kind == "time":
            return read_time(value, field)
        else:
            return value
    elif kind == "time":
        _wrong(field, f"a time is wanted, as 2024-01-31T13:00:00, found {_kind(value)}")
    if kind == "number":
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number) or abs(number) > 1e38:
            _wrong(field, "a finite number of at most 1e38 is wanted")
        return number
    return value


def read_time(value: str, field: str) -> Any:
    """Read a time, in UTC and without its zone, None where it is empty; what is no time is refused with 422."""
    import pandas as pd

    try:
        if value.strip().casefold() in ("now", "today"):  # pandas would take them for this moment
            raise ValueError(value)
        time = pd.Timestamp(value)
        if pd.isna(time):
            return None
        if not ISO.fullmatch(value.strip()):  # 01/03/2024 is two days
            raise ValueError(value)
        return time.tz_convert("UTC").tz_localize(None) if time.tzinfo is not None else time
    except (ValueError, OverflowError):
        _wrong(field, f"a time is wanted, as 2024-01-31T13:00:00, found {shown(value, 60)!r}")


def _dtype(known: RawRows, name: str) -> Any:
    return "datetime64[us]" if known.kinds.columns.get(name) == "time" else object


def _kind(value: Any) -> str:
    """What JSON calls it."""
    names = {bool: "true or false", str: "a text", list: "a list", dict: "an object", type(None): "null"}
    return names.get(type(value), "a number")


def _wrong(field: str | None, message: str) -> NoReturn:
    raise RequestError(422, "invalid", message, field)


def _no_json(found: str) -> NoReturn:
    raise RequestError(400, "no_json", f"the body is no JSON that can be read: {shown(found, 200)}")
