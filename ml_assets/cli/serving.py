"""Commands about answering requests: the HTTP API of a model, the keys for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ml_assets.cli.arguments import ContextParams, Json, ModelName
from ml_assets.cli.output import faults, finish
from ml_assets.failures import FAILED, WrongUsageError
from ml_assets.serving.keys import SCOPES


def serve(
    name: ModelName,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port of the API.")] = 8000,
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than 127.0.0.1 want keys.")
    ] = "127.0.0.1",
    version: Annotated[
        int | None, typer.Option(help="Answer with this version, whoever is champion.")
    ] = None,
    run_id: Annotated[
        str | None, typer.Option("--run-id", metavar="ID", help="Or with the version that this run trained.")
    ] = None,
) -> None:
    """Answer predictions over HTTP with the champion, and with the next one as soon as it is; Ctrl-C ends it."""
    from ml_assets.cli.serve import serve_model

    with faults(False):
        serve_model(name, host, port, version, run_id)


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


def batch_inference(
    source: Annotated[
        str, typer.Option("--source", metavar="URI", help="Rows: path, glob, folder, bucket or query.")
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            metavar="URI",
            help="A .parquet or .csv file, or a folder for parts; here or in a bucket.",
        ),
    ],
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="The champion of this.")
    ] = None,
    version: Annotated[
        int | None, typer.Option("--version", help="This version of --model, whoever is champion.")
    ] = None,
    run_id: Annotated[
        str | None, typer.Option("--run-id", metavar="ID", help="Or the version that this run trained.")
    ] = None,
    context_params: ContextParams = None,
    as_json: Json = False,
) -> None:
    """Predict all rows of a source, however many, with little memory; killed, the same command goes on."""
    from ml_assets.cli.batch_inference import Inference, batch_text, predict_source
    from ml_assets.cli.context_params import use

    with faults(as_json):
        use(context_params)
        result = predict_source(Inference(model, run_id, version, source, output))
    finish(result, batch_text(result), as_json)


def export(
    name: ModelName,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="package, docker-context, joblib, pickle, native, onnx, keras, savedmodel or tflite.",
        ),
    ] = "package",
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="New folder. Default: NAME-VERSION-FORMAT.")
    ] = None,
    version: Annotated[int | None, typer.Option(help="Default: the champion.")] = None,
    as_json: Json = False,
) -> None:
    """Write a version into a folder that runs by itself, or its model in another format."""
    from ml_assets.cli.export import export_text, export_version

    with faults(as_json):
        result = export_version(name, version, form, to)
    finish(result, export_text(result), as_json)


def api_key(
    scope: Annotated[
        str, typer.Option(help="predict; read or decide: the pages; admin: all, and /metrics.")
    ] = "predict",
    as_json: Json = False,
) -> None:
    """Make a key for the HTTP API: it is shown once, and only its hash is set at the server."""
    from ml_assets.cli.serve import key_text, make_key

    with faults(as_json):
        found = next((each for each in SCOPES if each == scope), None)
        if found is None:
            raise WrongUsageError(f"--scope: found {scope!r}; allowed: {', '.join(SCOPES)}")
        result = make_key(found)
    finish(result, key_text(result), as_json)
