"""A first recipe for a table that was looked at, with what was seen beside each line: what `ml-assets init` writes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ml_assets.failures import WrongUsageError
from ml_assets.lifecycle.state import ModelState
from ml_assets.names import BATCH, RESERVED, STATIC
from ml_assets.recipe.faults import did_you_mean
from ml_assets.recipe.loading import parse_recipe
from ml_assets.recipe.periods import PERIODS, Period
from ml_assets.recipe.yaml_text import dump_yaml
from ml_assets.settings import Settings
from ml_assets.shown import shown

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.quality.hints import Seen

FEWEST_BATCHES, MOST_BATCHES = 4, 400
"""Batches that a period must make of a table."""
ENOUGH_ROWS = 500
"""Rows that a batch usually has, from which the shortest such period is taken."""
LONGEST_YEARS = 40
"""Times that lie farther apart are days of birth and the like."""
NAMED = 12
"""Columns that are named of many."""
SHOWN = 3
"""Classes that are named of many."""
CLASSES = 20
"""Different whole numbers up to which a target is taken for classes."""


class DraftError(WrongUsageError):
    """No recipe can be written for this table."""


@dataclass(frozen=True)
class Wish:
    """What a person says of the model.

    Parameters
    ----------
    name : str
        Name of the model.
    data : str
        Its `source_uri`.
    target : str
        Column to predict.
    connection : str or None
        Database of a query.
    """

    name: str
    data: str
    target: str
    connection: str | None = None

    def recipe(self, task_type: str) -> dict[str, Any]:
        """Sections of the shortest recipe for it."""
        loader = {"source_uri": self.data}
        if self.connection is not None:
            loader["connection_uri"] = self.connection
        interface = {"task_type": task_type, "target_col": self.target}
        return {"name": self.name, "model": {"loader": loader, "data_interface": interface}}


def draft(wish: Wish, path: Path, settings: Settings) -> str:
    """Write the text of a recipe whose file will be `path`.

    Raises
    ------
    RecipeError
        The name, or another wish, cannot stand in a recipe.
    SourceError
        The data cannot be read.
    DraftError
        There are no rows, or the target is none of their columns.
    """
    from ml_assets.lifecycle.looked import seen_of

    # As a number: the labels of classes are read as they are spelled, numbers among them.
    sampled = _state(wish.recipe("regression"), path, settings).source.sample()
    frame = sampled.batches.get(STATIC)
    if frame is None or frame.empty:
        raise DraftError(f"'{wish.data}' has no rows: nothing can be said of it")
    _has_target(frame, wish)
    task, told = _task(frame[wish.target])
    recipe = wish.recipe(task)
    batches = _batches(frame, wish.target)
    if batches is not None:
        recipe["batches"] = {"column": batches.column, "period": batches.period}
        recipe["monitoring"] = {"label_delay": batches.unlabelled(frame[wish.target])}
    seen = seen_of(_state(recipe, path, settings))
    if seen is None:
        raise DraftError(f"'{wish.data}' has no rows that can be read as they are: see `ml-assets validate`")
    return "\n".join(_lines(recipe, seen, told, sampled.words)) + "\n"


def _state(recipe: dict[str, Any], path: Path, settings: Settings) -> ModelState:
    return ModelState(parse_recipe(dump_yaml(recipe), str(path)), path.absolute(), settings)


def _has_target(frame: pd.DataFrame, wish: Wish) -> None:
    names = [str(name) for name in frame.columns]
    if wish.target not in names:
        raise DraftError(
            f"--target: '{wish.target}' is not a column of '{wish.data}' (found {_named(names)})."
            f"{did_you_mean(wish.target, names)}"
        )


def _task(target: pd.Series[Any]) -> tuple[str, str]:
    """Task that fits a target, and what was seen of it."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    known = target.dropna()
    numbers = is_numeric_dtype(known.dtype) and not is_bool_dtype(known.dtype)
    if numbers and (known.nunique() > CLASSES or bool((known % 1 != 0).any())):
        ends = f"{float(known.min()):.4g} to {float(known.max()):.4g}"
        return "regression", f"{ends}, median {float(known.median()):.4g}"
    counts = known.astype(str).value_counts(normalize=True)
    shares = ", ".join(
        f"{str(name)[:20]} {share:.0%}" for name, share in zip(counts.index[:SHOWN], counts, strict=False)
    )
    size = "; regression, if their size counts" if numbers and len(counts) > 2 else ""
    return "classification", f"{shares}{_others(len(counts) - SHOWN)}{size}"


