"""Commands about the rows of a model, and its reports: features beside them, what was set aside, why an answer."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ml_assets.cli.arguments import Json, KnownName, ModelName, OrRecipeFile
from ml_assets.cli.output import faults, finish


class Format(StrEnum):
    """How a report is written."""

    html = "html"
    md = "md"


def features(
    name: KnownName = None,
    recipe_file: OrRecipeFile = None,
    keys: Annotated[
        str | None, typer.Option("--keys", metavar="JSON", help="Keys of an entity, as '{\"user_id\": 7}'.")
    ] = None,
    materialize: Annotated[
        bool, typer.Option("--materialize", help="Bring the newest values of all namespaces online first.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Tell what a recipe joins from the feature store; of an entity, what is kept online beside what is joined now."""
    from ml_assets.cli.features import features_of, features_text
    from ml_assets.cli.models import state_of

    with faults(as_json):
        result = features_of(state_of(name, recipe_file), keys, materialize=materialize)
    finish(result, features_text(result), as_json)


def quarantine(
    name: ModelName,
    batch: Annotated[str | None, typer.Argument(metavar="[BATCH]", help="Default: all batches.")] = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE.csv", help="Write them there, with the whole rows.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the rows that were set aside, each with the rule that it breaks, the column and the value."""
    from ml_assets.cli.quarantine import list_quarantine, quarantine_text

    with faults(as_json):
        result = list_quarantine(name, batch, to)
    finish(result, quarantine_text(result), as_json)


def report(
    name: ModelName,
    version: Annotated[
        int | None, typer.Option("--version", help="Of the training of a version; default: the champion.")
    ] = None,
    batch: Annotated[str | None, typer.Option("--batch", metavar="KEY", help="Or of a batch.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Write it there, too.")
    ] = None,
    format: Annotated[Format, typer.Option("--format", help="A page, or Markdown.")] = Format.html,
    as_json: Json = False,
) -> None:
    """Tell where the report of a training or of a batch lies, which is fit to be sent on."""
    from ml_assets.cli.report import find_report

    with faults(as_json):
        result = find_report(name, version, batch, output, format.value)
    finish(result, result["file"], as_json)


def explain_prediction(
    name: ModelName,
    row: Annotated[
        str,
        typer.Argument(
            metavar="ROW", help="Number of a row of the batch, from 1, or COLUMN=VALUE, which one row has."
        ),
    ],
    batch: Annotated[
        str | None, typer.Option("--batch", help="Default: the newest that was taken in.")
    ] = None,
    version: Annotated[int | None, typer.Option("--version", help="Default: the champion.")] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="Of several targets one; default: the first.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE.html", help="Write it as a page, too.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell what each column adds to the prediction of one row, by Shapley values and by a linear model near it."""
    from ml_assets.cli.models import known_state
    from ml_assets.lifecycle.explained import explained_row
    from ml_assets.reports.explained import explained_page, words
    from ml_assets.store.atomic import atomic_write
    from ml_assets.store.output import see_file

    with faults(as_json):
        if to is not None:
            see_file("--to", to)
        explained = explained_row(known_state(name), row, batch, version, target)
        if to is not None:
            atomic_write(to.absolute(), explained_page(explained).encode())
    written = {} if to is None else {"file": str(to)}
    finish(explained.model_dump(mode="json") | written, words(explained), as_json)
