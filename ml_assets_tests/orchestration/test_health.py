"""A table of which no batch comes wants nobody's eye, whatever was clicked."""

from __future__ import annotations

import pytest

from ml_assets.names import STATIC
from ml_assets.orchestration.health import health
from ml_assets.pages.light import light
from ml_assets.recipe.schema import Retraining
from ml_assets.records import BatchEvidence, Champion, DriftReport, History

FEW = DriftReport(
    batch=STATIC,
    champion_version=1,
    status="insufficient_data",
    rows=150,
    reference_rows=120,
    share=0.0,
    columns=(),
    text="Insufficient data: 150 rows, fewer than min_rows 300, prove nothing.",
)


@pytest.mark.parametrize(
    ("is_static", "words"),
    [(True, ("serving", "serving")), (False, ("insufficient data", "too few rows to tell"))],
)
def test_few_rows_of_one_table_are_no_reason_to_keep_an_eye_on_it(
    is_static: bool, words: tuple[str, str]
) -> None:
    champion = Champion(version=1, as_of_index=0, trained_at="2026-11-29T09:00:00+00:00", rows=120)
    history = History(
        recipe="iris",
        batches=(BatchEvidence(batch=STATIC, index=0, drift=FEW),),
        attempts=(),
        champion=champion,
    )
    told = health(history, Retraining(), None, is_static=is_static)
    seen = light(FEW, None, Retraining(), 1, (None, None, None), False, is_static=is_static)
    assert (told.status, seen.word) == words
    assert (seen[0] == "well") == is_static


def test_of_a_model_with_batches_no_table_is_spoken() -> None:
    champion = Champion(version=2, as_of_index=0, trained_at="2026-11-29T09:00:00+00:00")
    told = health(History(recipe="churn", batches=(), attempts=(), champion=champion), Retraining(), None)
    assert told.why == "no report of the newest batch speaks of version 2"
