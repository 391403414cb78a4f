"""One entity, as it is found in a frame, in JSON and in a text."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any, Final

from ml_assets.lifecycle.erased import is_of, text_of
from ml_assets.names import ROW_ID

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

ERASED: Final = "erased"
"""What stands in the place of the value in a text."""
SHORTEST: Final = 4
FEWEST_DIGITS: Final = 6
"""Characters of a value that is looked for in texts, and digits of one that has nothing else: fewer mean anything."""


@dataclass(frozen=True)
class Entity:
    """An entity and its rows.

    Parameters
    ----------
    column : str
        The column that names it.
    value : str
        Its value, as a person writes it.
    ids : frozenset of int
        `row_id__` of its rows.
    """

    column: str
    value: str
    ids: frozenset[int] = frozenset()

    def rows_of(self, frame: pd.DataFrame) -> NDArray[np.bool_]:
        """Which rows of a frame are its own: by the column that names it, by their ids, or as JSON in `content`."""
        import numpy as np

        found = np.zeros(len(frame), dtype=bool)
        if self.column in frame:
            found |= is_of(frame[self.column], self.value)
        if ROW_ID in frame and self.ids:
            found |= frame[ROW_ID].isin(self.ids).to_numpy()
        for name in ("content", "rest__"):  # whole rows as JSON: in quarantine, and in the log of predictions
            if name in frame:
                found |= np.asarray([self._in_json(each) for each in frame[name]], dtype=bool)
        return found

    def _in_json(self, text: Any) -> bool:
        if not isinstance(text, str) or not text.startswith("{"):
            return False
        try:
            return text_of(json.loads(text).get(self.column)) == self.value
        except ValueError:
            return False

    @cached_property
    def forms(self) -> tuple[str, ...]:
        """The value as it may stand in a text: as it is, and as JSON, also inside a text of JSON, writes it.

        >>> sorted(len(each) for each in Entity("client", "Zoë").forms)
        [3, 8, 9]
        """
        found = {self.value}
        for _ in range(2):
            found |= {json.dumps(each, ensure_ascii=ascii)[1:-1] for each in found for ascii in (True, False)}
        return tuple(sorted(found, reverse=True))

    @cached_property
    def named(self) -> re.Pattern[str] | None:
        """The value as a word of a text; None where it is so short that it may mean anything."""
        digits = self.value.isdigit()
        if len(self.value) < (FEWEST_DIGITS if digits else SHORTEST):
            return None
        words = {re.escape(each) for form in self.forms for each in (form, escape(form))}
        before = r"(?:(?<!\w)|(?<=\\[nrt]))"  # in JSON a line ends with a letter
        return re.compile(rf"{before}(?:{'|'.join(sorted(words))})(?!\w)")

    def out_of_text(self, text: str) -> str:
        """Take the value out of a text."""
        return text if self.named is None else self.named.sub(ERASED, text)

    def out_of_json(self, value: Any) -> Any:
        """Take rows of the entity out of JSON, and its value out of every text."""
        if isinstance(value, list):
            return [self.out_of_json(each) for each in value if not self._is_row(each)]
        if isinstance(value, dict):
            return {self.out_of_text(name): self.out_of_json(each) for name, each in value.items()}
        return self.out_of_text(value) if isinstance(value, str) else value

    def _is_row(self, value: Any) -> bool:
        """Whether a member of a list is a row of the entity: by its column, or by its id."""
        if not isinstance(value, dict):
            return False
        data = value.get("data")  # as Dagster has the rows of a table
        inside = data if isinstance(data, dict) else value
        if self.column in inside and text_of(inside[self.column]) == self.value:
            return True
        name = value.get("row")
        return isinstance(name, str) and name.isdigit() and int(name) in self.ids

    def shows_rows(self, text: str, ids: Collection[str]) -> bool:
        """Whether a page names one of its rows."""
        return any(each in text for each in ids)
