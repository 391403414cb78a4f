"""A score that is too good to be true, and the columns that the model leans on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.features.history import made_names
from ml_assets.quality.alone import Classes, Numbers
from ml_assets.quality.leak import EASY
from ml_assets.quality.order import in_order, next_of
from ml_assets.quality.rest import leaned_on, told_by
from ml_assets.records import Leak
from ml_assets.tasks.all import task_of
from ml_assets.tasks.base import Labels, Rankings
from ml_assets.tasks.several import answers

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.quality.alone import Floats, Mask
    from ml_assets.recipe.schema import Recipe

WRONG, PERHAPS_WRONG = 0.01, 0.03
"""Share of what the baseline gets wrong that the model gets wrong at most, as is 95 % sure: with no error at all, from
300 and from 100 rows that the baseline gets wrong."""
OFF, PERHAPS_OFF = 0.01, 0.03
"""Mean error of a number by the mean distance from the median: r2 of about .9999 and .999."""
FEWEST_ROWS = 30
FARTHER = 5


def too_good(
    rows: pd.DataFrame,
    predictions: pd.DataFrame,
    window: pd.DataFrame,
    features: Sequence[str],
    recipe: Recipe,
) -> tuple[Leak, ...]:
    """Suspect the columns that a model leans on, if it tells rows that it has not learned almost perfectly.

    The baseline is the most frequent class, or the median; where rows follow one another, the row before if that is
    better. It is no more than a doubt if all other columns tell the target nearly as well.

    Parameters
    ----------
    rows : DataFrame of shape (n_rows, n_columns)
        The hold-out.
    predictions : DataFrame of shape (n_rows, 1 + n_classes)
        Of these rows, in their order.
    window : DataFrame of shape (n_window_rows, n_columns)
        All labelled rows: what the columns tell is asked there.
    features : sequence of str
        What the model learns from.
    recipe : Recipe
        Names target, entities and time. Of several targets each is looked at.
    """
    if task_of(recipe).joint or not recipe.has_target:  # no row's effect is seen, so no answer is too good
        return ()
    if len(recipe.targets) > 1:
        given = answers(predictions)
        each = (too_good(rows, given[one.target], window, features, one) for one in recipe.of_each_target())
        return tuple(leak for leaks in each for leak in leaks)
    found = _found(rows, predictions, recipe)
    if found is None:
        return ()
    text, lacks, limit = found
    known = in_order(window[window[recipe.target].notna()], recipe)
    target = Classes(known[recipe.target]) if task_of(recipe).classes else Numbers(known[recipe.target])
    half = np.random.default_rng(recipe.random_state).permutation(len(known)) % 2 == 0
    first, *others = leaned_on(known, features, target, half)
    if {first, *others} <= made_names(recipe).keys():  # what was known before is no leak
        return ()
    rest = [name for name in features if name not in (first, *others)]
    alone = 1 - told_by(known, rest, target, half)[0] >= EASY
    return (
        Leak(
            column=first,
            beside=tuple(others),
            score=1 - lacks,
            text=text,
            by="score",
            sure=alone and lacks <= limit,
        ),
    )


def _found(rows: pd.DataFrame, predictions: pd.DataFrame, recipe: Recipe) -> tuple[str, float, float] | None:
    """How good, in words and as what is lacking, and the limit of what is sure; None: not too good."""
    labelled = rows[recipe.target].notna().to_numpy()
    predictions = predictions[labelled].reset_index(drop=True)
    known = in_order(rows[labelled].reset_index(drop=True), recipe)
    if len(known) < FEWEST_ROWS:
        return None
    told = task_of(recipe).labelled(known[recipe.target], predictions.loc[known.index], None)
    follows = next_of(known, recipe)
    if isinstance(told, Labels):
        return _classes(told, follows)
    assert not isinstance(told, Rankings)
    return _numbers(told.truth, np.asarray(told.predicted, np.float64), follows)


def _classes(told: Labels, follows: Mask | None) -> tuple[str, float, float] | None:
    from scipy.stats import chi2

    counts = np.bincount(told.truth, minlength=len(told.classes))
    baseline, words = int(counts.sum() - counts.max()), "the most frequent class"
    if follows is not None:
        changes = int(np.count_nonzero((np.diff(told.truth) != 0)[follows])) + 1
        baseline, words = min((baseline, words), (changes, "the class of the row before"))
    wrong = int(np.count_nonzero(told.truth != told.predicted))
    surely = float(chi2.ppf(0.95, 2 * (wrong + 1)) / 2)  # of a Poisson count
    if surely > PERHAPS_WRONG * baseline:
        return None
    text = f"wrong in {wrong:,} of {len(told.truth):,} rows held out, {words} in {baseline:,}"
    return text, surely / baseline, WRONG


def _numbers(truth: Floats, predicted: Floats, follows: Mask | None) -> tuple[str, float, float] | None:
    baseline, words = float(np.abs(truth - np.median(truth)).mean()), "the median"
    if follows is not None:
        baseline, words = min(
            (baseline, words), (float(np.abs(np.diff(truth))[follows].mean()), "the row before")
        )
    off = float(np.abs(truth - predicted).mean())
    if not off <= PERHAPS_OFF * baseline or baseline <= 0:
        return None
    text = f"off by {off:.3g} on average in {len(truth):,} rows held out, {words} by {baseline:.3g}"
    return text, off / baseline, OFF
