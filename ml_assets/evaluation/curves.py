"""Curves of an evaluation: how well rows are ordered, and how far a prediction can be taken at its word.

Each function of `CURVES` looks at labelled predictions and gives a curve, or nothing where it has no meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ml_assets.names import Z_95
from ml_assets.records import Curve, Epoch
from ml_assets.shown import shown
from ml_assets.tasks.base import Effects, Floats, Labels, Numbers, Points, Rankings
from ml_assets.tasks.causal import Curve as Along
from ml_assets.tasks.intervals import wilson
from ml_assets.tasks.recommendation import liked, weights
from ml_assets.tasks.several import Labelled, Several

Part = Labels | Numbers | Effects | Rankings
MOST_TARGETS = 3
"""Targets that have curves and pictures: the more there are, the less is seen."""
POINTS = 100
"""Most points of a curve."""
GROUPS = 10
"""Groups of equally many rows, by what was predicted."""
FEWEST = 10
"""Rows of a group below which there are fewer groups."""


def curves(rows: Labelled) -> tuple[Curve, ...]:
    """Every curve that has a meaning for these predictions; of several targets those of the first few, each by name."""
    if isinstance(rows, Several):
        return tuple(
            curve.model_copy(
                update={"name": f"{curve.name}_{target}", "title": f"{curve.title}: {shown(target, 30)}"}
            )
            for target, part in list(zip(rows.names, rows.parts, strict=True))[:MOST_TARGETS]
            for curve in curves(part)
        )
    if isinstance(rows, Points):
        return ()
    return tuple(found for curve in CURVES if (found := curve(rows)) is not None)


def learning(epochs: Sequence[Epoch]) -> tuple[Curve, ...]:
    """How a network learned: its loss on the rows that it learned and on those set aside, over the epochs."""
    told = {"loss": "Loss, rows learned", "loss_aside": "Loss, rows set aside"}
    x = tuple(float(each.epoch) for each in epochs)
    return tuple(
        Curve(
            name=name,
            title=title,
            x_label="epoch",
            y_label="mean loss",
            x=x,
            y=tuple(getattr(each, name) for each in epochs),
        )
        for name, title in told.items()
        if len(epochs) > 1
    )


def roc(rows: Part) -> Curve | None:
    """Share of positives that are found against the share of the others that are taken for positive (Fawcett 2006)."""
    found = _by_threshold(rows)
    if found is None:
        return None
    hits, false = found
    return _curve(
        "roc",
        "Receiver operating characteristic",
        ("false positive rate", "true positive rate"),
        np.r_[0.0, false / false[-1]],
        np.r_[0.0, hits / hits[-1]],
    )


def precision_recall(rows: Part) -> Curve | None:
    """Share of rows called positive that are, against the share of positives that are found."""
    found = _by_threshold(rows)
    if found is None:
        return None
    hits, false = found
    return _curve(
        "precision_recall",
        "Precision and recall",
        ("recall", "precision"),
        hits / hits[-1],
        hits / (hits + false),
    )


def calibration(rows: Part) -> Curve | None:
    """How often what is predicted comes true, in groups of equally many rows, with Wilson's intervals.

    Of two classes the positive one, of more the one that is predicted.
    """
    if not isinstance(rows, Labels) or rows.probability is None or not len(rows.truth):
        return None
    if rows.positive is not None:
        said, came = rows.probability[:, rows.positive], rows.truth == rows.positive
        name = f"'{rows.classes[rows.positive]}'"
    else:
        said = rows.probability[np.arange(len(rows.truth)), rows.predicted]
        came, name = rows.truth == rows.predicted, "the class predicted"
    parts = groups(said)
    shares = [float(came[part].mean()) for part in parts]
    ends = [wilson(share, len(part)) for share, part in zip(shares, parts, strict=True)]
    return _curve(
        "calibration",
        "Calibration",
        (f"probability of {name}", "share that came true"),
        np.array([said[part].mean() for part in parts]),
        np.array(shares),
        np.array(ends),
        ideal=True,
    )


def truth_by_prediction(rows: Part) -> Curve | None:
    """Mean of the true numbers where so much was predicted, in groups of equally many rows."""
    if not isinstance(rows, Numbers) or not len(rows.truth):
        return None
    parts = groups(rows.predicted)
    means = np.array([rows.truth[part].mean() for part in parts])
    half = np.array(
        [Z_95 * rows.truth[part].std(ddof=min(1, len(part) - 1)) / np.sqrt(len(part)) for part in parts]
    )
    return _curve(
        "calibration",
        "Calibration",
        ("predicted", "mean of what came"),
        np.array([rows.predicted[part].mean() for part in parts]),
        means,
        np.column_stack([means - half, means + half]),
        ideal=True,
    )


def sizes_of_errors(rows: Part) -> Curve | None:
    """Share of the rows whose error is no larger."""
    if not isinstance(rows, Numbers) or not len(rows.truth):
        return None
    errors = np.sort(np.abs(rows.truth - rows.predicted))
    shares = np.arange(1, len(errors) + 1) / len(errors)
    return _curve("errors", "Sizes of errors", ("error at most", "share of the rows"), errors, shares)


def gained(rows: Part) -> Curve | None:
    """What treating the rows of the greatest predicted effect gains: the Qini curve (Radcliffe 2007)."""
    if not isinstance(rows, Effects) or not 0 < int(rows.treated.sum()) < len(rows.treated):
        return None
    found = Along(rows, np.ones((1, len(rows.truth))), rows.predicted)
    return _curve(
        "qini",
        "Qini curve",
        ("share of the rows, greatest effect first", "outcome gained per treated row"),
        np.r_[0.0, found.reached[0]],
        np.r_[0.0, found.qini()[0]],
    )


def hits(rows: Part) -> Curve | None:
    """How often the item at each place was one that the user liked."""
    if not isinstance(rows, Rankings) or not rows.kept(weights).any():
        return None
    occasion, _, place = liked(rows)
    found = np.bincount(place, minlength=rows.top_k + 1)[1 : rows.top_k + 1] / len(np.unique(occasion))
    return _curve(
        "places",
        "Items found by their place",
        ("place", "share of the users who liked it"),
        np.arange(1.0, rows.top_k + 1),
        found.astype(np.float64),
    )


CURVES: tuple[Callable[[Part], Curve | None], ...] = (
    roc, precision_recall, calibration, truth_by_prediction, sizes_of_errors, gained, hits,
)  # fmt: skip


def _by_threshold(rows: Part) -> tuple[Floats, Floats] | None:
    """Positives and others among the rows at or above each different score, highest first; None for one class only."""
    if not isinstance(rows, Labels) or rows.positive is None or rows.probability is None:
        return None
    positive = rows.truth == rows.positive
    if not 0 < int(positive.sum()) < len(positive):
        return None
    scores = rows.probability[:, rows.positive]
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.r_[np.diff(scores[order]) != 0, True])
    hits = np.cumsum(positive[order])[last].astype(np.float64)
    return hits, last + 1.0 - hits


def groups(said: Floats) -> list[np.ndarray[tuple[int], np.dtype[np.intp]]]:
    """Rows in the order of what was predicted, in groups of about as many; equal predictions stay together."""
    order = np.argsort(said, kind="stable")
    count = int(min(GROUPS, max(1, len(said) // FEWEST)))
    edges = [round(len(said) * k / count) for k in range(1, count)]
    ends = [int(np.searchsorted(said[order], said[order][edge - 1], side="right")) for edge in edges]
    return [part for part in np.split(order, sorted(set(ends))) if len(part)]


def _curve(
    name: str,
    title: str,
    labels: tuple[str, str],
    x: Floats,
    y: Floats,
    ends: Floats | None = None,
    *,
    ideal: bool = False,
) -> Curve:
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), POINTS)).round().astype(int))
    bounds = {} if ends is None else {"low": plain(ends[kept, 0]), "high": plain(ends[kept, 1])}
    return Curve(
        name=name,
        title=title,
        x_label=labels[0],
        y_label=labels[1],
        x=plain(x[kept]),
        y=plain(y[kept]),
        ideal=ideal,
        **bounds,
    )


def plain(values: Floats) -> tuple[float, ...]:
    """Numbers with as many digits as a picture can show."""
    return tuple(float(f"{value:.5g}") for value in values)
