"""Whether the inputs of a batch differ from the rows the champion was trained on.

A column has drifted when the difference is certain *and* large enough to matter: a test whose p-value,
multiplied by the number of all tests of all columns (Bonferroni), is below 0.01, and an effect above a
floor. So batches that did not drift stay quiet, at 200 rows as at a million. The tests assume rows that
are independent within a batch; seasonal data break that, and persistence (`retraining.breaches`) answers it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ml_assets.records import ColumnDrift, DriftReport

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Monitoring

SIGNIFICANCE = 0.01  # of a whole report, all columns and tests together
WASSERSTEIN_FLOOR = 0.1  # in standard deviations of the reference
KS_FLOOR = 0.05  # greatest distance of the two distribution functions
NULL_RATE_FLOOR = 0.02  # two points
TOTAL_VARIATION_FLOOR = 0.05
UNSEEN_FLOOR = 0.005  # share of rows with a level, or outside a range, that the reference never had
NULL_BURST = 0.5  # nulls risen by half of all rows are a fault
UNIT_RATIO = 100.0  # typical sizes further apart than this are a change of unit
SAMPLE_ROWS = 20_000
FEWEST_VALUES = 20  # below this a column has no distribution to speak of


@dataclass(frozen=True)
class _Outcome:
    """One test of one column: its p-value before correction, and the effect with its floor."""

    test: str
    p_value: float
    effect_name: str
    effect: float
    large: bool


@dataclass(frozen=True)
class _Pair:
    """One column on both sides, values sorted (so that the order of rows cannot matter), nulls counted."""

    reference: Any
    current: Any
    reference_nulls: int
    current_nulls: int

    @property
    def sizes(self) -> tuple[int, int]:
        return len(self.reference) + self.reference_nulls, len(self.current) + self.current_nulls

    @property
    def null_change(self) -> float:
        """Null rate of the batch minus that of the reference."""
        reference_size, current_size = self.sizes
        return self.current_nulls / current_size - self.reference_nulls / reference_size

    @property
    def enough(self) -> bool:
        return min(len(self.reference), len(self.current)) >= FEWEST_VALUES

    @cached_property
    def ks_distance(self) -> float:
        """Greatest distance of the two distribution functions."""
        places = np.concatenate([self.reference, self.current])
        below = [
            np.searchsorted(side, places, "right") / len(side) for side in (self.reference, self.current)
        ]
        return float(np.abs(below[0] - below[1]).max())

    @cached_property
    def shape_effect(self) -> tuple[str, float, bool]:
        """Wasserstein distance in reference standard deviations; the KS distance where only that is large."""
        from scipy.stats import wasserstein_distance

        largest = max(float(np.abs(side[[0, -1]]).max()) for side in (self.reference, self.current)) or 1.0
        reference, current = self.reference / largest, self.current / largest  # squares cannot overflow
        spread = float(np.std(reference)) or float(np.std(np.concatenate([reference, current])))
        wasserstein = float(wasserstein_distance(reference, current)) / spread if spread > 0 else 0.0
        if wasserstein >= WASSERSTEIN_FLOOR or self.ks_distance < KS_FLOOR:
            return "Wasserstein", wasserstein, wasserstein >= WASSERSTEIN_FLOOR
        return "KS distance", self.ks_distance, True

    @cached_property
    def counts(self) -> Any:
        """Table of shape (2, n_levels): how often each level of the pooled sample occurs on each side."""
        codes, levels = pd.factorize(np.concatenate([self.reference, self.current]), sort=True)
        n = len(self.reference)
        return np.array([np.bincount(side, minlength=len(levels)) for side in (codes[:n], codes[n:])])


def drift_report(
    batch: str,
    current: pd.DataFrame,
    reference: pd.DataFrame | None,
    numeric: Sequence[str],
    categorical: Sequence[str],
    champion_version: int | None,
    monitoring: Monitoring,
    *,
    random_state: int = 0,
) -> DriftReport:
    """Compare a batch with the rows that the champion was trained on.

    Numeric columns: Kolmogorov–Smirnov, normal-scores location and scale (van der Waerden, Klotz), values
    outside the reference's range, missingness. Categorical columns: homogeneity chi-squared on the pooled
    sample, unseen levels, missingness. Each side is sampled to at most 20,000 rows.

    Parameters
    ----------
    batch : str
        Label of the batch.
    current : DataFrame of shape (n_rows, n_columns)
        Rows of the batch.
    reference : DataFrame of shape (n_reference_rows, n_columns) or None
        Rows the champion was trained on; None where there is no champion.
    numeric, categorical : sequence of str
        The champion's features by kind.
    champion_version : int or None
        Version of the champion.
    monitoring : Monitoring
        `min_rows` is read.
    random_state : int
        Seed of the sample.

    Returns
    -------
    DriftReport
        `columns` worst first; `share` of the tested columns that drifted, faulty ones among them.
    """
    blank = partial(DriftReport, batch=batch, champion_version=champion_version, rows=len(current), share=0.0)
    if reference is None or champion_version is None:
        return blank(
            status="no_champion", reference_rows=0, text="No champion yet, so nothing to compare with."
        )
    absent = tuple(
        f"column '{name}' is absent from the batch"
        for name in (*numeric, *categorical)
        if name in reference.columns and name not in current.columns
    )
    rows, reference_rows = len(current), len(reference)
    if min(rows, reference_rows) < monitoring.min_rows:
        which = f"{rows} rows" if rows < monitoring.min_rows else f"{reference_rows} reference rows"
        text = f"Insufficient data: {which}, fewer than min_rows {monitoring.min_rows}, prove nothing."
        if absent:
            text = f"Fault: {'; '.join(absent)}. {text}"
        status = "fault" if absent else "insufficient_data"
        return blank(status=status, reference_rows=reference_rows, faults=absent, text=text)

    names = [*numeric, *categorical]
    reference_sample = _sample(reference, names, random_state)
    current_sample = _sample(current, names, random_state)
    set_aside: dict[str, str] = {}
    faults: list[str] = []
    tested: list[tuple[str, str, list[_Outcome], str]] = []
    for kind, kind_names, values, tests, find_fault in (
        ("numeric", numeric, _numbers, NUMERIC_TESTS, _numeric_fault),
        ("categorical", categorical, _levels, CATEGORICAL_TESTS, _categorical_fault),
    ):
        for name in kind_names:
            if name not in reference.columns:
                set_aside[name] = "not in the champion's training rows"
                continue
            pair = _pair(reference_sample[name], current_sample.get(name), len(current_sample), values)
            if not len(pair.reference) and not len(pair.current):
                set_aside[name] = "no value in the batch nor in the reference"
                continue
            fault = (
                f"column '{name}' is absent from the batch"
                if name not in current.columns
                else _missing_fault(name, pair) or find_fault(name, pair)
            )
            if fault:
                faults.append(fault)
            tested.append((name, kind, [test(pair) for test in tests], fault))

    count = sum(len(outcomes) for _, _, outcomes, _ in tested)
    columns = tuple(sorted((_verdict(*entry, count) for entry in tested), key=_badness))
    drifted = [column for column in columns if column.drifted]
    return DriftReport(
        batch=batch,
        champion_version=champion_version,
        status="fault" if faults else "drift" if drifted else "ok",
        rows=rows,
        reference_rows=reference_rows,
        share=len(drifted) / len(columns) if columns else 0.0,
        columns=columns,
        set_aside=dict(sorted(set_aside.items())),
        faults=tuple(sorted(faults)),
        text=_sentence(columns, sorted(faults)),
    )


def _sample(frame: pd.DataFrame, names: Sequence[str], random_state: int) -> pd.DataFrame:
    """At most `SAMPLE_ROWS` rows, chosen by content, so that the order of rows and columns is no matter."""
    if len(frame) <= SAMPLE_ROWS:
        return frame
    present = frame[sorted(name for name in names if name in frame.columns)]
    content = pd.util.hash_pandas_object(present, index=False)
    # Equal rows get different keys, else a table of few distinct rows would be sampled whole rows at a time.
    repeat = content.groupby(content).cumcount().to_numpy().astype(np.uint64)
    seed = np.uint64(random_state % 2**32)
    mixed = content.to_numpy() + repeat * np.uint64(0x9E3779B97F4A7C15) + seed * np.uint64(0xC2B2AE3D27D4EB4F)
    order = np.argsort(pd.util.hash_array(mixed), kind="stable")
    return frame.iloc[order[:SAMPLE_ROWS]]


def _numbers(column: pd.Series) -> Any:
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    return np.sort(values[np.isfinite(values)])


def _levels(column: pd.Series) -> Any:
    return np.sort(column.dropna().astype(str).to_numpy(dtype=object))


def _pair(
    reference: pd.Series, current: pd.Series | None, rows: int, values: Callable[[pd.Series], Any]
) -> _Pair:
    ours = values(reference)
    theirs = ours[:0] if current is None else values(current)
    return _Pair(ours, theirs, len(reference) - len(ours), rows - len(theirs))


# The tests. Each is valid for rows that can be exchanged between the two samples.


def _missingness(pair: _Pair) -> _Outcome:
    """Fisher's exact test of the two null rates, two-sided by doubling."""
    from scipy.stats import hypergeom

    reference_size, current_size = pair.sizes
    nulls = pair.reference_nulls + pair.current_nulls
    tails = hypergeom(reference_size + current_size, nulls, current_size)
    p_value = 2 * min(tails.cdf(pair.current_nulls), tails.sf(pair.current_nulls - 1))
    change = pair.null_change
    return _Outcome("missingness", p_value, "null rate change", change, abs(change) >= NULL_RATE_FLOOR)


