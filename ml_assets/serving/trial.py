"""An experiment as a server knows it: which version answers which row, and whether an arm must go."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ml_assets.records.experiments import CHAMPION, digests
from ml_assets.registry.experiments import Running
from ml_assets.serving.body import Came
from ml_assets.serving.guard import Guard

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from ml_assets.serving.live import Served


class Trial:
    """An experiment, and the versions of its arms, loaded.

    Parameters
    ----------
    running : Running
    versions : mapping of str to Served
        Of each arm by its name, the champion's too.
    """

    def __init__(self, running: Running, versions: Mapping[str, Served]) -> None:
        self.running, self.versions = running, versions
        self.experiment, self._began = running.experiment, running.began
        self.guard = Guard(versions[CHAMPION].way.recipe.promotion.max_latency_ratio)
        self.shadows = tuple(arm.name for arm in running.experiment.shadows)
        """Names of the arms that answer beside the champion."""
        own = versions[CHAMPION].known
        self._alike = {
            each.version
            for each in versions.values()
            if each.known.columns == own.columns and each.known.kinds.columns == own.kinds.columns
        }

    @property
    def champion(self) -> Served:
        """The version in charge."""
        return self.versions[CHAMPION]

    def arms(self, rows: Sequence[Mapping[str, Any]], number: str) -> list[str]:
        """Name the arm of each row: by its entity, or by the request where the row or the recipe has none."""
        entity = self.experiment.entity
        if isinstance(rows, Came):
            places = [rows.columns.index(name) if name in rows.columns else None for name in entity]
            given = [[None if k is None else row[k] for k in places] for row in rows.values]
        else:
            given = [[row.get(name) for name in entity] for row in rows]
        return self._dealt([_key(values) for values in given], number)

    def places_of_table(self, rows: pa.Table, number: str) -> dict[str, NDArray[np.intp]]:
        """Places of each arm's rows among the rows of a table, dealt as `arms` does."""
        import numpy as np

        spans, found = self.experiment.spans(self._hours()), {}
        numbers = np.frombuffer(digests(self.experiment.salt, self._keys(rows, number)), ">u8")
        points = (numbers >> np.uint64(11)) / 2.0**53
        left = np.ones(len(points), dtype=bool)
        for first, last, name in spans:
            own = (first <= points) & (points < last)
            found[name] = np.flatnonzero(own)
            left &= ~own
        found[CHAMPION] = np.flatnonzero(left)
        return {name: places for name, places in found.items() if len(places)}

    def _keys(self, rows: pa.Table, number: str) -> list[bytes]:
        entity, there = self.experiment.entity, rows.schema.names
        if not entity or any(name not in there for name in entity):
            return [number.encode()] * len(rows)
        if len(entity) == 1 and (plain := _plain(rows[entity[0]])) is not None:
            return plain
        given = zip(*(rows[name].to_pylist() for name in entity), strict=True)
        return self._told([_key(values) for values in given], number)

    def _dealt(self, keys: Sequence[str | None], number: str) -> list[str]:
        return self.experiment.arms_of(self._told(keys, number), self._hours())

    @staticmethod
    def _told(keys: Sequence[str | None], number: str) -> list[bytes]:
        return [(key or number).encode("utf-8", "surrogatepass") for key in keys]

    def _hours(self) -> float:
        return max(0.0, (time.time() - self._began) / 3600)

    def reads_alike(self, served: Served) -> bool:
        """Whether a version takes a request just as the champion has read it."""
        return served.version in self._alike


def key_of(row: Mapping[str, Any], entity: Sequence[str]) -> str | None:
    """Key of a row: the values of its entity, whereby 7, 7.0 and "7" are one; None where one is absent.

    >>> key_of({"customer": 7.0, "age": 3}, ["customer"]) == key_of({"customer": "7"}, ["customer"])
    True
    >>> key_of({"customer": None}, ["customer"]) is None
    True
    """
    return _key([row.get(name) for name in entity])


def _key(values: Sequence[Any]) -> str | None:
    if len(values) == 1 and type(values[0]) in (str, int):
        return str(values[0])
    if not values or any(value is None for value in values):
        return None
    whole = (int(v) if isinstance(v, float) and v.is_integer() else v for v in values)
    return "\x1f".join(str(value) for value in whole)


def _plain(column: pa.ChunkedArray) -> list[bytes] | None:
    """Keys of whole numbers or texts, of which none is absent or empty; None of others."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.null_count or not (pa.types.is_integer(column.type) or pa.types.is_string(column.type)):
        return None
    texts = column.cast(pa.string())
    if pc.any(pc.equal(texts, "")).as_py():
        return None
    keys: list[bytes] = texts.cast(pa.binary()).to_pylist()
    return keys
