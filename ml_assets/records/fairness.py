"""What a model does to the groups of its protected columns, and how far apart the groups are."""

from __future__ import annotations

from ml_assets.records.base import Record


class GroupFigure(Record):
    """A figure of one group, with its 95 % interval.

    `rows` are those that it is taken of, as the true ones of a true positive rate; `counted` as many as count, since
    rows of one entity, or next to one another in time, tell less. `error` is the standard error, None where too few
    rows tell it.
    """

    group: str
    rows: int
    counted: float
    value: float
    low: float
    high: float
    error: float | None


class Gap(Record):
    """The largest difference of a figure between two groups with enough rows, with its simultaneous 95 % interval.

    `measure` is its name in `recipe.gaps`, `figure` what is compared; `most` and `least` the two groups, `ratio` the
    smallest value over the largest, of shares. `p`: so large a gap if it were `limit` at most (0 without a limit).
    """

    measure: str
    figure: str
    value: float
    low: float
    high: float
    most: str
    least: str
    ratio: float | None = None
    limit: float | None = None
    p: float = 1.0


class ProtectedGroups(Record):
    """Figures of each group of a protected column, and the gaps between them.

    `edges` are the numbers at which the next group begins, empty where each value is a group; `small` are groups with
    too few rows for some figure, which is then not judged.
    """

    column: str
    edges: tuple[float, ...] = ()
    rows: dict[str, int] = {}
    figures: dict[str, tuple[GroupFigure, ...]] = {}
    gaps: tuple[Gap, ...] = ()
    small: tuple[str, ...] = ()


class PairSum(Record):
    """How much has added up that a figure of a group is above that of another by more than the limit."""

    figure: str
    more: str
    less: str
    total: float
    since: str | None


class GapTest(Record):
    """Whether a gap is surely above its limit, over the batches of one champion (`monitoring.gaps`).

    It is told of the pair of groups that is furthest: `step` is the newest excess in standard errors, None where no
    step was made, `statistic` what has added up `since` a batch. `sums` are those of all pairs.
    """

    column: str
    measure: str
    limit: float
    figure: str
    more: str
    less: str
    statistic: float
    threshold: float
    step: float | None
    step_limit: float
    since: str | None = None
    alarm: bool = False
    sums: tuple[PairSum, ...] = ()
    text: str = ""
