"""What a table is like: a data profile."""

from __future__ import annotations

from typing import Literal

from ml_assets.records.base import Record

TARGET = "target"
"""Role of a column that is predicted."""


class Level(Record):
    """A value of a category, and its share of the values that are there."""

    name: str
    share: float


class ColumnProfile(Record):
    """A column: what is missing, how its values are spread, what they say of the target."""

    column: str
    kind: Literal["number", "category", "time", "other"]
    role: str
    """`target`, `feature`, or why it is not learned."""
    missing: float
    """Share of the rows without a value."""
    distinct: int
    mean: float | None = None
    sd: float | None = None
    quantiles: tuple[float, ...] = ()
    """Smallest, quarter, median, three quarters, largest; of times in seconds since 1970."""
    outliers: float | None = None
    """Share of the values beyond the quarters by 1.5 times their distance (Tukey 1977)."""
    bins: tuple[int, ...] = ()
    """Rows in stretches of equal length from `span[0]` to `span[1]`; values beyond are in the outermost."""
    span: tuple[float, float] | None = None
    levels: tuple[Level, ...] = ()
    """The commonest values."""
    tells: float | None = None
    """How strongly it goes with the target, 0 to 1."""


class Pair(Record):
    """Two columns of numbers that go together."""

    first: str
    second: str
    correlation: float
    """Of their ranks (Spearman 1904)."""


class BatchProfile(Record):
    """A batch: its rows, what is missing of all features, its labels."""

    batch: str
    rows: int
    missing: float
    labelled: int
    target: float | None
    """Mean of the target, or share of the class named in the profile."""


class DataProfile(Record):
    """A table before a model is trained on it."""

    recipe: str
    rows: int
    looked_at: int
    """Rows from which distributions were taken."""
    target: str
    """The target, the first of several: the one that batches tell of; empty where there is none."""
    share_of: str | None
    """Class whose share the batches tell; None where the target is a number."""
    columns: tuple[ColumnProfile, ...]
    """The targets, then the features by how strongly they go with it, then what is not learned."""
    features: int
    """How many features there are; of very many not all are profiled."""
    left_out: int
    """How many columns are not learned."""
    pairs: tuple[Pair, ...] = ()
    batches: tuple[BatchProfile, ...] = ()
    notes: tuple[str, ...] = ()
    """What is hardly meant, or was set aside."""


class RuleBroken(Record):
    """Rows that break a rule in a column; a row that breaks several counts once, with the first of them."""

    rule: str
    column: str
    rows: int
    words: str
    """What such a row is like, after "rows"."""
    example: str
    """Where one of them is, and what it holds."""


class Quarantine(Record):
    """Rows of a batch that break a row rule: set aside, or, where they are too many, the reason to refuse it."""

    batch: str
    read: int
    """Rows of the batch in the source."""
    rows: int
    """Rows that break a rule."""
    blocked: bool
    """Whether they were too many: then none of the batch's rows is used."""
    rules: tuple[RuleBroken, ...] = ()

    @property
    def kept(self) -> int:
        """Rows that are used."""
        return 0 if self.blocked else self.read - self.rows

    @property
    def words(self) -> str:
        """What was found, in a line.

        >>> broken = RuleBroken(rule="r", column="age", rows=2, words="above 120 in column 'age'", example="row 8: 999")
        >>> Quarantine(batch="2024-01-01", read=500, rows=2, blocked=False, rules=(broken,)).words
        "2 of 500 rows: 2 above 120 in column 'age' (row 8: 999)"
        """
        parts = [f"{each.rows:,} {each.words} ({each.example})" for each in self.rules]
        return f"{self.rows:,} of {self.read:,} rows: {', '.join(parts)}"
