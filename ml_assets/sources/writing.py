"""How the numbers of a source are written, learned part by part: a part that contradicts another is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.sources.arrow import Piece
from ml_assets.sources.numbers import DECIMAL_COMMA, POINTS, THOUSANDS, may_hide_thousands
from ml_assets.sources.paths import SourceError
from ml_assets.sources.tables import see_forms, see_signs

NOTHING: Final = pa.table({})


class Writing:
    """What the parts so far have told, of one file or several."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str, str], Piece] = {}
        self._fractions: dict[str, Path] = {}
        self._commas: set[Path] = set()
        # The column of a file whose numbers are others if the file has decimal commas.
        self._doubtful: dict[Path, str] = {}

    def commas(self, path: Path) -> bool:
        """Whether decimal commas came in this file, so that 1,234 is 1.234."""
        return path in self._commas

    def see(self, piece: Piece, path: Path, before: int) -> None:
        """Hold the next part against all before it.

        Parameters
        ----------
        piece : Piece
        path : Path
            Its file.
        before : int
            Rows of the file before this part.

        Raises
        ------
        SourceError
            A comma, or a point, stands between thousands here and before a fraction there, or currencies differ.
        """
        by_comma = [name for name, form in piece.forms.items() if form.name == DECIMAL_COMMA]
        if by_comma and path not in self._commas and path in self._doubtful:
            raise _unlike(by_comma[0], "commas stand before fractions", path, path, self._doubtful[path])
        for name in _doubtful(piece) if path not in self._commas and not by_comma else ():
            self._doubtful.setdefault(path, name)
        for name, form in piece.forms.items():
            own = {name: form._replace(row=form.row + before)}
            self._told.setdefault((name, form.name, form.sign), Piece(path, NOTHING, 0, own, {}))
            if form.name == DECIMAL_COMMA:
                self._commas.add(path)
        for name in _with_points(piece):
            self._fractions.setdefault(name, path)
        told = [*self._told.values()]
        see_forms(told)
        see_signs(told, told)
        grouped: dict[str, tuple[str, Path]] = {}
        for (name, how, _), by in self._told.items():
            if how in (DECIMAL_COMMA, POINTS) and name in self._fractions:
                raise _unlike(name, "points stand before fractions", self._fractions[name], by.path)
            if how in ("plain", DECIMAL_COMMA):
                continue
            other, path = grouped.setdefault(name, (how, by.path))
            if how != other:
                raise _unlike(name, other, path, by.path)


def _unlike(name: str, words: str, path: Path, other: Path, column: str = "") -> SourceError:
    of = f", and of column '{column}'" if column else ""
    return SourceError(
        f"column '{name}': {words} in some rows of {path}, and not in others of {other}{of}. Write all alike, as 1234.5"
    )


def _doubtful(piece: Piece) -> list[str]:
    """Columns whose numbers, as 1,234 or 1.234, are read otherwise in a file with decimal commas."""
    return [
        field.name
        for field in piece.table.schema
        if (field.name in piece.forms and piece.forms[field.name].name == THOUSANDS)
        or (pa.types.is_floating(field.type) and may_hide_thousands(piece.table[field.name]))
    ]


def _with_points(piece: Piece) -> list[str]:
    """Columns of numbers written with a point before a fraction."""
    return [
        field.name
        for field in piece.table.schema
        if (field.name not in piece.forms or piece.forms[field.name].name not in (DECIMAL_COMMA, POINTS))
        and pa.types.is_floating(field.type)
        and pc.any(pc.not_equal(pc.floor(piece.table[field.name]), piece.table[field.name])).as_py()
    ]
