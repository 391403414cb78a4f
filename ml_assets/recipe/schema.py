"""The recipe: every key a person may write, its type, its default and what it means.

Each class is one section of the YAML file. Unknown keys are refused; `loading.NOT_YET` lists names that a
later version will understand. What two settings mean together is checked in `rules`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_serializer, field_validator, model_validator

from ml_assets.recipe import catalogue, rules
from ml_assets.recipe.space import as_written, parse_hyperparameters

NAME = r"^[a-z][a-z0-9_]{0,59}$"

Names = Annotated[tuple[str, ...], Field(strict=False)]
TaskType = Literal["classification", "regression", "clustering", "recommendation", "timeseries", "causal"]
Period = Literal["hourly", "daily", "weekly", "monthly"]


class Section(BaseModel):
    """A frozen section of the recipe; unknown keys are an error."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        protected_namespaces=(),
        use_attribute_docstrings=True,
    )


class Loader(Section):
    """Where the rows come from."""

    name: Literal["default_loader"] = "default_loader"
    """Loader; there is one."""
    source_uri: str = Field(min_length=1)
    """CSV or Parquet file, glob or folder, `file://…`, `sklearn://iris`; `${NAME:-default}` is filled in."""


class FeatureNamespace(Section):
    """Named features of one namespace of a feature store."""

    feature_namespace: str
    """Namespace (feature view)."""
    features: Names
    """Feature names."""


class Augmenter(Section):
    """What is joined to the rows before cleaning."""

    type: Literal["pass_through", "feature_store"] = "pass_through"
    """`pass_through` joins nothing."""
    features: Annotated[tuple[FeatureNamespace, ...], Field(strict=False)] = ()
    """Features to join, for `feature_store`."""


class PreprocessorParams(Section):
    """Which columns are used and how they are prepared."""

    exclude_cols: Names = ()
    """Columns that are never features."""
    categorical_features: Names | None = None
    """Categorical columns (custom_preprocessor)."""
    categorical_strategy: Literal["onehot", "label", "target"] = "onehot"
    """Encoder of the categorical columns (custom_preprocessor)."""
    numerical_features: Names | None = None
    """Numeric columns (custom_preprocessor)."""
    numerical_strategy: Literal["standard", "minmax", "robust"] = "standard"
    """Scaler of the numeric columns (custom_preprocessor)."""
    missing_strategy: Literal["mean", "median", "mode", "drop"] = "median"
    """What replaces a missing number."""
    outlier_detection: bool = False
    """Whether outliers are treated."""
    outlier_method: Literal["iqr", "zscore", "isolation_forest"] = "iqr"
    """How outliers are found."""


class Preprocessor(Section):
    """The steps between the columns and the estimator."""

    name: Literal["default_preprocessor", "custom_preprocessor"] = "default_preprocessor"
    """`default_preprocessor` chooses by column type."""
    params: PreprocessorParams = PreprocessorParams()
    """Settings of the preprocessor."""


class DataInterface(Section):
    """What is predicted, and what kind of column each one is."""

    task_type: TaskType
    """Kind of problem."""
    target_col: str | Annotated[tuple[str, ...], Field(strict=False)]
    """Column to predict."""
    entity_cols: Names = ()
    """Columns that identify a row or its owner; never features."""
    positive_class: str | int | bool | None = None
    """Class that precision and recall speak of (binary). Default: 1, True, yes … else the rarer class."""


class Model(Section):
    """The estimator and everything it reads."""

    class_path: str | None = None
    """Estimator, e.g. `xgboost.XGBClassifier`. Left out: an automatic search."""
    hyperparameters: dict[str, Any] = Field(default_factory=dict)
    """A plain value is fixed; `{type: int, low, high}` and its like are searched."""
    loader: Loader
    """Where the rows come from."""
    augmenter: Augmenter = Augmenter()
    """What is joined to the rows."""
    preprocessor: Preprocessor = Preprocessor()
    """How columns are prepared."""
    data_interface: DataInterface
    """What is predicted."""

    @field_validator("class_path")
    @classmethod
    def _allowed(cls, value: str | None) -> str | None:
        if value is not None:
            catalogue.check_class_path(value)
        return value

    @field_validator("hyperparameters")
    @classmethod
    def _parsed(cls, value: dict[str, Any]) -> dict[str, Any]:
        return parse_hyperparameters(value)

    @field_serializer("hyperparameters")
    def _written(self, value: dict[str, Any]) -> dict[str, Any]:
        return {name: as_written(inner) for name, inner in value.items()}


