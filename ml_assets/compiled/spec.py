"""What a compiled model is made of, by name; the numbers are in `arrays.npz` beside it, by the same names."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from ml_assets.records.base import Record

FOLDER: Final = "compiled"
"""Folder in a model's folder, so that the hash of the version is over it, too."""
SPECIFICATION, ARRAYS, CHECK = "specification.json", "arrays.npz", "check.json"
ANSWERS: Final = "answers.parquet"
"""What the fitted pipeline answered to some rows, before it was saved."""
CHECKED_AT_LOAD: Final = 40
"""Hard rows that a server answers before it takes a compiled version."""
FORMAT: Final = 1

Link = Literal["identity", "exponential", "sigmoid", "softmax", "one_against_rest"]
"""From a sum to an answer; the last is a sigmoid for each class, brought to a sum of 1."""
Scaling = Literal["none", "standard", "minmax", "unit"]


class Number(Record):
    """A number that a prediction begins with: a column of the source, or a part of its time."""

    column: str
    part: str | None = None


class Category(Record):
    """A column whose level is looked up; what is not among the levels is one more."""

    column: str
    levels: tuple[str, ...]
    truths: bool = False
    """Whether it holds yes and no alone, in whatever way these are written."""


class Numbers(Record):
    """Numbers filled, bounded and scaled; `indicated` are told to be missing in columns after them.

    Arrays: `low`, `high` (absent: no bounds), `fill` (absent: left missing), `shift`, `scale`.
    """

    kind: Literal["numbers"] = "numbers"
    columns: tuple[int, ...]
    carried: tuple[int, ...] = ()
    """Column that fills each one first, -1 for none."""
    indicated: tuple[int, ...] = ()
    scaling: Scaling = "none"


class Tabled(Record):
    """Categories replaced by the row of a table: array `0`, `1` … of shape (n_levels + 1, width) for each."""

    kind: Literal["tabled"] = "tabled"
    columns: tuple[int, ...]


class Indicated(Record):
    """1 where a number is missing."""

    kind: Literal["indicated"] = "indicated"
    columns: tuple[int, ...]


class Flagged(Record):
    """1 where a number is beyond a bound: arrays `low`, `high`."""

    kind: Literal["flagged"] = "flagged"
    columns: tuple[int, ...]


class Multiplied(Record):
    """Products of filled numbers, scaled: arrays `powers` of shape (n_products, n_values), `shift`, `scale`."""

    kind: Literal["multiplied"] = "multiplied"
    values: tuple[Numbers, ...]
    scaling: Scaling


class Paired(Record):
    """Pairs of categories looked up: arrays `codes0` … of shape (n_levels_a + 1, n_levels_b + 1), tables `0` …."""

    kind: Literal["paired"] = "paired"
    pairs: tuple[tuple[int, int], ...]


Block = Annotated[
    Numbers | Tabled | Indicated | Flagged | Multiplied | Paired,
    Field(discriminator="kind"),
]


class Linear(Record):
    """Arrays `coef` of shape (n_outputs, n_columns), `intercept`; `sigmoid_a`, `sigmoid_b` where calibrated."""

    kind: Literal["linear"] = "linear"
    link: Link
    calibrated: bool = False


class Trees(Record):
    """Trees that are walked side by side.

    Arrays: `feature`, `threshold` (go left where x <= threshold), `child` of shape (2 * n_nodes,), `missing_left`,
    `roots`; `value` of shape (n_nodes,) added up for the output `group` of its tree after `base`, or of shape
    (n_nodes, n_outputs), which is averaged.
    """

    kind: Literal["trees"] = "trees"
    link: Link
    depth: int
    averaged: bool = False
    single: bool = True
    """Whether values are cut to 32 bits before they are compared."""
    sums: Literal["float32", "float64"] = "float64"
    native: str | None = None
    """File of the library's own format, which is faster for many rows."""


class Layers(Record):
    """A neural network: arrays `coef0`, `intercept0` …."""

    kind: Literal["layers"] = "layers"
    layers: int
    activation: Literal["identity", "logistic", "tanh", "relu"]
    link: Link


class Kernel(Record):
    """A kernel model: a linear one of the kernel exp(-gamma * distance ** 2) to some rows.

    Arrays: `shift`, `scale` of the columns, which are then bounded; `centres` of shape (n_centres, n_columns),
    `weights` of shape (n_outputs, n_centres), `intercept`.
    """

    kind: Literal["kernel"] = "kernel"
    link: Link
    gamma: float
    within: float
    """Bound of a scaled value."""
    smoothly: bool
    """Whether values come near the bound and never reach it; else they are cut there."""


class Mean(Record):
    """The mean of models, with the array `weights`."""

    kind: Literal["mean"] = "mean"
    parts: tuple[Model, ...]
    votes: bool = False
    """Whether each gives its label a whole vote, not its shares."""


class Stacked(Record):
    """A model of the answers of others; of two classes the share of the second is given on."""

    kind: Literal["stacked"] = "stacked"
    parts: tuple[Model, ...]
    final: Model
    passthrough: bool = False
    odds: bool = False
    """Whether the log odds of the shares are given on, as `estimators.ensembles` holds them."""


class Several(Record):
    """One model for each target."""

    kind: Literal["several"] = "several"
    parts: tuple[Model, ...]


class Calibrated(Record):
    """A model whose shares are brought to how often they come true.

    Arrays of class k that has a map: `maps.<k>.given` and `maps.<k>.meant`, or `maps.<k>.sigmoid`: slope, intercept of
    the log odds, or `maps.<k>.platt`: the same of the shares, as scikit-learn has them.
    """

    kind: Literal["calibrated"] = "calibrated"
    part: Model
    classes: int


Model = Annotated[
    Linear | Trees | Layers | Kernel | Mean | Stacked | Several | Calibrated, Field(discriminator="kind")
]


class Threshold(Record):
    """Of two classes the place of the positive one, and the share from which on a row is of it."""

    positive: int
    value: float


class Specification(Record):
    """A compiled model."""

    format: int = FORMAT
    numbers: tuple[Number, ...]
    categories: tuple[Category, ...]
    blocks: tuple[Block, ...]
    kept: tuple[int, ...] | None = None
    """Columns that a selection keeps."""
    model: Model
    classes: tuple[tuple[str, ...], ...] = ()
    """Labels of each target, in the order of the shares; none of a regression."""
    threshold: Threshold | None = None
    """Without one, the class of the largest share is the label."""
    rows_checked: int = 0
    worst: float = 0.0
    """Largest difference to the pipeline on the rows it was checked on."""


class Refused(Record):
    """Why there is no compiled model."""

    why: str
