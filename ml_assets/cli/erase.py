"""`ml-assets erase`: the rows of one entity out of all that is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ml_assets.cli.arguments import Json, ModelName
from ml_assets.cli.output import faults, finish, say
from ml_assets.failures import FAILED, WrongUsageError
from ml_assets.shown import counted

if TYPE_CHECKING:
    from ml_assets.erasure.made import Found


def erase(
    name: ModelName,
    entity: Annotated[str, typer.Option("--entity", metavar="COLUMN=VALUE", help="One of `entity_cols`.")],
    versions: Annotated[
        str | None,
        typer.Option("--versions", metavar="N,N", help="Also delete these models; never the champion."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    as_json: Json = False,
) -> None:
    """Erase the rows of one entity from batches, quarantine, predictions and backtests; tell what had learned them."""
    from ml_assets.cli.models import known_state
    from ml_assets.erasure.made import entity_named, look
    from ml_assets.lifecycle.at_work import at_work

    with faults(as_json):
        state = known_state(name)
        wanted, numbers = entity_named(state, entity), _numbers(versions)
        with at_work(state):
            found = look(state, wanted, numbers)
            if found.nothing:
                result = _told(name, found, done=False)
            elif yes or _agreed(_plan(name, found), as_json):
                result = _carried_out(state, found)
            else:
                result = _told(name, found, done=False)
    finish(result, erase_text(result, nothing=found.nothing), as_json)
    if not result["done"] and not found.nothing:
        raise typer.Exit(FAILED)


def _numbers(versions: str | None) -> tuple[int, ...]:
    try:
        return tuple(sorted({int(each) for each in (versions or "").split(",") if each.strip()}))
    except ValueError:
        raise WrongUsageError(f"--versions {versions!r}: write their numbers, as 1,2") from None


def _agreed(plan: str, as_json: bool) -> bool:
    say(plan)
    if as_json:
        raise WrongUsageError("nothing was erased: say --yes to do it")
    return typer.confirm("Erase it?", err=True)


def _carried_out(state: Any, found: Found) -> dict[str, Any]:
    from ml_assets.cli.models import actor
    from ml_assets.erasure.made import erase as carry_out
    from ml_assets.orchestration.forget import forget_events

    at = datetime.now(UTC).isoformat(timespec="seconds")
    entry, naming = carry_out(state, found, actor(), at, partial(forget_events, state.settings))
    return _told(state.name, found, done=True) | {"entry": entry.id, "models_that_name_it": list(naming)}


def _told(name: str, found: Found, *, done: bool) -> dict[str, Any]:
    record = found.record
    return {
        "name": name,
        "done": done,
        "entity": record.entity,
        "rows": record.rows,
        "predictions": record.logged,
        "learned": list(record.learned),
        "deleted": list(record.deleted),
        "entry": None,
        "models_that_name_it": [],
    }


def _plan(name: str, found: Found) -> str:
    """Say what would be erased."""
    record = found.record
    lines = [f"{name}: rows of the entity with {record.column} as asked for"]
    for asset, batches in record.rows.items():
        lines.append(
            f"  {asset}: {counted(sum(batches.values()), 'row')} of {counted(len(batches), 'batch')}"
        )
    lines.append(f"  log of predictions: {counted(record.logged, 'row')}")
    if not found.known:
        lines.append("  erased before: files of runs, copies and pages are looked through again")
    if record.learned:
        lines.append(f"  learned by version {', '.join(map(str, record.learned))}")
    if record.deleted:
        lines.append(f"  models that are deleted: version {', '.join(map(str, record.deleted))}")
    return "\n".join(lines)


def erase_text(result: dict[str, Any], *, nothing: bool = False) -> str:
    """Say what was erased, and what is left to do."""
    name = result["name"]
    if not result["done"]:
        return (
            f"{name}: nothing is kept of this entity, nothing was changed"
            if nothing
            else f"{name}: nothing was erased"
        )
    rows = sum(result["rows"].get("raw_data", {}).values())
    lines = [
        f"{name}: {counted(rows, 'row')} and {counted(result['predictions'], 'logged prediction')} of one entity "
        f"erased, entry {result['entry']}",
        "  remove its rows from the source too: until then they are left out and counted whenever it is read",
    ]
    if result["deleted"]:
        lines.append(f"  models that are deleted: version {', '.join(map(str, result['deleted']))}")
    left = [version for version in result["learned"] if version not in result["deleted"]]
    if left:
        lines.append(
            f"  version {', '.join(map(str, left))} had learned them: train again, `ml-assets retrain {name} REASON`, "
            "and delete the old models then, --versions"
        )
    if result["models_that_name_it"]:
        named = ", ".join(map(str, result["models_that_name_it"]))
        lines.append(f"  the model of version {named} names the value itself: it is gone only with the model")
    return "\n".join(lines)
