"""Drift is certain and large, or it is not drift; a fault is not drift."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import rankdata

from benchmarks.trust.drift import DRAW, KINDS, NUMERIC_KINDS
from ml_assets.monitoring.column_tests import _scores_test
from ml_assets.monitoring.drift import drift_report
from ml_assets.monitoring.samples import SAMPLE_ROWS, NumberPair, normal_scores, numbers
from ml_assets.recipe.schema import Monitoring
from ml_assets.records import DriftReport
from ml_assets_tests.support.references import compared

MONITORING = Monitoring(min_rows=100)
NUMERIC = [f"{kind}{i}" for kind in NUMERIC_KINDS for i in range(KINDS[kind])]
CATEGORICAL = [f"{kind}{i}" for kind in KINDS if kind not in NUMERIC_KINDS for i in range(KINDS[kind])]


def world(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """30 independent columns: skewed, discrete, zero-inflated, with holes, of two to 200 levels."""
    return pd.DataFrame(
        {f"{kind}{i}": DRAW[kind](rng, n) for kind, count in KINDS.items() for i in range(count)}
    )


def compare(current: pd.DataFrame, reference: pd.DataFrame) -> DriftReport:
    return compared("2025-01-01", current, reference, NUMERIC, CATEGORICAL, MONITORING)


def drifted(report: DriftReport) -> set[str]:
    return {column.column for column in report.columns if column.drifted}


@pytest.fixture(scope="module")
def reference() -> pd.DataFrame:
    return world(np.random.default_rng(0), 4000)


def test_there_are_30_mixed_columns(reference: pd.DataFrame) -> None:
    assert len(NUMERIC) + len(CATEGORICAL) == 30 == reference.shape[1]


def test_no_drift_against_itself(reference: pd.DataFrame) -> None:
    report = compare(reference, reference)
    assert report.status == "ok" and report.share == 0.0
    assert report.text == "None of 30 columns drifted."
    assert all(column.p_value == 1.0 and column.effect == 0.0 for column in report.columns)


@pytest.mark.slow  # 200 windows; trust/test_drift.py has the same law with fewer
def test_undrifted_windows_stay_quiet() -> None:
    rng = np.random.default_rng(1)
    alarms = 0
    for window in range(200):
        if window % 20 == 0:
            reference = world(rng, 2000)
        alarms += compare(world(rng, 500), reference).status != "ok"
    assert alarms / 200 <= 0.03


def shifted_mean(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return frame.assign(normal0=frame["normal0"] + 0.25)


def more_nulls(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return frame.assign(holes0=np.where(rng.random(len(frame)) < 0.15, np.nan, rng.normal(size=len(frame))))


def unseen_level(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return frame.assign(level0=np.where(rng.random(len(frame)) < 0.02, "new", frame["level0"]))


def category_shift(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    levels = rng.choice(["L0", "L1", "L2", "L3", "L4"], len(frame), p=[0.3, 0.4, 0.15, 0.1, 0.05])
    return frame.assign(level0=levels)


def wider(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return frame.assign(normal0=frame["normal0"] * 1.4)


def sentinels(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return frame.assign(normal0=np.where(rng.random(len(frame)) < 0.015, 9999.0, frame["normal0"]))


@pytest.mark.parametrize(
    ("change", "column", "least"),
    [
        (shifted_mean, "normal0", 0.95),
        (more_nulls, "holes0", 0.95),
        (unseen_level, "level0", 0.95),
        (category_shift, "level0", 0.7),
        (wider, "normal0", 0.95),
        (sentinels, "normal0", 0.9),
    ],
)
def test_real_drift_is_found_at_1000_rows(change, column: str, least: float) -> None:
    rng = np.random.default_rng(2)
    reference = world(rng, 4000)
    reports = [compare(change(world(rng, 1000), rng), reference) for _ in range(10)]
    found = [column in drifted(report) for report in reports]
    assert np.mean(found) >= least
    assert max(len(drifted(report)) for report in reports) <= 2
    assert all(report.status == "drift" for report, seen in zip(reports, found, strict=True) if seen)


def test_small_effects_are_no_drift_however_many_rows() -> None:
    rng = np.random.default_rng(3)
    n = SAMPLE_ROWS
    old = pd.DataFrame({"x": rng.normal(size=n), "c": rng.choice(["a", "b"], n)})
    new = pd.DataFrame({"x": rng.normal(size=n) + 0.06, "c": rng.choice(["a", "b"], n, p=[0.53, 0.47])})
    report = compared("b", new, old, ["x"], ["c"], MONITORING)
    assert report.status == "ok"
    assert max(column.p_value for column in report.columns) < 0.01  # certain, but not large


@pytest.mark.parametrize("factor", [1000, -1000, 0.001])
@pytest.mark.parametrize("column", ["normal0", "skewed0", "count0", "zeros0"])
def test_change_of_unit_is_a_fault(reference: pd.DataFrame, column: str, factor: float) -> None:
    batch = world(np.random.default_rng(4), 1000)
    report = compare(batch.assign(**{column: batch[column] * factor}), reference)
    assert report.status == "fault"
    assert len(report.faults) == 1 and column in report.faults[0] and "unit" in report.faults[0]
    assert drifted(report) == {column} and len(report.columns) == 30
    assert report.columns[0].column == column


@pytest.mark.parametrize("factor", [2, 5])
def test_a_bigger_world_is_drift_and_no_fault(reference: pd.DataFrame, factor: float) -> None:
    batch = world(np.random.default_rng(5), 1000)
    assert compare(batch.assign(skewed0=batch["skewed0"] * factor), reference).status == "drift"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda frame: frame.drop(columns="normal0"), "'normal0' is absent"),
        (lambda frame: frame.drop(columns="level0"), "'level0' is absent"),
        (lambda frame: frame.assign(normal0=np.nan), "'normal0' has no usable value"),
        (lambda frame: frame.assign(level0=None), "'level0' has no usable value"),
        (lambda frame: frame.assign(normal0="text"), "'normal0' has no usable value"),
        (
            lambda frame: frame.assign(level0="other"),
            "'level0' holds only levels the champion never saw ('other')",
        ),
        (
            lambda frame: frame.assign(normal0=frame["normal0"].where(frame.index % 3 == 0)),
            "'normal0' is empty in 67%",
        ),
    ],
)
def test_one_faulty_column_is_named_and_costs_no_other(reference: pd.DataFrame, spoil, words: str) -> None:
    report = compare(spoil(world(np.random.default_rng(6), 999)), reference)
    assert report.status == "fault" and len(report.faults) == 1
    assert words in report.faults[0] and words in report.text
    assert len(report.columns) == 30 and len(drifted(report)) == 1


def test_column_empty_on_both_sides_is_set_aside(reference: pd.DataFrame) -> None:
    batch = world(np.random.default_rng(7), 500).assign(normal0=np.nan, level0=None)
    report = compare(batch, reference.assign(normal0=np.nan, level0=None))
    assert (
        report.status == "ok" and set(report.set_aside) == {"normal0", "level0"} and len(report.columns) == 28
    )


@pytest.mark.parametrize("rows", [0, 1, 99])
def test_few_rows_prove_nothing(reference: pd.DataFrame, rows: int) -> None:
    report = compare(reference.head(rows) * 1, reference)
    assert report.status == "insufficient_data" and report.share == 0.0 and str(rows) in report.text
    assert compare(reference, reference.head(rows)).status == "insufficient_data"


def test_without_a_champion_there_is_nothing_to_compare(reference: pd.DataFrame) -> None:
    assert drift_report("b", reference, None).status == "no_champion"


@pytest.mark.parametrize("rows", [1000, SAMPLE_ROWS + 500])
def test_order_of_rows_and_columns_changes_nothing(rows: int) -> None:
    rng = np.random.default_rng(8)
    old = pd.DataFrame(
        {"x": rng.normal(size=rows), "b": rng.integers(0, 2, rows) * 1.0, "c": rng.choice(["a", "b"], rows)}
    )
    new = old.sample(800, random_state=1).assign(x=lambda frame: frame["x"] + 0.3)
    first = compared("b", new, old, ["x", "b"], ["c"], MONITORING)
    mixed = [frame.sample(frac=1, random_state=2)[["c", "b", "x"]] for frame in (new, old)]
    assert first.status == "drift"
    assert compared("b", *mixed, ["b", "x"], ["c"], MONITORING) == first


def test_sample_of_a_table_with_few_distinct_rows_keeps_their_shares() -> None:
    old = pd.DataFrame({"c": ["a"] * 30_000 + ["b"] * 10_000})
    new = pd.DataFrame({"c": ["a"] * 750 + ["b"] * 250})
    assert compared("b", new, old, [], ["c"], MONITORING).columns[0].effect < 0.02


def test_sentence_names_the_worst_columns() -> None:
    rng = np.random.default_rng(9)
    old = pd.DataFrame({name: rng.normal(size=2000) for name in "abcde"})
    new = old.assign(a=old["a"] + 1, b=old["b"] + 0.5, c=old["c"] + 0.4, d=old["d"] + 0.3)
    report = compared("b", new, old, list("abcde"), [], MONITORING)
    assert report.text.startswith("4 of 5 columns drifted: a (1.0")
    assert "p <" not in report.text and report.text.endswith("and 1 more.")


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(
        st.one_of(st.none(), st.floats(), st.integers(-3, 3).map(float)), min_size=100, max_size=120
    ),
    levels=st.lists(st.one_of(st.none(), st.text(max_size=2)), min_size=100, max_size=100),
    rows=st.integers(100, 120),
)
def test_no_values_break_the_report(values: list[float | None], levels: list[str | None], rows: int) -> None:
    frame = pd.DataFrame({"x": pd.Series(values[:100], dtype=float), "c": pd.Series(levels, dtype=object)})
    other = pd.DataFrame({"x": np.arange(rows) % 7.0, "c": ["a", "b"] * (rows // 2) + ["a"] * (rows % 2)})
    for current, reference in ((frame, other), (other, frame), (frame, frame)):
        report = compared("b", current, reference, ["x"], ["c"], MONITORING)
        assert 0.0 <= report.share <= 1.0
        assert all(0.0 <= column.p_value <= 1.0 and np.isfinite(column.effect) for column in report.columns)
    assert not any(column.drifted for column in report.columns)


def mixed_reference(level: float) -> pd.DataFrame:
    """Four training batches of 1,000 rows, the last two after a move of `x` by `level`."""
    rng = np.random.default_rng(20)
    parts = [
        pd.DataFrame({"x": rng.normal(size=1000) + level * (k > 1), "y": rng.normal(size=1000)}).assign(
            batch__=f"b{k}"
        )
        for k in range(4)
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize(("moved", "trend"), [(0.8, "learned"), (0.0, ""), (1.6, ""), (-0.8, "")])
def test_change_that_the_newest_training_batches_have_seen_is_no_drift(moved: float, trend: str) -> None:
    """Going back, and going on, are drift: the newest training batches are as far away as the rest."""
    rng = np.random.default_rng(21)
    current = pd.DataFrame({"x": rng.normal(size=1000) + moved, "y": rng.normal(size=1000)})
    found = compared("b9", current, mixed_reference(0.8), ["x", "y"], [], Monitoring())
    x = next(column for column in found.columns if column.column == "x")
    assert (x.drifted, x.trend) == (trend == "", trend)
    assert found.status == ("ok" if trend else "drift") and ("and so no drift: x" in found.text) == bool(
        trend
    )


def test_learned_effects_do_not_become_usual() -> None:
    rng = np.random.default_rng(22)
    reference, earlier = mixed_reference(0.8), []
    for k in range(10):
        current = pd.DataFrame({"x": rng.normal(size=1000) + 0.8, "y": rng.normal(size=1000)})
        earlier.append(compared(f"c{k}", current, reference, ["x", "y"], [], Monitoring(), earlier=earlier))
    back = pd.DataFrame({"x": rng.normal(size=1000), "y": rng.normal(size=1000)})
    found = compared("d", back, reference, ["x", "y"], [], Monitoring(), earlier=earlier)
    assert [column.column for column in found.columns if column.drifted] == ["x"]


def test_pair_that_goes_together_as_in_the_newest_batches_is_learned() -> None:
    rng = np.random.default_rng(23)

    def rows(together: float, batch: str) -> pd.DataFrame:
        x, y = rng.normal(size=(2, 1500))
        return pd.DataFrame({"x": x, "y": together * x + (1 - together**2) ** 0.5 * y, "batch__": batch})

    reference = pd.concat([rows(0.0, "b0"), rows(0.0, "b1"), rows(0.9, "b2")], ignore_index=True)
    known, new = (
        compared("b9", rows(together, "b9"), reference, ["x", "y"], [], Monitoring()).joint
        for together in (0.9, -0.9)
    )
    assert known.learned and not known.drifted
    assert new.drifted and not new.learned


@pytest.mark.parametrize("digits", [1, 9])
def test_equal_numbers_share_a_normal_score(digits: int) -> None:
    values = np.random.default_rng(3).normal(size=200).round(digits)
    assert normal_scores(values).tolist() == ndtri(rankdata(values) / 201).tolist()


def test_p_value_of_a_small_batch_is_that_of_all_ways_to_draw_it() -> None:
    """Sums of squared scores of 50 rows are far from normal: a normal tail would be a fifth of the truth."""
    rng = np.random.default_rng(24)
    reference, current = rng.normal(size=1_950), 1.36 * rng.normal(size=50)
    pair = NumberPair(numbers(pd.Series(reference)), numbers(pd.Series(current)))
    squares = normal_scores(np.concatenate([reference, current])) ** 2
    drawn = [squares[np.argpartition(rng.random((1_000, 2_000)), 50)[:, :50]].sum(axis=1) for _ in range(40)]
    above = np.mean(np.concatenate(drawn) >= squares[-50:].sum())
    assert 20 / 40_000 < above < 200 / 40_000
    assert _scores_test(pair, squared=True) == pytest.approx(2 * above, rel=0.35)