class Pruning(Section):
    """Stopping hopeless trials after a few folds."""

    enabled: bool = True
    """Whether trials may be stopped early."""
    algorithm: Literal["MedianPruner", "HyperbandPruner", "SuccessiveHalvingPruner"] = "MedianPruner"
    """Optuna pruner."""
    n_startup_trials: int = Field(5, ge=0)
    """Trials that are never stopped."""
    n_warmup_steps: int = Field(1, ge=0)
    """Folds before a trial may be stopped."""


class Parallelization(Section):
    """Trials at the same time."""

    n_jobs: int = Field(1, ge=1)
    """Threads running trials. More than one: the order of trials, and so the result, may vary."""


class Tuning(Section):
    """The search for hyperparameters."""

    enabled: bool = True
    """Off: every hyperparameter must be a plain value."""
    n_trials: int = Field(20, ge=1)
    """Trials in total."""
    metric: str | None = None
    """Metric to optimise. Default: roc_auc (two classes), f1 (more), rmse (regression)."""
    direction: Literal["maximize", "minimize"] | None = None
    """Must agree with the metric; may be left out."""
    timeout: float | None = Field(None, gt=0)
    """Seconds for the whole search; the operator's limit may be lower."""
    pruning: Pruning = Pruning()
    """Stopping hopeless trials."""
    parallelization: Parallelization = Parallelization()
    """Trials at the same time."""


class Validation(Section):
    """How the hold-out is made."""

    method: Literal["train_test_split", "time_split"] | None = None
    """`time_split`: the newest rows are the hold-out (default with batches); else at random."""
    test_size: float = Field(0.2, gt=0.0, lt=0.9)
    """Share of rows held out."""
    stratify: bool = True
    """Keep class shares equal in both parts (classification, at random)."""
    random_state: int = Field(42, ge=0, le=2**32 - 1)
    """Seed of everything random in this recipe."""


class EvaluationSection(Section):
    """How the model is judged."""

    metrics: Names | None = None
    """Metrics to report; default: all of the task."""
    validation: Validation = Validation()
    """How the hold-out is made."""
    targets: dict[str, float] = Field(default_factory=dict)
    """Least acceptable value per metric on the hold-out (most, for errors); a miss blocks promotion."""
    segments: Names = ()
    """Columns whose values are segments: a challenger that is worse in one of them is not promoted."""


class Batches(Section):
    """Data that arrives over time."""

    column: str
    """Column with the time of each row."""
    period: Period
    """One batch is one hour, day, week (from Monday) or month."""
    start: str | None = None
    """First batch, `YYYY-MM-DD`. Default: the oldest row when first read."""
    end: str | None = None
    """No batch at or after this date. Default: open."""


class Training(Section):
    """Which rows the model learns from."""

    window: Annotated[int, Field(ge=1)] | Literal["all", "auto"] = "all"
    """Newest labelled batches, all, or `auto`: as far back as predicts the newest labelled batches best."""
    first: int = Field(1, ge=1)
    """Labelled batches that must have arrived before the first model is trained."""
    folds: Annotated[int, Field(ge=2, le=20)] | None = None
    """Cross-validation folds of the search. Default: 5; automatic search on over 5,000 rows: 3."""


class Monitoring(Section):
    """How batches are watched."""

    label_delay: int = Field(0, ge=0)
    """Batches until labels are known."""
    min_rows: int = Field(300, ge=30)
    """Fewer rows than this prove nothing: the report says insufficient data."""