def _kolmogorov_smirnov(pair: _Pair) -> _Outcome:
    """Kolmogorov–Smirnov, asymptotic with the effective sample size; conservative with ties."""
    from scipy.special import kolmogorov

    if not pair.enough:
        return _Outcome("KS", 1.0, "KS distance", 0.0, False)
    n, m = len(pair.reference), len(pair.current)
    return _Outcome("KS", float(kolmogorov(pair.ks_distance * np.sqrt(n * m / (n + m)))), *pair.shape_effect)


def _scores_test(pair: _Pair, *, squared: bool) -> float:
    """Two-sided p-value of a rank test with normal scores (Hájek & Šidák, Theory of Rank Tests, III.1).

    Scores are re-centred and their variance is that of the scores at hand, so ties raise no false alarm.
    """
    from scipy.special import ndtr, ndtri
    from scipy.stats import rankdata

    n, m = len(pair.reference), len(pair.current)
    scores = ndtri(rankdata(np.concatenate([pair.reference, pair.current])) / (n + m + 1))
    scores = scores**2 if squared else scores
    scores = scores - scores.mean()
    variance = n * m / ((n + m) * (n + m - 1)) * float(np.sum(scores**2))
    if variance < 1e-12:
        return 1.0
    return 2 * float(ndtr(-abs(float(scores[n:].sum())) / np.sqrt(variance)))


