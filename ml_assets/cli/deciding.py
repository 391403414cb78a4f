"""Commands by which a person decides about a model, with the reason: the ledger has both."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ml_assets.cli.arguments import Json, ModelName
from ml_assets.cli.output import faults, finish

Version = Annotated[int, typer.Argument(metavar="VERSION", help="The version that waits.")]
Reason = Annotated[str, typer.Argument(metavar="REASON", help="Why: it is written to the ledger.")]


def approve(name: ModelName, version: Version, reason: Reason, as_json: Json = False) -> None:
    """Say yes to a challenger that waits for a person: it is champion then."""
    from ml_assets.cli.persons import approve_version

    with faults(as_json):
        result = approve_version(name, version, reason)
    _finish(result, as_json)


def refuse(name: ModelName, version: Version, reason: Reason, as_json: Json = False) -> None:
    """Say no to a challenger that waits for a person: the champion stays."""
    from ml_assets.cli.persons import refuse_version

    with faults(as_json):
        result = refuse_version(name, version, reason)
    _finish(result, as_json)


def retrain(name: ModelName, reason: Reason, as_json: Json = False) -> None:
    """Ask for a training, whatever the policy says: the daemon of `ml-assets ui` begins it at its next look."""
    from ml_assets.cli.persons import ask_training

    with faults(as_json):
        result = ask_training(name, reason)
    _finish(result, as_json)


def pause(
    name: ModelName,
    reason: Reason,
    days: Annotated[
        float | None, typer.Option("--days", help="For so many days. Default: until `ml-assets resume`.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Let a model not be trained by itself; batches are watched, and probation and rollback go on."""
    from ml_assets.cli.persons import pause_model

    with faults(as_json):
        result = pause_model(name, reason, days)
    _finish(result, as_json)


def resume(name: ModelName, reason: Reason, as_json: Json = False) -> None:
    """End a pause."""
    from ml_assets.cli.persons import resume_model

    with faults(as_json):
        result = resume_model(name, reason)
    _finish(result, as_json)


def _finish(result: dict[str, Any], as_json: bool) -> None:
    finish(result, f"{result['name']}: {result['text']}", as_json)
