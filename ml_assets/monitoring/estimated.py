"""How good the champion probably is on rows whose labels are still to come.

Learned on its hold-out, from predictions of the model that had not seen it. An estimate assumes that rows which
look alike have labels alike, as on the hold-out: it follows a change of the inputs, and is blind to a change of
the concept. So it is shown, beside how far earlier estimates were off, and raises no alarm; it says
whether drift does harm as long as labels are missing (`retraining/harm.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ml_assets.monitoring.reference import Holdout
from ml_assets.records import Estimate, MaturedEstimate, PerformanceReport
from ml_assets.shown import figure
from ml_assets.tasks.all import TASKS
from ml_assets.tasks.base import PROBABILITY, Floats, Labels, Metric, Numbers
from ml_assets.tasks.classification import probability_classes
from ml_assets.tasks.metrics import evaluate_counts, labelled, metric_named
from ml_assets.tasks.several import answers

if TYPE_CHECKING:
    from collections.abc import Callable

FEWEST_ROWS = 100  # of a hold-out, below which nothing is learned from it
ISOTONIC_ROWS = (
    1_000  # isotonic calibration overfits with fewer (Niculescu-Mizil and Caruana 2005, section 5)
)
ISOTONIC_LABELS = 50  # of the rarer side
PLATT_LABELS = 10
MOST_LEVELS = 200  # of a categorical column; rarer ones count as missing
NEVER = 1e-9
"""What a class without probability keeps where all have none, so that a row's shares can be normalised."""


def estimate(
    batch: str,
    champion_version: int,
    holdout: Holdout,
    rows: pd.DataFrame,
    predictions: pd.DataFrame,
    *,
    random_state: int = 0,
) -> Estimate:
    """Estimate a metric on unlabelled rows.

    Classification: confidence-based performance estimation. Probabilities are calibrated on the hold-out; every
    row then counts once for each class, as often as the class is probable. Regression: direct loss estimation.
    Boosted trees learn the loss of a row on the hold-out, from its features and its prediction.

    Parameters
    ----------
    batch : str
        Label of the batch.
    champion_version : int
        Version that made the predictions.
    holdout : Holdout
        That version's.
    rows : DataFrame of shape (n_rows, n_columns)
        Features of the batch.
    predictions : DataFrame of shape (n_rows, n_outputs)
        Of the batch, in its order.
    random_state : int
        Seed of the trees.

    Returns
    -------
    Estimate
        `value` is None, with the `reason`, where nothing can be estimated.
    """
    by = TASKS[metric_named(holdout.metric).task].estimated_by
    if not isinstance(holdout.target, str) and by is not None:
        parts = [
            estimate(batch, champion_version, each, rows, given, random_state=random_state)
            for each, given in _each_target(holdout, predictions)
        ]
        return _mean_of(parts)
    metric, known, guesses = holdout.metric, holdout.rows, holdout.predictions
    chosen, labels = metric_named(metric), known[holdout.target]
    blank = partial(
        Estimate, batch=batch, champion_version=champion_version, metric=metric, rows=len(predictions)
    )
    reason = _impossible(chosen, labels, predictions)
    if chosen.of is not None:
        reason = f"no estimate of {metric} is known"
    if reason:
        return blank(reason=reason)
    value: float | None
    if by == "probabilities":
        shares, how = calibrated(labels, guesses, predictions)
        value = expected_score(chosen, predictions, shares)
        method = f"every row counted for each class by its probability, {how}"
    else:
        columns = [name for name in holdout.features if name in known.columns and name in rows.columns]
        sides = (_inputs(known, guesses, columns, known), _inputs(rows, predictions, columns, known))
        truth = pd.to_numeric(labels).to_numpy(np.float64)
        value, reason = _expected_error(chosen, sides, truth, guesses, predictions, random_state)
        method = f"the loss of each row as learned from its {len(columns)} features and its prediction"
    if value is None or not np.isfinite(value):
        return blank(reason=reason or f"these rows are expected to have {chosen.undefined}")
    return blank(value=float(value), method=f"{method} on {len(known):,} rows of the hold-out")


def _each_target(holdout: Holdout, predictions: pd.DataFrame) -> Iterator[tuple[Holdout, pd.DataFrame]]:
    known, given = answers(holdout.predictions), answers(predictions)
    for name in holdout.target:
        yield replace(holdout, target=name, predictions=known[name]), given[name]


def _mean_of(parts: Sequence[Estimate]) -> Estimate:
    """Mean of the estimates of several targets; none where one is missing."""
    values = [part.value for part in parts if part.value is not None]
    if len(values) == len(parts):
        return parts[0].model_copy(update={"value": float(np.mean(values))})
    return next(part for part in parts if part.value is None)


