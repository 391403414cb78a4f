"""Batches: their dates, and what is counted in them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from ml_assets.recipe.durations import duration
from ml_assets.recipe.periods import PERIODS
from ml_assets.recipe.readable import DATASETS, TABLES, is_sql
from ml_assets.recipe.rules.found import Found
from ml_assets.recipe.schema import Recipe

FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2199
"""A delay or a window counts from these, and pandas counts nanoseconds until 2262."""


def batches(recipe: Recipe) -> Found:
    """First and last batch are dates in order."""
    section = recipe.batches
    if section is None:
        return
    uri = recipe.model.loader.source_uri
    scheme, _, name = uri.partition("://")
    by_name = scheme.lower() in TABLES
    if by_name and (scheme != "sklearn" or name in DATASETS):
        yield ("batches",), f"{uri} is one table without times: remove the section `batches`"
    if section.drops and (is_sql(uri) or by_name):
        yield (
            ("batches", "drops"),
            "is for files alone, whose names tell the time of their rows: leave it out",
        )
    dates: dict[str, datetime] = {}
    for name in ("start", "end"):
        text = getattr(section, name)
        if text is None:
            continue
        clock = PERIODS[section.period].unit != "day"
        parsed = _date(text, clock=clock)
        if parsed is None:
            form = "YYYY-MM-DD or YYYY-MM-DD-HH:MM" if clock else "YYYY-MM-DD"
            yield ("batches", name), f"found {text!r}; allowed: a date as {form}"
        elif not FIRST_YEAR <= parsed.year <= LAST_YEAR:
            advice = (
                "Leave it out: the calendar is open" if name == "end" else "Write the first day of the data"
            )
            yield ("batches", name), f"found {text!r}; allowed: {FIRST_YEAR} to {LAST_YEAR}. {advice}"
        else:
            dates[name] = parsed
    if len(dates) == 2 and dates["start"] >= dates["end"]:
        yield ("batches", "end"), f"end {section.end} is not after start {section.start}"
    try:
        duration(section.grace)
    except ValueError as error:
        yield ("batches", "grace"), str(error)
    if not section.column:
        yield ("batches", "column"), "is empty; allowed: the name of the column with the time of each row"


def without_batches(recipe: Recipe) -> Found:
    """What is counted in batches needs batches."""
    if recipe.batches is not None:
        return
    without = "the recipe has no `batches`: add that section or leave this out"
    if recipe.evaluation.validation.method == "time_split":
        yield (
            ("evaluation", "validation", "method"),
            f"time_split holds out the newest rows, but {without}",
        )
    if recipe.monitoring.label_delay:
        yield ("monitoring", "label_delay"), f"is counted in batches, but {without}"
    if recipe.training.window != "all":
        yield ("training", "window"), f"is counted in batches, but {without}"
    if recipe.training.first > 1:
        yield ("training", "first"), f"is counted in batches, but {without}"
    if recipe.promotion.probation not in (0, type(recipe.promotion)().probation):
        yield ("promotion", "probation"), f"is counted in batches, but {without}"
    if recipe.retraining.on and recipe.retraining != type(recipe.retraining)():
        yield ("retraining",), f"is decided batch by batch, but {without}"


def _date(text: str, *, clock: bool) -> datetime | None:
    # strptime alone takes "2024-1-1", which is no batch label.
    for pattern, form in ((r"\d{4}-\d\d-\d\d", "%Y-%m-%d"), (r"\d{4}-\d\d-\d\d-\d\d:\d\d", "%Y-%m-%d-%H:%M")):
        if re.fullmatch(pattern, text, re.ASCII) and (clock or form == "%Y-%m-%d"):
            try:
                return datetime.strptime(text, form)
            except ValueError:
                return None
    return None
