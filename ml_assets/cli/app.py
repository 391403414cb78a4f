"""The commands: each reads its arguments, calls one function and prints its result."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ml_assets.cli import ab, audit, deciding, diff, erase, machine, rows, serving
from ml_assets.cli.arguments import ContextParams, Json, KnownName, ModelName, OrRecipeFile, RecipeFile
from ml_assets.cli.commands import Commands
from ml_assets.cli.output import (
    checked_lines,
    faults,
    finish,
    log_to_stderr,
    say,
    stop,
)
from ml_assets.failures import FAILED, WRONG_USAGE, bug, traced

app = typer.Typer(
    cls=Commands,
    help="One YAML recipe becomes one complete, self-retraining model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command."""
    from ml_assets.settings import SettingsError, read_settings
    from ml_assets.settings.home import keep_private

    keep_private()
    try:
        log_to_stderr(read_settings().log_level)
    except SettingsError as error:
        raise SystemExit(stop(str(error), WRONG_USAGE, "--json" in sys.argv).exit_code) from None
    try:
        app()
    except Exception as error:  # noqa: BLE001 - the edge of the program: a bug is told in one line
        traced(error)
        raise SystemExit(stop(bug(error), FAILED, "--json" in sys.argv).exit_code) from None


@app.command()
def init(
    name: ModelName,
    data: Annotated[
        str, typer.Option("--data", metavar="URI", help="Path, glob, folder or query: its `source_uri`.")
    ],
    target: Annotated[str, typer.Option("--target", metavar="COLUMN", help="Column to predict.")],
    connection: Annotated[
        str | None, typer.Option("--connection", metavar="URI", help="Database of a query, without password.")
    ] = None,
    recipe_file: Annotated[
        Path | None, typer.Option("--recipe-file", help="File to write. Default: NAME.yaml in this folder.")
    ] = None,
    context_params: ContextParams = None,
    as_json: Json = False,
) -> None:
    """Look at a table and write a first recipe for it, with what was seen beside each line."""
    from ml_assets.cli.context_params import use
    from ml_assets.cli.init import write_recipe
    from ml_assets.lifecycle.draft import Wish

    with faults(as_json):
        use(context_params)
        result = write_recipe(Wish(name, data, target, connection), recipe_file)
    finish(result, "\n".join((result["text"], *checked_lines(result))), as_json)
    if not result["ok"]:
        raise typer.Exit(WRONG_USAGE)


@app.command()
def validate(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]…", help="Default: all known recipes.")
    ] = None,
    context_params: ContextParams = None,
    as_json: Json = False,
) -> None:
    """Check recipes against their data, without training anything."""
    from ml_assets.cli.context_params import use
    from ml_assets.cli.validate import validate_files
    from ml_assets.settings import read_settings

    with faults(as_json):
        use(context_params)
        results = validate_files(files, read_settings())
    lines = (line for result in results for line in checked_lines(result))
    finish({"files": results}, "\n".join(lines), as_json)
    if not all(result["ok"] for result in results):
        raise typer.Exit(WRONG_USAGE)


@app.command()
def profile(
    name: KnownName = None,
    recipe_file: OrRecipeFile = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="Page to write. Default: NAME_data.html in this folder.")
    ] = None,
    papers: Annotated[
        Path | None,
        typer.Option(
            "--papers", metavar="FOLDER", help="Also write problem, requirements, analysis and notebook."
        ),
    ] = None,
    context_params: ContextParams = None,
    as_json: Json = False,
) -> None:
    """Tell what the data of a recipe is like, and write a page of it; nothing is trained."""
    from ml_assets.cli.context_params import use
    from ml_assets.cli.models import state_of
    from ml_assets.cli.profile import write_profile

    with faults(as_json):
        use(context_params, recipe_file)
        result = write_profile(state_of(name, recipe_file), to, papers)
    notes = "".join(f"  {note}\n" for note in result["notes"])
    files = "\n".join((result["file"], *result["papers"]))
    finish(result, f"{result['summary']}\n{notes}{files}", as_json)


@app.command()
def train(
    recipe_file: RecipeFile,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="This model of several by `foreach`.")
    ] = None,
    context_params: ContextParams = None,
    as_json: Json = False,
) -> None:
    """Train the model of a recipe, or each by `foreach`, through the real graph, and let the gate decide."""
    from ml_assets.cli.context_params import use
    from ml_assets.cli.train import train_recipe, train_text

    with faults(as_json):
        use(context_params, recipe_file)
        result = train_recipe(recipe_file, say, only or ())
    finish(result, train_text(result), as_json)
    if result.get("failed"):
        raise typer.Exit(FAILED)


@app.command()
def backfill(
    name: KnownName = None,
    recipe_file: OrRecipeFile = None,
    start: Annotated[str | None, typer.Option("--from", metavar="BATCH", help="First batch.")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="BATCH", help="Last batch.")] = None,
    context_params: ContextParams = None,
    as_json: Json = False,
) -> None:
    """Let history arrive batch by batch, the retrain sensor deciding after each one."""
    from ml_assets.cli.backfill import backfill_text, batch_line
    from ml_assets.cli.context_params import use
    from ml_assets.cli.models import state_of
    from ml_assets.orchestration.walk import walk

    with faults(as_json):
        use(context_params, recipe_file)
        state = state_of(name, recipe_file)
        result = walk(
            state,
            start=start,
            stop=to,
            progress=lambda row, done, total: say(batch_line(row, done, total)),
            say=say,
        )
    finish(result.model_dump(mode="json"), backfill_text(result), as_json)


