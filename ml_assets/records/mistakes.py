"""Where a model was wrong on the hold-out: classes taken for one another, errors by prediction, the worst rows."""

from __future__ import annotations

from ml_assets.records.base import Record


class Confusion(Record):
    """Rows by true and by predicted class: `counts` has a line for each true class.

    The rarest of many classes are one, `other`. `target` is empty where there is one target.
    """

    target: str
    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


class Residuals(Record):
    """True minus predicted numbers in groups of equally many rows, by what was predicted.

    `predicted` are the means of the groups; `low`, `middle` and `high` the 5 %, 50 % and 95 % quantiles of the errors.
    """

    target: str
    predicted: tuple[float, ...]
    low: tuple[float, ...]
    middle: tuple[float, ...]
    high: tuple[float, ...]
    rows: tuple[int, ...]


class Recent(Record):
    """The newest rows of a time series, oldest first: what came, what was foretold, and the naive forecast."""

    came: tuple[float, ...]
    predicted: tuple[float, ...]
    naive: tuple[float | None, ...]


class WrongRow(Record):
    """A row of the hold-out, by its batch and its name in the store; `share` is that of the true class, if known."""

    batch: str
    row: str
    truth: str | float
    predicted: str | float
    share: float | None
    loss: float
    values: dict[str, str | float | None]


class WrongRows(Record):
    """The rows of the largest loss, each with the features that the model leans on, the first one most.

    Only features are shown, of a category only a value that many rows share: what names a row or tells a story of it
    stays out. `rare` counts the values that were left out for that, `features` how many features there are.
    """

    rows: tuple[WrongRow, ...]
    features: int
    rare: int
