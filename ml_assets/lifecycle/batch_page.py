"""The report of a batch, made anew whenever something of it becomes known, and kept beside its records."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from ml_assets.failures import MendableError
from ml_assets.records import ColumnShapes, DriftReport, PerformanceReport, Quarantine, Record
from ml_assets.registry import champions
from ml_assets.registry.accepted import accepted
from ml_assets.registry.wording import describe
from ml_assets.shown import shown

if TYPE_CHECKING:
    from ml_assets.lifecycle.state import ModelState
    from ml_assets.reports.batch import BatchFacts

LOG = logging.getLogger(__name__)

AnyRecord = TypeVar("AnyRecord", bound=Record)

ASSET: Final = "drift_report"
"""Beside which reports of batches are kept."""
SHAPES: Final = "column_shapes"
FILES: Final = {"html": "report.html", "md": "report.md"}
"""Names of a report's files, by format."""
DECISIONS: Final = (*champions.GATE, "retrain_decision", "rollback", "accept", "approve", "refuse")
"""Kinds of entries that are told of a batch."""


def keep_batch_report(state: ModelState, batch: str) -> dict[str, Path]:
    """Make the report of a batch from what is known of it now.

    Returns
    -------
    dict of str to Path
        Where it lies, by format.
    """
    from ml_assets.reports.as_html import as_html
    from ml_assets.reports.as_markdown import as_markdown
    from ml_assets.reports.batch import batch_document

    document = batch_document(batch_facts(state, batch))
    contents = {"html": as_html(document), "md": as_markdown(document)}
    return {
        kind: state.store.write_bytes(ASSET, batch, FILES[kind], content.encode())
        for kind, content in contents.items()
    }


def renew_batch_report(state: ModelState, batch: str) -> dict[str, Path]:
    """Make the report of a batch anew where something became known; without one, what was found stands all the same."""
    try:
        return keep_batch_report(state, batch)
    except Exception as error:  # noqa: BLE001 - a page that cannot be made stops no watch and no decision
        LOG.warning(
            "%s: the report of batch %s could not be made: %s", state.name, batch, shown(str(error), 300)
        )
        return {}


def batch_facts(state: ModelState, batch: str) -> BatchFacts:
    """Read what is known of a batch; a record that is damaged is as one that is missing."""
    from ml_assets.reports.batch import BatchFacts

    store, ledger = state.store, state.ledger
    later = state.shifted(batch, state.recipe.monitoring.label_delay)
    live = _read(state, "performance_report", later, PerformanceReport)
    entries = ledger.find(state.name, DECISIONS, state="done", batch=batch)
    return BatchFacts(
        state.name,
        batch,
        store.rows("cleaned_features", batch) if store.has("cleaned_features", batch) else None,
        _read(state, "drift_report", batch, DriftReport),
        live if live is not None and live.scored_batch == batch else None,
        _read(state, "quarantine", batch, Quarantine),
        _read(state, SHAPES, batch, ColumnShapes),
        batch in accepted(ledger, state.name),
        tuple((entry.at[:16].replace("T", " "), shown(describe(entry), 400)) for entry in entries),
    )


def _read(state: ModelState, asset: str, batch: str, kind: type[AnyRecord]) -> AnyRecord | None:
    try:
        return state.store.read_record(asset, batch, kind) if state.store.has(asset, batch) else None
    except MendableError:
        return None
