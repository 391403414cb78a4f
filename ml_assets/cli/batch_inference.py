"""Predicting a whole source: which version, from where, to where, and how far it has come."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ml_assets.cli.output import say
from ml_assets.failures import FAILED, MendableError, WrongUsageError
from ml_assets.features.history import features_look_back
from ml_assets.lifecycle.intake import past_before
from ml_assets.lifecycle.joined import tables_with_features
from ml_assets.lifecycle.state import locked
from ml_assets.lifecycle.storage import place_of
from ml_assets.recipe.loading import parse_recipe
from ml_assets.recipe.readable import ENDINGS
from ml_assets.registry import champions
from ml_assets.registry.ledger import Ledger
from ml_assets.registry.versions import Registry
from ml_assets.serving.batch import RULE, Done, Journal, infer, key_of, whole
from ml_assets.serving.live import Served, load_version
from ml_assets.settings import Settings, read_settings
from ml_assets.shown import counted
from ml_assets.sources.paths import file_type
from ml_assets.store.buckets import filesystem, library_missing, reason
from ml_assets.store.output import see_file
from ml_assets.store.places import Bucket, Folder, Place
from ml_assets.store.snapshots import Store

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from ml_assets.sources.wanted import Wanted

OFTEN = 5.0
"""Seconds between two lines of progress, where no terminal shows a bar."""
WIDTH = 30


class OutputError(MendableError):
    """The output cannot be written."""

    exit_code = FAILED


class Inference(NamedTuple):
    """What is asked for: a model by name, or a version by the run that trained it."""

    model: str | None
    run_id: str | None
    version: int | None
    source: str
    output: str


def predict_source(asked: Inference) -> dict[str, Any]:
    """Predict all rows of a source, and write them with their predictions.

    Raises
    ------
    WrongUsageError
        If not exactly one of model and run is named, or nobody knows it.
    """
    from ml_assets.sources.streamed import rows_in, streamed

    settings = read_settings()
    registry = Registry(settings, Ledger(settings.ledger))
    name, version = _version(registry, asked)
    past = _past(registry, name, version)
    served = load_version(registry, name, version, past=past)
    wanted = _wanted(served, asked.source, settings)
    texts, numbers = (
        [name for name, kind in served.known.kinds.columns.items() if kind == wanted_kind]
        for wanted_kind in ("text", "number")
    )
    batches = served.way.recipe.batches
    output = asked.output if "://" in asked.output else str(Path(asked.output).absolute())
    meaning = {
        "model": name, "version": version, "sha256": served.sha256, "source": asked.source, "output": output,
        "batch_size": settings.batch_size, "past": None if past is None else _digest(past),
    }  # fmt: skip
    folder = settings.inference / key_of(meaning)
    if one_file := output.lower().endswith(tuple(ENDINGS)):
        _see(output)
    place = Folder(folder / "parts") if one_file else _place(output, folder)
    with locked(settings.locks, f"inference-{folder.name}"):
        dated = None if batches is None else batches.column
        tables = streamed(wanted, settings.batch_size, texts, dated, numbers)
        if past is not None:  # rows are one another's past
            tables = _together(tables)
        tables = tables_with_features(tables, served.way.recipe, served.known.columns, settings)
        journal = Journal(folder / "journal.json", meaning)
        bar = progress(rows_in(wanted))
        done = infer(tables, served.way, version, place, journal, bar)
        if not done.rows:
            raise OutputError(f"{asked.source}: there is no row, so nothing was written")
        if one_file:
            _write_whole(place, output, folder)
        _remove(folder)
    return {"name": name, "version": version, "output": output, **_counted(done)}


def batch_text(result: dict[str, Any]) -> str:
    """Say what was done."""
    there = result["parts"] - result["predicted_parts"]
    again = f" ({there:,} of {result['parts']:,} parts were there already)" if there else ""
    broken, predicted = result["broken_rows"], result["rows"] - result["broken_rows"]
    without = (
        f"\n{broken:,} rows break a rule and got no prediction: column '{RULE}' says which" if broken else ""
    )
    return (
        f"{result['name']}: version {result['version']} predicted {counted(predicted, 'row')} in "
        f"{result['seconds']:.1f} s{again}: {result['output']}{without}"
    )


def progress(total: int | None) -> Callable[[int], None]:
    """Make what is told the rows so far, and shows them: a bar on a terminal, else a line now and then."""
    began = last = time.monotonic()
    bar = sys.stderr.isatty()

    def tell(rows: int) -> None:
        nonlocal last
        now = time.monotonic()
        if not bar and now - last < OFTEN:
            return
        last = now
        speed = f"{rows / max(now - began, 1e-9):,.0f} rows/s"
        share = None if not total else min(rows / total, 1.0)
        told = f"{rows:,} rows" if total is None else f"{rows:,} of {total:,} rows"
        if bar:
            full = "" if share is None else f"[{'#' * round(share * WIDTH):.<{WIDTH}}] {share:4.0%} "
            end = "\n" if share == 1.0 else ""
            sys.stderr.write(f"\r{full}{told}, {speed} {end}")
            sys.stderr.flush()
        else:
            say(f"{told}, {speed}")

    return tell


def _counted(done: Done) -> dict[str, Any]:
    return {
        "rows": done.rows,
        "parts": done.parts,
        "predicted_parts": done.predicted,
        "broken_rows": done.broken,
        "seconds": round(done.seconds, 3),
    }


def _version(registry: Registry, asked: Inference) -> tuple[str, int]:
    if (asked.model is None) == (asked.run_id is None):
        raise WrongUsageError("say either --model NAME or --run-id ID")
    if asked.model is not None:
        if asked.version is not None:
            return asked.model, champions.version_info(registry.ledger, asked.model, asked.version).version
        champion = registry.champion(asked.model)
        if champion is None:
            from ml_assets.cli.models import known_state

            known_state(asked.model)  # of a name that nobody knows it says so
            raise WrongUsageError(
                f"{asked.model}: no version is champion: train it first, `ml-assets train --recipe-file FILE`"
            )
        return asked.model, champion.version
    assert asked.run_id is not None
    return version_of_run(registry.ledger, asked.run_id)


def version_of_run(ledger: Ledger, run_id: str, model: str | None = None) -> tuple[str, int]:
    """Find the version that a run has trained, of a model or of any.

    Raises
    ------
    WrongUsageError
        If there is none.
    """
    names = [model] if model else sorted({entry.recipe for entry in ledger.entries(kind=champions.TRAIN)})
    for name in names:
        for info in champions.versions(ledger, name):
            if info.trained.run_id == run_id:
                return name, info.version
    what = f"version of {model}" if model else "registered version"
    raise WrongUsageError(
        f"--run-id: no {what} was trained by the run {run_id!r}; `ml-assets status --json` has them"
    )


def _wanted(served: Served, source: str, settings: Settings) -> Wanted:
    """The question that the recipe asks of its own source, asked of another."""
    from ml_assets.sources.source import wanted_of

    recipe = served.way.recipe
    loader = recipe.model.loader.model_copy(update={"source_uri": source})
    model = recipe.model.model_copy(update={"loader": loader})
    asked = recipe.model_copy(update={"model": model, "batches": None})
    return wanted_of(asked, Path(), settings.variables, settings.mirror)


def _past(registry: Registry, name: str, version: int) -> pd.DataFrame | None:
    """Newest clean rows of a model, where its features are made of earlier rows."""
    text = registry.version(name, version).trained.recipe_text
    if not text:  # it was trained before recipes were kept
        return None
    recipe = parse_recipe(text)
    if not features_look_back(recipe):
        return None
    return past_before(Store(place_of(registry.settings, name)), recipe)


def _digest(past: pd.DataFrame) -> str:
    """Hash of what is looked back at: with another past no part that is there already counts."""
    from pandas.util import hash_pandas_object

    return hashlib.sha256(hash_pandas_object(past, index=False).to_numpy().tobytes()).hexdigest()


def _together(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    import pyarrow as pa

    if parts := list(tables):
        yield pa.concat_tables(parts, promote_options="permissive")


def _place(output: str, folder: Path) -> Place:
    if (path := _local(output)) is not None:
        return Folder(path)
    return Bucket(output, folder / "copies", copies=False, called="--output")


def _see(output: str) -> None:
    """Try whether one file can be written where it is wanted, before anything is predicted."""
    if file_type(Path(output)) == "CSV" and not output.lower().endswith(".csv"):
        raise OutputError(
            f"--output {output}: a CSV file is written as .csv, neither packed nor with other marks"
        )
    if (path := _local(output)) is not None:
        see_file("--output", path)


def _local(output: str) -> Path | None:
    """Give the path of an output on this machine; None where it lies in object storage."""
    scheme, separator, path = output.partition("://")
    return Path(path if separator else output) if not separator or scheme.lower() == "file" else None


def _write_whole(place: Place, output: str, folder: Path) -> None:
    as_csv = file_type(Path(output)) == "CSV"
    if (path := _local(output)) is not None:
        whole(place, path, as_csv)
        return
    scheme = output.partition("://")[0]
    made = folder / Path(output).name
    whole(place, made, as_csv)
    try:
        filesystem(scheme).put_file(str(made), output)
    except ImportError:
        raise OutputError(f"--output: {library_missing(scheme)}") from None
    except Exception as error:  # each store's library has errors of its own
        raise OutputError(f"--output '{output}': {reason(error)}") from error


def _remove(folder: Path) -> None:
    """Remove what was kept while it was under way."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
