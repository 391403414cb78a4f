"""The families of the automatic search."""

from __future__ import annotations

from importlib.util import find_spec

from ml_assets.estimators import boosters
from ml_assets.estimators.candidate import Candidate, Family
from ml_assets.recipe.space import Categorical, Float, Int, Nested
from ml_assets.recipe.tasks import EFFECTS, ESTIMATOR_KINDS

FEW_ROWS = 10_000
"""Rows up to which forest and network are searched, and each trial is judged by several folds."""

LINEAR = {
    "Classifier": Candidate(
        "sklearn.linear_model.LogisticRegression",
        {"C": Float(1e-3, 1e2, log=True)},
        {"C": 1.0},
        more=({"C": 0.1}, {"C": 0.01}),
    ),
    "Regressor": Candidate(
        "sklearn.linear_model.Ridge",
        {"alpha": Float(1e-2, 1e4, log=True)},
        {"alpha": 1.0},
        more=({"alpha": 30.0}, {"alpha": 300.0}),
    ),
}

DISCRIMINANT = Candidate(
    "sklearn.discriminant_analysis.LinearDiscriminantAnalysis", {"solver": "lsqr", "shrinkage": "auto"}
)
"""Classes that are normal with one covariance, shrunk by Ledoit and Wolf's (2004) rule: the best where that holds."""

SCALES = Categorical(("deviation", "range"))
KERNEL = {
    "Classifier": Candidate(
        "ml_assets.estimators.kernel.KernelClassifier",
        {"gamma": Float(0.01, 1.0, log=True), "C": Float(1e-1, 1e3, log=True), "scale": SCALES},
        {"gamma": 0.2, "C": 30.0, "scale": "deviation"},
        more=({"gamma": 0.5, "C": 30.0, "scale": "range"}, {"gamma": 0.05, "C": 30.0, "scale": "deviation"}),
    ),
    "Regressor": Candidate(
        "ml_assets.estimators.kernel.KernelRegressor",
        {"gamma": Float(0.01, 1.0, log=True), "alpha": Float(1e-3, 1e2, log=True), "scale": SCALES},
        {"gamma": 0.1, "alpha": 1.0, "scale": "deviation"},
        more=({"gamma": 0.5, "alpha": 0.3, "scale": "range"}, {"gamma": 0.05, "alpha": 1.0, "scale": "deviation"}),
    ),
}  # fmt: skip

OF_EFFECTS = {
    "linear": Family(
        Candidate(
            "ml_assets.uplift.TLearner",
            {"learner": Nested("sklearn.linear_model.Ridge", {"alpha": Float(1e-2, 1e4, log=True)})},
            {"learner.alpha": 1.0},
            more=({"learner.alpha": 30.0}, {"learner.alpha": 300.0}),
        ),
        3,
        None,
        8,
    ),
    "forest": Family(
        Candidate(
            "ml_assets.uplift.XLearner",
            {
                "learner": Nested(
                    "sklearn.ensemble.RandomForestRegressor",
                    {
                        "n_estimators": 100,
                        "max_samples": Float(0.3, 0.9),
                        "min_samples_leaf": Int(5, 100, log=True),
                        "max_features": Float(0.1, 0.8),
                    },
                )
            },
            {"learner.max_samples": 0.6, "learner.min_samples_leaf": 20, "learner.max_features": 0.3},
        ),
        2,
        FEW_ROWS,
        4,
    ),
    "xgboost": Family(
        Candidate(
            "ml_assets.uplift.SLearner",
            {
                "learner": Nested(
                    "xgboost.XGBRegressor",
                    {
                        "n_estimators": Int(50, 300),
                        "learning_rate": Float(0.01, 0.3, log=True),
                        "max_depth": Int(2, 6),
                        "min_child_weight": Float(1.0, 100.0, log=True),
                        "subsample": 0.7,
                        "reg_lambda": Float(1e-1, 100.0, log=True),
                    },
                )
            },
            {
                "learner.n_estimators": 100,
                "learner.learning_rate": 0.05,
                "learner.max_depth": 3,
                "learner.min_child_weight": 20.0,
                "learner.reg_lambda": 5.0,
            },
        ),
        4,
        None,
        40,
        "xgboost",
    ),
}
"""Of effects, which are small beside the noise of outcomes: models of few leaves."""


