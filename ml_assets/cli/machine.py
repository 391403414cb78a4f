"""Commands about the place where models live: its health, its alerts, the demo, the web UI."""

from __future__ import annotations

from typing import Annotated

import typer

from ml_assets.cli.arguments import Json, KnownName
from ml_assets.cli.output import faults, finish, say
from ml_assets.failures import FAILED


def doctor(as_json: Json = False) -> None:
    """Examine libraries, disk, services, ledger, models, batches and runs; exit code 1 where something is not well."""
    from ml_assets.cli.doctor import doctor_text, examine_all

    with faults(as_json):
        result = examine_all(say)
    finish(result, doctor_text(result), as_json)
    if not result["ok"]:
        raise typer.Exit(FAILED)


def costs(
    name: KnownName = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="DATE", help="Default: the last 30 days.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell what models cost: seconds, CPU, memory, rows and bytes; of one model by asset and by training."""
    from ml_assets.cli.costs import costs_of, costs_text

    with faults(as_json):
        result = costs_of(name, since)
    finish(result, costs_text(result, name), as_json)


def test_alerts(as_json: Json = False) -> None:
    """Send a test message by each alert channel; exit code 1 where one fails, or none is set up."""
    from ml_assets.cli.alerts import send_tests, tests_text

    with faults(as_json):
        result = send_tests(say)
    finish(result, tests_text(result), as_json)
    if not result["ok"]:
        raise typer.Exit(FAILED)


def demo(as_json: Json = False) -> None:
    """Run the whole loop on the demo recipes: birth, quiet months, drift, retraining, promotion."""
    from ml_assets.cli.demo import run_demo

    with faults(as_json):
        result, text = run_demo(say)
    finish(result, text, as_json)


def dashboard(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port of the pages.")] = 8050,
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than 127.0.0.1 want keys or a proxy.")
    ] = "127.0.0.1",
    dagster: Annotated[
        str | None, typer.Option("--dagster", metavar="URL", help="Dagster's web UI, for links.")
    ] = None,
) -> None:
    """Show every model on pages for people: how it is, why, and what waits for them; Ctrl-C ends it."""
    from ml_assets.cli.dashboard import serve_dashboard

    with faults(False):
        serve_dashboard(host, port, dagster)


def ui(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port of the web UI.")] = 3000,
    mlflow_port: Annotated[int, typer.Option(min=1, max=65_535, help="Port of MLflow's web page.")] = 5000,
    dashboard_port: Annotated[
        int, typer.Option(min=1, max=65_535, help="Port of the pages for people.")
    ] = 8050,
    host: Annotated[
        str, typer.Option(help="Address to listen on. There is no login: keep it private.")
    ] = "127.0.0.1",
) -> None:
    """Open the pages of every model, Dagster's web UI with its daemon, and MLflow's page; Ctrl-C ends them."""
    from ml_assets.cli.ui import serve_ui

    with faults(False):
        raise typer.Exit(serve_ui(host, port, mlflow_port, dashboard_port))