@app.command()
def backtest(
    name: KnownName = None,
    recipe_file: OrRecipeFile = None,
    as_json: Json = False,
) -> None:
    """Replay history under many retraining policies; tell what each gains and costs, and recommend one."""
    from ml_assets.cli.backtest import backtest_text, run_backtest
    from ml_assets.cli.models import state_of

    with faults(as_json):
        result = run_backtest(state_of(name, recipe_file), say)
    finish(result.model_dump(mode="json"), backtest_text(result), as_json)


@app.command()
def status(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]")] = None,
    environment: Annotated[
        bool, typer.Option("--environment", help="Instead: what is set, where from, and what answers.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show every model: its champion, scores, drift, status and the last decision with its reason."""
    if environment:
        from ml_assets.cli.environment import show

        show(as_json)
        return
    from ml_assets.cli.models import statuses
    from ml_assets.cli.status import status_text
    from ml_assets.settings import read_settings

    with faults(as_json):
        rows = statuses(name)
    home = read_settings().home
    finish({"recipes": [row.model_dump(mode="json") for row in rows]}, status_text(rows, home), as_json)
    for row in rows:
        if row.status in ("lost", "alias moved") and row.last_decision:
            say(row.last_decision.reason)
        for note in row.notes:
            say(f"{row.name}: {note}")
    if any(row.status == "lost" for row in rows):
        raise typer.Exit(FAILED)


@app.command()
def explain(
    name: ModelName,
    decision: Annotated[
        str | None, typer.Option("--decision", metavar="ID", help="Id of an entry of the ledger.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell why a model was trained again, promoted or rolled back, or why not."""
    from ml_assets.cli.explain import explain_model, notes_of
    from ml_assets.cli.models import known_state

    with faults(as_json):
        state = known_state(name)
        result = explain_model(state, decision)
        notes = notes_of(state) if decision is None else ()
    if result is None:
        named = (
            f"entry {decision!r} of it: `ml-assets explain {name}` names the newest, and its page all of them"
        )
        raise stop(f"{name}: the ledger has no {named if decision else 'decision yet'}", FAILED, as_json)
    finish(result | {"notes": notes}, "\n".join((result["text"], *notes)), as_json)


@app.command()
def promote(
    name: ModelName,
    version: Annotated[int, typer.Argument(metavar="VERSION", help="A registered version.")],
    force: Annotated[bool, typer.Option("--force", help="Do not ask the gate; the ledger says so.")] = False,
    as_json: Json = False,
) -> None:
    """Put a version in charge if it is better on recent rows that neither it nor the champion has seen."""
    from ml_assets.cli.models import promote_version

    with faults(as_json):
        result = promote_version(name, version, force=force)
    verdict = "is champion now" if result["promoted"] else "did not become champion"
    if result["promoted"] and not result["changed"]:
        verdict = "is champion already, nothing was changed"
    finish(result, f"{name}: version {version} {verdict}: {result['reason']}", as_json)
    if not result["promoted"]:
        raise typer.Exit(FAILED)


@app.command()
def rollback(
    name: ModelName,
    to: Annotated[
        int | None, typer.Option("--to", metavar="VERSION", help="Default: the champion before.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why: it is written to the ledger.")] = "asked for",
    as_json: Json = False,
) -> None:
    """Put an earlier version back in charge, after it has been loaded and tried.

    Said again it changes nothing: to go back further than the champion before, name the version.
    """
    from ml_assets.cli.models import roll_back, rollback_text

    with faults(as_json):
        result = roll_back(name, to, reason=reason)
    finish(result, rollback_text(result), as_json)


@app.command()
def accept(
    name: ModelName,
    batch: Annotated[str, typer.Argument(metavar="BATCH", help="The batch whose faults or drift are meant.")],
    reason: Annotated[str, typer.Argument(metavar="REASON", help="Why: it is written to the ledger.")],
    undo: Annotated[bool, typer.Option("--undo", help="Take it back.")] = False,
    as_json: Json = False,
) -> None:
    """Confirm what a batch shows, faults and drift, as the new normal: it is learned from then on."""
    from ml_assets.cli.accept import accept_batch, accept_text

    with faults(as_json):
        result = accept_batch(name, batch, reason, undo=undo)
    finish(result, accept_text(result), as_json)


@app.command()
def rename(
    old: Annotated[str, typer.Argument(metavar="OLD", help="Name the model had: no recipe has it any more.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Name the recipe has now.")],
    as_json: Json = False,
) -> None:
    """Give the history of a model, its versions, batches and decisions, to the new name of its recipe."""
    from ml_assets.cli.models import rename_model

    with faults(as_json):
        result = rename_model(old, new)
    version = result["champion_version"]
    text = f"{old} is {new} now: {'no version' if version is None else f'version {version}'} is champion"
    finish(result, text, as_json)


for command in (
    deciding.approve,
    deciding.refuse,
    deciding.retrain,
    deciding.pause,
    deciding.resume,
    audit.audit,
    diff.diff,
    erase.erase,
    rows.features,
    rows.quarantine,
    rows.explain_prediction,
    rows.report,
    serving.serve,
    serving.api_key,
    serving.replay,
    serving.batch_inference,
    serving.export,
    machine.doctor,
    machine.costs,
    machine.test_alerts,
    machine.demo,
    machine.dashboard,
    machine.ui,
):
    app.command()(command)
app.add_typer(ab.app, name="ab")
