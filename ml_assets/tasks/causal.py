"""Effects of a treatment: a row has an outcome, was treated or not, and is told how much treating it changes.

y has two columns, the outcome and whether the row was treated (1) or not (0); both are known later than the row, and
neither is needed to predict. The effect of one row is never seen, so a model is judged by its order: whether the rows
to which it ascribes most are those among which the treated ones fare best beside the others. That holds where chance
dealt out the treatment.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml_assets.tasks.base import NOT_FOR_THIS_TASK, PREDICTION, Effects, Floats, Metric, Task, nothing

ONE_ARM = "rows of one arm only, or outcomes that are all the same"
"""What leaves the metrics undefined."""


def labelled(y: pd.DataFrame, predictions: pd.DataFrame, positive: str | None) -> Effects:
    """Put outcome, treatment and predicted effect, row by row, into arrays; there is no positive class.

    Parameters
    ----------
    y : DataFrame of shape (n_rows, 2)
        The outcome, then the treatment as 0 and 1.
    """
    there = y.notna().all(axis=1).to_numpy()
    both = values(y[there])
    return Effects(both[:, 0], predictions[PREDICTION].to_numpy(np.float64)[there], both[:, 1] > 0)


def values(y: pd.DataFrame) -> Floats:
    """Outcome and treatment as an estimator is fitted on them, of shape (n_rows, 2)."""
    return y.to_numpy(np.float64)


class Curve:
    """Sums along the rows in the order of a score, highest first; rows of one score come together.

    Parameters
    ----------
    rows : Effects
    counts : array of shape (n_resamples, n_rows)
    by : array of shape (n_rows,)
        The score.

    Attributes
    ----------
    treated, control : array of shape (n_resamples, n_scores)
        Rows of each arm so far.
    of_treated, of_control : array of the same shape
        Sums of their outcomes.
    """

    def __init__(self, rows: Effects, counts: Floats, by: Floats) -> None:
        order = np.argsort(-by, kind="stable")
        ends = np.flatnonzero(np.r_[np.diff(by[order]) != 0, True])
        arm, outcome, drawn = rows.treated[order], rows.truth[order], counts[:, order]

        def so_far(of: Any) -> Floats:
            return np.asarray(np.cumsum(drawn * of, axis=1)[:, ends])

        self.treated, self.control = so_far(arm * 1.0), so_far(~arm * 1.0)
        self.of_treated, self.of_control = so_far(arm * outcome), so_far(~arm * outcome)

    @property
    def reached(self) -> Floats:
        """Share of the rows so far."""
        rows = self.treated + self.control
        return np.asarray(rows / rows[:, -1:])

    def qini(self) -> Floats:
        """What treating gained so far, in outcomes per treated row: the Qini curve (Radcliffe 2007)."""
        per_control = _ratio(self.of_control, self.control)
        return np.asarray((self.of_treated - per_control * self.treated) / self.treated[:, -1:])

    def uplift(self) -> Floats:
        """Difference of the arms' means so far, times the share of the rows: the uplift curve."""
        lift = _ratio(self.of_treated, self.treated) - _ratio(self.of_control, self.control)
        return np.asarray(lift * self.reached)

    def area(self, heights: Floats) -> Floats:
        """Area under heights over the share of the rows, from (0, 0) on, by trapezoids."""
        nothing = np.zeros((len(heights), 1))
        widths = np.diff(self.reached, axis=1, prepend=nothing)
        return np.asarray((widths * (heights + np.hstack([nothing, heights[:, :-1]])) / 2).sum(axis=1))


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _centred(rows: Effects) -> Effects:
    """Outcomes other than 0 and 1 as differences from their mean, so that no unit's zero point counts."""
    if np.isin(rows.truth, (0.0, 1.0)).all():
        return rows
    return Effects(rows.truth - rows.truth.mean(), rows.predicted, rows.treated)


def best_order(rows: Effects) -> Floats:
    """Score of who knows the outcomes: of treated rows theirs, of the others what they lack."""
    return np.where(rows.treated, rows.truth, -rows.truth)