def _impossible(metric: Metric, y: Any, predictions: pd.DataFrame) -> str:
    if TASKS[metric.task].estimated_by is None:
        return f"no row shows what {metric.name} is of before its labels come"
    if not len(predictions):
        return "the batch has no row that is new to the champion"
    if len(y) < FEWEST_ROWS:
        return f"the hold-out has {len(y)} rows, fewer than the {FEWEST_ROWS} needed to learn from"
    if TASKS[metric.task].estimated_by == "probabilities" and not probability_classes(predictions):
        return "the estimator gives no probabilities"
    return ""


# Classification.


def calibrated(y: pd.Series[Any], guesses: pd.DataFrame, predictions: pd.DataFrame) -> tuple[Floats, str]:
    """Turn predicted probabilities into shares of rows, as the hold-out teaches.

    Isotonic regression where the hold-out has 1,000 rows and 50 of the rarer side, a logistic curve on the
    log-odds (Platt 1999) where it has 10 of either, else the probabilities as they are. Of more than two classes
    each against the rest, then made to sum to 1 (Zadrozny and Elkan 2002).

    Parameters
    ----------
    y : Series of shape (n_holdout_rows,)
    guesses : DataFrame of shape (n_holdout_rows, 1 + n_classes)
    predictions : DataFrame of shape (n_rows, 1 + n_classes)

    Returns
    -------
    array of shape (n_rows, n_classes), str
        The shares, and how they were calibrated.
    """
    classes = probability_classes(predictions)
    truth = y.astype(str).to_numpy(dtype=object)
    asked = classes[-1:] if len(classes) == 2 else classes
    columns, ways = [], []
    for name in asked:
        learned = guesses[PROBABILITY + name].to_numpy(np.float64)
        given = predictions[PROBABILITY + name].to_numpy(np.float64)
        curve, way = _curve(learned, (truth == name).astype(np.float64))
        columns.append(np.clip(curve(given), 0.0, 1.0))
        ways.append(way)
    shares = np.column_stack([1 - columns[0], columns[0]] if len(classes) == 2 else columns)
    if len(classes) != 2:
        shares = shares + NEVER
        shares /= shares.sum(axis=1, keepdims=True)
    return shares, ", ".join(dict.fromkeys(ways))


def _curve(scores: Floats, hits: Floats) -> tuple[Callable[[Floats], Floats], str]:
    """Fit the curve from score to share of hits."""
    rarer = int(min(hits.sum(), len(hits) - hits.sum()))
    if len(hits) >= ISOTONIC_ROWS and rarer >= ISOTONIC_LABELS:
        from sklearn.isotonic import IsotonicRegression

        return IsotonicRegression(out_of_bounds="clip").fit(scores, hits).predict, "calibrated (isotonic)"
    if rarer >= PLATT_LABELS:
        from sklearn.linear_model import LogisticRegression

        line = LogisticRegression(C=1e3).fit(_log_odds(scores), hits)
        return lambda given: line.predict_proba(_log_odds(given))[:, 1], "calibrated (logistic)"
    return lambda given: given, "not calibrated: too few labels"


def _log_odds(scores: Floats) -> Floats:
    inside = np.clip(scores, 1e-6, 1 - 1e-6)
    return np.log(inside / (1 - inside)).reshape(-1, 1)


def expected_score(metric: Metric, predictions: pd.DataFrame, shares: Floats) -> float:
    """Score predictions whose rows belong to each class with the given probability.

    The metric of the expected counts, which for the ratios and areas among the metrics is the expected metric
    up to terms of order 1/n_rows.

    Parameters
    ----------
    metric : Metric
        Of classification.
    predictions : DataFrame of shape (n_rows, 1 + n_classes)
    shares : array of shape (n_rows, n_classes)
        Probability of each class, in the order of the probability columns.

    >>> two = pd.DataFrame({"prediction": ["a", "b"], "probability_a": [0.9, 0.2], "probability_b": [0.1, 0.8]})
    >>> float(round(expected_score(metric_named("accuracy"), two, np.array([[0.9, 0.1], [0.2, 0.8]])), 3))
    0.85
    """
    classes = probability_classes(predictions)
    everyone = pd.Series(np.repeat(classes, len(predictions)), dtype=object)
    copies = pd.concat([predictions] * len(classes), ignore_index=True)
    rows = labelled(everyone, copies, metric.task, None)  # there are probabilities, which say it
    assert isinstance(rows, Labels)
    return float(evaluate_counts(metric, rows, shares.T.reshape(1, -1))[0])


# Regression.


