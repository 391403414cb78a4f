"""Commands about answering requests: the HTTP API of a model, the keys for it."""

from __future__ import annotations

from typing import Annotated

import typer

from ml_assets.cli.arguments import Json, ModelName
from ml_assets.cli.output import faults, finish
from ml_assets.failures import FAILED, WrongUsageError


def serve(
    name: ModelName,
    port: Annotated[int, typer.Option(help="Port of the API.")] = 8000,
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than 127.0.0.1 want keys.")
    ] = "127.0.0.1",
    version: Annotated[
        int | None, typer.Option(help="Answer with this version, whoever is champion.")
    ] = None,
) -> None:
    """Answer predictions over HTTP with the champion, and with the next one as soon as it is; Ctrl-C ends it."""
    from ml_assets.cli.serve import serve_model

    with faults(False):
        serve_model(name, host, port, version)


def replay(
    number: Annotated[str, typer.Argument(metavar="ID", help="The `request_id` of an answer.")],
    as_json: Json = False,
) -> None:
    """Make a prediction again: the logged rows, by the version that answered; exit code 1 where it differs."""
    from ml_assets.cli.replay import replay_prediction
    from ml_assets.serving.replay import replay_text

    with faults(as_json):
        result = replay_prediction(number)
    finish(result, replay_text(result), as_json)
    if not result["same"]:
        raise typer.Exit(FAILED)


def api_key(
    scope: Annotated[str, typer.Option(help="predict, or admin: /metrics, too.")] = "predict",
    as_json: Json = False,
) -> None:
    """Make a key for the HTTP API: it is shown once, and only its hash is set at the server."""
    from ml_assets.cli.serve import key_text, make_key

    with faults(as_json):
        if scope not in ("predict", "admin"):
            raise WrongUsageError(f"--scope: found {scope!r}; allowed: predict, admin")
        result = make_key("admin" if scope == "admin" else "predict")
    finish(result, key_text(result), as_json)