def _qini(rows: Effects, counts: Floats) -> Floats:
    """Area between the Qini curve and the line of a random order, over that of the best order (Radcliffe 2007).

    As scikit-uplift's `qini_auc_score` where the outcome is 0 or 1: the best order has the treated rows of outcome 1
    first and the others of outcome 1 last. A number counts likewise as its difference from the mean. 1 is the best
    order, which only who knows the outcomes can have; 0 a random or a constant one; below 0 one that is upside down.
    """
    rows = _centred(rows)
    ours, best = Curve(rows, counts, rows.predicted), Curve(rows, counts, best_order(rows))
    mine, whole = ours.qini(), best.qini()
    random = mine[:, -1] / 2
    reached = best.area(whole) - random
    return np.where(_both(ours) & (reached > 1e-12), (ours.area(mine) - random) / reached, np.nan)


def _auuc(rows: Effects, counts: Floats) -> Floats:
    """Area under the uplift curve: outcomes gained per row, on average over how many are treated (Gutierrez 2016).

    As scikit-uplift's `uplift_auc_score` before it is brought to a scale, over the share of the rows. A constant, or a
    random order, has half the mean effect.
    """
    curve = Curve(_centred(rows), counts, rows.predicted)
    return np.where(_both(curve), curve.area(curve.uplift()), np.nan)


def _both(curve: Curve) -> NDArray[np.bool_]:
    return np.asarray((curve.treated[:, -1] > 0) & (curve.control[:, -1] > 0))


def transformed(rows: Effects) -> Floats:
    """Outcome of each row such that its mean is the effect (Athey and Imbens 2016), from outcomes less their mean."""
    share = rows.treated.mean() if len(rows.treated) else 0.5
    weight = np.where(rows.treated, 1 / max(share, 1e-12), -1 / max(1 - share, 1e-12))
    return np.asarray((rows.truth - rows.truth.mean()) * weight) if len(rows.truth) else np.empty(0)


def _row_losses(rows: Effects) -> Floats:
    return np.asarray(np.square(transformed(rows) - rows.predicted))


def _strata(y: pd.DataFrame) -> pd.Series[Any]:
    """Arm of each row, with its outcome where there are two of them."""
    outcome, arm = y.iloc[:, 0], y.iloc[:, 1]
    two = outcome.nunique() <= 2
    return arm.astype(str) + (" " + outcome.astype(str) if two else "")


def _lacks(y: pd.DataFrame) -> str | None:
    arm = y.iloc[:, 1]
    if arm.nunique() > 1:
        return None
    told = "treated" if (arm > 0).any() else "untreated"
    return f"treatment '{arm.name}': all {len(arm):,} rows are {told}: an effect needs both arms."


class ConstantEffect:
    """The mean effect, for every row."""

    def fit(self, X: Any, y: Floats) -> ConstantEffect:
        """Learn the difference of the arms' mean outcomes; 0 where one has no row."""
        arms = [y[y[:, 1] == arm, 0] for arm in (1, 0)]
        self.effect_ = float(arms[0].mean() - arms[1].mean()) if all(map(len, arms)) else 0.0
        return self

    def predict(self, X: Any) -> Floats:
        """The same for each row."""
        return np.full(len(X), self.effect_)


CAUSAL = Task(
    name="causal",
    metrics=(
        Metric("qini", "prediction", _qini, undefined=ONE_ARM, by_class=True),
        Metric("auuc", "prediction", _auuc, undefined=ONE_ARM, by_class=True),
    ),
    default_metric=lambda _n_classes: "qini",
    classes=False,
    joint=True,
    by_batch=False,
    lacks=_lacks,
    strata=_strata,
    positive=NOT_FOR_THIS_TASK,
    class_names=NOT_FOR_THIS_TASK,
    values=values,
    labelled=labelled,
    baseline=ConstantEffect,
    baseline_sees=nothing,
    baseline_is="of one effect for all rows",
    loss_kind=lambda _predictions: "squared error of the transformed outcome",
    row_losses=_row_losses,
    encoded_target="continuous",
    target_check="effects",
    target_pair="numbers",
    estimated_by=NOT_FOR_THIS_TASK,
    blocked_by="entity",
    picture="qini",
)
