"""A threshold is the best of all that part the rows otherwise."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.recipe.schema import LabelCosts, Threshold
from ml_assets.recipe.schema.deciding import DECIDED
from ml_assets.tasks.metrics import score
from ml_assets.tasks.threshold import best_cut, parted, score_at_best, shares_of

SHARES = st.lists(
    st.tuples(st.sampled_from([0.0, 0.2, 0.25, 0.5, 0.51, 0.9, 1.0]) | st.floats(0, 1), st.booleans()),
    min_size=2,
    max_size=30,
).filter(lambda rows: len({yes for _, yes in rows}) == 2)


def predicted(shares: Any) -> pd.DataFrame:
    shares = np.asarray(shares, dtype=float)
    likelier = np.where(shares > 0.5, "yes", "no").astype(object)
    return pd.DataFrame({"prediction": likelier, "probability_no": 1 - shares, "probability_yes": shares})


def tried(rows: list[tuple[float, bool]], metric: str) -> list[dict[str, float]]:
    """Every way to part the rows by their share, with all metrics by the product's own formulas."""
    shares, y = predicted([share for share, _ in rows]), labels(rows)
    cuts = [*{share for share, _ in rows}, 1.5]
    return [
        {name: score(name, y, parted(shares, "yes", cut), "yes") for name in {metric, *DECIDED}}
        for cut in cuts
    ]


def labels(rows: list[tuple[float, bool]]) -> "pd.Series[Any]":
    return pd.Series(["yes" if yes else "no" for _, yes in rows])


def chosen(rows: list[tuple[float, bool]], wanted: Threshold) -> Any:
    shares = np.array([share for share, _ in rows])
    return best_cut(shares, np.array([yes for _, yes in rows]), wanted)


@given(SHARES, st.sampled_from(DECIDED))
def test_no_threshold_is_better(rows: list[tuple[float, bool]], metric: str) -> None:
    cut = chosen(rows, Threshold(metric=metric))
    y, found = labels(rows), parted(predicted([share for share, _ in rows]), "yes", cut.threshold)
    best = max(each[metric] for each in tried(rows, metric))
    assert score(metric, y, found, "yes") == pytest.approx(best)
    assert score_at_best(metric, y, predicted([s for s, _ in rows]), "yes", Threshold(metric=metric)) == (
        pytest.approx(best)
    )


@given(SHARES, st.sampled_from(["precision", "recall"]), st.floats(0.05, 1.0))
def test_what_is_asked_for_at_least_holds_where_any_threshold_reaches_it(
    rows: list[tuple[float, bool]], bounded: str, least: float
) -> None:
    metric = {"precision": "recall", "recall": "precision"}[bounded]
    cut = chosen(rows, Threshold(metric=metric, at_least={bounded: least}))
    shares = predicted([share for share, _ in rows])
    found = {name: score(name, labels(rows), parted(shares, "yes", cut.threshold), "yes") for name in DECIDED}
    possible = [each for each in tried(rows, metric) if each[bounded] >= least]
    assert cut.met == bool(possible)
    if possible:
        assert found[bounded] >= least
        assert found[metric] == pytest.approx(max(each[metric] for each in possible))
    else:
        assert found[bounded] == pytest.approx(max(each[bounded] for each in tried(rows, metric)))


@given(SHARES, st.floats(0, 10), st.floats(0.1, 10))
def test_wrong_labels_cost_least(rows: list[tuple[float, bool]], of_yes: float, of_no: float) -> None:
    costs = LabelCosts(false_positive=of_no, false_negative=of_yes)

    def cost(threshold: float) -> float:
        called = [share >= threshold for share, _ in rows]
        pairs = list(zip(called, (yes for _, yes in rows), strict=True))
        return of_no * pairs.count((True, False)) + of_yes * pairs.count((False, True))

    cut = chosen(rows, Threshold(metric="cost", costs=costs))
    assert cost(cut.threshold) == pytest.approx(min(cost(each) for each in [*{s for s, _ in rows}, 1.5]))


@given(SHARES)
def test_no_row_lies_on_a_chosen_threshold(rows: list[tuple[float, bool]]) -> None:
    threshold = chosen(rows, Threshold(metric="f1")).threshold
    distinct = sorted({share for share, _ in rows})
    close = min(np.diff(distinct), default=1.0) < 1e-12
    assert close or threshold not in distinct or threshold in (0.0, 1.0)


def test_more_than_two_classes_and_no_shares_are_refused() -> None:
    with pytest.raises(ValueError, match="two classes"):
        shares_of(predicted([0.1, 0.9]), None)
    with pytest.raises(ValueError, match="no probabilities"):
        shares_of(predicted([0.1, 0.9])[["prediction"]], "yes")
