"""`ml-assets quarantine`: rows that break a row rule, each with its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ml_assets.cli.models import known_state
from ml_assets.cli.output import columns
from ml_assets.lifecycle.quarantine import quarantines, rows_in_quarantine
from ml_assets.names import ROW_ID
from ml_assets.shown import shown
from ml_assets.store.atomic import atomic_write
from ml_assets.store.output import see_file

PRINTED = 50
"""Rows that are printed; `--to` and `--json` have all of them."""


def list_quarantine(name: str, batch: str | None, to: Path | None) -> dict[str, Any]:
    """Collect a model's rows in quarantine, all or those of a batch; with `to` they are written there as CSV.

    Returns
    -------
    dict
        `name`, `batches` (the counts, one `Quarantine` each), `rows` (one object for each row and rule) and `file`.
    """
    state = known_state(name)
    if to is not None:
        see_file("--to", to)
    rows = rows_in_quarantine(state, batch)
    if to is not None:
        atomic_write(to.absolute(), rows.to_csv(index=False).encode())
    found = [each for each in quarantines(state) if batch in (None, each.batch)]
    return {
        "name": name,
        "batches": [each.model_dump(mode="json") | {"words": each.words} for each in found],
        "rows": rows.rename(columns={ROW_ID: "row_id"}).to_dict("records"),
        "file": None if to is None else str(to),
    }


def quarantine_text(result: dict[str, Any]) -> str:
    """Lay the rows out in a table, after what each batch has."""
    if not result["batches"]:
        return f"{result['name']}: no row is in quarantine"
    lines = [
        f"{each['batch']}: {each['words']}{'; the batch was refused' * each['blocked']}"
        for each in result["batches"]
    ]
    header = ["batch", "row", "rule", "column", "value"]
    cells = [
        [shown(str(row[name] if row[name] is not None else "–"), 60) for name in header]
        for row in result["rows"]
    ]
    more = len(cells) - PRINTED
    lines += ["", columns(cells[:PRINTED], header)]
    lines += [f"and {more:,} more: --to FILE.csv writes all of them"] * (more > 0)
    return "\n".join([*lines, *([f"written to {result['file']}"] if result["file"] else [])])
