"""Boosting in the automatic search: search spaces, and the points that are tried first."""

from __future__ import annotations

from ml_assets.estimators.candidate import Candidate
from ml_assets.recipe.space import Float, Int

TREES = 1500
"""Room for trees; early stopping leaves most of it empty."""
ROUNDS = 50

XGBOOST = {
    "Classifier": {"learning_rate": 0.08, "max_depth": 6, "min_child_weight": 1e-3, "subsample": 0.65,
                   "colsample_bylevel": 0.9, "reg_lambda": 1e-3},
    "Regressor": {"learning_rate": 0.05, "max_depth": 9, "min_child_weight": 2.0, "subsample": 0.7,
                  "colsample_bylevel": 1.0, "reg_lambda": 1e-3},
}  # fmt: skip
LIGHTGBM = {
    "Classifier": {"learning_rate": 0.04, "num_leaves": 50, "min_child_samples": 40, "subsample": 0.75},
    "Regressor": {"learning_rate": 0.05, "num_leaves": 100, "min_child_samples": 3, "subsample": 0.7},
}
CATBOOST = {
    "Classifier": {
        "learning_rate": 0.08,
        "depth": 7,
        "l2_leaf_reg": 1e-3,
        "random_strength": 0.8,
        "rsm": 1.0,
    },
    "Regressor": {
        "learning_rate": 0.09,
        "depth": 9,
        "l2_leaf_reg": 1e-3,
        "random_strength": 1e-3,
        "rsm": 1.0,
    },
}
"""Defaults tuned on many tables (Holzmüller et al. 2024, Better by default, tables of the appendix; figures only)."""

CAREFUL = {"learning_rate": 0.05, "max_depth": 3, "min_child_weight": 5.0, "subsample": 0.7,
           "colsample_bylevel": 0.5, "reg_lambda": 5.0}  # fmt: skip
CAREFUL_LEAVES = {"learning_rate": 0.03, "num_leaves": 8, "min_child_samples": 10, "subsample": 0.7,
                  "colsample_bytree": 0.5, "reg_lambda": 3.0}  # fmt: skip
"""For few or noisy rows."""
DEEP = {"learning_rate": 0.06, "depth": 6, "l2_leaf_reg": 3.0, "random_strength": 1.0, "rsm": 1.0}
SHALLOW = DEEP | {"learning_rate": 0.1, "depth": 4, "rsm": 0.5}
"""Of CatBoost: the library's own, and what is better on few rows, at a third of the time (docs/benchmarks.md)."""
QUICK = SHALLOW | {"learning_rate": 0.15, "rsm": 0.25}
"""For few rows of several classes, of which each takes a tree: half the time again (docs/benchmarks.md)."""
SLOW = SHALLOW | {"learning_rate": 0.03}
SLOW_DEEP = DEEP | {"learning_rate": 0.02, "rsm": 0.5}
"""For few rows: three times the trees, each a third as bold (docs/benchmarks.md)."""
SLOW_ROUNDS = 2 * ROUNDS
ONE_HOT = 64
"""Levels up to which CatBoost cuts a category level by level: ten times as fast as by its statistics of the target."""


def xgboost(kind: str) -> Candidate:
    """Return XGBoost's classifier or regressor."""
    return Candidate(
        f"xgboost.XGB{kind}",
        {
            "n_estimators": TREES,
            "learning_rate": Float(0.01, 0.3, log=True),
            "max_depth": Int(2, 10),
            "min_child_weight": Float(1e-3, 30.0, log=True),
            "subsample": Float(0.4, 1.0),
            "colsample_bylevel": Float(0.3, 1.0),
            "reg_lambda": Float(1e-3, 30.0, log=True),
        },
        XGBOOST[kind],
        more=(CAREFUL,),
        rounds=ROUNDS,
    )


def lightgbm(kind: str) -> Candidate:
    """Return LightGBM's classifier or regressor."""
    return Candidate(
        f"lightgbm.LGBM{kind}",
        {
            "n_estimators": TREES,
            "learning_rate": Float(0.01, 0.3, log=True),
            "num_leaves": Int(4, 128, log=True),
            "min_child_samples": Int(2, 100, log=True),
            "subsample": Float(0.4, 1.0),
            "subsample_freq": 1,
            "colsample_bytree": Float(0.3, 1.0),
            "reg_lambda": Float(1e-3, 30.0, log=True),
        },
        LIGHTGBM[kind] | {"colsample_bytree": 1.0, "reg_lambda": 1e-3},
        input="categories",
        more=(CAREFUL_LEAVES,),
        rounds=ROUNDS,
    )


def catboost(kind: str, few: bool, several: bool) -> Candidate:
    """Return CatBoost's classifier or regressor, for few rows or many, one sum or several."""
    slowly = few and not several
    first, *others = (QUICK, SHALLOW, DEEP) if few else (DEEP, SHALLOW)
    if slowly:
        first, *others = (SLOW, SLOW_DEEP) if kind == "Classifier" else (SHALLOW, DEEP, SLOW, SLOW_DEEP)
    return Candidate(
        f"catboost.CatBoost{kind}",
        {
            "iterations": TREES,
            "learning_rate": Float(0.01 if slowly else 0.02, 0.2, log=True),
            "depth": Int(3, 9),
            "l2_leaf_reg": Float(1e-3, 30.0, log=True),
            "random_strength": Float(1e-3, 10.0, log=True),
            "rsm": Float(0.2, 1.0),
            "one_hot_max_size": ONE_HOT,
            "bootstrap_type": "Bernoulli",
            "subsample": 0.9,
            "boosting_type": "Plain",
            "max_bin": 254,
        },
        first,
        input="categories",
        more=(*others, CATBOOST[kind]),
        rounds=SLOW_ROUNDS if slowly else ROUNDS,
    )
