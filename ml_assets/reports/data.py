"""The page of a data profile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from markupsafe import Markup

from ml_assets.quality.profile import TOGETHER
from ml_assets.records import ColumnProfile, DataProfile
from ml_assets.records.quality import TARGET
from ml_assets.reports.page import render, share, written
from ml_assets.reports.svg import bars, grid, line
from ml_assets.shown import clipped, counted, figure, listed, shown

PICTURED = 11
"""Features in the picture."""
MOST_BATCHES = 400
"""Newest batches that are shown."""


class Row(NamedTuple):
    """A column in a table: its picture, its quantiles if it holds numbers, its values in words."""

    column: ColumnProfile
    picture: Markup
    quantiles: tuple[str, ...]
    words: str


class Table(NamedTuple):
    """Columns of one kind: whether they hold numbers, whether they go with the target, whether each has a reason."""

    title: str
    caption: str
    rows: list[Row]
    numbers: bool = False
    tells: bool = False
    why: bool = False


def data_page(profile: DataProfile) -> str:
    """Write the page: one HTML file under 1 MB, whatever the table."""
    batches = profile.batches[-MOST_BATCHES:]
    classes = profile.share_of is not None
    of = (
        f"share of '{shown(str(profile.share_of), 40)}'"
        if classes
        else f"mean of '{shown(profile.target, 80)}'"
    )
    known = [batch.target for batch in batches if batch.target is not None]
    ends = [share(v) if classes else figure(v, 4) for v in (min(known), max(known))] if known else []
    told = f"{of[0].upper()}{of[1:]} in each batch, {' to '.join(ends)}" if ends else "no label yet"
    if not profile.target:
        of, told = "", "there is no target: nothing is told of labels"
    return render(
        "data_profile.html",
        profile=profile.model_copy(update={"batches": batches}),
        summary=summary(profile),
        tables=list(_tables(profile)),
        rows_picture=bars([b.rows for b in batches], "Rows of each batch", 640, 80) if batches else "",
        target_picture=line([b.target for b in batches], told) if batches else "",
        target_words=told,
        target_head=of,
        together=TOGETHER,
    )


def _tables(profile: DataProfile) -> Iterator[Table]:
    targets = [column for column in profile.columns if column.role == TARGET]
    others = [column for column in profile.columns if column.role != TARGET]
    names = listed(f"'{shown(column.column, 80)}'" for column in targets)
    several = len(targets) > 1
    if targets:
        yield Table(
            "Targets" if several else "Target",
            f"{names} {'are' if several else 'is'} predicted",
            [_row(column) for column in targets],
            numbers=bool(targets[0].quantiles),
        )
    features = [column for column in others if column.role == "feature"]
    some = "" if len(features) == profile.features else f" of {profile.features:,}"
    for title, numbers in (("Numbers", True), ("Categories", False)):
        columns = [column for column in features if (column.kind == "number") == numbers]
        order = ", those that go with the target most first" if targets else ""
        caption = f"{len(columns):,}{some} features{order}"
        if columns:
            rows = [_row(column) for column in columns]
            yield Table(title, caption, rows, numbers=numbers, tells=bool(targets))
    left_out = [column for column in others if column.role != "feature"]
    if left_out:
        some = "" if len(left_out) == profile.left_out else f" of {profile.left_out:,}"
        caption = f"{len(left_out):,}{some} columns, each with its reason"
        yield Table("Not learned", caption, [_row(column) for column in left_out], why=True)


def data_picture(profile: DataProfile) -> bytes:
    """Draw target and features, those that go with the target most, as one SVG of at most 30 KB."""
    cells = []
    targets = sum(column.role == TARGET for column in profile.columns)
    for column in profile.columns[: targets + PICTURED]:
        row = _row(column)
        if column.role in (TARGET, "feature") and row.picture:
            counts = column.bins or [level.share for level in column.levels]
            cells.append((shown(column.column, 26), clipped(row.words, 32), counts))
    return grid(cells)


def summary(profile: DataProfile) -> str:
    """Say in a few sentences what the table is like."""
    targets = [column for column in profile.columns if column.role == TARGET]
    features = [column for column in profile.columns if column.role == "feature"]
    kinds = [
        f"{count:,} {one if count == 1 else many}"
        for kind, one, many in (("number", "number", "numbers"), ("category", "category", "categories"))
        if (count := sum(column.kind == kind for column in features))
    ]
    others = profile.left_out
    told = [f"{counted(profile.rows, 'row')}; {' and '.join(kinds) or 'no column'} to learn from"]
    told[0] += f", {others:,} other column{'s' * (others != 1)}." if others else "."
    told += [sentence for target in targets for sentence in _of_target(target, len(targets) > 1)]
    empty = [column for column in features if column.missing > 0]
    if empty:
        worst = max(empty, key=lambda column: column.missing)
        have = "s have" if len(empty) > 1 else " has"
        most = f"'{shown(worst.column, 80)}' most: {share(worst.missing)}"
        told.append(f"{len(empty):,} feature{have} missing values, {most}.")
    strongest = [column for column in features if (column.tells or 0) > 0.05][:3]
    if strongest:
        told.append(f"What goes with the target most: {', '.join(shown(c.column, 80) for c in strongest)}.")
    if profile.looked_at < profile.rows:
        told.append(f"Distributions are of {profile.looked_at:,} rows drawn at random.")
    return " ".join(told)


def _of_target(target: ColumnProfile, several: bool) -> Iterator[str]:
    name = shown(target.column, 80)
    if target.levels:
        shares = ", ".join(f"{shown(level.name, 30)} {share(level.share)}" for level in target.levels[:4])
        yield f"The target '{name}' is {shares}{' …' * (len(target.levels) > 4)}."
    elif target.quantiles:
        low, _, median, _, high = (figure(value, 4) for value in target.quantiles)
        yield f"The target '{name}' goes from {low} to {high}, half of it below {median}."
    if target.missing:
        label = f"'{name}'" if several else "label"
        yield f"{share(target.missing)} of the rows have no {label}."


def _row(column: ColumnProfile) -> Row:
    if column.bins and column.span is not None:
        low, high = (written(value, column.kind) for value in column.span)
        quantiles = tuple(written(value, column.kind) for value in column.quantiles)
        picture = bars(column.bins, f"{shown(column.column, 40)}, from {low} to {high}")
        return Row(column, picture, quantiles, f"{quantiles[0]} to {quantiles[-1]}")
    words = ", ".join(f"{shown(level.name, 30)} {share(level.share)}" for level in column.levels)
    more = (
        f" and {column.distinct - len(column.levels):,} others"
        if column.distinct > len(column.levels)
        else ""
    )
    shares = [level.share for level in column.levels]
    picture = bars(shares, f"{shown(column.column, 40)}: {words}{more}") if shares else Markup("")
    return Row(column, picture, (), words + more)
