"""The section `model`: rows, columns, what is prepared, and the estimator."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, field_validator

from ml_assets.recipe.schema.deciding import ShareOrChoice
from ml_assets.recipe.schema.engineering import FeatureEngineering, FeatureSelection
from ml_assets.recipe.schema.ensembling import Ensemble, Estimated
from ml_assets.recipe.schema.preparing import Preprocessor
from ml_assets.recipe.schema.section import Names, Section
from ml_assets.recipe.tasks import TOP_K, TaskType

Parameter = str | int | float | bool | None
"""A value of a query."""

Chosen = str | int | float | bool
"""A value whose rows are read."""


class Loader(Section):
    """Where the rows come from."""

    name: Literal["default_loader"] = "default_loader"
    """Loader; there is one."""
    source_uri: str = Field(min_length=1)
    """Path, glob or folder, also in `s3://…`, `gs://…`, `abfs://…`; a query (`SELECT …`, `.sql`, `.sql.j2`);
    `sklearn://iris`; `openml://adult/2`; `${ML_ASSETS_RECIPE_X:-…}`."""
    connection_uri: str | None = None
    """Database of a query, as `postgresql://HOST/NAME`. Default: the environment's `ML_ASSETS_CONNECTION_URI`."""
    params: dict[str, Parameter | Annotated[tuple[Parameter, ...], Field(strict=False)]] = Field(
        default_factory=dict
    )
    """Values for `{{ name }}` in a query; they are bound, never pasted."""
    identifiers: Names = ()
    """Names of tables and columns that parameters may put into a query, by `{{ name | identifier }}`."""
    where: dict[str, Chosen | Annotated[tuple[Chosen, ...], Field(strict=False)]] = Field(
        default_factory=dict
    )
    """Rows to read: those whose column has this value, or one of these. A query says it itself (WHERE)."""
    na_values: Names = ()
    """Cells that mean "no value" in every column, beside the usual ones (empty, NA, NaN, null, ?)."""


class Foreach(Section):
    """One model for each value of a column, all by the same recipe."""

    column: str = Field(min_length=1)
    """Column with the value; `{{ column }}` stands for it in `source_uri`, else its rows are read of all."""
    values: Annotated[tuple[Chosen, ...], Field(strict=False, min_length=1, max_length=10_000)]
    """Values that have a model: of `churn`, `berlin` has `churn_berlin`."""


class FeatureNamespace(Section):
    """Named features of one namespace of a feature store."""

    feature_namespace: str
    """Namespace (feature view)."""
    features: Names
    """Feature names."""


class JoinedFeature(NamedTuple):
    """A feature of the feature store, and the column that it becomes."""

    namespace: str
    feature: str
    column: str


class Augmenter(Section):
    """What is joined to the rows before cleaning."""

    type: Literal["pass_through", "none", "feature_store"] = "pass_through"
    """`feature_store` joins features of Feast as they were known at the time of each row; the others join nothing."""
    features: Annotated[tuple[FeatureNamespace, ...], Field(strict=False)] = ()
    """Features to join, for `feature_store`."""
    timestamp_col: str | None = None
    """Column with the time of each row.

    Default: `feature_engineering.time_col`, else `batches.column`, else `event_timestamp`."""

    @property
    def joined(self) -> tuple[JoinedFeature, ...]:
        """What is joined, and the columns that it makes.

        A feature's own name, or `namespace__feature` where several namespaces have one of this name.
        """
        if self.type != "feature_store":
            return ()
        asked = [(each.feature_namespace, name) for each in self.features for name in each.features]
        times = Counter(name for _, name in asked)
        return tuple(
            JoinedFeature(namespace, name, name if times[name] == 1 else f"{namespace}__{name}")
            for namespace, name in asked
        )


NETWORKS = "ml_assets.networks."
"""Begins the class paths of networks."""
START_FROM, FROZEN = "start_from", "frozen_epochs"
"""Hyperparameters of a network that begins from a version."""


class DataInterface(Section):
    """What is predicted, and what kind of column each one is."""

    task_type: TaskType
    """Kind of problem."""
    target_col: str | Annotated[tuple[str, ...], Field(strict=False)] | None = None
    """Column to predict; a list of columns: one model predicts them all, and a row counts once all are known.
    Every task must name it, but clustering, which has none, and recommendation, of which it is the rating."""
    user_col: str | None = None
    """Column that names the user, of task_type recommendation. Rows of one user count together in every test."""
    item_col: str | None = None
    """Column that names the item, of task_type recommendation."""
    top_k: int = Field(default=TOP_K, ge=1, le=1000)
    """How many items a user is recommended, and how many every metric looks at, of task_type recommendation."""
    relevant_from: float | None = Field(default=None, gt=0)
    """Rating above 0 from which an item was liked; below, it is only known. Default: any above 0."""
    entity_cols: Names = ()
    """Columns that identify a row or its owner; never features. Rows of one owner count together in every test."""
    protected_cols: Names = ()
    """Columns that name groups of people, as `[sex, age]`, which the model must not treat unequally: they judge it, and
    it does not learn them."""
    protected_features: Names = ()
    """Protected columns that are features all the same."""
    treatment_col: str | None = None
    """Column that says which rows were treated, of task_type causal: two values, by chance. Never a feature."""
    control: str | int | bool | None = None
    """Value of `treatment_col` of the rows that were not treated. Default: 0, False, no … where it says so."""
    positive_class: str | int | bool | None = None
    """Class that precision and recall speak of (binary). Default: 1, True, yes … else the rarer class."""

    @field_validator("target_col")
    @classmethod
    def _one_or_several(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        """A list of one column is that column."""
        return value[0] if isinstance(value, tuple) and len(value) == 1 else value


class Model(Estimated):
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
    feature_engineering: FeatureEngineering = FeatureEngineering()
    """Columns that are made of others."""
    feature_selection: FeatureSelection | None = None
    """Which of the prepared columns the estimator is given. Left out: all."""
    data_interface: DataInterface
    """What is predicted."""
    threshold: ShareOrChoice | None = None
    """Share from which a row is of the positive class (binary), or how it is chosen. Left out: the likelier class."""
    calibration: Literal["sigmoid", "isotonic", "off"] = "off"
    """How shares are brought to how often they come true, on rows that no fit had learned (classification)."""

    ensemble: Ensemble | None = None
    """Estimators that answer together with that of `class_path`."""

    @property
    def start_from(self) -> Any:
        """Version that the network begins from, as it is written; None of other estimators."""
        return self.hyperparameters.get(START_FROM) if (self.class_path or "").startswith(NETWORKS) else None

    @property
    def named(self) -> list[tuple[tuple[str | int, ...], str, dict[str, Any]]]:
        """Every estimator that the recipe names: its key below `model`, class path and hyperparameters."""
        if self.class_path is None:
            return []
        others = () if self.ensemble is None else self.ensemble.estimators
        return [
            ((), self.class_path, self.hyperparameters),
            *(
                (("ensemble", "estimators", k), each.class_path, each.hyperparameters)
                for k, each in enumerate(others)
            ),
        ]
