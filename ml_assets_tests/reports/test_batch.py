"""The report of a batch: it says what the records say, in both renderings, whatever is in the data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml_assets.monitoring.shapes import LEVELS, shape, shapes
from ml_assets.records import (
    ColumnDrift,
    DriftReport,
    PerformanceReport,
    Quarantine,
    RuleBroken,
    Score,
)
from ml_assets.reports.as_html import as_html
from ml_assets.reports.as_markdown import as_markdown
from ml_assets.reports.batch import BatchFacts, batch_document
from ml_assets_tests.reports.test_training import HOSTILE
from ml_assets_tests.support.reports import Read, told_by


def facts(word: str = "age") -> BatchFacts:
    """A batch with a fault, rows set aside, a column that drifted, and labels."""
    random = np.random.default_rng(0)
    learned = pd.DataFrame({word: random.normal(size=400), "level": random.choice([word, "b"], 400)})
    now = pd.DataFrame({word: random.normal(2, 1, size=200), "level": random.choice([word, "c"], 200)})
    columns = tuple(
        ColumnDrift(
            column=name, kind="numeric", test="t", effect_name="distance", effect=0.71234, p_value=1e-9,
            drifted=drifted, note=word, usual=0.1, importance=0.02, trend="moved now" if drifted else "",
        )
        for name, drifted in ((word, True), ("level", False))
    )  # fmt: skip
    drift = DriftReport(
        batch="2024-01-03", champion_version=2, status="fault", rows=200, reference_rows=400, share=0.5,
        columns=columns, set_aside={word: word}, faults=(word,), text=f"{word} drifted",
    )  # fmt: skip
    live = PerformanceReport(
        batch="2024-01-04", scored_batch="2024-01-03", champion_version=2, status="ok", metric="roc_auc",
        direction="maximize", rows=190, coverage=0.95, score=Score(value=0.71, low=0.62, high=0.79),
        holdout=Score(value=0.85, low=0.81, high=0.89), text="live is worse",
    )  # fmt: skip
    aside = Quarantine(
        batch="2024-01-03", read=210, rows=10, blocked=False,
        rules=(RuleBroken(rule="r", column=word, rows=10, words=f"above 120 in {word}", example="row 8: secret"),),
    )  # fmt: skip
    followed = (("2024-01-04 10:00", f"was kept from training: {word}"),)
    return BatchFacts(
        "shop", "2024-01-03", 200, drift, live, aside, shapes(drift, learned, now), followed=followed
    )


@pytest.mark.parametrize("word", ["age", *HOSTILE])
def test_both_renderings_say_what_the_records_say(word: str) -> None:
    given = facts(word)
    made = batch_document(given)
    html, text = as_html(made), as_markdown(made)
    told_by(given, html, text)
    seen = " ".join(Read(html).texts)
    assert seen.count(" ".join(word.split("\n"))) >= 6
    assert "secret" not in html  # an example of a row is for who may read the rows
    assert "10 of 210 rows" in seen and "✕ fail" in html and "live is worse" in text.lower()


def test_a_batch_of_which_nothing_is_known_yet_is_told() -> None:
    text = as_markdown(batch_document(BatchFacts("shop", "2024-01-03", None)))
    assert "No rows were taken in. No report speaks of it." in text and "no live score yet" in text


def test_shares_are_of_all_rows_and_what_few_share_has_no_name() -> None:
    numbers = shape("x", pd.Series([0.0, 1.0, None, 3.0]), pd.Series([1e9, 2.0]))
    assert sum(numbers.learned) == sum(numbers.now) == pytest.approx(1.0)
    assert numbers.places[-1] == "missing" and numbers.learned[-1] == 0.25
    names = pd.Series([f"person {k}" for k in range(300)] + ["web"] * 700)
    told = shape("who", names, names)
    assert told.places == ("web", "300 others") and told.learned == pytest.approx((0.7, 0.3))
    many = pd.Series([f"level {k % 20}" for k in range(400)])
    assert len(shape("many", many, many).places) == LEVELS + 1