def _location(pair: _Pair) -> _Outcome:
    """Van der Waerden's test."""
    if not pair.enough:
        return _Outcome("location", 1.0, "Wasserstein", 0.0, False)
    return _Outcome("location", _scores_test(pair, squared=False), *pair.shape_effect)


def _scale(pair: _Pair) -> _Outcome:
    """Klotz's test."""
    if not pair.enough:
        return _Outcome("scale", 1.0, "Wasserstein", 0.0, False)
    return _Outcome("scale", _scores_test(pair, squared=True), *pair.shape_effect)


def _all_from_one_side(rows: int, reference_size: int, current_size: int) -> float:
    """Probability that `rows` given rows of the pooled sample all lie in the batch.

    >>> round(_all_from_one_side(2, 1, 2), 3)  # 2/3 * 1/2
    0.333
    """
    taken = np.arange(rows)
    logs = np.log(current_size - taken) - np.log(reference_size + current_size - taken)
    return float(np.exp(logs.sum()))


def _out_of_range(pair: _Pair) -> _Outcome:
    """Values beyond the reference's smallest or largest: the exact permutation probability of each tail."""
    if not pair.enough:
        return _Outcome("range", 1.0, "out of range", 0.0, False)
    n, m = len(pair.reference), len(pair.current)
    below = int(np.searchsorted(pair.current, pair.reference[0], side="left"))
    above = m - int(np.searchsorted(pair.current, pair.reference[-1], side="right"))
    p_value = 2 * min(_all_from_one_side(below, n, m), _all_from_one_side(above, n, m))
    share = (below + above) / m
    return _Outcome("range", p_value, "out of range", share, share >= UNSEEN_FLOOR)


def _homogeneity(pair: _Pair) -> _Outcome:
    """Chi-squared test that both sides have one distribution; rare levels of the pooled sample are merged."""
    from scipy.special import chdtrc

    if not pair.enough:
        return _Outcome("chi2", 1.0, "total variation", 0.0, False)
    table = pair.counts
    sizes = table.sum(axis=1, keepdims=True)
    pooled = table.sum(axis=0)
    rare = pooled * (sizes.min() / sizes.sum()) < 5
    if rare.any():
        table = np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)])
        pooled = table.sum(axis=0)
    expected = sizes * pooled / sizes.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    p_value = float(chdtrc(table.shape[1] - 1, statistic)) if table.shape[1] > 1 else 1.0
    shares = table / sizes
    variation = float(np.abs(shares[0] - shares[1]).sum() / 2)
    return _Outcome("chi2", p_value, "total variation", variation, variation >= TOTAL_VARIATION_FLOOR)


