"""A batch held against its contract: rows that break a row rule are set aside, what is wrong with all blocks it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from ml_assets.names import ROW_ID
from ml_assets.quality.contract import check_raw
from ml_assets.quality.kinds import with_joined
from ml_assets.quality.rows import Broken, broken
from ml_assets.records import Finding, Quarantine, RuleBroken
from ml_assets.shown import shown

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe
    from ml_assets.records import Schema

COLUMNS = ("batch", "row", ROW_ID, "rule", "column", "value", "content")
"""Columns of the rows in quarantine; `content` is the whole row as JSON."""
MOST = 10_000
"""Lines kept of a batch that is refused: of one that is used all are kept."""


class Held(NamedTuple):
    """A batch after the contract."""

    frame: pd.DataFrame
    """Rows to use; all of them where the batch is refused."""
    findings: list[Finding]
    """What blocks it."""
    aside: pd.DataFrame
    """One line for each row and rule that it breaks, of the columns `COLUMNS`."""
    quarantine: Quarantine


def held(frame: pd.DataFrame, recipe: Recipe, batch: str, schema: Schema | None = None) -> Held:
    """Set aside the rows that break a row rule, and look for defects of all that are left.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        As read from the source.
    schema : Schema, optional
        What earlier batches were like.

    Returns
    -------
    Held
        Where more rows break a rule than `quality.quarantine` lets, none is set aside, and that is a finding.
    """
    if frame.empty or frame.columns.has_duplicates:
        return Held(
            frame, check_raw(frame, recipe, schema), _lines(frame[:0], [], batch), _told([], 0, 0, batch)
        )
    schema = with_joined(frame, recipe, schema)
    found = broken(frame, recipe, schema)
    rows = np.logical_or.reduce([each.rows for each in found]) if found else np.zeros(len(frame), dtype=bool)
    count, share = int(rows.sum()), recipe.quality.quarantine
    blocked = count > (max(1, int(share * len(frame))) if share else 0) or count == len(frame)
    told = _told(_once(found), len(frame), count, batch, blocked=blocked, frame=frame)
    lines = _lines(frame, found, batch)
    if blocked:
        finding = Finding(
            rule="too_many_set_aside", message=_too_many(told, share), column=told.rules[0].column
        )
        own = check_raw(frame, recipe, schema)
        # What the contract says of a column itself is said once, with its own remedy.
        said = {(each.rule, each.column) for each in own}
        alone = [each for each in told.rules if (each.rule, each.column) not in said]
        return Held(frame, [*([finding] if alone else []), *own], lines[:MOST], told)
    kept = _as_numbers(frame[~rows].reset_index(drop=True), found) if count else frame
    return Held(kept, check_raw(kept, recipe, schema), lines, told)


def _too_many(told: Quarantine, share: float) -> str:
    most = f"{share:.3g} of them, one at least, may be" if share else "none may be"
    return (
        f"{told.words}; too many to set them aside, {most} (quality.quarantine). Correct them in the source, or "
        "change the rule (quality.rows) or the share"
    )


def _once(found: list[Broken]) -> list[Broken]:
    """Each row with the first rule that it breaks."""
    told, seen = [], None
    for each in found:
        rows = each.rows if seen is None else each.rows & ~seen
        seen = each.rows if seen is None else seen | each.rows
        told.append(each._replace(rows=rows))
    return [each for each in told if each.rows.any()]


def _told(
    found: list[Broken],
    read: int,
    count: int,
    batch: str,
    *,
    blocked: bool = False,
    frame: pd.DataFrame | None = None,
) -> Quarantine:
    rules = []
    for each in found:
        first = int(each.rows.argmax())
        value = None if frame is None else frame[each.column].iloc[first]
        example = f"row {first + 1}" + ("" if _text(value) is None else f": '{shown(str(value), 60)}'")
        rules.append(
            RuleBroken(
                rule=each.rule,
                column=each.column,
                rows=int(each.rows.sum()),
                words=each.words,
                example=example,
            )
        )
    return Quarantine(batch=batch, read=read, rows=count, blocked=blocked and count > 0, rules=tuple(rules))


def _lines(frame: pd.DataFrame, found: list[Broken], batch: str) -> pd.DataFrame:
    """One line for each row and rule that it breaks, in the order of the rows."""
    if not found:
        return pd.DataFrame({name: pd.Series(dtype="int64" if name == "row" else object) for name in COLUMNS})
    places = np.flatnonzero(np.logical_or.reduce([each.rows for each in found]))
    rows = frame.iloc[places].reset_index(drop=True)
    content = [json.dumps({str(k): _plain(v) for k, v in row.items()}) for row in rows.to_dict("records")]
    lines = [
        (
            batch,
            int(place) + 1,
            _identity(batch, content[n]),
            each.rule,
            each.column,
            _text(rows[each.column].iloc[n]),
            content[n],
        )
        for n, place in enumerate(places)
        for each in found
        if each.rows[place]
    ]
    return pd.DataFrame(lines, columns=list(COLUMNS))


def _identity(batch: str, content: str) -> str:
    """The same for the same row of a batch, in whatever order rows are sent."""
    return hashlib.sha256(f"{batch} {content}".encode()).hexdigest()[:16]


def _as_numbers(frame: pd.DataFrame, found: list[Broken]) -> pd.DataFrame:
    """Columns that hold numbers once the rows with text in them are gone, as if those had never been there."""
    mended = {each.column for each in found if each.rule == "text_in_numbers"}
    return frame.assign(
        **{name: pd.to_numeric(frame[name].astype(object)).astype("float64") for name in mended}
    )


def _text(value: Any) -> str | None:
    return None if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, str | bool) or _text(value) is None:
        return value if isinstance(value, str | bool) else None
    if isinstance(value, int | np.integer):
        return int(value)
    return float(value) if isinstance(value, float | np.floating) and np.isfinite(value) else str(value)
