"""How much of what is known the champion has learned."""

from __future__ import annotations

from ml_assets.lifecycle.state import ModelState
from ml_assets.records import Record
from ml_assets.registry import champions
from ml_assets.store.snapshots import StoreError


class Learned(Record):
    """Rows and batches that the champion was fitted on, beside those whose labels are known now."""

    rows: int
    known_rows: int
    batches: int
    known_batches: int

    @property
    def words(self) -> str:
        """What it has learned, in words; a static table has no batches.

        >>> Learned(rows=900, known_rows=890, batches=0, known_batches=0).words
        '900 rows, of which 890 at most are known still'
        """
        of = f"{self.rows:,} of {self.known_rows:,} known rows"
        if self.rows > self.known_rows:  # some were erased, or taken out of their source
            of = f"{self.rows:,} rows, of which {self.known_rows:,} at most are known still"
        return of if not self.known_batches else f"{of}, {self.batches:,} of {self.known_batches:,} batches"


def learned(state: ModelState) -> Learned | None:
    """Sum up the champion beside the batches that are taken in; None where there is none, or a batch is damaged.

    Rows are counted as they are kept: those that have no label yet in a batch whose labels are due count as known, and
    so do outliers, and rows that miss a value, where the recipe has them left out.
    """
    champion = champions.champion(state.ledger, state.name)
    if champion is None:
        return None
    cleaned = state.store.batches("cleaned_features")
    until = state.labelled_until(cleaned[-1]) if cleaned else ""
    known = [batch for batch in cleaned if batch <= until]
    batched = state.recipe.batches is not None
    try:
        known_rows = sum(state.store.rows("cleaned_features", batch) for batch in known)
    except StoreError:
        return None
    return Learned(
        rows=champion.trained.training.learned,
        known_rows=known_rows,
        batches=len(champion.trained.batches) if batched else 0,
        known_batches=len(known) if batched else 0,
    )
