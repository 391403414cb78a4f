"""The calibration of a model: learned on predictions for rows that the fits had not learned, never on the hold-out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from ml_assets.estimators.calibrated import CalibratedClassifier
from ml_assets.records import Calibration, CalibrationMethod, Positive, ShareMap
from ml_assets.shown import figure
from ml_assets.tasks.base import PREDICTION, PROBABILITY
from ml_assets.tasks.calibrated import log_odds, mapped
from ml_assets.tasks.metrics import score
from ml_assets.training.folding import Part

POINTS = 500
"""Points of an isotonic map at most: shares are pooled to as many groups of equal size before it is fitted."""
ENOUGH = 1_000
"""Rows below which an isotonic map follows chance (Niculescu-Mizil and Caruana 2005, figure 8)."""


def calibrate(
    parts: Sequence[Part], method: CalibrationMethod, positive: Positive
) -> tuple[Calibration, list[Part]]:
    """Learn from all parts how often the shares come true.

    Parameters
    ----------
    parts : sequence of (labels, predictions)
        Of rows that the fits had not learned: one part for each fold, two at least.
    method : {"sigmoid", "isotonic"}
        A sigmoid of the log odds (Platt 1999), or a line that never falls (Zadrozny and Elkan 2002).
    positive : str or None
        Of two classes the one that gets a map.

    Returns
    -------
    calibration : Calibration
    parts : list of (labels, predictions)
        The same parts, each by the maps that the others give: no row has a say in its own share.

    Raises
    ------
    ValueError
        If the estimator gives no probabilities.
    """
    if not _classes(parts[0][1]):
        raise ValueError(
            "model.calibration: this estimator gives no probabilities. Leave it out, or take another estimator."
        )
    others = [[part for place, part in enumerate(parts) if place != k] for k in range(len(parts))]
    judged = [
        (y, _by(each, _maps(rest, method, positive))) for (y, each), rest in zip(parts, others, strict=True)
    ]
    rows = sum(len(y) for y, _ in parts)
    before, after = (_log_loss(some, positive) for some in (parts, judged))
    return Calibration(
        method=method, rows=rows, maps=_maps(parts, method, positive), before=before, after=after
    ), judged


def told(calibration: Calibration) -> str:
    """Say how the shares were calibrated, and what it is worth.

    >>> told(Calibration(method="sigmoid", rows=20, maps={}, before=0.7, after=0.5))
    'calibrated by sigmoid on 20 rows that the fits had not learned: log_loss 0.7 before, 0.5 by the maps of others'
    """
    text = (
        f"calibrated by {calibration.method} on {calibration.rows:,} rows that the fits had not learned: log_loss "
        f"{figure(calibration.before)} before, {figure(calibration.after)} by the maps of others"
    )
    if calibration.after > calibration.before:
        text += "; it was better without: leave model.calibration out"
    if calibration.method == "isotonic" and calibration.rows < ENOUGH:
        text += f"; isotonic follows chance on fewer than {ENOUGH:,} rows: sigmoid is steadier"
    return text


def of_shares(estimator: Any, calibration: Calibration | None) -> Any:
    """Calibrate an estimator's shares; without a calibration it stays as it is."""
    if calibration is None:
        return estimator
    maps = {name: each.model_dump() for name, each in calibration.maps.items()}
    return CalibratedClassifier(estimator, maps)


def _maps(parts: Sequence[Part], method: CalibrationMethod, positive: Positive) -> dict[str, ShareMap]:
    """A map for each class, of two for the positive one; none where no row, or every row, is of the class."""
    classes = _classes(parts[0][1])
    labels = np.concatenate([y.astype(str).to_numpy() for y, _ in parts])
    found = {}
    for name in [str(positive)] if len(classes) == 2 else classes:
        shares = np.concatenate([each[PROBABILITY + name].to_numpy(np.float64) for _, each in parts])
        true = labels == name
        if 0 < true.sum() < len(true):
            found[name] = (_sigmoid if method == "sigmoid" else _isotonic)(shares, true)
    return found


def _sigmoid(shares: NDArray[np.float64], true: NDArray[np.bool_]) -> ShareMap:
    """Platt's sigmoid with his targets, which are never quite 0 or 1; one that falls says that nothing is known."""
    yes, no = float(true.sum()), float((~true).sum())
    target = np.where(true, (yes + 1) / (yes + 2), 1 / (no + 2))
    odds = log_odds(shares)[:, None]
    fitted = LogisticRegression(C=np.inf, max_iter=1_000, tol=1e-8).fit(
        np.r_[odds, odds],
        np.r_[np.ones(len(odds)), np.zeros(len(odds))],
        sample_weight=np.r_[target, 1 - target],
    )
    slope, intercept = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    if slope <= 0:
        slope, intercept = 0.0, float(np.log((yes + 1) / (no + 1)))
    return ShareMap(slope=slope, intercept=intercept)


def _isotonic(shares: NDArray[np.float64], true: NDArray[np.bool_]) -> ShareMap:
    """A line through the middles of isotonic steps (Oron and Flournoy 2017), so that shares that differ stay apart.

    Each step counts one row more, of the mean of all rows: none says that something never, or always, comes true.
    """
    order = np.argsort(shares, kind="stable")
    ranked = shares[order]
    values, first, place = np.unique(ranked, return_index=True, return_inverse=True)
    # Rows of one share are of one group, in whatever order they come.
    parts = np.array_split(ranked, min(POINTS, len(ranked)))
    part = np.repeat(np.arange(len(parts)), [len(each) for each in parts])[first]
    group = np.unique(part, return_inverse=True)[1] if len(values) > POINTS else np.arange(len(values))
    group = group[place]
    sizes = np.bincount(group).astype(np.float64)
    x, y = np.bincount(group, ranked) / sizes, np.bincount(group, true[order]) / sizes
    steps = IsotonicRegression().fit(x, y, sample_weight=sizes).predict(x)
    _, place = np.unique(steps, return_inverse=True)
    rows = np.bincount(place, sizes)
    middle = np.bincount(place, sizes * x) / rows
    meant = (np.bincount(place, sizes * y) + true.mean()) / (rows + 1.0)
    return ShareMap(given=tuple(middle.tolist()), meant=tuple(np.maximum.accumulate(meant).tolist()))


def _by(predictions: pd.DataFrame, maps: dict[str, ShareMap]) -> pd.DataFrame:
    """Predictions with calibrated shares, and the class of the largest."""
    names = _classes(predictions)
    columns = [PROBABILITY + name for name in names]
    by_class = [maps[name].model_dump() if name in maps else None for name in names]
    shares = mapped(predictions[columns].to_numpy(np.float64), by_class)
    order = np.argsort(names)  # a tie goes to the first class, as in the model
    labels = np.array(names, dtype=object)[order][shares[:, order].argmax(axis=1)]
    found = predictions.assign(**dict(zip(columns, shares.T, strict=True)))
    return found.assign(**{PREDICTION: pd.Series(labels, index=found.index, dtype=object).astype(str)})


def _classes(predictions: pd.DataFrame) -> list[str]:
    return [
        str(name).removeprefix(PROBABILITY)
        for name in predictions.columns
        if str(name).startswith(PROBABILITY)
    ]


def _log_loss(parts: Sequence[Part], positive: Positive) -> float:
    y, predictions = pd.concat([y for y, _ in parts]), pd.concat([each for _, each in parts])
    return score("log_loss", y, predictions, positive)
