"""What the environment of each peer has."""

from __future__ import annotations

import sys

from benchmarks.peers import python_with

COMMON = ("pandas<3", "pyarrow", "scikit-learn")
PACKAGES = {
    "linear": (),
    "forest": (),
    "xgboost": ("xgboost==3.2.0",),
    "lightgbm": ("lightgbm",),
    "catboost": ("catboost",),
    "flaml": ("flaml[automl]", "setuptools<81"),
    "mljar": ("mljar-supervised",),
    "autogluon": ("autogluon.tabular[lightgbm,catboost,xgboost]",),
}
"""What each peer needs, beside what all do."""
SAME = {
    "linear": "linear",
    "forest": "linear",
    "xgboost": "boosting",
    "lightgbm": "boosting",
    "catboost": "boosting",
}
"""Environments that are shared."""


def python_of(method: str) -> str:
    """Return the interpreter of a method, its environment made where there is none; raises NotThereError."""
    if method == "ours":
        return sys.executable
    name = SAME.get(method, method)
    wanted = {package for each in PACKAGES if SAME.get(each, each) == name for package in PACKAGES[each]}
    return python_with(name, [*COMMON, *sorted(wanted)])
