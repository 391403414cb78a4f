"""What is known of the libraries whose estimators a recipe may name: one row each, and no other place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, Literal

from ml_assets.estimators.peculiar import OF_LIGHTGBM, ROUND, Wrapper

Input = Literal["numbers", "categories"]
"""What an estimator is fitted on: an array of numbers, or a frame whose categories are of that type."""

NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Library:
    """A library of estimators that keep scikit-learn's contract; a new one answers every column."""

    distribution: str
    """Its name on the package index: what a stored model pins."""
    imported: str
    """Package that is there where it is installed."""
    extra: str | None
    """Extra of ml_assets that installs it; None where it always is."""
    estimators: Mapping[str, str] | None
    """Classes that may be named, with their tasks; None where the library lists them itself."""
    more_parameters: tuple[str, ...]
    """Parameters taken through `**kwargs`, which no signature shows."""
    defaults: Mapping[str, Any]
    """Parameters that are set unless the recipe names them."""
    threads: tuple[str, ...]
    """Parameter for the number of threads, and its other names, of the estimators that have one; empty where one thread
    is the default."""
    random_state: str
    """Parameter for the seed, of the estimators that have one."""
    wrapper: Wrapper
    """What its estimators need round them, in `wrappers.WRAPPERS`."""
    of_wrapper: tuple[str, ...]
    """Parameters of the wrapper round its classifiers, which a recipe names as if they were the class's own."""
    missing: bool
    """Whether missing numbers are understood, not refused."""
    categories: bool | str
    """Whether categories are understood as such: always, never, or where the parameter so named is true."""
    early_stopping: str | None
    """Parameter that wants validation rows beside the training rows, which no fit is given."""
    tag: str
    """Name under which the UI shows it (an icon of Dagster's)."""


SKLEARN = Library(
    distribution="scikit-learn",
    imported="sklearn",
    extra=None,
    estimators=None,
    more_parameters=(),
    defaults=NONE,
    threads=(),
    random_state="random_state",
    wrapper="none",
    of_wrapper=(),
    missing=False,
    categories=False,
    early_stopping=None,
    tag="scikitlearn",
)
"""Its own, and those of ours that are made of its parts."""

LIBRARIES: Mapping[str, Library] = {
    "catboost": Library(
        distribution="catboost",
        imported="catboost",
        extra="catboost",
        estimators={"CatBoostClassifier": "classification", "CatBoostRegressor": "regression"},
        more_parameters=(),
        defaults={"verbose": False, "allow_writing_files": False},
        threads=("thread_count",),
        random_state="random_state",
        wrapper="categories_by_name",
        of_wrapper=("class_weights",),
        missing=True,
        categories=True,
        early_stopping="early_stopping_rounds",
        tag="catboost",
    ),
    "causalml": Library(
        distribution="causalml",
        imported="causalml",
        extra="uplift",
        estimators={
            f"inference.meta.Base{kind}{of}": "causal"
            for kind in "STXR"
            for of in ("Regressor", "Classifier")
        },
        more_parameters=(),
        defaults=NONE,
        threads=(),
        random_state="random_state",
        wrapper="of_causalml",
        of_wrapper=(),
        missing=False,
        categories=False,
        early_stopping=None,
        tag="python",
    ),
    "econml": Library(
        distribution="econml",
        imported="econml",
        extra="uplift",
        estimators={
            **{
                f"metalearners.{name}": "causal"
                for name in ("DomainAdaptationLearner", "SLearner", "TLearner", "XLearner")
            },
            **{
                f"dml.{name}": "causal"
                for name in ("CausalForestDML", "KernelDML", "LinearDML", "NonParamDML", "SparseLinearDML")
            },
            **{
                f"dr.{name}": "causal"
                for name in ("DRLearner", "ForestDRLearner", "LinearDRLearner", "SparseLinearDRLearner")
            },
        },
        more_parameters=(),
        defaults=NONE,
        threads=("n_jobs",),
        random_state="random_state",
        wrapper="of_econml",
        of_wrapper=(),
        missing=False,
        categories=False,
        early_stopping=None,
        tag="python",
    ),
    "implicit": Library(
        distribution="implicit",
        imported="implicit",
        extra="recommend",
        estimators={
            "als.AlternatingLeastSquares": "recommendation",
            "bpr.BayesianPersonalizedRanking": "recommendation",
            "lmf.LogisticMatrixFactorization": "recommendation",
            **{
                f"nearest_neighbours.{name}Recommender": "recommendation"
                for name in ("BM25", "Cosine", "TFIDF")
            },
        },
        more_parameters=(),
        defaults=NONE,
        threads=("num_threads",),
        random_state="random_state",
        wrapper="none",
        of_wrapper=(),
        missing=False,
        categories=False,
        early_stopping=None,
        tag="python",
    ),
    "lightgbm": Library(
        distribution="lightgbm",
        imported="lightgbm",
        extra="lightgbm",
        estimators={"LGBMClassifier": "classification", "LGBMRegressor": "regression"},
        more_parameters=OF_LIGHTGBM,
        defaults={"verbosity": -1},
        threads=("n_jobs",),
        random_state="random_state",
        wrapper="none",
        of_wrapper=(),
        missing=True,
        categories=True,
        early_stopping=None,
        tag="lightgbm",
    ),
    "ml_assets.estimators.kernel": replace(
        SKLEARN, estimators={"KernelClassifier": "classification", "KernelRegressor": "regression"}
    ),
    "ml_assets.networks": Library(
        distribution="torch",
        imported="torch",
        extra="networks",
        estimators={
            f"{name}{kind}": task
            for name in ("MLP", "CNN", "RNN", "Transformer")
            for kind, task in (("Classifier", "classification"), ("Regressor", "regression"))
        },
        more_parameters=(),
        defaults=NONE,
        threads=("n_jobs",),
        random_state="random_state",
        wrapper="none",
        of_wrapper=(),
        missing=True,
        categories=True,
        early_stopping=None,
        tag="pytorch",
    ),
    "ml_assets.uplift": replace(
        SKLEARN, estimators={f"{name}Learner": "causal" for name in "STXR"}, missing=True
    ),
    "sklearn": SKLEARN,
    "xgboost": Library(
        distribution="xgboost",
        imported="xgboost",
        extra=None,
        estimators={
            "XGBClassifier": "classification",
            "XGBRFClassifier": "classification",
            "XGBRegressor": "regression",
            "XGBRFRegressor": "regression",
        },
        more_parameters=("huber_slope", "quantile_alpha", "tweedie_variance_power"),
        defaults=NONE,
        threads=("n_jobs", "nthread"),
        random_state="random_state",
        wrapper="labels_as_codes",
        of_wrapper=("class_weight",),
        missing=True,
        categories="enable_categorical",
        early_stopping="early_stopping_rounds",
        tag="xgboost",
    ),
}
"""By the name of the package that is imported; of ours by that of the room."""

