"""What a changed recipe makes anew, and what stays."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ml_assets.failures import WrongUsageError
from ml_assets.recipe import RecipeError
from ml_assets.recipe.loading import parse_recipe
from ml_assets.recipe.parts import (
    BESIDE,
    BY_CHAMPION,
    INTERPOLATED_BY,
    UPSTREAM,
    below,
    code_versions,
    interpolated,
    leaves,
    readers,
)
from ml_assets.records import KeyChange, RecipeDiff
from ml_assets.registry import champions
from ml_assets.shown import listed

if TYPE_CHECKING:
    from ml_assets.lifecycle.state import ModelState
    from ml_assets.recipe import Recipe


class NothingToCompareError(WrongUsageError, ValueError):
    """There is no recipe to compare with."""


def compare(old: Recipe, new: Recipe, words: tuple[str, str] = ("old", "new")) -> RecipeDiff:
    """Tell what is made anew where one recipe takes the place of another.

    Parameters
    ----------
    old, new : Recipe
        The recipes; of what they read nothing is looked at.
    words : tuple of str
        Where they are from.
    """
    before, after = dict(leaves(old)), dict(leaves(new))
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    carried = interpolated(old) != interpolated(new)
    changes = tuple(
        KeyChange(
            key=key,
            old=before.get(key),
            new=after.get(key),
            reruns=_in_order(
                {*readers(key), *(["cleaned_features"] if carried and key in INTERPOLATED_BY else [])}
            ),
            beside=BESIDE.get(below(key, BESIDE) or "", ""),
        )
        for key in keys
    )
    versions, others = code_versions(old), code_versions(new)
    reruns = {asset for asset in versions if versions[asset] != others[asset]}
    follows = _made_of(reruns) - reruns
    return RecipeDiff(
        old=words[0],
        new=words[1],
        changes=changes,
        reruns=_in_order(reruns),
        follows=_in_order(follows),
        stays=_in_order(set(UPSTREAM) - reruns - follows),
    )


def _in_order(assets: Collection[str]) -> tuple[str, ...]:
    return tuple(asset for asset in UPSTREAM if asset in assets)


def _made_of(assets: Collection[str]) -> set[str]:
    """All that is made of these, directly or not; another champion answers for the next batch."""
    found = set(assets)
    for asset in UPSTREAM:
        if found & {*UPSTREAM[asset]}:
            found.add(asset)
    return found | (set(BY_CHAMPION) if "champion" in found else set())


def compare_with_champion(state: ModelState, there: Callable[[], Collection[str]]) -> RecipeDiff:
    """Compare a model's recipe with the one that its champion was trained by, and name the batches it concerns.

    `there` gives the batches in the source; see `made_anew`.

    Raises
    ------
    NothingToCompareError
        There is no champion, or it was trained before recipes were kept with a version.
    """
    champion = champions.champion(state.ledger, state.name)
    if champion is None:
        raise NothingToCompareError(
            f"{state.name} has no champion yet: there is nothing to compare with. Name two files, as in `ml-assets "
            "diff OLD.yaml NEW.yaml`"
        )
    place = f"version {champion.version}"
    if not champion.trained.recipe_text:
        raise NothingToCompareError(
            f"{state.name}: {place} was trained before recipes were kept with a version. Name two files, as in "
            "`ml-assets diff OLD.yaml NEW.yaml`; the next training keeps its recipe"
        )
    try:
        old = parse_recipe(champion.trained.recipe_text, place)
    except RecipeError as error:
        raise NothingToCompareError(
            f"{state.name}: the recipe that {place} was trained by is none any more: {error}"
        ) from None
    found = compare(old, state.recipe, (f"the recipe of {place}", str(state.path)))
    batches = made_anew(state, there)
    return found.model_copy(
        update={
            "read_anew": tuple(batches.read),
            "cleaned_anew": tuple(batches.cleaned),
            "gone": tuple(batches.gone),
        }
    )


def made_no_more(
    name: str, version: int, features: Collection[str], columns: Collection[object]
) -> str | None:
    """Say which features of a version the clean rows do not have since the recipe changed; None where they have all."""
    lost = [feature for feature in features if feature not in columns]
    if not lost:
        return None
    return f"{name} version {version} needs {listed(lost)}, which the recipe does not make any more"


class Anew(NamedTuple):
    """Batches that an earlier recipe made, oldest first."""

    read: list[str]
    """Read by another recipe, and in the source still."""
    cleaned: list[str]
    """Cleaned by another recipe; those that are read anew among them."""
    gone: list[str]
    """Read by another recipe, and no longer in the source."""


def made_anew(state: ModelState, there: Callable[[], Collection[str]]) -> Anew:
    """Find the batches that the recipe as it is now would have made otherwise; `there` gives those in the source.

    What was taken in by versions of this package that did not keep it is taken for current. The one batch of a static
    table is read anew by each training.
    """
    if state.recipe.batches is None:
        return Anew([], [], [])
    made_by = state.store.recipes("cleaned_features")
    version = state.code_versions["raw_data"]
    read = [b for b, by in made_by.items() if by is not None and by.partition(".")[0] not in ("", version)]
    here = set(there()) if read else set()
    return Anew(
        [batch for batch in read if batch in here],
        outworn(state, made_by),
        [batch for batch in read if batch not in here],
    )


def outworn(state: ModelState, made_by: Mapping[str, str | None]) -> list[str]:
    """Batches among these, each with what `cleaned_by` said of it, that another recipe has cleaned."""
    version = state.code_versions["cleaned_features"]
    return [batch for batch, by in made_by.items() if by is not None and by.partition(".")[2] != version]


def cleaned_by(state: ModelState, read_by: str | None) -> str:
    """Name the versions of the recipe by which a batch was read and is cleaned."""
    return f"{read_by or ''}.{state.code_versions['cleaned_features']}"
