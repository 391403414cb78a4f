"""From the values of rows, or from clean rows, to numbers and codes of levels."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml_assets.compiled import times
from ml_assets.compiled.spec import Category, Number, Specification
from ml_assets.failures import MendableError
from ml_assets.features.truths import truth
from ml_assets.names import composed

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[Any]
MISSING = "missing"
"""As in `features.values`."""
MOST = 1e38
"""As `LARGEST` there: what is beyond is cleaned, and then missing."""


class UnusualError(MendableError):
    """Values that the cleaning of rows has to look at: a number in words, a time written in another way."""


class Encoder:
    """Rows as numbers of shape (n_rows, n_numbers) and codes of shape (n_rows, n_categories).

    Parameters
    ----------
    spec : Specification
    columns : sequence of str
        Columns of the source, in the order in which the values of a row come.
    kinds : mapping of str to str
        Kind of each: number, time or text.
    na_values : collection of str
        What the recipe calls missing.
    """

    def __init__(
        self,
        spec: Specification,
        columns: Sequence[str],
        kinds: Mapping[str, str],
        na_values: Collection[str] = (),
    ) -> None:
        self.spec = spec
        place = {name: k for k, name in enumerate(columns)}
        self._missing_words = set(na_values)
        self._missing_numbers = np.array([float(word) for word in na_values if _is_number(word)])
        plain = [(k, number) for k, number in enumerate(spec.numbers) if number.part is None]
        self._plain = [k for k, _ in plain]
        self._plain_values = _getter([place[number.column] for _, number in plain])
        self._parts = [
            (k, place[number.column], number.part)
            for k, number in enumerate(spec.numbers)
            if number.part is not None
        ]
        self._codes = [
            _Levels(category, place[category.column], kinds.get(category.column) == "number")
            for category in spec.categories
        ]

    def rows(self, rows: Sequence[tuple[Any, ...]]) -> tuple[Array, Array]:
        """Encode the values of rows, each in the order of the columns.

        Raises
        ------
        UnusualError
        """
        V = np.empty((len(rows), len(self.spec.numbers)))
        if self._plain:
            try:
                values = np.array([self._plain_values(row) for row in rows], dtype=np.float64)
            except (TypeError, ValueError) as error:
                raise UnusualError(str(error)) from None
            if (np.abs(values) > MOST).any():
                raise UnusualError("a number is too large")
            V[:, self._plain] = self.without_missing(values)
        for k, place, part in self._parts:
            V[:, k] = times.part(np.array([_time(row[place]) for row in rows], dtype="M8[us]"), part)
        C = np.empty((len(rows), len(self._codes)), dtype=np.intp)
        for k, levels in enumerate(self._codes):
            C[:, k] = [self._code(levels, row[levels.place]) for row in rows]
        return V, C

    def frame(self, clean: pd.DataFrame) -> tuple[Array, Array]:
        """Encode clean rows, with the parts of their times."""
        import pandas as pd

        from ml_assets.features.values import as_numbers, as_text

        names = [_feature(number) for number in self.spec.numbers]
        V = as_numbers(clean[names]).to_numpy(np.float64) if names else np.empty((len(clean), 0))
        text = as_text(clean[[category.column for category in self.spec.categories]])
        C = np.empty((len(clean), len(self._codes)), dtype=np.intp)
        for k, levels in enumerate(self._codes):
            codes = pd.Index(levels.known).get_indexer(pd.Index(text.iloc[:, k]))
            C[:, k] = np.where(codes < 0, levels.unseen, codes)
        return V, C

    def without_missing(self, values: Array) -> Array:
        """Numbers without those that the recipe calls missing."""
        if len(self._missing_numbers):
            values[np.isin(values, self._missing_numbers)] = np.nan
        return values

    def code(self, place: int, value: Any) -> int:
        """Code of a value of the category at a place; raises as `rows`."""
        return self._code(self._codes[place], value)

    def _code(self, levels: _Levels, value: Any) -> int:
        if type(value) is str:
            if value in self._missing_words:
                return levels.missing
            return levels.of(value) if value else levels.missing
        if value is None:
            return levels.missing
        if levels.numeric:
            number = float(value) + 0.0  # -0.0 is 0
            if len(self._missing_numbers) and number in self._missing_numbers:
                return levels.missing
            return levels.of(f"{number:.15g}")
        if self._missing_words:
            raise UnusualError("what is missing is said by numbers, too")
        return levels.of(label(value))


class _Levels:
    def __init__(self, category: Category, place: int, numeric: bool) -> None:
        self.known = category.levels
        self.codes = {level: code for code, level in enumerate(category.levels)}
        self.unseen = len(category.levels)
        self.missing = self.codes.get(MISSING, self.unseen)
        self.place, self.numeric, self.truths = place, numeric, category.truths

    def of(self, text: str) -> int:
        """Code of a level."""
        code = self.codes.get(text)
        if code is None and not text.isascii():
            code = self.codes.get(composed(text))
        if code is None and self.truths:
            code = self.codes.get(truth(text) or text)
        return self.unseen if code is None else code


def label(value: Any) -> str:
    """Text of a value that is no text, as cleaning writes it.

    >>> label(True), label(3), label(3.0), label(0.5)
    ('True', '3', '3', '0.5')
    """
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def _feature(number: Number) -> str:
    return number.column if number.part is None else f"{number.column}_{number.part}"


def _time(value: Any) -> Any:
    if value is None:
        return np.datetime64("NaT")
    if isinstance(value, datetime):
        return np.datetime64(value.replace(tzinfo=None))
    try:
        return np.datetime64(times.read(value))
    except (ValueError, TypeError):
        raise UnusualError("a time is written in another way") from None


def _getter(places: list[int]) -> Any:
    if len(places) == 1:
        only = places[0]
        return lambda row: (row[only],)
    return itemgetter(*places) if places else lambda row: ()


def _is_number(word: str) -> bool:
    try:
        return bool(np.isfinite(float(word)))
    except ValueError:
        return False
