"""The recipe: every key a person may write, its type, its default and what it means.

Each class is one section of the YAML file. Unknown keys are refused; `planned` lists names that a later
version will understand. What two settings mean together is checked in `rules`.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field, field_validator

from ml_assets.names import POINT
from ml_assets.recipe.own import Direction, is_own
from ml_assets.recipe.schema.deciding import LabelCosts, Threshold
from ml_assets.recipe.schema.engineering import (
    DateParts,
    FeatureEngineering,
    FeatureSelection,
    Lags,
    Polynomials,
    Rolling,
)
from ml_assets.recipe.schema.ensembling import Ensemble, Member
from ml_assets.recipe.schema.judging import (
    EvaluationSection,
    ExplanationSection,
    PromotionSection,
    Quality,
    RowRule,
    Validation,
)
from ml_assets.recipe.schema.model import (
    Augmenter,
    DataInterface,
    FeatureNamespace,
    Foreach,
    Loader,
    Model,
)
from ml_assets.recipe.schema.preparing import ColumnSet, Preprocessor, PreprocessorParams
from ml_assets.recipe.schema.search import Parallelization, Pruning, Tuning
from ml_assets.recipe.schema.section import Section
from ml_assets.recipe.schema.time import (
    Batches,
    Breaches,
    Budget,
    Monitoring,
    Retraining,
    Training,
)
from ml_assets.recipe.tasks import EFFECTS, FORECASTS, RECOMMENDS, UNTARGETED, TaskType

__all__ = [
    "Augmenter", "Batches", "Breaches", "Budget", "ColumnSet", "DataInterface", "DateParts", "Ensemble",
    "EvaluationSection", "ExplanationSection", "FeatureEngineering", "FeatureNamespace", "FeatureSelection",
    "Foreach", "LabelCosts", "Lags", "Loader",
    "Member", "Model", "Monitoring", "Parallelization", "Polynomials", "Preprocessor", "PreprocessorParams",
    "PromotionSection", "Pruning", "Quality", "Recipe", "Retraining", "Rolling", "RowRule", "Section", "Threshold",
    "Training", "Tuning", "Validation",
]  # fmt: skip

NAME = r"^[a-z][a-z0-9_]{0,59}$"


class Recipe(Section):
    """One model, whole: its data, training, evaluation, monitoring and retraining."""

    name: str = Field(json_schema_extra={"pattern": NAME})
    """Name of the model: small letters, digits and `_`. Prefix of its assets."""
    model: Model
    """The estimator and everything it reads."""
    hyperparameter_tuning: Tuning = Tuning()
    """The search for hyperparameters."""
    quality: Quality = Quality()
    """What is suspicious in the data, and what each row must hold."""
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
    foreach: Foreach | None = None
    """One model for each value of a column. Left out: one model."""

    @property
    def target(self) -> Any:
        """What takes y out of a frame: the name of the one target, giving a Series; a list of several, a DataFrame."""
        return self.targets[0] if len(self.targets) == 1 else list(self.targets)

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the columns of y: the targets and, for an effect, the treatment, which is known when they are.

        Of a task without a target the column that a row is measured by.
        """
        if not self.has_target:
            return (POINT,)
        target, treatment = self.model.data_interface.target_col or (), self.treatment
        named = (target,) if isinstance(target, str) else target
        return named if treatment is None else (*named, treatment)

    @property
    def answered(self) -> tuple[str, ...]:
        """Names of the targets that each have a prediction of their own: all, but for an effect none."""
        return () if self.treatment is not None else self.targets

    @property
    def treatment(self) -> str | None:
        """Column that says which rows were treated, where an effect is predicted."""
        return self.model.data_interface.treatment_col if self.task in EFFECTS else None

    @property
    def own_metrics(self) -> dict[str, Direction]:
        """Metrics of a person's own, by import path, with the way that is better."""
        tuned = self.hyperparameter_tuning
        declared: dict[str, Direction] = dict(self.evaluation.own_metrics)
        if tuned.metric is not None and is_own(tuned.metric) and tuned.direction is not None:
            declared.setdefault(tuned.metric, tuned.direction)
        return declared

    def of_each_target(self) -> tuple[Recipe, ...]:
        """A recipe for each target, to which the others are columns left out; of one target the recipe itself."""
        if len(self.targets) == 1:
            return (self,)
        return tuple(self._of(target) for target in self.targets)

    def _of(self, target: str) -> Recipe:
        model = self.model
        params = model.preprocessor.params
        others = tuple(name for name in self.targets if name != target)
        params = params.model_copy(update={"exclude_cols": (*params.exclude_cols, *others)})
        changes = {
            "data_interface": model.data_interface.model_copy(
                update={"target_col": target, "treatment_col": None}
            ),
            "preprocessor": model.preprocessor.model_copy(update={"params": params}),
        }
        return self.model_copy(update={"model": model.model_copy(update=changes)})

    @property
    def task(self) -> TaskType:
        """Kind of problem."""
        return self.model.data_interface.task_type

    @property
    def has_target(self) -> bool:
        """Whether there are labels: a column that is predicted."""
        return self.task not in UNTARGETED

    @property
    def recommends(self) -> bool:
        """Whether a row is a user and an item, and the answer to a user are some items."""
        return self.task in RECOMMENDS

    @property
    def entities(self) -> tuple[str, ...]:
        """Columns that name the owner of a row, whose rows count together: of a recommendation the user."""
        interface = self.model.data_interface
        if self.recommends:
            return () if interface.user_col is None else (interface.user_col,)
        return interface.entity_cols

    @property
    def ids(self) -> tuple[str, ...]:
        """Columns that name the owner of a row or a thing, which never pass through a number."""
        item = self.model.data_interface.item_col if self.recommends else None
        return self.entities if item is None else (*self.entities, item)

    @property
    def rating(self) -> str | None:
        """Column with the rating of an item by a user; None where there is none, and every item counts 1."""
        target = self.model.data_interface.target_col
        return target if self.recommends and isinstance(target, str) else None

    @property
    def protected(self) -> tuple[str, ...]:
        """Columns whose groups the model is judged by."""
        return self.model.data_interface.protected_cols

    @property
    def kept_apart(self) -> tuple[str, ...]:
        """Protected columns that are no features: nothing that is learned may see them."""
        learned = self.model.data_interface.protected_features
        return tuple(name for name in self.protected if name not in learned)

    @property
    def needed(self) -> tuple[str, ...]:
        """Columns in which a row needs a value to be learned: its targets; of a recommendation who had what."""
        if not self.recommends:
            return self.targets
        interface = self.model.data_interface
        return tuple(name for name in (interface.user_col, interface.item_col, self.rating) if name)

    @property
    def top_k(self) -> int:
        """Items that a user is recommended."""
        return self.model.data_interface.top_k

    @property
    def forecasts(self) -> bool:
        """Whether a row is predicted from earlier values of its target."""
        return self.task in FORECASTS

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


def _slug(name: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")[:60]
    return f" Did you mean {slug!r}?" if slug else ""
