"""What a later version will understand: keys, values and places that are refused with "not yet".

All of it is here, so that what becomes supported is taken out in one place.
"""

from __future__ import annotations

from typing import Final

from ml_assets.recipe import readable
from ml_assets.recipe.faults import Key


def not_yet(what: str, instead: str) -> str:
    """
    Say that something is known but not yet supported, and what to do.

    >>> not_yet("http://", "Allowed: a path")
    'http:// is not yet supported. Allowed: a path'
    """
    return f"{what} is not yet supported. {instead}"


def of_key(path: str) -> str | None:
    """What is said of a key that the schema does not have, of one that is not known at all nothing."""
    if path in KEYS:
        return not_yet(repr(path.rpartition(".")[2]), "Leave it out")
    return ELSEWHERE.get(path)


TASK: Final[Key] = ("model", "data_interface", "task_type")
PARAMS: Final[Key] = ("model", "preprocessor", "params")

KEYS: Final = frozenset({
    "alerts", "evaluation.explanation",
    "hyperparameter_tuning.warm_start",
    "model.augmenter.connection",
    "monitoring.cbpe", "monitoring.estimated_performance", "monitoring.reference", "promotion.ab_test",
    "promotion.shadow",
    "serving", "tracking", "training.checkpoints", "training.engine",
    "training.time_budget",
})  # fmt: skip
"""Dotted keys that the schema does not have."""

METHOD: Final = "evaluation.validation.method"
ENGINE: Final = "hyperparameter_tuning.engine"
AUTOMATIC: Final = "Leave it out: without a class_path, families are searched automatically"
REFUSED: Final = {
    (ENGINE, "autogluon"): (
        "AutoGluon is not supported: it cannot be installed beside ml_assets, since it wants pyarrow below 25, and "
        "ml_assets 25 or newer. "
        f"{AUTOMATIC} (beside AutoGluon in docs/benchmarks.md)"
    ),
    (METHOD, "cross_validation"): (
        "folds are made by themselves, and the score of each with their mean is in the report: leave `method` out, and "
        "write `training.folds` for how many. The hold-out beside them judges what they chose"
    ),
    **dict.fromkeys(
        ((ENGINE, name) for name in ("auto-sklearn", "autosklearn", "auto_sklearn")),
        "auto-sklearn is not supported: it asks for scikit-learn below 0.25, which does not install on Python 3.11. "
        f"{AUTOMATIC}",
    ),
    (
        ENGINE,
        "tpot",
    ): f"TPOT is not supported: it wants pkg_resources, which setuptools no longer has. {AUTOMATIC}",
    ("model.augmenter.type", "tecton"): (
        "tecton is not supported: its library asks a service of the company's own, which cannot be installed, and so "
        "not be tested. Allowed: feature_store, which is Feast (docs/feature_store.md), pass_through or none"
    ),
}
"""Values that people may write and no version will understand, each with its key: the reason, and what to write."""

ELSEWHERE: Final = {
    "evaluation.validation.group_col": (
        "'group_col' is written as model.data_interface.entity_cols: [COLUMN] here, with method: group_split all "
        "rows of one are on one side"
    ),
}
"""Dotted keys that people may write for what has another place here."""

INSTEAD: Final = {
    **dict.fromkeys(("torch", "skorch", "pytorch"), "ml_assets.networks.MLPClassifier"),
    **dict.fromkeys(
        ("keras", "tensorflow"), "ml_assets.networks.MLPClassifier with the hyperparameter library: keras"
    ),
}
"""Packages that no class path begins with, and an estimator that is made with them."""

HYPERPARAMETERS: Final = ("early_stopping_rounds", "callbacks", "discrete_treatment")
"""Hyperparameters of estimators that are supported."""

SCHEMES: Final = tuple(scheme for scheme in (
    "s3", "gs", "gcs", "abfs", "abfss", "az", "http", "https",
) if scheme not in readable.SCHEMES)  # fmt: skip
"""Beginnings of a `source_uri`."""

DATASETS: Final = ("california_housing", "covtype", "kddcup99", "olivetti_faces", "20newsgroups")
"""Data sets of `sklearn://NAME` that scikit-learn downloads."""

UNREADABLE: Final = tuple(ending for ending in (
    ".xlsx", ".xls", ".json", ".jsonl", ".feather", ".orc", ".avro", ".pkl", ".pickle", ".txt",
) if ending not in readable.ENDINGS)  # fmt: skip
"""Endings of files."""
