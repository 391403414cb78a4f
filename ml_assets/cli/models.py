"""Finding a model by its name or its file, and what is asked of it."""

from __future__ import annotations

import difflib
import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ml_assets.cli.validate import check, load_models
from ml_assets.lifecycle.alerts import tell
from ml_assets.lifecycle.at_work import at_work
from ml_assets.lifecycle.known import load_states, remember
from ml_assets.lifecycle.state import ModelState
from ml_assets.orchestration.champion_event import champion_event
from ml_assets.orchestration.health import REMEDIES
from ml_assets.orchestration.model_status import ModelStatus, all_statuses
from ml_assets.orchestration.rename import rename
from ml_assets.orchestration.runs import open_instance
from ml_assets.orchestration.walk import WalkError
from ml_assets.recipe import RecipeError, load_recipe
from ml_assets.registry import champions, charge
from ml_assets.registry.ledger import Ledger
from ml_assets.settings import Settings, read_settings
from ml_assets.shown import listed


def actor() -> str:
    """Who types: written to the ledger."""
    return f"{getpass.getuser()} (command line)"


def state_of(name: str | None, recipe_file: Path | None) -> ModelState:
    """Find a model by its name, or by its file, which is remembered."""
    if (name is None) == (recipe_file is None):
        raise WalkError("say either the name of a known model or --recipe-file FILE")
    if recipe_file is not None:
        return file_state(recipe_file)
    assert name is not None
    return checked_state(known_state(name))


def checked_state(state: ModelState) -> ModelState:
    """Hold the recipe of a model against its data; raise RecipeError where it does not fit."""
    if faults := check(state).recipe:
        raise RecipeError(faults)
    return state


def file_state(path: Path) -> ModelState:
    """Load the recipe of a file that makes one model, as `file_states` does.

    Raises
    ------
    RecipeError
        As there, or with `foreach` it makes several, which have names of their own.
    """
    states = file_states(path)  # remembered: from now on each is known by its name
    if len(states) > 1:
        load_recipe(path)
    return states[0]


def file_states(path: Path) -> list[ModelState]:
    """Load the models of a recipe's file; its place is kept so that `status` and the web UI show them, too.

    Raises
    ------
    RecipeError
        If the recipe is broken, that of one model does not fit its data, or a model has the name of another known one.
    """
    settings = read_settings()
    states = load_models(path, settings)
    if len(states) == 1:
        checked_state(states[0])
    remember(settings, path)
    return states


def known_state(name: str) -> ModelState:
    """Find a model among the recipe folders and the remembered files."""
    settings = read_settings()
    states, faults = load_states(settings)
    for state in states:
        if state.name == name:
            return state
    for path, error in faults:
        if path.stem == name:
            raise error
    if settings.has_ledger and champions.versions(Ledger(settings.ledger), name):
        raise WalkError(f"{name}: no recipe has this name any more: {REMEDIES['recipe missing']}")
    names = [state.name for state in states]
    near = difflib.get_close_matches(name, names, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise WalkError(f"there is no model {name!r} (known: {listed(names) or 'none'}).{hint}")


def statuses(name: str | None) -> list[ModelStatus]:
    """Sum up one model, or all."""
    settings = read_settings()
    states, faults = load_states(settings)
    if name is not None:
        states = [state for state in states if state.name == name]
        faults = [] if states else faults
    with open_instance(settings) as instance:
        rows = all_statuses(instance, states, faults, settings, datetime.now(UTC))
    if name is None:
        return rows
    return [row for row in rows if row.name == name] or _unknown(name)


def _unknown(name: str) -> list[ModelStatus]:
    known_state(name)
    return []


def promote_version(name: str, version: int, *, force: bool) -> dict[str, Any]:
    """Put a registered version in charge, if the gate agrees or is not asked."""
    from ml_assets.lifecycle import gate as gate_steps

    state = known_state(name)
    with at_work(state):
        newest = state.ledger.newest_id()
        promotion, entry = gate_steps.promote_version(state, version, force=force, actor=actor())
        now = state.registry.champion(name)
    if promotion.forced:
        text = f"version {version} was promoted without the gate by {entry.actor}"
        tell(state, "promotion_forced", f"v{version}:{entry.decision_id}", text)
    show_change(state)
    return {
        "name": name,
        "version": version,
        "promoted": promotion.outcome == "promote",
        "outcome": promotion.outcome,
        "forced": promotion.forced,
        "reason": promotion.reason,
        "changed": promotion.outcome == "promote" and entry.id > newest,
        "from_version": entry.from_version,
        "champion_version": now.version if now else None,
        "gate": promotion.model_dump(mode="json"),
    }


def roll_back(
    name: str,
    to: int | None,
    *,
    reason: str = "asked for",
    by: str | None = None,
    instead_of: int | None = None,
) -> dict[str, Any]:
    """Put an earlier version back in charge, while `instead_of` is; asked again, it goes no step further by itself."""
    state = known_state(name)
    newest = state.ledger.newest_id()
    entry = charge.rollback(
        state.registry, name, actor=by or actor(), to=to, reason=reason, expected_champion=instead_of
    )
    if entry.kind == "rollback" and entry.actor != champions.PROBATION:
        tell(
            state, "rollback", entry.decision_id, f"to version {entry.to_version}, asked for by {entry.actor}"
        )
    show_change(state)
    earlier = champions.champions(state.ledger, name)[:-1]
    return {
        "name": name,
        "from_version": entry.from_version,
        "champion_version": entry.to_version,
        "changed": entry.id > newest,
        "entry": entry.id,
        "since": entry.at,
        "earlier_version": earlier[-1] if earlier else None,
    }


def rollback_text(result: dict[str, Any]) -> str:
    """Say who is in charge after a rollback, and how to go further where this one was done before."""
    name, version, earlier = result["name"], result["champion_version"], result["earlier_version"]
    if result["changed"]:
        return f"{name}: version {version} is champion again (was {result['from_version']})"
    since = result["since"][:16].replace("T", " ")
    further = f"; to go back further: ml-assets rollback {name} --to {earlier}" if earlier else ""
    return f"{name}: version {version} is champion already, since {since} UTC; nothing was changed{further}"


def rename_model(old: str, new: str) -> dict[str, Any]:
    """Give the history of a model whose recipe is gone to the recipe that has its new name."""
    if old == new:
        raise WalkError(f"{old!r} has that name: name the old one, then the one that its recipe has now")
    state = known_state(new)
    if any(other.name == old for other in load_states(state.settings)[0]):
        raise WalkError(f"a recipe has the name {old!r} still: rename it to {new!r} there, in its `name:`")
    with open_instance(state.settings) as instance:
        rename(instance, old, state, actor())
    refresh_overview(state.settings)
    line = champions.champions(state.ledger, new)
    return {"name": new, "from_name": old, "champion_version": line[-1] if line else None}


def show_change(state: ModelState) -> None:
    """Let the web UI show who is in charge, where it shows the champion and in the overview."""
    if champions.champions(state.ledger, state.name):
        with open_instance(state.settings) as instance:
            instance.report_runless_asset_event(champion_event(state))
    refresh_overview(state.settings)


def refresh_overview(settings: Settings) -> None:
    """Materialize `model_overview`, so that the web UI shows what has just been done."""
    from ml_assets.orchestration.location import build_definitions
    from ml_assets.orchestration.runs import execute

    repository = build_definitions(settings).get_repository_def()
    with open_instance(settings) as instance:
        execute(instance, repository, "model_overview_job")
