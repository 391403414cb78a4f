"""Rules for rows ask something, and something that a row can hold."""

from __future__ import annotations

from datetime import datetime

from ml_assets.recipe.faults import Key
from ml_assets.recipe.rules.columns import EMPTY
from ml_assets.recipe.rules.found import Found
from ml_assets.recipe.schema import Recipe


def row_rules(recipe: Recipe) -> Found:
    """Bounds are two numbers or two dates, the smaller first."""
    for position, rule in enumerate(recipe.quality.rows):
        key: Key = ("quality", "rows", position)
        if not rule.columns:
            yield (*key, "columns"), EMPTY
        if rule.min is None and rule.max is None and not rule.allowed and not rule.required:
            yield key, "asks nothing of a row: write min, max, allowed or required: true"
        bounds = {name: getattr(rule, name) for name in ("min", "max") if getattr(rule, name) is not None}
        dates = {name: _date(bound) for name, bound in bounds.items() if isinstance(bound, str)}
        for name, day in dates.items():
            if day is None:
                yield (
                    (*key, name),
                    f"{bounds[name]!r} is no date; write it as 2000-01-31, or a number without quotes",
                )
        if len(dates) == 1 and len(bounds) == 2:
            yield (
                (*key, "max"),
                f"min {rule.min} and max {rule.max} are a number and a date: write both alike",
            )
        elif len(bounds) == 2 and None not in dates.values():
            low, high = (dates.get(name, bounds[name]) for name in ("min", "max"))
            if low > high:
                yield (*key, "min"), f"{rule.min} is above max, {rule.max}: no row could pass"


def _date(text: str) -> datetime | None:
    """A day or a moment as ISO 8601 writes it, in UTC and without a zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is None else None
