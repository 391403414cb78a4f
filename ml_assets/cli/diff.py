"""`ml-assets diff`: what a change of a recipe makes anew, and what stays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ml_assets.cli.arguments import Json
from ml_assets.cli.output import faults, finish

if TYPE_CHECKING:
    from ml_assets.records import RecipeDiff


def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A recipe; or the name of a known model, alone.")],
    new: Annotated[
        Path | None, typer.Argument(metavar="[NEW]", help="The recipe that takes its place.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell what a change of a recipe makes anew, and what stays; a model's name asks about its champion's recipe."""
    with faults(as_json):
        found = _of_files(Path(old), new) if new is not None else _of_model(old)
    finish(found.model_dump(mode="json"), diff_text(found), as_json)


def _of_files(old: Path, new: Path) -> RecipeDiff:
    from ml_assets.failures import WrongUsageError
    from ml_assets.lifecycle.changes import compare
    from ml_assets.recipe.loading import ENDINGS, as_written

    if not old.is_file() and old.suffix not in ENDINGS:
        raise WrongUsageError(
            f"{old}: no such file; two recipes are compared, or a model with its champion: `ml-assets diff {old}`"
        )
    return compare(as_written(old), as_written(new), (str(old), str(new)))


def _of_model(name: str) -> RecipeDiff:
    from ml_assets.cli.models import known_state
    from ml_assets.cli.validate import load_state
    from ml_assets.lifecycle.arrival import parts
    from ml_assets.lifecycle.changes import compare_with_champion
    from ml_assets.recipe.loading import ENDINGS
    from ml_assets.settings import read_settings

    is_file = Path(name).is_file() or Path(name).suffix in ENDINGS
    state = load_state(Path(name), read_settings()) if is_file else known_state(name)
    return compare_with_champion(state, lambda: parts(state))


def diff_text(found: RecipeDiff) -> str:
    """Tell each key with what it changes, and what becomes of every asset."""
    from ml_assets.recipe.parts import BY_CHAMPION
    from ml_assets.shown import spanned

    if not found.changes:
        return f"{found.old} and {found.new} say the same: nothing is made anew"
    lines = [f"from {found.old} to {found.new}:"]
    for change in found.changes:
        lines.append(f"  {change.key}: {_shown(change.old)} → {_shown(change.new)}")
        told = [f"changes {', '.join(change.reruns)}"] if change.reruns else []
        lines += [f"    {text}" for text in (*told, *([change.beside] if change.beside else []))]
    rows = (("made anew", found.reruns), ("made of these", found.follows), ("stays", found.stays))
    lines += [f"{words}: {', '.join(assets)}" for words, assets in rows if assets]
    for words, batches in (
        ("read anew", found.read_anew),
        ("cleaned anew", found.cleaned_anew),
        ("no longer in the source, so not read anew", found.gone),
    ):
        lines += [f"batches {words}: {spanned(batches)}"] if batches else []
    if {*found.reruns, *found.follows} & {*BY_CHAMPION}:
        lines.append(
            "predictions and reports of batches that were watched stay; from the next batch on they differ"
        )
    return "\n".join(lines)


def _shown(value: Any) -> str:
    import json

    from ml_assets.shown import clipped

    return "not set" if value is None else clipped(json.dumps(value, ensure_ascii=False), 60)
