"""Few cases in which each two values of different options meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, product
from typing import Any, get_args

from ml_assets.recipe.schema import preparing


def pairwise(options: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Choose cases so that each pair of values is in one of them; greedily, hence always the same.

    >>> len(pairwise({"a": [1, 2], "b": [1, 2], "c": [1, 2]}))
    4
    """
    names = list(options)
    everything = [dict(zip(names, case, strict=True)) for case in product(*options.values())]
    pairs = [_pairs(case) for case in everything]
    missing = set().union(*pairs)
    chosen = []
    while missing:
        best = max(range(len(pairs)), key=lambda k: len(pairs[k] & missing))
        chosen.append(everything[best])
        missing -= pairs[best]
    return chosen


def _pairs(case: Mapping[str, Any]) -> set[Any]:
    return set(combinations(case.items(), 2))


def _outliers() -> list[Any]:
    how = {
        "outlier_method": get_args(preparing.OutlierMethod),
        "outlier_treatment": get_args(preparing.OutlierTreatment),
    }
    return [(), *(tuple({"outlier_detection": True, **way}.items()) for way in pairwise(how))]


PREPARATIONS: dict[str, list[Any]] = {
    "categorical_strategy": [name for name in get_args(preparing.Encoder) if name != "embedding"],
    "numerical_strategy": list(get_args(preparing.Scaler)),
    "missing_strategy": [name for name in get_args(preparing.Missing) if name != "interpolation"],
    "outliers": _outliers(),
}
"""Every way to prepare columns that the recipe's schema has, but those of networks alone and of earlier rows."""


def prepared(case: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of `preprocessor.params` for a case of `PREPARATIONS`."""
    own = {name: case[name] for name in PREPARATIONS if name != "outliers"}
    return own | dict(case["outliers"])
