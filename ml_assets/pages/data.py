"""What a version has learned from: its rows, and how each column is spread."""

from __future__ import annotations

from typing import Final, NamedTuple

from markupsafe import Markup

from ml_assets.names import LEARNED
from ml_assets.pages.charts import heights
from ml_assets.pages.known import Model, record_of
from ml_assets.records import ColumnProfile, DataProfile
from ml_assets.records.quality import TARGET
from ml_assets.registry.champions import VersionInfo
from ml_assets.reports.page import share, written
from ml_assets.shown import counted, shown

COLUMNS: Final = 16
"""Columns that are shown: the targets, then those that go with them most."""
LEVELS: Final = 4


class Row(NamedTuple):
    """A column: what it is, its picture, how it is spread in words."""

    column: ColumnProfile
    picture: Markup
    words: str


class Learned(NamedTuple):
    """Rows and columns that a version has learned from."""

    words: str
    rows: list[Row]
    more: int
    notes: tuple[str, ...]


def learned(model: Model | None, info: VersionInfo | None, notes: list[str]) -> Learned | None:
    """Read the profile that was made beside a training; None where there is none."""
    if model is None or info is None:
        return None
    profile = record_of(model, LEARNED, str(info.version), DataProfile, notes)
    if profile is None:
        return None
    some = [column for column in profile.columns if column.role in (TARGET, "feature")]
    return Learned(
        _words(profile, info),
        [_row(column) for column in some[:COLUMNS]],
        max(0, profile.features - sum(column.role != TARGET for column in some[:COLUMNS])),
        profile.notes,
    )


def _words(profile: DataProfile, info: VersionInfo) -> str:
    training = info.trained.training
    batches = info.trained.batches
    of = "" if len(batches) < 2 else f" of {len(batches):,} batches, {batches[0]} to {batches[-1]}"
    told = [f"Version {info.version} learned {counted(training.learned, 'row')}{of}."]
    left = ", ".join(f"{count:,} ({shown(why, 60)})" for why, count in training.left_out.items() if count)
    if left:
        told.append(f"Left out: {left}.")
    out = f", {profile.left_out:,} are not learned" if profile.left_out else ""
    of = f"tell of the target '{shown(profile.target, 60)}'" if profile.target else "are looked at"
    told.append(f"{counted(profile.features, 'column')} {of}{out}.")
    empty = [c for c in profile.columns if c.role == "feature" and c.missing > 0]
    if empty:
        worst = max(empty, key=lambda column: column.missing)
        told.append(
            f"{len(empty):,} of them {'has' if len(empty) == 1 else 'have'} empty cells,"
            f" '{shown(worst.column, 60)}' most: {share(worst.missing)}."
        )
    if profile.looked_at < profile.rows:
        told.append(f"How they are spread is told from {profile.looked_at:,} rows drawn at random.")
    return " ".join(told)


def _row(column: ColumnProfile) -> Row:
    name = shown(column.column, 60)
    if column.bins and len(column.quantiles) == 5:
        low, _, median, _, high = (written(value, column.kind, 3) for value in column.quantiles)
        words = f"{low} to {high}, half of them below {median}"
        return Row(column, heights(column.bins, f"{name}: {words}"), words)
    words = ", ".join(f"{shown(level.name, 30)} {share(level.share)}" for level in column.levels[:LEVELS])
    more = column.distinct - min(len(column.levels), LEVELS)
    words += f" and {more:,} others" if words and more > 0 else ""
    picture = heights([level.share for level in column.levels], f"{name}: {words}")
    return Row(column, picture if column.levels else Markup(""), words or "no value")
