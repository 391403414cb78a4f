"""What a search, a fit and an evaluation return."""

from __future__ import annotations

from typing import Any, Final, Literal

from ml_assets.records.base import Direction, Positive, Record, Score
from ml_assets.records.clusters import ClusterPart
from ml_assets.records.explanation import Swarm
from ml_assets.records.fairness import ProtectedGroups
from ml_assets.records.mistakes import Confusion, Recent, Residuals


class Trial(Record):
    """One set of hyperparameters that was tried; `value` is None where it was pruned."""

    number: int
    params: dict[str, Any]
    value: float | None
    state: Literal["complete", "pruned", "failed"]
    seconds: float


class TuningResult(Record):
    """The record of a search.

    `by_clock`: seconds ended it before its trials did, so that another machine may choose otherwise.
    """

    engine: str
    metric: str
    direction: Direction
    best_params: dict[str, Any]
    best_score: float
    history: tuple[Trial, ...]
    total_trials: int
    pruned_trials: int
    optimization_time: float
    by_clock: bool = False


class Standing(Record):
    """How the best of a family did in an automatic search, and how much of the model it is.

    `seconds` are those of all its trials, `fold_seconds` those of one fit of the best on a fold.
    """

    family: str
    class_path: str
    score: float
    standard_error: float
    trials: int
    seconds: float
    fold_seconds: float
    weight: float


class Choice(Record):
    """Why an automatic search chose what it chose: the families, the best first, and the reason in words.

    `by_clock`: seconds ended the search before its trials did, so that another machine may choose otherwise.
    """

    standings: tuple[Standing, ...]
    why: str
    by_clock: bool


class Epoch(Record):
    """One pass of a network over its rows: mean loss on them and on the rows set aside, which say when to stop."""

    epoch: int
    loss: float
    loss_aside: float
    learning_rate: float


class DecisionThreshold(Record):
    """The share of the positive class from which a row is taken for it, and how it came about.

    `scores` are those of rows that the fits had not learned, each part at the threshold that the other parts choose;
    empty where the recipe gives the threshold. `met`: whether a threshold reaches what the recipe asks for at least.
    """

    positive: str
    value: float
    rows: int = 0
    scores: dict[str, float] = {}
    met: bool = True


CalibrationMethod = Literal["sigmoid", "isotonic"]


class ShareMap(Record):
    """From an estimator's share of a class to how often it comes true.

    Straight lines between the points `given` → `meant`; without points a sigmoid of the log odds, with this slope and
    intercept.
    """

    slope: float = 1.0
    intercept: float = 0.0
    given: tuple[float, ...] = ()
    meant: tuple[float, ...] = ()


class Calibration(Record):
    """How shares were calibrated, on rows that the fits had not learned.

    `maps` by class, of two for the positive one; `before` and `after`: log loss of these rows as they were predicted,
    and each part by the maps of the others.
    """

    method: CalibrationMethod
    rows: int
    maps: dict[str, ShareMap]
    before: float
    after: float


MONOTONE: Final = ("monotone_constraints", "monotonic_cst")
"""What libraries call monotone constraints."""


class OverFolds(Record):
    """A score over the folds of a cross-validation, in the metric's unit; `low` and `high` are of its mean (95 %)."""

    folds: int
    mean: float
    deviation: float
    error: float
    low: float
    high: float


class TrainingResult(Record):
    """What a fit knew: data, seed, parameters, folds.

    Of `rows`, `left_out` were not learned, by the reason: the recipe leaves out what misses a value or is an outlier.
    `params` are all parameters given to the estimator, as in a recipe; `classes` end with the positive one
    of two; `notes` are facts to read before trusting the model, e.g. that the estimator did not converge.
    """

    class_path: str
    params: dict[str, Any]
    metric: str
    direction: Direction
    cv_scores: tuple[float, ...]
    rows: int
    features: tuple[str, ...]
    excluded: dict[str, str]
    classes: tuple[str, ...] | None
    random_state: int
    seconds: float
    cpu_seconds: float | None = None
    """CPU of the process and its children meanwhile, search and fit; None in records of older versions."""
    tuning: TuningResult | None = None
    choice: Choice | None = None
    """Of an automatic search."""
    over_folds: OverFolds | None = None
    """None in records of older versions, and of fewer than two folds."""
    notes: tuple[str, ...] = ()
    left_out: dict[str, int] = {}
    targets: tuple[str, ...] = ()
    """Names of the targets, where there are several."""
    target_classes: dict[str, tuple[str, ...]] = {}
    """Classes of each of several targets, in the place of `classes`."""
    epochs: tuple[Epoch, ...] = ()
    """How a network learned; empty for any other estimator."""
    threshold: DecisionThreshold | None = None
    """Where the recipe has a threshold."""
    calibration: Calibration | None = None
    """Where the recipe asks for calibrated shares."""
    began_from: int | None = None
    """Version whose weights a network began from; None of one from scratch, and of other estimators."""
    constrained: Positive = None
    """Class whose share monotone constraints by name are about; None where there are none, and in older records."""

    @property
    def constraints(self) -> dict[str, int]:
        """Monotone constraints by the names of columns."""
        found = (self.params.get(name) for name in MONOTONE)
        return next((dict(each) for each in found if isinstance(each, dict)), {})

    @property
    def learned(self) -> int:
        """Rows that were learned."""
        return self.rows - sum(self.left_out.values())

    @property
    def positive(self) -> Positive:
        """Positive class of two; None of more, and of a regression; of several targets one for each."""
        if self.target_classes:
            return tuple(_positive(self.target_classes[name]) for name in self.targets)
        return _positive(self.classes)


