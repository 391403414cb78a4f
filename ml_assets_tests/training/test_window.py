"""`training.window: auto`: short after a change, long in quiet times."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from benchmarks.trust.streams import fixed_fits, made_recipe, made_rows
from ml_assets.backtest.replay import trained
from ml_assets.backtest.stream import Stream
from ml_assets.training.window import JUDGES, choose_window

BATCHES = [f"b{n:02}" for n in range(20)]


def world(change: int) -> list[int]:
    return [int(n >= change) for n in range(20)]


@pytest.mark.parametrize("known", range(2, 20))
def test_no_model_is_judged_on_a_batch_that_it_learned_from(known: int) -> None:
    def scorer(batches: Sequence[str], judge: str) -> float:
        assert batches and max(batches) < judge
        assert list(batches) == BATCHES[BATCHES.index(batches[0]) : BATCHES.index(judge)]
        assert judge in BATCHES[known - JUDGES : known]
        return 0.5

    assert choose_window(BATCHES[:known], scorer) == known  # all equal: the longest


@pytest.mark.parametrize("change", [5, 12, 17, 18])
def test_window_is_short_after_a_change(change: int) -> None:
    truth = dict(zip(BATCHES, world(change), strict=True))

    def scorer(batches: Sequence[str], judge: str) -> float:
        same = sum(truth[each] == truth[judge] for each in batches)
        return same / len(batches) + 0.001 * same  # and more rows are better

    chosen = choose_window(BATCHES, scorer)
    assert chosen <= 20 - change + 1
    assert chosen >= (20 - change) / 2


def test_what_cannot_be_scored_decides_nothing() -> None:
    assert choose_window(BATCHES, lambda batches, judge: float("nan")) == 20
    assert choose_window(["b00"], lambda batches, judge: 1.0) == 1


@pytest.mark.parametrize(("change_at", "lengths"), [(14, {2, 3}), (None, range(6, 17))])
def test_made_stream_is_cut_at_its_change(change_at: int | None, lengths: Sequence[int]) -> None:
    stream = Stream(made_recipe("auto", 6, 1), made_rows(17, 300, 0, change_at))
    fit, _ = trained(fixed_fits(stream, n_estimators=20), stream.labels[15], "auto")
    assert len(fit.record.batches) in lengths
    assert fit.record.batches[-1] == stream.labels[15]
