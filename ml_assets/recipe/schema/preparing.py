"""The section `model.preprocessor`: which columns are used, and how they are prepared inside the model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ml_assets.recipe.schema.section import Names, Section

Encoder = Literal["onehot", "ordinal", "label", "target", "embedding"]
Scaler = Literal["standard", "minmax", "robust", "normalizer"]
Missing = Literal["mean", "median", "mode", "category", "interpolation", "drop"]
OutlierMethod = Literal["iqr", "zscore", "isolation_forest"]
OutlierTreatment = Literal["clip", "flag", "remove"]


class ColumnSet(Section):
    """Columns that are prepared otherwise than the rest: what is left out here is as for all columns."""

    columns: Names
    """Columns of this set."""
    categorical_strategy: Encoder | None = None
    """Encoder of its categories."""
    numerical_strategy: Scaler | None = None
    """Scaler of its numbers."""
    missing_strategy: Missing | None = None
    """What replaces its missing values."""
    outlier_detection: bool | None = None
    """Whether its outliers are treated."""
    outlier_method: OutlierMethod | None = None
    """How its outliers are found."""
    outlier_treatment: OutlierTreatment | None = None
    """What is done with its outliers."""


class PreprocessorParams(Section):
    """Which columns are used and how they are prepared."""

    exclude_cols: Names = ()
    """Columns that are never features."""
    categorical_features: Names | None = None
    """Categorical columns (custom_preprocessor)."""
    categorical_strategy: Encoder | None = None
    """Encoder of categories. Left out: none for an estimator that understands them itself, else `onehot`."""
    numerical_features: Names | None = None
    """Numeric columns (custom_preprocessor)."""
    numerical_strategy: Scaler = "standard"
    """Scaler of the numeric columns (custom_preprocessor)."""
    missing_strategy: Missing | None = None
    """What replaces a missing value, as the table above says. Left out: nothing where the estimator understands gaps
    itself, else as with `median`."""
    outlier_detection: bool = False
    """Whether outliers among numbers are treated."""
    outlier_method: OutlierMethod = "iqr"
    """How outliers are found."""
    outlier_treatment: OutlierTreatment = "clip"
    """What is done with outliers: `clip` to the bound, `flag` in a column beside, `remove` the training row."""
    column_sets: Annotated[tuple[ColumnSet, ...], Field(strict=False)] = ()
    """Columns that are prepared otherwise than the rest (custom_preprocessor)."""


class Preprocessor(Section):
    """The steps between the columns and the estimator."""

    name: Literal["default_preprocessor", "custom_preprocessor"] = "default_preprocessor"
    """`default_preprocessor` chooses by column type."""
    params: PreprocessorParams = PreprocessorParams()
    """Settings of the preprocessor."""