class _Batches(NamedTuple):
    """A column of times and a period that make batches of a table; the first two tell which of several is best."""

    unsorted: bool
    fewest: int
    column: str
    period: Period
    times: pd.Series[Any]

    def unlabelled(self, target: pd.Series[Any]) -> int:
        """Newest batches of which no row has a label yet."""
        labels = _labels(self.times, self.period)
        labelled = labels[target.notna().to_numpy()]
        return int(labels[labels > labelled.max()].nunique()) if len(labelled) else 0


def _batches(frame: pd.DataFrame, target: str) -> _Batches | None:
    """Batches that a table may have: of rows sorted by their times, else of the most different times."""
    import pandas as pd
    import pyarrow as pa

    from ml_assets.sources.times import to_times

    found: list[_Batches] = []
    for name in map(str, frame.columns):
        column = frame[name]
        if name == target or column.isna().any() or pd.api.types.is_float_dtype(column.dtype):
            continue
        table = pa.chunked_array([pa.Array.from_pandas(column)])
        if pa.types.is_boolean(table.type) or to_times(table.slice(0, 100))[1] is not None:
            continue
        times, bad = to_times(table)
        if bad is not None:
            continue
        moments = pd.Series(times.to_pandas(), name=name)
        period = _period(moments)
        if period is not None:
            unsorted = not moments.is_monotonic_increasing
            found.append(_Batches(unsorted, -int(moments.nunique()), name, period, moments))
    return min(found, key=lambda batches: batches[:3], default=None)


def _labels(moments: pd.Series[Any], period: Period) -> pd.Series[Any]:
    """Label of the batch of each row."""
    from ml_assets.sources.calendar import batch_of

    cut = moments.dt.floor({"day": "D", "hour": "h", "minute": "min"}[PERIODS[period].unit])
    labels: pd.Series[Any] = cut.map(
        {moment: batch_of(moment.to_pydatetime(), period) for moment in cut.unique()}
    )
    return labels


def _period(moments: pd.Series[Any]) -> Period | None:
    """Shortest period of which a batch has enough rows, else the one with the most rows a batch."""
    if (moments.max() - moments.min()).days > LONGEST_YEARS * 366:
        return None
    counts = {period: _labels(moments, period).value_counts() for period in PERIODS}
    usable = {
        period: float(rows.median())
        for period, rows in counts.items()
        if FEWEST_BATCHES <= len(rows) <= MOST_BATCHES
    }
    enough = [period for period, rows in usable.items() if rows >= ENOUGH_ROWS]
    most = sorted(usable, key=lambda period: -usable[period])
    return next(iter(enough or most), None)


def _lines(recipe: dict[str, Any], seen: Seen, target: str, looked_at: str) -> Iterator[str]:
    """Lines of the recipe, with what was seen beside them."""
    model = recipe["model"]
    yield f"# Written by `ml-assets init` after a look at {looked_at}; change what you know better."
    yield "# docs/recipe.md has every key. Next: ml-assets validate FILE, ml-assets train --recipe-file FILE"
    yield _line(0, "name", recipe["name"])
    yield "model:  # no class_path: a linear model, boosting, a forest and a network are searched"
    yield "  loader:"
    for key, value in model["loader"].items():
        yield _line(4, key, value)
    yield "  data_interface:"
    yield _line(4, "task_type", model["data_interface"]["task_type"])
    yield _line(4, "target_col", model["data_interface"]["target_col"], target)
    entities = _entities(seen)
    if entities:
        yield _line(4, "entity_cols", entities, "they name things: rows of one count together")
    yield from _preprocessor(seen, entities)
    if seen.recipe.batches is not None:
        yield from _over_time(seen)
    yield from _metric(seen)


