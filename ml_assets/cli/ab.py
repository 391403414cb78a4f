"""The commands of `ml-assets ab`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ml_assets.cli.arguments import Json, ModelName
from ml_assets.cli.commands import Commands
from ml_assets.cli.output import faults, finish

app = typer.Typer(
    cls=Commands,
    help="Compare versions on live traffic: A/B test, canary, shadow.",
    no_args_is_help=True,
)
Reason = Annotated[str, typer.Option("--reason", help="Why: it is written to the ledger.")]


@app.command()
def start(
    name: ModelName,
    versions: Annotated[
        list[int], typer.Argument(metavar="VERSION…", help="What is compared with the champion.")
    ],
    split: Annotated[
        float | None,
        typer.Option(help="Share of the keys that they get together. Default: each as much as the champion."),
    ] = None,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="They answer every row beside the champion, for the log alone.")
    ] = False,
    canary: Annotated[
        str | None, typer.Option(metavar="HOURS:SHARE,…", help="Shares that grow: 0:0.01,1:0.1,24:0.5.")
    ] = None,
    labels: Annotated[
        int, typer.Option(help="Labelled rows of each arm, at which it ends at the latest.")
    ] = 5_000,
    reason: Reason = "asked for",
    as_json: Json = False,
) -> None:
    """Let versions answer a part of the traffic, until one is surely better, or worse."""
    from ml_assets.cli import experiments
    from ml_assets.lifecycle.experiments import Wish

    with faults(as_json):
        result = experiments.start(name, Wish(tuple(versions), split, shadow, canary, labels), reason)
    _finish(result, as_json)


@app.command()
def status(name: ModelName, as_json: Json = False) -> None:
    """Tell what is compared and what is known of each arm."""
    from ml_assets.cli import experiments

    with faults(as_json):
        result = experiments.status(name)
    _finish(result, as_json)


@app.command()
def stop(
    name: ModelName,
    reason: Annotated[str, typer.Argument(metavar="REASON", help="Why: it is written to the ledger.")],
    as_json: Json = False,
) -> None:
    """End an experiment: the champion answers all again."""
    from ml_assets.cli import experiments

    with faults(as_json):
        result = experiments.stop(name, reason)
    _finish(result, as_json)


def _finish(result: dict[str, Any], as_json: bool) -> None:
    finish(result, f"{result['name']}: {result['text']}", as_json)
