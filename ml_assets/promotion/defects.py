"""What makes a challenger unfit for any comparison: targets missed, classes lost, constant or infinite predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml_assets.records import Evaluation
from ml_assets.tasks.base import PROBABILITY
from ml_assets.tasks.several import answers

if TYPE_CHECKING:
    import pandas as pd


def defects(challenger: pd.DataFrame, champion: pd.DataFrame | None, evaluation: Evaluation) -> list[str]:
    """What makes any comparison pointless."""
    if evaluation.targets_missed:
        return [f"targets missed: {'; '.join(evaluation.targets_missed)}"]
    if champion is not None:
        lost = [str(name).removeprefix(PROBABILITY) for name in champion if name not in challenger]
        if lost:
            return [f"the challenger gives no answer about {', '.join(lost)}, the champion does"]
    if _constant(challenger):
        return ["the challenger gives the same answer for every row"]
    if not _finite(challenger):
        return ["the challenger's predictions are not all finite numbers"]
    if not all(map(_shares, answers(challenger).values())):
        return ["the challenger's probabilities are not between 0 and 1, or do not add up to 1"]
    return []


def _shares(predictions: pd.DataFrame) -> bool:
    """Whether the probabilities of one target are some, if there are any."""
    shares = predictions[[name for name in predictions if str(name).startswith(PROBABILITY)]].to_numpy(float)
    return not shares.size or bool(shares.min() >= 0 and abs(shares.sum(axis=1) - 1).max() <= 1e-3)


def _constant(predictions: pd.DataFrame) -> bool:
    return len(predictions) > 1 and all(
        predictions[name].nunique(dropna=False) == 1 for name in predictions.columns
    )


def _finite(predictions: pd.DataFrame) -> bool:
    numbers = predictions.select_dtypes("number").to_numpy(dtype=float)
    return bool(np.isfinite(numbers).all()) and not bool(predictions.isna().to_numpy().any())
