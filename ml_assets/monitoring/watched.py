"""The report on a batch with all that it is to know of the batches before: one way for live reports and replays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from ml_assets.monitoring.accepted import in_force
from ml_assets.monitoring.drift import REMEMBERED_REPORTS, TRAILING_BATCHES, drift_report
from ml_assets.monitoring.pooling import waiting

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.monitoring.reference import Reference
    from ml_assets.records import DriftReport


class Arrived(Protocol):
    """The batches of a model, as far as they have arrived."""

    @property
    def labels(self) -> Sequence[str]:
        """Those with rows, oldest first."""

    def rows(self, batch: str) -> pd.DataFrame:
        """Clean rows of a batch."""

    def count(self, batch: str) -> int:
        """How many they are."""

    def answers(self, batches: Sequence[str]) -> pd.DataFrame | None:
        """What the champion answers for the rows that it has not learned, with their entity and time.

        None where it cannot: the report says why.
        """


def watched(
    batch: str,
    arrived: Arrived,
    champion: Reference,
    earlier: Sequence[DriftReport],
    accepted: Sequence[str] = (),
) -> DriftReport:
    """Compare a batch with the champion's training rows, knowing the batches before it.

    Parameters
    ----------
    batch : str
        Its label.
    arrived : Arrived
        The batches; later ones do not count.
    champion : Reference
        The champion.
    earlier : sequence of DriftReport
        Reports on the batches before, oldest first.
    accepted : sequence of str
        Batches that a person has confirmed as the new normal.
    """
    before = [label for label in arrived.labels if label < batch]
    current = arrived.rows(batch)
    pool = waiting(earlier, champion.version, batch)
    together = [batch] if len(current) >= champion.min_rows else [*pool, batch]
    predicted = arrived.answers(together)
    normal = {label: arrived.rows(label) for label in in_force(accepted, arrived.labels, batch)}
    return drift_report(
        batch,
        current,
        replace(champion, accepted=normal),
        earlier=earlier,
        trailing={label: arrived.rows(label) for label in before[-TRAILING_BATCHES:]},
        predictions=predicted if predicted is not None and len(predicted) >= champion.min_rows else None,
        volumes={label: arrived.count(label) for label in before[-REMEMBERED_REPORTS:]},
        pool={label: arrived.rows(label) for label in pool},
    )
