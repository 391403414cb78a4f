"""Keys, values and places that people write and this version does not take: "not yet", or where to say it instead.

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
    name = repr(path.rpartition(".")[2])
    return f"{name} {ELSEWHERE[path]}" if path in ELSEWHERE else None


TASK: Final[Key] = ("model", "data_interface", "task_type")
PARAMS: Final[Key] = ("model", "preprocessor", "params")

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

BY_ITSELF: Final = (
    "is nothing to ask for: while the labels of a batch are missing, its score is estimated by itself, by the model's "
    "shares as the hold-out calibrates them (CBPE), of a number by its losses there, and held against the real one "
    "later; performance_report shows both (docs/operations.md). Leave it out"
)
SIDE_BY_SIDE: Final = (
    "is no part of a recipe: which versions are compared, and for how long, is said when it begins, by `ml-assets ab "
    "start NAME VERSION{more}` (docs/ab.md). Leave it out"
)
ELSEWHERE: Final = {
    "tracking": (
        "is the operator's: trainings are told to the MLflow of MLFLOW_TRACKING_URI, and to Weights & Biases as well "
        "where ML_ASSETS_WANDB_PROJECT names a project (docs/operations.md). Leave it out"
    ),
    "alerts": (
        "is the operator's, for all models: alerts go where ML_ASSETS_ALERT_SLACK, ML_ASSETS_ALERT_EMAIL and others "
        "say (docs/operations.md). What is told of a model follows from its other keys. Leave it out"
    ),
    "serving": (
        "is the operator's: `ml-assets serve NAME` serves the champion of any recipe, and ML_ASSETS_SERVING_ENABLED, "
        "ML_ASSETS_API_KEYS and ML_ASSETS_REQUESTS_PER_MINUTE say who may ask how often (docs/serving.md). Leave it out"
    ),
    "evaluation.validation.group_col": (
        "is written as model.data_interface.entity_cols: [COLUMN] here, with method: group_split all "
        "rows of one are on one side"
    ),
    "model.augmenter.connection": (
        "is the operator's: ML_ASSETS_FEATURE_STORE names the feature repository, whose own file says how its stores "
        "are reached (docs/feature_store.md). Leave it out"
    ),
    **dict.fromkeys(("monitoring.cbpe", "monitoring.estimated_performance"), BY_ITSELF),
    "monitoring.reference": (
        "cannot be chosen: a batch is compared with the rows that its champion was trained on, since any other would "
        "alarm about what the model knows, or miss what it does not. What it learns is training.window. Leave it out"
    ),
    "promotion.ab_test": SIDE_BY_SIDE.format(more=" --split 0.5"),
    "promotion.canary": SIDE_BY_SIDE.format(more=" --canary 0:0.01,24:0.5"),
    "promotion.shadow": SIDE_BY_SIDE.format(more=" --shadow"),
    "training.checkpoints": (
        "is written as a hyperparameter of a network, model.hyperparameters: {checkpoints: FOLDER}; a search that was "
        "killed goes on after its last trial by itself. Leave it out here"
    ),
    "training.time_budget": (
        "is written as hyperparameter_tuning.timeout here: seconds of the search, of which the operator's limit "
        "(ML_ASSETS_TUNING_TIMEOUT) may leave fewer"
    ),
}
"""Dotted keys that people may write for what has another place here, is done by itself, or cannot be: what is so."""

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
