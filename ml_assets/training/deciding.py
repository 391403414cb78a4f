"""What is fitted on all rows, and how its answers are meant: calibrated shares, and the threshold of labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pandas as pd

from ml_assets.estimators.candidate import Candidate
from ml_assets.features.columns import Roles
from ml_assets.recipe.schema import Recipe
from ml_assets.records import Calibration, Choice, DecisionThreshold, Positive, TuningResult
from ml_assets.search.folds import Goal
from ml_assets.shown import listed
from ml_assets.tasks.metrics import score
from ml_assets.training import calibration, threshold
from ml_assets.training.folding import finite, prepare, unlearned
from ml_assets.training.splits import folds

JUDGED_ROWS = 50_000
"""Rows up to which fixed parameters are judged by cross-validation: nothing is chosen by it, and the hold-out of more
rows tells as much."""


class Labels(NamedTuple):
    """The positive class, and what stands round an estimator: how its shares are meant, from which on labels are."""

    positive: Positive
    calibration: Calibration | None
    threshold: DecisionThreshold | None

    def around(self, estimator: Any) -> Any:
        """Put both round an estimator."""
        return threshold.at(calibration.of_shares(estimator, self.calibration), self.threshold)


@dataclass(frozen=True)
class Best:
    """What is fitted on all rows, and how it was found; `fold_seconds` are those of one fit on `fold_rows`."""

    candidate: Candidate
    params: Mapping[str, Any]
    scores: tuple[float, ...]
    fold_seconds: float
    fold_rows: int
    tuning: TuningResult | None = None
    choice: Choice | None = None
    threshold: DecisionThreshold | None = None
    calibration: Calibration | None = None
    notes: tuple[str, ...] = ()

    def labels(self, positive: Positive) -> Labels:
        """What stands round the estimator."""
        return Labels(positive, self.calibration, self.threshold)


def decided(
    best: Best,
    rows: pd.DataFrame,
    found: Roles,
    recipe: Recipe,
    goal: Goal,
    begins: Callable[[str, float], None],
) -> Best:
    """Calibrate, and choose the threshold, as the recipe asks for; of many rows on one fold, which has plenty."""
    wanted, method, chosen = recipe.model.threshold, recipe.model.calibration, best.candidate
    asked = [name for name, each in (("calibration", method != "off"), ("threshold", wanted)) if each]
    if not asked:
        return best
    several = folds(rows, recipe)[-1:] if len(rows) > JUDGED_ROWS else None
    data = prepare(rows, found, recipe, [chosen], several)[chosen.input]
    begins(f"{listed(asked)}, {len(data)} folds of {len(rows):,} rows", best.fold_seconds * len(data))
    parts = unlearned(chosen, best.params, data, replace(goal, threshold=None))
    best = replace(best, fold_rows=len(data[0].y_train))
    if method != "off":
        learned, parts = calibration.calibrate(parts, method, goal.positive)
        scores = finite(score(goal.metric, y, each, goal.positive) for y, each in parts)
        best = replace(best, calibration=learned, scores=scores, notes=(calibration.told(learned),))
    if wanted is not None:
        decided, scores = threshold.decide(parts, goal, wanted)
        notes = (*best.notes, threshold.told(decided, wanted))
        best = replace(best, threshold=decided, scores=scores, notes=notes)
    return best
