"""What the steps return: frozen records that travel as JSON (assets, ledger, event log, command line)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Direction = Literal["maximize", "minimize"]


class Record(BaseModel):
    """A frozen result."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Finding(Record):
    """One thing wrong with a recipe or its data."""

    rule: str
    message: str
    column: str | None = None
    key: str | None = None
    """The recipe's key that is wrong, where the data is not."""


Kind = Literal["number", "text", "time", "empty", "other"]


class Schema(Record):
    """What kind of values each column held in an earlier batch; columns that are never used are left out."""

    columns: dict[str, Kind]
    classes: tuple[str, ...] = ()
    """Class labels as they were spelled first."""


class Score(Record):
    """A metric with its 95 % interval."""

    value: float
    low: float
    high: float


class Trial(Record):
    """One set of hyperparameters that was tried; `value` is None where it was pruned."""

    number: int
    params: dict[str, Any]
    value: float | None
    state: Literal["complete", "pruned", "failed"]
    seconds: float


class TuningResult(Record):
    """The record of a search (SPEC D4)."""

    engine: str
    metric: str
    direction: Direction
    best_params: dict[str, Any]
    best_score: float
    history: tuple[Trial, ...]
    total_trials: int
    pruned_trials: int
    optimization_time: float


class TrainingResult(Record):
    """What a fit knew: data, seed, parameters, folds.

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
    tuning: TuningResult | None = None
    notes: tuple[str, ...] = ()

    @property
    def positive(self) -> str | None:
        """Positive class of two; None of more, and of a regression."""
        return self.classes[-1] if self.classes is not None and len(self.classes) == 2 else None


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


class Evaluation(Record):
    """Scores on rows the model has not seen, beside a baseline that looks at no feature."""

    metric: str
    direction: Direction
    rows: int
    scores: dict[str, Score]
    baseline: dict[str, float]
    per_class: dict[str, dict[str, float]] = {}
    targets_missed: tuple[str, ...] = ()


class SegmentGain(Record):
    """Champion and challenger on a part of the rows; `p_value` of "not worse" is Holm-corrected."""

    segment: str
    rows: int
    champion_score: float
    challenger_score: float
    gain: float
    p_value: float
    worse: bool


class GateCheck(Record):
    """One thing that must not become worse, in words."""

    name: str
    passed: bool
    text: str


class Costs(Record):
    """Seconds that a prediction of one row takes, both models measured in turn, and the challenger's size."""

    challenger_bytes: int
    challenger_seconds: float | None = None
    champion_seconds: float | None = None


class Promotion(Record):
    """The gate's answer; `looks` counts the challengers that this champion was compared with before."""

    outcome: Literal["promote", "keep", "inconclusive"]
    reason: str
    metric: str
    direction: Direction
    rows: int
    champion_version: int | None = None
    champion_score: float | None = None
    challenger_score: float | None = None
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None
    rows_needed: int | None = None
    looks: int = 0
    alpha: float | None = None
    segments: tuple[SegmentGain, ...] = ()
    checks: tuple[GateCheck, ...] = ()
    forced: bool = False


class Probation(Record):
    """A new champion on its first live labels beside the champion before, on the same rows."""

    outcome: Literal["rollback", "passed", "watching"]
    reason: str
    metric: str
    direction: Direction
    rows: int
    batches: tuple[str, ...]
    champion_version: int
    previous_version: int
    champion_score: float | None = None
    previous_score: float | None = None
    loss: float | None = None
    loss_low: float | None = None
    loss_high: float | None = None
    p_value: float | None = None
    alpha: float


class ColumnDrift(Record):
    """One column of a batch against the same column of the reference; `p_value` is Bonferroni-corrected.

    `effects` are all effects by name, `usual` the most that this column's own earlier batches lead to expect
    of `effect`. `trend` of a drifted column: it `moved now`, `moved once` and stays there, or `keeps moving`;
    `learned` of one that is as in the champion's newest training batches, and so has not drifted.
    """

    column: str
    kind: Literal["numeric", "categorical"]
    test: str
    effect_name: str
    effect: float
    p_value: float
    drifted: bool
    note: str = ""
    effects: dict[str, float] = {}
    usual: float | None = None
    trend: Literal["", "moved now", "moved once", "keeps moving", "learned"] = ""
    importance: float | None = None
    estimated_loss: float | None = None


class JointDrift(Record):
    """Whether columns go together as before: how well their products tell batch from reference (0.5: not).

    `learned`: they go together as in the champion's newest training batches, and so have not drifted.
    """

    auc: float
    p_value: float
    pairs: tuple[tuple[str, str], ...] = ()
    drifted: bool = False
    learned: bool = False