def _inputs(
    frame: pd.DataFrame, predictions: pd.DataFrame, features: Sequence[str], learned: pd.DataFrame
) -> Floats:
    """Features as numbers, levels by how common they are on the hold-out, and the prediction last."""
    columns = []
    for name in features:
        if pd.api.types.is_numeric_dtype(learned[name].dtype) and not pd.api.types.is_bool_dtype(
            learned[name].dtype
        ):
            values = pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64, na_value=np.nan)
            columns.append(np.where(np.isfinite(values), values, np.nan))
        else:
            common = learned[name].dropna().astype(str).value_counts(sort=False).sort_index()
            order = common.sort_values(ascending=False, kind="stable").index[:MOST_LEVELS]
            codes = dict(zip(order, range(len(order)), strict=True))
            columns.append(frame[name].map(str).map(codes).to_numpy(np.float64))
    return np.column_stack([*columns, predictions["prediction"].to_numpy(np.float64)])


def _expected_error(
    metric: Metric,
    sides: tuple[Floats, Floats],
    truth: Floats,
    guesses: pd.DataFrame,
    predictions: pd.DataFrame,
    random_state: int,
) -> tuple[float | None, str]:
    """Return the metric that the learned losses lead to, or the reason why there is none."""
    guessed = guesses["prediction"].to_numpy(np.float64)
    learn = partial(_learned_mean, *sides, random_state=random_state)
    if metric.per_row is not None:
        losses = metric.per_row(Numbers(truth, guessed))
        return (
            (None, f"the hold-out has {metric.undefined}") if np.isnan(losses).any() else (learn(losses), "")
        )
    if metric.from_squared is None:
        return None, f"no estimate of {metric.name} is known"
    squared = learn(np.square(truth - guessed))
    predicted = predictions["prediction"].to_numpy(float)
    return metric.from_squared(squared, _spread_of_labels(truth - guessed, guessed, predicted, squared)), ""


def _learned_mean(learned: Floats, asked: Floats, losses: Floats, *, random_state: int) -> float:
    """Mean loss of the asked rows, as trees that were fitted on the hold-out expect it."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    trees = HistGradientBoostingRegressor(
        max_iter=100,
        learning_rate=0.05,
        max_leaf_nodes=15,
        min_samples_leaf=max(20, len(losses) // 50),
        early_stopping=False,
        random_state=random_state,
    ).fit(learned, losses)
    return float(np.clip(trees.predict(asked), 0.0, losses.max()).mean())


def _spread_of_labels(errors: Floats, guessed: Floats, predicted: Floats, squared: float) -> float:
    """Variance of labels that are prediction plus error: errors follow the prediction as on the hold-out."""
    centred = guessed - guessed.mean()
    variance = float(centred @ centred)
    slope = float(centred @ errors) / variance if variance > 0 else 0.0
    bias = errors.mean() + slope * (predicted - guessed.mean())
    rest = max(squared - float(np.square(bias).mean()), 0.0)
    return (1 + slope) ** 2 * float(predicted.var()) + rest


# How good earlier estimates were.


def with_record(
    estimate: Estimate, earlier: Sequence[PerformanceReport], report: PerformanceReport
) -> Estimate:
    """Add how far earlier estimates were off, and the one whose labels came with this report.

    Parameters
    ----------
    estimate : Estimate
        Of the newest batch.
    earlier : sequence of PerformanceReport
        Reports before this one, oldest first, on whatever champion: the method is judged, not one model.
    report : PerformanceReport
        The newest one, with the score that became known now.
    """
    guesses = {
        each.batch: each
        for each in (*(r.estimate for r in earlier), estimate)
        if each and each.value is not None
    }
    matured = {
        each.batch: each
        for each in (_matured(guesses, one) for one in (*earlier, report))
        if each is not None
    }
    errors = [abs(each.error) for each in matured.values()]
    now = matured.get(report.scored_batch or "")
    found = estimate.model_copy(
        update={
            "mean_error": float(np.mean(errors)) if errors else None,
            "matured_batches": len(errors),
            "matured": now,
        }
    )
    return found.model_copy(update={"text": _sentence(found)})


def _matured(guesses: Mapping[str, Estimate], report: PerformanceReport) -> MaturedEstimate | None:
    """Pair a score with the estimate of the same batch, metric and champion."""
    guess = guesses.get(report.scored_batch or "")
    if guess is None or guess.value is None or report.score is None or report.status != "ok" or report.pooled:
        return None
    if (guess.metric, guess.champion_version) != (report.metric, report.champion_version):
        return None
    realised = report.score.value
    return MaturedEstimate(
        batch=guess.batch, value=guess.value, realised=realised, error=guess.value - realised
    )


def _sentence(estimate: Estimate) -> str:
    if estimate.value is None:
        return f"No estimate of {estimate.metric} in {estimate.batch}: {estimate.reason}."
    words = f"Estimated {estimate.metric} {figure(estimate.value)} in {estimate.batch}, without labels"
    if estimate.mean_error is None:
        return f"{words}; no earlier estimate has its labels yet."
    times = f"{estimate.matured_batches} batch{'es' if estimate.matured_batches > 1 else ''}"
    return f"{words}; earlier estimates were off by {figure(estimate.mean_error, 2)} on average ({times})."
