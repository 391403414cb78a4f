"""`ml-assets costs`: what models cost, in sum, by asset and by training."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ml_assets.cli.models import known_state
from ml_assets.cli.output import columns
from ml_assets.failures import WrongUsageError
from ml_assets.lifecycle.costs import budget_words, spent_by
from ml_assets.lifecycle.known import load_states
from ml_assets.lifecycle.state import ModelState
from ml_assets.pages.made import seconds
from ml_assets.records.costs import Spending, Spent
from ml_assets.registry.costs import left_out
from ml_assets.registry.spending import DAYS, dearest, lost_words
from ml_assets.settings import read_settings
from ml_assets.shown import counted, listed, size

TRAININGS = 20
"""Newest trainings that are printed; `--json` has all of them."""
FIGURES = ["wall", "CPU", "memory", "rows read", "rows written", "kept"]


class SinceError(WrongUsageError, ValueError):
    """What was said is no date."""


def costs_of(name: str | None, since: str | None) -> dict[str, Any]:
    """Collect what all models, or one, have cost.

    Parameters
    ----------
    name : str, optional
        The model.
    since : str, optional
        A date, or a time, in UTC where it names no other zone; default: 30 days ago.

    Returns
    -------
    dict
        `since` and `models`: of each a `Spending`, with `bytes_kept` by asset, `dearest`, `budget` and `lost` in words,
        and `left_out`, the number of rows that are not as a step writes them.

    Raises
    ------
    SinceError
        `since` is no date.
    """
    begin = _since(since)
    states = [known_state(name)] if name is not None else load_states(read_settings())[0]
    models = sorted((_told(state, begin) for state in states), key=lambda each: -each["cpu_seconds"])
    return {"since": begin.isoformat(timespec="seconds"), "models": models}


def _told(state: ModelState, since: datetime) -> dict[str, Any]:
    found, kept = spent_by(state, since)
    most = dearest(found.assets)
    return found.model_dump(mode="json") | {
        "bytes_kept": kept,
        "dearest": most.asset if most is not None else None,
        "budget": budget_words(state),
        "lost": lost_words(found.trainings),
        "left_out": left_out(state.ledger, state.name),
    }


def _since(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC) - timedelta(days=DAYS)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise SinceError(
            f"--since {text!r} is no date: write it as 2026-11-01, or as 2026-11-01T12:00"
        ) from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def costs_text(result: dict[str, Any], name: str | None) -> str:
    """Lay it out in tables."""
    since = result["since"][:16].replace("T", " ")
    models = result["models"]
    if not models:
        return "there is no model yet"
    aside = [_aside(each) for each in models if each["left_out"]]
    if name is not None:
        return "\n".join([_one(models[0], since), *aside])
    rows = [
        [
            each["name"],
            f"{each['steps']:,}",
            *_figures(each),
            size(sum(each["bytes_kept"].values())),
            f"{len(each['trainings']):,}",
            _share(each["lost_cpu_seconds"], each["training_cpu_seconds"]),
            each["dearest"] or "–",
        ]
        for each in models
    ]
    header = ["name", "steps", *FIGURES, "in the store", "trainings", "lost", "dearest"]
    total = sum(each["cpu_seconds"] for each in models)
    note = (
        f"Since {since} UTC: {seconds(total)} of CPU in all. lost: share of the trainings' CPU that went to models "
        "which were not put in charge; dearest: the asset that took most CPU"
    )
    return "\n".join([columns(rows, header), "", note, *aside])


def _aside(told: dict[str, Any]) -> str:
    rows = counted(told["left_out"], "row")
    return (
        f"{told['name']}: {rows} of the table `costs`, not as a step writes one, left out of all sums and the budget: "
        "another program has changed the ledger's database; `ml-assets doctor` looks whether the ledger is whole"
    )


def _one(told: dict[str, Any], since: str) -> str:
    found = Spending.model_validate({key: told[key] for key in Spending.model_fields})
    if not found.steps:
        return f"{found.name}: nothing was measured since {since} UTC{_store(told)}"
    lines = [
        f"{found.name}, since {since} UTC: {counted(found.steps, 'step')} took {seconds(found.seconds)}, "
        f"{seconds(found.cpu_seconds)} of CPU{f'; {found.failed:,} failed' if found.failed else ''}",
        f"{told['lost']}{_store(told)}",
        *([f"budget: {told['budget']}"] if told["budget"] else []),
        "",
        columns(
            [
                [each.asset, f"{each.steps:,}", f"{each.failed:,}", *_figures(each.model_dump())]
                for each in found.assets
            ],
            ["asset", "steps", "failed", *FIGURES],
        ),
    ]
    if found.trainings:
        rows = [
            [
                each.at[:16].replace("T", " "),
                each.batch or "–",
                f"v{each.version}" if each.version is not None else "–",
                *_figures(each.model_dump()),
                _fate(each.model_dump()),
            ]
            for each in found.trainings[:TRAININGS]
        ]
        lines += ["", columns(rows, ["training", "batch", "version", *FIGURES, "put in charge"])]
    more = len(found.trainings) - TRAININGS
    return "\n".join(
        [*lines, *([f"and {counted(more, 'older training')}: --json has all"] if more > 0 else [])]
    )


def _fate(training: dict[str, Any]) -> str:
    if training["promoted"]:
        return "yes"
    return "failed" if training["failed"] else "no"


def _figures(spent: dict[str, Any]) -> list[str]:
    one = Spent.model_validate({key: spent[key] for key in Spent.model_fields})
    return [
        seconds(one.seconds),
        seconds(one.cpu_seconds),
        "–" if one.peak_bytes is None else size(one.peak_bytes),
        f"{one.rows_read:,}",
        f"{one.rows_written:,}",
        size(one.bytes_written),
    ]


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}".replace("%", " %") if whole else "–"


def _store(told: dict[str, Any]) -> str:
    kept: dict[str, int] = told["bytes_kept"]
    if not kept:
        return ""
    largest = listed((f"{asset} {size(count)}" for asset, count in kept.items()), 3)
    return f"; the store holds {size(sum(kept.values()))} ({largest})"