OWN = replace(SKLEARN, distribution="", imported="", tag="python")
"""A person's own modules: what is fitted gets numbers, none missing."""


def library_of(class_path: str) -> Library:
    """
    Return the row of the library that a class belongs to, of a person's own module `OWN`.

    >>> library_of("sklearn.svm.SVC").distribution
    'scikit-learn'
    """
    return LIBRARIES.get(class_path.rpartition(".")[0], LIBRARIES.get(class_path.partition(".")[0], OWN))


def wrapper_of(class_path: str) -> Wrapper:
    """Return what a class needs round it.

    >>> wrapper_of("sklearn.naive_bayes.MultinomialNB"), wrapper_of("sklearn.naive_bayes.GaussianNB")
    ('from_zero', 'none')
    """
    return ROUND.get(class_path, library_of(class_path).wrapper)


def input_wanted(class_path: str, params: Mapping[str, Any], encoded: bool = False) -> Input:
    """
    Say what an estimator is fitted on.

    Parameters
    ----------
    class_path : str
    params : mapping of str to value
    encoded : bool
        Whether the recipe names a preparation of columns itself, which then holds.

    >>> input_wanted("xgboost.XGBRegressor", {}), input_wanted("xgboost.XGBRegressor", {"enable_categorical": True})
    ('numbers', 'categories')
    """
    asked = library_of(class_path).categories
    native = params.get(asked) is True if isinstance(asked, str) else asked
    return "categories" if native and not encoded else "numbers"


def load_class(class_path: str) -> Any:
    """
    Import a class on the allow-list.

    Raises
    ------
    ValueError
        If its library is not installed, with the command that does it.
    """
    module, _, name = class_path.rpartition(".")
    if library_of(class_path) is OWN:
        from ml_assets.estimators.own import own_class

        return own_class(class_path)
    see_installed(class_path)
    if library_of(class_path) is LIBRARIES["implicit"]:
        from ml_assets.estimators.implicits import of_implicit

        return of_implicit(class_path)
    return getattr(import_module(module), name)


def see_installed(class_path: str, params: Mapping[str, Any] = NONE) -> None:
    """Raise as `load_class` does where a class's library is not installed, or what its parameters ask for beside it.

    Nothing is imported.
    """
    library = library_of(class_path)
    needed = [(library.distribution, library.imported, library.extra)] if library.extra is not None else []
    needed += [(name, name, name) for name in _beside(library, params)]
    for distribution, imported, extra in needed:
        if find_spec(imported) is None:
            raise ValueError(
                f'{class_path}: {distribution} is not installed. Install it: pip install "ml_assets[{extra}]"'
            )


def distributions_of(class_path: str, params: Mapping[str, Any]) -> list[str]:
    """Say which distributions a fitted estimator needs, none for a person's own module.

    >>> distributions_of("ml_assets.networks.MLPClassifier", {"library": "keras"})
    ['torch', 'keras']
    """
    library = library_of(class_path)
    return [name for name in (library.distribution, *_beside(library, params)) if name]


def _beside(library: Library, params: Mapping[str, Any]) -> list[str]:
    """Networks may be made of Keras' layers, which learn with PyTorch."""
    return ["keras"] if library.extra == "networks" and params.get("library") == "keras" else []


def tells_constraints(class_path: str) -> bool:
    """Whether a class may say which values its parameters take: scikit-learn's do, ours and one's own may."""
    return library_of(class_path) is OWN or library_of(class_path).imported == "sklearn"
