"""Rows that belong together: of one entity, or one after another in time; so many rows count as fewer.

The design effect is how much larger the variance of a mean is than that of as many independent rows (Kish 1965,
Survey Sampling, 8.2). Of rows that are alike by entity it is the ratio of the two estimates of that variance,
by whole entities and by rows (Cochran 1977, Sampling Techniques, ch. 9); of rows in order of time the sum of
their autocorrelations as far as those are positive (Geyer 1992, Practical Markov chain Monte Carlo, 3.3), once
the cycle of the day is taken off. Where both are known the larger counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api.types import is_datetime64_any_dtype

from ml_assets.features.groups import TINY, by_group
from ml_assets.monitoring.design import INDEPENDENT, Design, Effects
from ml_assets.monitoring.samples import STRANGE, LevelPair, NumberPair, Pair, content_order, text

if TYPE_CHECKING:
    from numpy.typing import NDArray

CYCLE_DAYS = 3
"""Days from which on the cycle of the day can be told."""
HOUR, DAY = 3_600_000_000_000, 86_400_000_000_000
"""Nanoseconds."""
FEWEST_EFFECTIVE = 2.0
"""Rows that are left of however many."""
LOOKED_AT = 4_096
"""Rows, one after another, in which dependence in time is looked for."""
STRETCH = 1_000
"""Rows of a reference whose mean is taken off together."""


@dataclass(frozen=True)
class Related:
    """Which rows belong together.

    Parameters
    ----------
    entity : array of uint64 of shape (n_rows,) or None
        Hash of the entity of each row, the same in every frame; None where no entity is declared.
    time : array of int64 of shape (n_rows,) or None
        Nanoseconds; None where rows have no time.
    """

    entity: NDArray[np.uint64] | None = None
    time: NDArray[np.int64] | None = None
    mixed: NDArray[np.intp] | None = None
    """Order of the rows in which those of one time are mixed: it depends on nothing but what they hold."""

    def of(self, rows: Any) -> Related:
        """The same of some rows, by position or mask."""
        return Related(
            *(None if each is None else each[rows] for each in (self.entity, self.time, self.mixed))
        )


def related(frame: pd.DataFrame, entities: Sequence[str], time: str | None) -> Related | None:
    """Tell which rows of a frame belong together; None where nothing is known of it.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
    entities : sequence of str
        Columns that name the entity (`entity_cols`); those that are absent are passed over.
    time : str or None
        Column with the time of each row.

    >>> frame = pd.DataFrame({"who": ["a", "b", "a"], "x": 1})
    >>> found = related(frame, ["who"], None)
    >>> len(set(found.entity.tolist())), related(frame, [], "day") is None
    (2, True)
    """
    named = [name for name in entities if name in frame.columns]
    entity = _hashes(frame[named]) if named else None
    if time is None or time not in frame.columns or not is_datetime64_any_dtype(frame[time].dtype):
        return None if entity is None else Related(entity)
    stamps = frame[time].dt.tz_localize(None) if frame[time].dt.tz is not None else frame[time]
    times = stamps.astype("datetime64[ns]").to_numpy().view(np.int64)
    mixed = np.empty(len(frame), dtype=np.intp)
    mixed[content_order(frame, list(map(str, frame.columns)), 0)] = np.arange(len(frame))
    return Related(entity, times, mixed)


def joined(parts: Sequence[Related | None]) -> Related | None:
    """Rows of several frames as those of one; what is not known of all is not known."""
    if not parts or any(part is None for part in parts):
        return None
    found = []
    for name in ("entity", "time", "mixed"):
        arrays = [getattr(part, name) for part in parts]
        found.append(None if any(each is None for each in arrays) else np.concatenate(arrays))
    return Related(*found)


def design_effect(values: Any, rows: Related | None) -> float:
    """How many rows count as one in the mean of some values; 1 for independent rows, never less.

    Parameters
    ----------
    values : array of shape (n_rows,)
        Finite.
    rows : Related or None

    >>> alike = np.repeat([1.0, -1.0, 2.0, -2.0] * 5, 10)
    >>> round(design_effect(alike, Related(entity=np.repeat(np.arange(20), 10).astype(np.uint64))), 1)
    10.5
    >>> design_effect(alike, None)
    1.0
    """
    return 1.0 if rows is None or len(values) < 2 else Dependence.of(rows).effect(values)


@dataclass(frozen=True)
class Dependence:
    """Groups and order of some rows, found once for many columns.

    Parameters
    ----------
    group : array of shape (n_rows,) or None
        Number of the entity.
    order : array of shape (n_looked_at,) or None
        Positions in order of time.
    hour : array of shape (n_looked_at,) or None
        Hour of the day, in that order.
    part : array of shape (n_rows,) or None
        Stretch of time whose mean is taken off: a season is no dependence.
    place : array of shape (n_rows,) or None
        Place of each row in order of time.
    density : float
        Rows in a nanosecond; 0 where rows are at one time.
    """

    group: Any = None
    order: Any = None
    hour: Any = None
    part: Any = None
    place: Any = None
    density: float = 0.0

    @classmethod
    def of(cls, rows: Related, stretch: int | None = None) -> Dependence:
        """Find them; of entities with one row each, and of rows at one time, nothing is to be said.

        Parameters
        ----------
        rows : Related
        stretch : int, optional
            Rows of a part.
        """
        group = order = hour = part = place = None
        density = 0.0
        if rows.entity is not None:
            codes, found = pd.factorize(rows.entity, sort=True)
            group = codes if 1 < len(found) < len(codes) else None
        time = rows.time
        if time is not None and len(time) > 1 and time.min() < time.max():
            order = np.lexsort((rows.mixed, time) if rows.mixed is not None else (time,))
            density = len(time) / float(time.max() - time.min())
            place = np.empty(len(time), dtype=np.intp)
            place[order] = np.arange(len(time))
            if stretch is not None and len(time) >= 2 * stretch:
                part = place * (len(time) // stretch) // len(time)
            order = order[max(0, (len(order) - LOOKED_AT) // 2) :][:LOOKED_AT]
            if len(np.unique(time[order] // DAY)) >= CYCLE_DAYS:
                hour = time[order] % DAY // HOUR
        return cls(group, order, hour, part, place, density)

    def blocks(self, rows_each: float) -> Any:
        """Number of the block of each row: its entity, or its stretch of time of so many rows; None without either."""
        if self.group is not None:
            return self.group
        if self.place is None:
            return None
        return self.place * max(1, int(len(self.place) / rows_each)) // len(self.place)

    def effect(self, values: Any) -> float:
        """Design effect of the mean of some values, of shape (n_rows,): the larger of the two."""
        return max(self.effects(values))

    def effects(self, values: Any) -> tuple[float, float]:
        """Design effects of entities and of order in time."""
        centred = _without_means(np.asarray(values, dtype=float), self.part)
        most = max(1.0, len(centred) / FEWEST_EFFECTIVE)
        alike = by_group(centred, self.group) if self.group is not None else 1.0
        late = 1.0
        if self.order is not None:
            late = _in_time(_without_means(centred[self.order], self.hour))
        return min(max(alike, 1.0), most), min(max(late, 1.0), most)


def _without_means(values: Any, groups: Any) -> Any:
    """Take off the mean, or that of each group."""
    if groups is None:
        return values - values.mean()
    means = np.bincount(groups, values) / np.maximum(np.bincount(groups), 1)
    return values - means[groups]


def _in_time(series: Any) -> float:
    """Sum of the autocorrelations, by pairs, until a pair is not positive."""
    n = len(series)
    if n < 2 or float(series @ series) < TINY * n:
        return 1.0
    size = 1 << (2 * n - 1).bit_length()
    products = np.fft.irfft(np.abs(np.fft.rfft(series, size)) ** 2, size)[: max(2, n // 2) // 2 * 2]
    pairs = (products / products[0]).reshape(-1, 2).sum(axis=1)
    ends = np.flatnonzero(pairs <= 0)
    pairs = np.minimum.accumulate(pairs[: ends[0]] if len(ends) else pairs)
    return float(2 * pairs.sum() - 1) if len(pairs) else 1.0


SLACK, TIMES = 0.5, 3.0
"""By which a batch may depend more on time than its reference does."""
LEVELS = 10
"""Commonest levels of a category that are looked at."""


@dataclass(frozen=True)
class Sides:
    """What is known of the rows of reference and batch; None where their rows are independent."""

    reference: Dependence | None = None
    current: Dependence | None = None

    @classmethod
    def of(cls, reference: Related | None, current: Related | None) -> Sides:
        """Find groups and order of both."""
        return cls(
            Dependence.of(reference, STRETCH) if reference is not None else None,
            Dependence.of(current) if current is not None else None,
        )

    def designed(
        self, pair: Pair, reference: pd.Series, current: pd.Series | None, known: Effects = INDEPENDENT
    ) -> Pair:
        """A pair with its design effects, by the scores that its tests use.

        Parameters
        ----------
        pair : Pair
        reference, current : Series of shape (n_rows,)
            Its two sides, row by row.
        known : (float, float)
            Location and scale of the reference, where its rows are not at hand any more.
        """
        nothing = self.reference is None and self.current is None and known == INDEPENDENT
        if nothing or not pair.enough or current is None:
            return pair
        rows = (reference, current)
        nulls = INDEPENDENT
        if pair.reference.nulls or pair.current.nulls:
            nulls = self._effects([side.isna().to_numpy(dtype=float) for side in rows], known[0])
        if isinstance(pair, NumberPair):
            scores = [pair.scores_of(side) for side in rows]
            squares = [side**2 for side in scores]
            return replace(
                pair, design=Design(self._effects(scores, known[0]), self._effects(squares, known[1]), nulls)
            )
        levels = [text(side) for side in rows]
        each = np.array(
            [
                self._effects([(side == name).astype(float) for side in levels], known[0])
                for name in _commonest(pair)
            ]
        )
        ours, theirs = each.mean(axis=0)
        uneven = float((each[:, 1] / theirs).var())
        return replace(pair, design=Design((float(ours), float(theirs)), nulls=nulls, uneven=uneven))

    def _effects(self, values: Sequence[Any], known: float) -> Effects:
        ours, theirs = (
            (1.0, 1.0) if rows is None else rows.effects(side)
            for rows, side in zip((self.reference, self.current), values, strict=True)
        )
        return max(*ours, known), max(theirs[0], min(theirs[1], self._most(ours[1])))

    def _most(self, ours: float) -> float:
        """Most that the batch's effect in time may be: a column that steps within the batch is no dependent one."""
        if self.reference is None or self.current is None or not self.reference.density:
            return np.inf
        closer = self.current.density / self.reference.density
        return 1 + max(SLACK, TIMES * (ours - 1) * closer)


def _commonest(pair: LevelPair) -> list[str]:
    counts = pair.table.sum(axis=0)
    return [pair.names[place] for place in np.argsort(-counts, kind="stable")[:LEVELS]]


def _hashes(frame: pd.DataFrame) -> Any:
    try:
        return pd.util.hash_pandas_object(frame, index=False).to_numpy()
    except STRANGE:
        return pd.util.hash_pandas_object(frame.astype(str), index=False).to_numpy()
