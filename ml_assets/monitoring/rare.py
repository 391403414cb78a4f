"""The live score where few rows of a class carry it: what the hold-out leads to expect of as many.

Three rows of the positive class say next to nothing about how far a score of three would move, so the batch is
not asked. Batches of the very same number of rows of each class are drawn from the hold-out's rows instead, with the
answers of the model that had not seen them: how their scores are distributed, skewed and in steps as it may be, and
how uncertain the hold-out is itself, make the p-value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ml_assets.monitoring.wording import worse
from ml_assets.records import Expected
from ml_assets.shown import figure
from ml_assets.tasks.base import Labels
from ml_assets.tasks.influence import FEWEST, rarest
from ml_assets.tasks.metrics import evaluate_counts, labelled, metric_named
from ml_assets.tasks.several import Labelled, has_labels

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.monitoring.reference import Reference
    from ml_assets.tasks.base import Floats, Metric

ENOUGH = 100
"""Rows of the rarest class, of batch and hold-out, from which both scores are as good as normal."""
RESAMPLES = 300
HOLDOUTS = 100
"""Draws of the hold-out itself: for a standard error alone."""
MOST_OF_A_CLASS = 4_000
"""Rows of the hold-out that stand for a class: of more, so many by chance."""
LEAST_ERROR = 1e-9
"""Of a hold-out whose score is 0 however it is drawn."""


class Few(NamedTuple):
    """The rarest class that a score leans on, and its rows."""

    name: str
    found: int

    def words(self, rows: int) -> str:
        """Say that these are too few."""
        return f"of {rows:,} rows only {self.found:,} are of the class {self.name!r}, fewer than {FEWEST}"


def too_few(y: Any, predictions: pd.DataFrame, champion: Reference) -> Few | None:
    """Name the class of which there are fewer than 10 labelled rows; None where the metric speaks of none."""
    found = _few(y, predictions, champion)
    return found if found is not None and found.found < FEWEST else None


def expected(y: Any, predictions: pd.DataFrame, champion: Reference, design: float = 1.0) -> Expected | None:
    """Draw batches like this one from the hold-out.

    Parameters
    ----------
    y : Series of shape (n_rows,) or DataFrame of shape (n_rows, n_targets)
        Labels, none missing.
    predictions : DataFrame of shape (n_rows, 1 + n_classes)
        The champion's.
    champion : Reference
        With the hold-out's rows.
    design : float
        So many rows of the batch count as one (`dependence.design_effect`).

    Returns
    -------
    Expected or None
        None where the score needs none: the metric speaks of no class, there are 100 rows of each, or the hold-out
        was not kept or lacks a class of the batch; and where there are several targets.
    """
    few, kept = _few(y, predictions, champion), champion.kept.holdout
    if few is None or kept is None:
        return None
    labelled_rows = has_labels(kept[0])
    rows = _labels(y, predictions, champion)
    holdout = _labels(kept[0][labelled_rows], kept[1][labelled_rows], champion)
    if not isinstance(rows, Labels) or not isinstance(holdout, Labels):
        return None  # rows drawn by the classes of one target would not have the classes of the others
    there = _rarest_rows(holdout)
    wanted = _counts(rows, holdout)
    if min(few.found, there) >= ENOUGH or wanted is None:
        return None
    from scipy.stats import t

    metric = metric_named(champion.metric)
    value = float(evaluate_counts(metric, rows, np.ones((1, len(rows.truth))))[0])
    generator = np.random.default_rng(champion.random_state)
    drawn, holdout_error = _drawn(metric, holdout, wanted, generator)
    if len(drawn) < RESAMPLES / 2:
        return None
    shrunk = np.sqrt(
        there / max(there - 1, 1)
    )  # as many rows as were drawn from know less than all there are
    usual, losses = float(drawn.mean()), champion.kept.losses
    alike = losses.design if losses is not None else 1.0
    drawn = np.clip(usual + shrunk * np.sqrt(design) * (drawn - usual), 0.0, 1.0)
    # A hold-out without a mistake does not prove that there are none: one more row might be the worst.
    holdout_error = max(shrunk * np.sqrt(alike) * holdout_error, usual / (there + 1), LEAST_ERROR)
    odds = _log_odds(drawn, few.found)
    middle = (usual * there + 0.5) / (there + 1)
    own = holdout_error / (middle * (1 - middle))
    p_value = float(
        t.cdf((_log_odds(np.array([value]), few.found) - odds) / own, max(there / alike - 1, 1)).mean()
    )
    return Expected(
        value=usual,
        error=float(drawn.std()),
        holdout_error=holdout_error,
        shared=own**2 / (own**2 + float(odds.var())),
        rarest=few.name,
        rows=few.found,
        holdout_rows=there,
        p_value=p_value if there >= FEWEST else None,
    )


def _log_odds(scores: Floats, rows: int) -> Floats:
    """Log odds of scores between 0 and 1, where errors are as large at either end; half a row more on both sides.

    A hold-out that was lucky to be near 1 seems surer of itself than it is; on this scale it is not.
    """
    inside = (scores * rows + 0.5) / (rows + 1)
    return np.asarray(np.log(inside / (1 - inside)))


def _drawn(
    metric: Metric, holdout: Labels, wanted: dict[int, int], generator: np.random.Generator
) -> tuple[Floats, float]:
    """Scores of batches drawn from the hold-out, and the standard error of the hold-out at their shares of classes."""
    atoms = {}
    for code in wanted:
        rows = np.flatnonzero(holdout.truth == code)
        some = len(rows) > MOST_OF_A_CLASS
        atoms[code] = generator.choice(rows, MOST_OF_A_CLASS, replace=False) if some else rows
    chosen = np.concatenate(list(atoms.values()))
    part = Labels(
        classes=holdout.classes,
        positive=holdout.positive,
        truth=holdout.truth[chosen],
        predicted=holdout.predicted[chosen],
        probability=None if holdout.probability is None else holdout.probability[chosen],
    )

    def scores(rows_of: dict[int, int], times: int) -> Floats:
        counts = [
            drawn_counts(len(rows), rows_of[code], times, generator) * (wanted[code] / rows_of[code])
            for code, rows in atoms.items()
        ]
        found = evaluate_counts(metric, part, np.concatenate(counts, axis=1))
        return np.asarray(found[np.isfinite(found)])

    of_holdout = {code: int((holdout.truth == code).sum()) for code in wanted}
    return scores(wanted, RESAMPLES), float(scores(of_holdout, HOLDOUTS).std())


def drawn_counts(atoms: int, draws: int, times: int, generator: np.random.Generator) -> Floats:
    """How often each of some rows is drawn, with replacement: shape (times, atoms).

    >>> drawn_counts(3, 5, 2, np.random.default_rng(0)).sum(axis=1).tolist()
    [5.0, 5.0]
    """
    if draws > 5 * atoms:
        return generator.multinomial(draws, np.full(atoms, 1 / atoms), size=times).astype(np.float64)
    picks = generator.integers(0, atoms, (times, draws)) + atoms * np.arange(times)[:, None]
    return np.bincount(picks.ravel(), minlength=times * atoms).reshape(times, atoms).astype(np.float64)


def _counts(rows: Labels, holdout: Labels) -> dict[int, int] | None:
    """Rows of each class of the batch, by the hold-out's code; None where the hold-out has not all of them."""
    found = {}
    for code, count in enumerate(np.bincount(rows.truth, minlength=len(rows.classes))):
        name = rows.classes[code]
        if not count:
            continue
        if name not in holdout.classes or not (holdout.truth == holdout.classes.index(name)).any():
            return None
        found[holdout.classes.index(name)] = int(count)
    return found


def _few(y: Any, predictions: pd.DataFrame, champion: Reference) -> Few | None:
    if not champion.metric or not metric_named(champion.metric).by_class:
        return None
    found = rarest(_labels(y, predictions, champion))
    return None if found is None else Few(*found)


def _rarest_rows(rows: Labels) -> int:
    """Rows of the rarest class."""
    found = rarest(rows)
    assert found is not None
    return found[1]


def _labels(y: Any, predictions: pd.DataFrame, champion: Reference) -> Labelled:
    return labelled(y, predictions, metric_named(champion.metric).task, champion.positive)


def as_expected(found: Expected) -> str:
    """Say what was expected, and how improbable the score is."""
    few = f"{found.rows:,} of class {found.rarest!r}"
    if found.p_value is None:
        return (
            f"{few}; the hold-out has only {found.holdout_rows:,} of its own, too few to compare with "
            f"({FEWEST} are needed)"
        )
    return f"{few}; the hold-out leads to expect {figure(found.value)}: live is {worse(found.p_value)}"