def _preprocessor(seen: Seen, entities: list[str]) -> Iterator[str]:
    """What is learned from, what is not and why, and what is left out since it tells the target."""
    leaks = _leaks(seen, entities)
    roles = seen.roles
    for words, names in (("numbers", roles.numeric), ("categories", roles.categorical)):
        kept = [name for name in names if name not in entities and name not in leaks]
        if kept:
            yield f"  # {words}: {_named(kept)}"
    chosen = {seen.recipe.target, seen.recipe.batches.column if seen.recipe.batches else BATCH, *RESERVED}
    left_out = {name: reason for name, reason in roles.excluded.items() if name not in chosen}
    for name, reason in list(left_out.items())[:NAMED]:
        yield f"  # not learned: {_plain(name)} ({_plain(reason)})"
    if leaks:
        yield "  preprocessor:"
        yield "    params:  # they tell the target: take out of this list what is known when a prediction is made"
        yield _line(6, "exclude_cols", leaks)


def _over_time(seen: Seen) -> Iterator[str]:
    """Sections of rows that arrive over time."""
    batches = seen.recipe.batches
    assert batches is not None
    counts = seen.rows[BATCH].value_counts().sort_index()
    usual = f"{len(counts):,} from {counts.index[0]} to {counts.index[-1]}, about {int(counts.median()):,} rows each"
    yield "batches:  # arrive over time: watched, and trained again by itself; leave out for a table that stays"
    yield _line(2, "column", batches.column)
    yield _line(2, "period", batches.period, usual)
    delay = seen.recipe.monitoring.label_delay
    yield "monitoring:"
    yield _line(2, "label_delay", delay, f"batches until the labels are known; {_unlabelled(delay)}")


def _unlabelled(delay: int) -> str:
    return f"the newest {delay} have none yet" if delay else "the newest have theirs"


def _metric(seen: Seen) -> Iterator[str]:
    """What the search and the gate go by."""
    from ml_assets.tasks.all import task_of

    task, labels = task_of(seen.recipe), seen.labels
    metric = task.default_metric(int(labels.nunique()) if task.classes else None)
    others = ", ".join(each.name for each in task.metrics if each.name != metric)
    yield "hyperparameter_tuning:"
    yield _line(2, "metric", metric, f"what search and gate go by; or {others}")


def _entities(seen: Seen) -> list[str]:
    """Columns that name things by their name, and of which each has many values or many rows that are alike."""
    from ml_assets.quality.hints import ID, named_like_identifiers
    from ml_assets.quality.repeats import suspected_entity

    alike = suspected_entity(seen)
    named = [alike.column] if alike is not None and ID.search(alike.column) else []
    return list(dict.fromkeys([*named_like_identifiers(seen), *named]))


def _leaks(seen: Seen, entities: list[str]) -> list[str]:
    """Columns that surely tell the target."""
    from ml_assets.quality.leak import suspected_leaks

    features = [name for name in seen.roles.features if name not in entities]
    found = suspected_leaks(seen.rows, features, seen.recipe)
    return list(dict.fromkeys(name for leak in found if leak.sure for name in leak.columns))


def _line(indent: int, key: str, value: Any, seen: str = "") -> str:
    """One line of YAML, with what was seen."""
    written = "[" + ", ".join(map(_scalar, value)) + "]" if isinstance(value, list) else _scalar(value)
    return f"{' ' * indent}{key}: {written}" + (f"  # {_plain(seen)}" if seen else "")


def _scalar(value: Any) -> str:
    """Write a value so that it is read as the same value, on one line, in a list too."""
    if isinstance(value, str) and re.fullmatch(r"[\w./*-]+( [\w./*-]+)*", value):
        plain = dump_yaml(value).removesuffix("...\n").strip()
        if "\n" not in plain:
            return plain
    return json.dumps(value, ensure_ascii=False)


def _named(names: list[str]) -> str:
    return ", ".join(map(_plain, names[:NAMED])) + _others(len(names) - NAMED)


def _others(more: int) -> str:
    return f" and {more:,} other{'s' * (more > 1)}" if more > 0 else ""


def _plain(text: str) -> str:
    """Text that ends no comment."""
    return " ".join(shown(text, 100).split())