def _unseen(pair: _Pair) -> _Outcome:
    """Levels the reference never had: exact probability of the commonest one, times the number of levels."""
    if not pair.enough:
        return _Outcome("unseen", 1.0, "unseen levels", 0.0, False)
    table = pair.counts
    unseen = table[1][table[0] == 0]
    share = float(unseen.sum() / len(pair.current))
    largest = int(unseen.max(initial=0))
    p_value = _all_from_one_side(largest, len(pair.reference), len(pair.current)) * table.shape[1]
    return _Outcome("unseen", p_value, "unseen levels", share, share >= UNSEEN_FLOOR)


NUMERIC_TESTS = (_kolmogorov_smirnov, _location, _scale, _out_of_range, _missingness)
CATEGORICAL_TESTS = (_homogeneity, _unseen, _missingness)


# Faults: what no change in the world explains.


def _missing_fault(name: str, pair: _Pair) -> str:
    if not len(pair.current):
        return f"column '{name}' has no usable value in the batch"
    if pair.null_change >= NULL_BURST:
        reference_size, current_size = pair.sizes
        return (
            f"column '{name}' is empty in {pair.current_nulls / current_size:.0%} of the batch's rows, "
            f"{pair.reference_nulls / reference_size:.0%} in the reference"
        )
    return ""


def _numeric_fault(name: str, pair: _Pair) -> str:
    """Unit change: the typical size (median non-zero |x|) is 100 times off and beyond the reference."""
    reference, current = (np.abs(side[side != 0]) for side in (pair.reference, pair.current))
    if min(len(reference), len(current)) < FEWEST_VALUES:
        return ""
    typical, now = float(np.median(reference)), float(np.median(current))
    low, high = np.quantile(reference, [0.01, 0.99])
    ratio = now / typical
    if (ratio >= UNIT_RATIO and now > high) or (ratio <= 1 / UNIT_RATIO and now < low):
        factor = f"{ratio:,.0f} times" if ratio > 1 else f"1/{typical / now:,.0f} of"
        return (
            f"column '{name}' is {factor} its usual size "
            f"(median {now:.4g}, {typical:.4g} in the reference): a change of unit?"
        )
    return ""


def _categorical_fault(name: str, pair: _Pair) -> str:
    if pair.enough and not pair.counts[1][pair.counts[0] > 0].any():
        examples = ", ".join(repr(level) for level in pd.unique(pair.current)[:3])
        return f"column '{name}' holds only levels the champion never saw ({examples})"
    return ""


# The verdict and its words.


def _verdict(name: str, kind: str, outcomes: list[_Outcome], fault: str, count: int) -> ColumnDrift:
    """The worst test of a column; p-values are multiplied by `count`, the number of tests of the report."""
    corrected = [(min(1.0, outcome.p_value * count), outcome) for outcome in outcomes]
    alarms = [entry for entry in corrected if entry[0] < SIGNIFICANCE and entry[1].large]
    p_value, worst = min(alarms or corrected, key=lambda entry: entry[0])
    return ColumnDrift.model_validate(
        {
            "column": name,
            "kind": kind,
            "test": worst.test,
            "effect_name": worst.effect_name,
            "effect": worst.effect,
            "p_value": p_value,
            "drifted": bool(alarms or fault),
            "note": fault,
        }
    )


def _badness(column: ColumnDrift) -> tuple[bool, bool, float, float, str]:
    return not column.note, not column.drifted, column.p_value, -abs(column.effect), column.column


def describe(column: ColumnDrift) -> str:
    """Effect and certainty of one column in words.

    >>> describe(ColumnDrift(column="age", kind="numeric", test="KS", effect_name="Wasserstein",
    ...     effect=0.42, p_value=1e-30, drifted=True))
    'Wasserstein 0.42 sd, p < 1e-20'
    """
    effect = {
        "Wasserstein": f"Wasserstein {column.effect:.2f} sd",
        "null rate change": f"nulls {100 * column.effect:+.1f} points",
        "out of range": f"{column.effect:.1%} out of range",
        "unseen levels": f"{column.effect:.1%} unseen levels",
    }.get(column.effect_name, f"{column.effect_name} {column.effect:.2f}")
    certainty = "p < 1e-20" if column.p_value < 1e-20 else f"p = {column.p_value:.1g}"
    return f"{effect}, {certainty}"


def _sentence(columns: Sequence[ColumnDrift], faults: Sequence[str]) -> str:
    drifted = [column for column in columns if column.drifted]
    if not columns:
        summary = "No column to compare."
    elif not drifted:
        summary = f"None of {len(columns)} columns drifted."
    else:
        shown = [f"{column.column} ({describe(column)})" for column in drifted[:3]]
        more = f" and {len(drifted) - 3} more" if len(drifted) > 3 else ""
        summary = f"{len(drifted)} of {len(columns)} columns drifted: {', '.join(shown)}{more}."
    return f"Fault: {'; '.join(faults)}. {summary}" if faults else summary
