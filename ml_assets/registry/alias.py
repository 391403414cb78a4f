"""The alias in MLflow beside the ledger's champion: one that others moved is told, and never taken for the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ml_assets.registry import champions
from ml_assets.registry.database import aliased

if TYPE_CHECKING:
    from ml_assets.registry.ledger import Entry
    from ml_assets.registry.versions import Registry

CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
MOVED: Final = "alias_moved"
"""Kind of entries that tell of an alias which names another version than the ledger."""


def named(registry: Registry, recipe: str) -> int | None:
    """Read which version the alias names; of our database without MLflow, whose import takes seconds."""
    if not registry.settings.own_mlflow:
        return (registry.aliases(recipe) or {}).get(CHAMPION)
    return aliased(registry.settings, recipe, CHAMPION)


def in_charge(registry: Registry, recipe: str, alias: int | None) -> int | None:
    """Say which version is in charge: the ledger's, or, while a change is on its way, the one that it leads to."""
    written = champions.champion_version(registry.ledger, recipe)
    if alias is None or alias == written:
        return written
    on_its_way = (intent.to_version for intent in registry.ledger.open_intents(recipe))
    return alias if alias in on_its_way else written


def differs(registry: Registry, recipe: str) -> bool:
    """Whether the alias names another version than the one in charge, or none although there is one."""
    alias = named(registry, recipe)
    return alias != in_charge(registry, recipe, alias)


def moved(registry: Registry, recipe: str) -> str | None:
    """Say that others moved the alias, and what to do; None where it names the version in charge, or nothing."""
    alias = named(registry, recipe)
    charge = in_charge(registry, recipe, alias)
    if alias is None or alias == charge:
        return None
    known = alias in {info.version for info in champions.versions(registry.ledger, recipe)}
    accept = f"to accept it: `ml-assets promote {recipe} {alias} --force`" if known else ""
    stays = f"version {charge} stays in charge" if charge else "there is no champion"
    back = f"to set it back: `ml-assets rollback {recipe} --to {charge}`" if charge else ""
    remedy = "; ".join(part for part in (accept, back) if part) or "remove it in MLflow"
    return (
        f"{recipe}: the alias {CHAMPION} in MLflow was moved to version {alias} by others than ml_assets; {stays},"
        f" as the ledger says; {remedy}"
    )


def note(registry: Registry, recipe: str) -> Entry | None:
    """Write down that the alias was moved, once; under the recipe's lock. None where it was not, or is noted."""
    text = moved(registry, recipe)
    if text is None:
        return None
    alias, last = named(registry, recipe), champions.last_change(registry.ledger, recipe)
    entry, new = registry.ledger.append_once(
        recipe,
        MOVED,
        key=f"alias:{last.id if last else 0}:{alias}",
        actor="others",
        from_version=last.to_version if last else None,
        to_version=alias,
        reason=text,
    )
    return entry if new else None