FACTORIZATIONS = {
    "svd": "sklearn.decomposition.TruncatedSVD",
    "nmf": "sklearn.decomposition.NMF",
}
"""What is compared for recommendations: the library of each is always installed."""


def families(task: str, rows: int | None = None, *, several: bool = False) -> dict[str, Family]:
    """Return the families of the automatic search, in their order; the linear model is always one of them.

    What is cheap comes first, then the boosting that is best by its first point: what is late may find no time.

    Parameters
    ----------
    task : str
    rows : int, optional
        Training rows; default: few. Libraries that are not installed are left out.
    several : bool
        Whether boosting learns several sums, of several classes or targets: a tree for each takes as many times the
        seconds, which a low rate is then not worth.
    """
    kind, few = ESTIMATOR_KINDS[task], rows is None or rows <= FEW_ROWS
    found = (
        OF_EFFECTS
        if task in EFFECTS
        else {
            "linear": Family(LINEAR[kind], 3, None, 8),
            **(
                {"discriminant": Family(DISCRIMINANT, 1, FEW_ROWS, 1, most_columns=500)}
                if kind == "Classifier"
                else {}
            ),
            "kernel": Family(KERNEL[kind], 2, FEW_ROWS, 12),
            "catboost": Family(boosters.catboost(kind, few, several), 4, None, 8, "catboost"),
            "lightgbm": Family(boosters.lightgbm(kind), 3, None, 40, "lightgbm"),
            "xgboost": Family(boosters.xgboost(kind), 5, None, 40, "xgboost"),
            "forest": Family(_forest(kind), 2, FEW_ROWS, 4),
            "mlp": Family(_mlp(kind), 2, FEW_ROWS, 4),
        }
    )
    return {
        name: family
        for name, family in found.items()
        if find_spec(family.package) is not None
        and (rows is None or family.most_rows is None or rows <= family.most_rows)
    }


def _forest(kind: str) -> Candidate:
    return Candidate(
        f"sklearn.ensemble.RandomForest{kind}",
        {
            "n_estimators": 100,
            "max_samples": Float(0.3, 0.9),
            "min_samples_leaf": Int(1, 20, log=True),
            "max_features": Float(0.1, 0.8),
        },
        {"max_samples": 0.6, "min_samples_leaf": 2, "max_features": 0.3},
    )


def _mlp(kind: str) -> Candidate:
    """A small network; the target of a regression is scaled, else it would learn nothing of numbers in thousands."""
    spaces = {
        "hidden_layer_sizes": [64],
        "alpha": Float(1e-2, 10.0, log=True),
        "learning_rate_init": Float(1e-3, 1e-2, log=True),
        "max_iter": 100,
    }
    first = {"alpha": 1.0, "learning_rate_init": 3e-3}
    network = f"sklearn.neural_network.MLP{kind}"
    if kind == "Classifier":
        return Candidate(network, spaces, first)
    inner = {f"estimator.{name}": value for name, value in first.items()}
    return Candidate(SCALED, {"estimator": Nested(network, spaces)}, inner)


SCALED = "ml_assets.estimators.scaled.ScaledTargetRegressor"
BLENDS = {kind: f"ml_assets.estimators.blend.Blended{kind}" for kind in ("Classifier", "Regressor")}
STACKS = {kind: f"ml_assets.estimators.ensembles.Stacked{kind}" for kind in ("Classifier", "Regressor")}
VOTES = "ml_assets.estimators.ensembles.VotedClassifier"
OF_SEVERAL = (*BLENDS.values(), *STACKS.values(), VOTES)
"""Classes of ours that hold several estimators, each with the input that it wants."""
COMPOSED = (SCALED, *OF_SEVERAL)
"""Classes of ours that no recipe names: the automatic search, or an ensemble, puts them together."""