def _positive(classes: tuple[str, ...] | None) -> str | None:
    return classes[-1] if classes is not None and len(classes) == 2 else None


class TrainedModel(Record):
    """The record behind the asset `trained_model`: a logged, not yet registered, model."""

    recipe: str
    as_of: str
    batches: tuple[str, ...]
    run_id: str
    model_uri: str
    sha256: str
    recipe_sha256: str
    data_sha256: str
    trained_at: str
    training: TrainingResult
    snapshots: dict[str, str] = {}
    """Hash of the clean rows of each batch that was learned from; empty in records of older versions."""
    recipe_text: str = ""
    """The recipe as YAML, defaults left out; empty in records of older versions."""


class Window(Record):
    """The batches that a training learns from, each with the hash of its clean rows."""

    snapshots: dict[str, str]


class Leak(Record):
    """A feature that tells the target almost perfectly, alone or with those beside it; `text` says how.

    `score` is at most 1. `by` says what found it: one column, a relation of several, or the score of the model. It
    keeps a first model out only if it is `sure`. `of` says what is told: who was treated, where it is no target.
    """

    column: str
    score: float
    text: str
    beside: tuple[str, ...] = ()
    by: Literal["column", "relation", "score"] = "column"
    sure: bool = True
    of: Literal["target", "treatment"] = "target"

    @property
    def columns(self) -> tuple[str, ...]:
        """All that take part."""
        return (self.column, *self.beside)


class Curve(Record):
    """A curve of an evaluation: the points that its picture is drawn from, at most a hundred.

    `low` and `high` are the ends of 95 % intervals, empty where there are none; `ideal` says that a model without
    fault lies on the diagonal.
    """

    name: str
    title: str
    x_label: str
    y_label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    ideal: bool = False


class PartScore(Record):
    """How the model did on a part of the hold-out, beside all its other rows.

    `found`: the part was looked for on one half of the hold-out, and all figures are of the other half, which had no
    say in it. `loss` and `others` are mean losses of a row, `p` the probability of so much worse a part if it were as
    all others; `worse` holds the parts of a report to 5 % together.
    """

    name: str
    rows: int
    score: Score | None
    loss: float
    others: float
    p: float
    worse: bool
    found: bool = False

    @property
    def told(self) -> str:
        """What is to be thought of it, in words."""
        sure = "surely worse" if self.worse else "not surely worse"
        return f"{sure}; found on the other half of the rows" if self.found else sure


class Evaluation(Record):
    """Scores on rows the model has not seen, beside a baseline that looks at no feature.

    `curves` are what its pictures are drawn from. `leaks` are features that are suspected of holding the answer, alone
    or together, `mixed` columns of the training window that are in two units, in words. `design` says how many rows
    count as one, which all intervals know: more than 1 where rows belong together (`entity_cols`, order in time).
    """

    metric: str
    direction: Direction
    rows: int
    scores: dict[str, Score]
    design: float = 1.0
    baseline: dict[str, float]
    baseline_is: str = "without looking at the features"
    per_class: dict[str, dict[str, float]] = {}
    class_intervals: dict[str, dict[str, tuple[float, float]]] = {}
    """Ends of 95 % intervals of the scores of each class; empty in records of older versions."""
    parts: tuple[PartScore, ...] = ()
    """Segments that the recipe names, and last the worst that was found; empty in records of older versions."""
    per_target: dict[str, dict[str, float]] = {}
    """Scores of each of several targets, of which `scores` are the means."""
    protected: tuple[ProtectedGroups, ...] = ()
    """Groups of the columns that the recipe protects; empty in records of older versions."""
    targets_missed: tuple[str, ...] = ()
    clusters: tuple[ClusterPart, ...] = ()
    """The clusters of a clustering, in the order of their numbers."""
    curves: tuple[Curve, ...] = ()
    unsound: tuple[str, ...] = ()
    """What makes these scores doubtful, a sentence each."""
    leaks: tuple[Leak, ...] = ()
    mixed: tuple[str, ...] = ()
    swarms: tuple[Swarm, ...] = ()
    """Columns that move the answers most, the first one most; empty in records of older versions."""
    swarms_of: str = ""
    """What they add up to: `prediction`, `probability of yes`."""
    confusions: tuple[Confusion, ...] = ()
    """Of each target with classes; empty in records of older versions, as the next two."""
    residuals: tuple[Residuals, ...] = ()
    recent: Recent | None = None