class DriftReport(Record):
    """The inputs of a batch against the rows that the champion was trained on.

    `share` counts the columns that drifted alone and those of the pairs that drifted jointly. `weight` is
    their share of the champion's whole permutation importance, `estimated_loss` what their shift may cost in
    the unit of `metric`; both are None where the importance is unknown.
    """

    batch: str
    champion_version: int | None
    status: Literal["ok", "drift", "insufficient_data", "fault", "no_champion"]
    rows: int
    reference_rows: int
    share: float
    columns: tuple[ColumnDrift, ...] = ()
    set_aside: dict[str, str] = {}
    faults: tuple[str, ...] = ()
    text: str = ""
    joint: JointDrift | None = None
    predictions: tuple[ColumnDrift, ...] = ()
    metric: str = ""
    weight: float | None = None
    estimated_loss: float | None = None


class Profile(Record):
    """What monitoring must know about a version: measured once, when it was trained.

    `importance` is the loss in `metric` when a column is permuted among the hold-out's rows; `usual` the
    effects of the training batches, each against the others, by column and effect; `predictions` a sample of
    those on the hold-out.
    """

    metric: str
    importance: dict[str, float] = {}
    usual: dict[str, dict[str, tuple[float, ...]]] = {}
    predictions: dict[str, tuple[Any, ...]] = {}


class LossSummary(Record):
    """Losses of the hold-out's rows, by the model that had not seen them; larger ones count as `cap`."""

    kind: str
    mean: float
    std: float
    rows: int
    cap: float
    skewness: float = 0.0


class SequentialTest(Record):
    """Whether the loss of a row is above the hold-out's: a cumulative sum over one champion's batches.

    `total` is the batch's sum of losses, standardised by the hold-out's; `allowance` what is taken off for each
    of its `rows`; `since` the batch at which the sum rose from 0 for the last time.
    """

    loss: str
    rows: int
    total: float
    mean: float
    holdout_mean: float
    allowance: float
    statistic: float
    threshold: float
    since: str | None = None
    alarm: bool = False
    text: str = ""


class MaturedEstimate(Record):
    """An estimate whose labels have come; `error` is the estimate minus what was realised."""

    batch: str
    value: float
    realised: float
    error: float


class Estimate(Record):
    """The live score of a batch before its labels are known; `value` is None where `reason` says why.

    `mean_error` is how far the earlier estimates of this metric, `matured_batches` of them, were off on average.
    """

    batch: str
    champion_version: int
    metric: str
    rows: int
    value: float | None = None
    method: str = ""
    reason: str = ""
    mean_error: float | None = None
    matured_batches: int = 0
    matured: MaturedEstimate | None = None
    text: str = ""


class PerformanceReport(Record):
    """The live score of the newest batch whose labels are known at `batch`.

    `estimate` speaks of `batch` itself, whose labels may be still to come: no decision reads it. `concept` is the
    sequential test of the rows' loss, `target` the labels of the scored batch beside those the champion learned.
    """

    batch: str
    scored_batch: str | None
    champion_version: int | None
    status: Literal["ok", "insufficient_data", "waiting", "in_sample", "no_champion"]
    metric: str
    direction: Direction
    rows: int
    coverage: float
    score: Score | None = None
    holdout: Score | None = None
    p_value: float | None = None
    text: str = ""
    estimate: Estimate | None = None
    concept: SequentialTest | None = None
    target: ColumnDrift | None = None


class BatchEvidence(Record):
    """What is known about one batch when a decision is made."""

    batch: str
    index: int
    drift: DriftReport | None = None
    performance: PerformanceReport | None = None


class Attempt(Record):
    """One training run asked for by a decision: which batch it belongs to and how it ended."""

    batch_index: int
    outcome: Literal["in_flight", "failed", "promote", "keep", "inconclusive"]
    at: str


class Champion(Record):
    """The model in charge, as a decision sees it."""

    version: int
    as_of_index: int
    trained_at: str


class History(Record):
    """Everything `decide_retrain` may look at."""

    recipe: str
    batches: tuple[BatchEvidence, ...]
    attempts: tuple[Attempt, ...]
    champion: Champion | None
    labelled_batches: int = 0
    labelled_rows: int = 0


class RetrainDecision(Record):
    """The answer to "train again now?", with its reasons and the identity of its evidence."""

    recipe: str
    action: Literal["none", "retrain", "blocked", "first"]
    rule: str
    reasons: tuple[str, ...]
    batch: str | None
    champion_version: int | None
    attempt: int = 0
    evidence: dict[str, Any] = {}

    @property
    def retrain(self) -> bool:
        """Whether a training run is asked for."""
        return self.action in ("retrain", "first")

    @property
    def key(self) -> str:
        """Identity of the evidence and the attempt: the run key."""
        return f"{self.recipe}:{self.batch}:v{self.champion_version or 0}:a{self.attempt}"
