"""Small batches judged together: each pool of batches once, so that its reports are independent witnesses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ml_assets.monitoring.dependence import joined
from ml_assets.monitoring.reference import Scored
from ml_assets.records import DriftReport, PerformanceReport


def waiting(
    earlier: Sequence[DriftReport] | Sequence[PerformanceReport], version: int, batch: str
) -> list[str]:
    """Batches with too few rows since the last report on a champion that had enough, oldest first.

    Faulty batches, and those without new labels, are left out; a report of another champion ends the pool.

    Parameters
    ----------
    earlier : sequence of DriftReport or of PerformanceReport
        Oldest first.
    version : int
        The champion's.
    batch : str
        The batch that is judged now; later ones, and what was said of it before, do not count.
    """
    found: dict[str, str] = {}
    for report in earlier:
        label = report.batch if isinstance(report, DriftReport) else report.scored_batch
        if label is None or label >= batch:
            continue
        if report.champion_version != version or report.status in ("ok", "drift", "no_champion"):
            found.clear()
        else:
            found[label] = report.status
    return [label for label, status in found.items() if status == "insufficient_data"]


def together(parts: Sequence[Scored]) -> Scored:
    """Answers and labels of several batches as those of the last one; rows that were learned are left out.

    >>> ones = Scored("a", pd.Series([1.0]), pd.DataFrame({"prediction": [2.0]}))
    >>> both = together([ones, Scored("b", pd.Series([3.0]), pd.DataFrame({"prediction": [4.0]}))])
    >>> both.batch, both.y.tolist(), both.predictions["prediction"].tolist()
    ('b', [1.0, 3.0], [2.0, 4.0])
    """
    fresh = [
        np.ones(len(part.y), dtype=bool) if part.learned is None else ~np.asarray(part.learned, dtype=bool)
        for part in parts
    ]
    return Scored(
        parts[-1].batch,
        pd.concat([part.y[rows] for part, rows in zip(parts, fresh, strict=True)], ignore_index=True),
        pd.concat(
            [part.predictions[rows] for part, rows in zip(parts, fresh, strict=True)], ignore_index=True
        ),
        related=joined(
            [part.related.of(rows) if part.related else None for part, rows in zip(parts, fresh, strict=True)]
        ),
    )


def so_far(rows: int, batches: int, min_rows: int, more: str = "") -> str:
    """How far a pool has come, in words; empty for one batch.

    >>> so_far(120, 2, 300)
    ' They are judged together with those of other batches: 120 of 300 rows in 2 batches so far.'
    """
    if batches < 2:
        return ""
    return (
        f" They are judged together with those of other batches: {rows:,} of {min_rows:,} rows{more} in {batches:,} "
        "batches so far."
    )


def of_batches(labels: Sequence[str]) -> str:
    """A pool in words.

    >>> of_batches(["2024-01-01", "2024-02-01"])
    '2 batches together, 2024-01-01 to 2024-02-01'
    """
    return f"{len(labels):,} batches together, {labels[0]} to {labels[-1]}"