class Breaches(Section):
    """Persistence: k of the last n batches, the last one among them."""

    k: int = Field(2, ge=1)
    """Breached batches needed."""
    n: int = Field(3, ge=1)
    """Batches looked at."""


class Budget(Section):
    """The most retrains in a stretch of batches."""

    retrains: int = Field(6, ge=1)
    """Retrains allowed."""
    batches: int = Field(12, ge=1)
    """Length of the stretch."""


class Retraining(Section):
    """When the model is trained again by itself."""

    enabled: bool = True
    """Off: reports only."""
    performance_threshold: float | None = None
    """Breach when the live metric is worse than this. Default: significantly worse than on the hold-out."""
    drift_threshold: float = Field(0.1, ge=0.0, le=1.0)
    """Breach when a larger share of the columns has drifted."""
    breaches: Breaches = Breaches()
    """Persistence."""
    cooldown: int = Field(1, ge=0)
    """Batches without another retrain after one; twice as many for drift that does no harm."""
    budget: Budget = Budget()
    """The most retrains in a stretch of batches."""
    wait_for_labels: bool = True
    """Drift alone waits for labels of `breaches.k` drifted batches: before, there is nothing to learn."""
    max_age: int | None = Field(None, ge=1)
    """Retrain after this many batches in any case."""
    circuit_breaker: int = Field(3, ge=1)
    """Stop after this many failed or beaten challengers in a row."""


class PromotionSection(Section):
    """What a challenger must show."""

    when: Literal["better", "not_worse"] = "better"
    """Promote what is surely better, or all that is not surely worse, where models age fast."""
    min_gain: float = Field(0.0, ge=0.0)
    """Least gain over the champion, in the metric's unit; for `when: better`."""
    confidence: float = Field(0.95, gt=0.5, lt=1.0)
    """Confidence of the paired test."""
    min_rows: int = Field(50, ge=10)
    """Fewest rows, seen by neither model, to compare on, and of a segment; a first model needs 20 at most."""
    max_latency_ratio: float | None = Field(1.2, ge=1.0)
    """Longest prediction of one row, as a multiple of the champion's; 20 ms always pass. null: any."""
    max_size_mb: float = Field(500.0, gt=0.0)
    """Largest model, in megabytes."""
    probation: int = Field(2, ge=0)
    """Labelled batches on which a new champion that is worse than the one before is rolled back."""


class Recipe(Section):
    """One model, whole: its data, training, evaluation, monitoring and retraining."""

    name: str = Field(json_schema_extra={"pattern": NAME})
    """Name of the model: small letters, digits and `_`. Prefix of its assets."""
    model: Model
    """The estimator and everything it reads."""
    hyperparameter_tuning: Tuning = Tuning()
    """The search for hyperparameters."""
    evaluation: EvaluationSection = EvaluationSection()
    """How the model is judged."""
    batches: Batches | None = None
    """Data that arrives over time. Left out: one static table."""
    training: Training = Training()
    """Which rows the model learns from."""
    monitoring: Monitoring = Monitoring()
    """How batches are watched."""
    retraining: Retraining = Retraining()
    """When the model is trained again by itself."""
    promotion: PromotionSection = PromotionSection()
    """What a challenger must show."""

    @property
    def target(self) -> str:
        """Name of the one target column."""
        target = self.model.data_interface.target_col
        assert isinstance(target, str)
        return target

    @property
    def task(self) -> TaskType:
        """Kind of problem."""
        return self.model.data_interface.task_type

    @property
    def random_state(self) -> int:
        """Seed of everything random."""
        return self.evaluation.validation.random_state

    @field_validator("name")
    @classmethod
    def _spelled(cls, value: str) -> str:
        if not re.fullmatch(NAME, value):
            raise ValueError(
                f"found {value!r}; allowed: small letters, digits and `_`, a letter first, "
                f"at most 60.{_slug(value)}"
            )
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        rules.check_consistency(self)
        return self


def _slug(name: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")[:60]
    return f" Did you mean {slug!r}?" if slug else ""
