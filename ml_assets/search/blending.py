"""From each family's best to what is chosen: one of them, or a weighted mean of several."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ml_assets.recipe.schema import Threshold
from ml_assets.records import Positive
from ml_assets.shown import figure
from ml_assets.tasks.base import NAIVE, PREDICTION, PROBABILITY
from ml_assets.tasks.metrics import metric_named
from ml_assets.tasks.threshold import score_at_best

ROUNDS = 20
"""Models that a blend is a mean of at most, one counted as often as it was taken."""
BLOCKS = 5
"""Parts into which the rows of one fold are parted where there is no other fold."""
MATERIAL = 0.002
"""Part of what the best family loses from which a gain counts though it is not sure."""
PLAINEST = ("linear", "discriminant", "xgboost", "lightgbm", "catboost", "kernel", "mlp", "forest")
"""Families from the one that is easiest to understand and to serve."""


@dataclass(frozen=True)
class Judge:
    """What predictions are judged by: the metric, the truth of each fold, and how labels are decided."""

    metric: str
    positive: Positive
    truth: Sequence[Any]
    threshold: Threshold | float | None = None

    def scores(self, predictions: Sequence[pd.DataFrame]) -> tuple[float, ...]:
        """Score of each fold."""
        return tuple(
            score_at_best(self.metric, y, each, self.positive, self.threshold)
            for y, each in zip(self.truth, predictions, strict=True)
        )

    def material(self, scores: Sequence[float]) -> float:
        """Gain over these scores that counts though it is not sure; what is lost is the distance to 1, or to 0."""
        mean = float(np.mean(scores))
        return MATERIAL * abs(mean if self.sign < 0 else 1.0 - mean)

    @property
    def sign(self) -> int:
        """1 where higher is better, else -1."""
        return 1 if metric_named(self.metric).direction == "maximize" else -1


class Chosen(NamedTuple):
    """Weights of the families by name, the scores of the folds, and why."""

    weights: dict[str, float]
    scores: tuple[float, ...]
    why: str


def choose(found: Mapping[str, Sequence[pd.DataFrame]], judge: Judge, *, blend: bool = True) -> Chosen:
    """Choose one family, or a blend of several if its gain counts.

    A blend is taken if its gain over the best family counts: if it is more than one standard error, fold by fold, or
    .2 % of what that family loses. Else the plainest family whose loss against the best does not count. Few rows make
    few gains sure, and a gain that is likely and not small is worth a model that is less plain.

    Parameters
    ----------
    found : mapping of str to sequence of DataFrame
        What each family's best predicted on the folds, which it had not learned.
    judge : Judge
    blend : bool
        Whether several may be blended.
    """
    scores = {name: judge.scores(each) for name, each in found.items()}
    means = {name: judge.sign * float(np.mean(each)) for name, each in scores.items()}
    best = max(means, key=lambda name: means[name])
    told = f"{best} alone scores {figure(float(np.mean(scores[best])))}"
    if blend and len(found) > 1:
        weights = greedy(found, judge, best)
        if len(weights) > 1:
            blended = judge.scores(mixed(found, weights))
            gain, error = difference(blended, scores[best], judge.sign)
            what = f"a blend of {_parts(weights)} scores {figure(float(np.mean(blended)))}"
            told += f"; {what}, a gain of {figure(gain)} with a standard error of {figure(error)}"
            if gain > min(error, judge.material(scores[best])):
                told += (
                    ": the blend is surely better" if gain > error else ": not sure, but too much to leave"
                )
                weights = steadied(weights, scores, best, judge.sign)
                why = (
                    f"{told}; half way to equal weights of what may be as good as the best: {_parts(weights)}"
                )
                return Chosen(weights, judge.scores(mixed(found, weights)), why)
            told += ": neither sure nor much"
        else:
            told += "; no other family adds to it"
    for name in sorted(found, key=PLAINEST.index):
        gain, error = difference(scores[best], scores[name], judge.sign)
        if name == best or gain <= min(error, judge.material(scores[best])):
            break
    if name != best:
        told += (
            f"; {name}, which is plainer, scores {figure(float(np.mean(scores[name])))}, a loss of {figure(gain)} "
            f"with a standard error of {figure(error)}, neither sure nor much: it is taken"
        )
    return Chosen({name: 1.0}, scores[name], told)


def _parts(weights: Mapping[str, float]) -> str:
    return ", ".join(f"{weight:.0%} {name}" for name, weight in weights.items())


def steadied(
    weights: Mapping[str, float], scores: Mapping[str, Sequence[float]], best: str, sign: int
) -> dict[str, float]:
    """Take weights half way to equal ones of the families that may be as good as the best (two standard errors).

    Weights that few rows chose are those of these rows in part; equal ones are hardly beaten (Claeskens et al. 2016).

    >>> steadied({"linear": 1.0}, {"linear": [0.7, 0.9], "forest": [0.7, 0.8], "mlp": [0.1, 0.2]}, "linear", 1)
    {'linear': 0.75, 'forest': 0.25}
    """
    as_good = [name for name in scores if _may_be_as_good(scores[name], scores[best], sign)]
    found = {
        name: weights.get(name, 0.0) / 2 + (name in as_good) / len(as_good) / 2
        for name in scores
        if name in weights or name in as_good
    }
    return dict(sorted(found.items(), key=lambda each: -each[1]))


def _may_be_as_good(ours: Sequence[float], best: Sequence[float], sign: int) -> bool:
    gain, error = difference(best, ours, sign)
    return gain <= 2 * error if len(ours) > 1 else gain == 0.0


def difference(ours: Sequence[float], theirs: Sequence[float], sign: int) -> tuple[float, float]:
    """Mean gain over the folds, and its standard error.

    >>> difference((0.8, 0.9), (0.7, 0.7), 1)
    (0.15, 0.05)
    """
    gains = sign * (np.asarray(ours) - np.asarray(theirs))
    error = float(np.std(gains, ddof=1)) / math.sqrt(len(gains)) if len(gains) > 1 else math.inf
    return round(float(np.mean(gains)), 12), round(error, 12)


def in_blocks(
    truth: Any, predictions: Mapping[str, pd.DataFrame]
) -> tuple[list[Any], dict[str, list[pd.DataFrame]]]:
    """Part the rows of one fold, so that it is known how sure a gain is; each block has all classes, where it can."""
    one = truth if truth.ndim == 1 else truth.iloc[:, 0]  # of several targets by the first
    order = np.argsort(one.to_numpy(), kind="stable")
    fewest = BLOCKS if pd.api.types.is_numeric_dtype(one) else int(one.value_counts().min())
    count = max(1, min(BLOCKS, fewest))
    places = [np.sort(order[k::count]) for k in range(count)]
    return [truth.iloc[each] for each in places], {
        name: [frame.iloc[each] for each in places] for name, frame in predictions.items()
    }


def standard_error(scores: Sequence[float]) -> float:
    """Of the mean of scores; 0 of a single one, of which nobody knows."""
    return float(np.std(scores, ddof=1)) / math.sqrt(len(scores)) if len(scores) > 1 else 0.0


def greedy(found: Mapping[str, Sequence[pd.DataFrame]], judge: Judge, best: str) -> dict[str, float]:
    """Weights of a blend: begin with the best, add what helps most, one at a time and again (Caruana et al. 2004).

    Returns
    -------
    dict of str to float
        Weights above 0, adding up to 1; the heaviest first.
    """
    counts = {best: 1}
    reached = judge.sign * float(np.mean(judge.scores(found[best])))
    taken, top = dict(counts), reached
    for _ in range(ROUNDS - 1):
        tried = {
            name: judge.sign
            * float(np.mean(judge.scores(mixed(found, counts | {name: counts.get(name, 0) + 1}))))
            for name in found
        }
        name = max(tried, key=lambda each: tried[each])
        counts[name] = counts.get(name, 0) + 1
        if tried[name] > top:
            taken, top = dict(counts), tried[name]
        elif sum(counts.values()) > 2 * sum(taken.values()) + 2:
            break
    total = sum(taken.values())
    return {name: taken[name] / total for name in sorted(taken, key=lambda each: -taken[each])}


def mixed(found: Mapping[str, Sequence[pd.DataFrame]], weights: Mapping[str, float]) -> list[pd.DataFrame]:
    """Weighted mean of predictions, fold by fold: of shares, and the class of the largest; of numbers."""
    total, folds = sum(weights.values()), len(next(iter(found.values())))
    return [
        _mean([(weight / total, found[name][fold]) for name, weight in weights.items()])
        for fold in range(folds)
    ]


def _mean(parts: Sequence[tuple[float, pd.DataFrame]]) -> pd.DataFrame:
    first = parts[0][1]
    shares = [name for name in first.columns if str(name).startswith(PROBABILITY)]
    columns = shares or [PREDICTION]
    values = sum(weight * frame[columns].to_numpy(np.float64) for weight, frame in parts)
    if not shares:
        mean = pd.DataFrame(values, index=first.index, columns=columns)
        return mean.assign(**{NAIVE: first[NAIVE]}) if NAIVE in first else mean
    order = sorted(
        range(len(shares)), key=lambda k: shares[k]
    )  # a tie goes to the first class, as in the model
    names = np.array([shares[k].removeprefix(PROBABILITY) for k in order], dtype=object)
    labels = names[np.asarray(values)[:, order].argmax(axis=1)]
    frame = pd.DataFrame(values, index=first.index, columns=columns)
    frame.insert(0, PREDICTION, pd.Series(labels, index=first.index, dtype=object).astype(str))
    return frame
