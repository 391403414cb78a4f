"""What the models of one recipe's file, which has `foreach`, are told about together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_assets.cli.output import columns, number
from ml_assets.failures import MendableError, WrongUsageError
from ml_assets.lifecycle.state import ModelState
from ml_assets.recipe.each import place_of
from ml_assets.recipe.faults import did_you_mean
from ml_assets.recipe.loading import as_written
from ml_assets.recipe.readable import is_sql
from ml_assets.shown import listed

TOLD = 12
"""Values without a model that are named."""


def report_together(path: Path, reports: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Make one report of a file of those of its models, by name: what all have in common is said once."""
    every = list(reports)
    errors: dict[tuple[Any, str, str], list[str]] = {}
    told: dict[str, dict[str, list[str]]] = {"notes": {}, "hints": {}}
    for name, report in reports.items():
        for error in report["errors"]:
            errors.setdefault((error["line"], error["key"], error["message"]), []).append(name)
        for kind, texts in told.items():
            for text in report[kind]:
                texts.setdefault(text, []).append(name)
    found = [
        {"line": line, "key": key, "message": _named(message, names, every)}
        for (line, key, message), names in errors.items()
    ]
    said = {
        kind: [_named(text, names, every) for text, names in texts.items()] for kind, texts in told.items()
    }
    first = reports[every[0]]
    looked = f"{len(every):,} models; of {every[0]} {first['looked_at']}" if first["looked_at"] else ""
    return (
        {"file": str(path), "ok": not found, "errors": found}
        | said
        | {"looked_at": looked, "columns": first["columns"]}
    )


def without_a_model(path: Path, state: ModelState) -> list[str]:
    """Say which values of the column of `foreach` have rows and no model; nothing where the rows do not tell.

    Parameters
    ----------
    path : Path
        The recipe.
    state : ModelState
        One of its models.
    """
    from ml_assets.sources.chosen import is_one_of
    from ml_assets.sources.paths import SourceError
    from ml_assets.sources.source import source_of

    recipe = as_written(path)
    section, loader = recipe.foreach, recipe.model.loader
    if section is None or is_sql(loader.source_uri) or place_of(section.column).search(loader.source_uri):
        return []
    try:
        sample = source_of(recipe, path.parent, state.settings.variables, state.settings.mirror).sample()
    except SourceError:  # its models say so
        return []
    counts: dict[object, int] = {}
    for frame in sample.batches.values():
        if section.column in frame:
            for value, rows in frame[section.column].value_counts().items():
                counts[value] = counts.get(value, 0) + int(rows)
    missing = {value: rows for value, rows in counts.items() if not is_one_of(value, section.values)}
    if not missing:
        return []
    most = sorted(missing, key=lambda value: -missing[value])
    return [
        f"rows and no model: '{section.column}' has {listed((f'{v} ({missing[v]:,})' for v in most), TOLD)}. Name in "
        "foreach.values what should have a model"
    ]


def chosen(path: Path, states: Sequence[ModelState], names: Sequence[str]) -> list[ModelState]:
    """Give the models that are named, in the order of the recipe.

    Raises
    ------
    WrongUsageError
        A name is of none of them.
    """
    known = [state.name for state in states]
    for name in names:
        if name not in known:
            raise WrongUsageError(
                f"--only {name}: {path} makes no such model.{did_you_mean(name, known)} It makes {listed(known)}"
            )
    return [state for state in states if state.name in names]


def train_each(
    states: Sequence[ModelState], train: Callable[[ModelState], dict[str, Any]], say: Callable[[str], None]
) -> dict[str, Any]:
    """Train one model after the other; one that fails keeps no other from it.

    Returns
    -------
    dict
        `models`: what `train` gives of each, `failed`: the reason by name.
    """
    models, failed = [], {}
    for place, state in enumerate(states, start=1):
        say(f"{state.name}: model {place:,} of {len(states):,}")
        try:
            models.append(train(state))
        except MendableError as error:
            failed[state.name] = str(error)
            say(f"{state.name}: failed: {error}")
    return {"models": models, "failed": failed}


def trained_text(result: Mapping[str, Any]) -> str:
    """Tell of the trainings of several models."""
    rows = [
        [
            model["name"],
            str(model["version"]),
            "champion" if model["promoted"] else model["outcome"],
            f"{model['metric']} {number(model['metrics'][model['metric']])}",
        ]
        for model in result["models"]
    ]
    table = [columns(rows, ["model", "version", "verdict", "hold-out"])] if rows else []
    failed = [f"{name} failed: {reason}" for name, reason in result["failed"].items()]
    return "\n".join([*table, *failed])


def _named(text: str, names: Sequence[str], every: Sequence[str]) -> str:
    return text if len(names) == len(every) else f"{text} ({listed(names)})"
