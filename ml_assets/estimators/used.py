"""What a fitted estimator tells of itself: the columns it looks at, and how it learned."""

from __future__ import annotations

from typing import Any


def used_columns(estimator: Any) -> frozenset[int] | None:
    """Return the places of the columns that a prediction can depend on.

    Parameters
    ----------
    estimator : estimator or Pipeline
        Fitted; of a Pipeline only one of a single step is looked into.

    Returns
    -------
    frozenset of int or None
        Of XGBoost's trees the columns that some split asks for; None where this is not surely known.
    """
    steps = getattr(estimator, "steps", None)
    if steps is not None:
        return used_columns(steps[0][1]) if len(steps) == 1 else None
    inner = _inner(estimator)
    if not hasattr(inner, "get_booster") or inner.get_xgb_params().get("booster") == "gblinear":
        return None
    booster = inner.get_booster()
    names = booster.feature_names or [f"f{k}" for k in range(booster.num_features())]
    splits = booster.get_score(importance_type="weight")
    return frozenset(k for k, name in enumerate(names) if name in splits)


def epochs_of(estimator: Any) -> list[dict[str, Any]]:
    """Return how a network learned, epoch by epoch; nothing of any other estimator."""
    inner = _inner(estimator)
    return list(getattr(inner, "history_", ())) if hasattr(inner, "network_") else []


def _inner(estimator: Any) -> Any:
    """What stands in a wrapper, and in those that a threshold and a calibration put round it."""
    for name in ("FixedThresholdClassifier", "CalibratedClassifier"):
        if type(estimator).__name__ == name:
            estimator = estimator.estimator_
    return getattr(estimator, "estimator_", estimator)
