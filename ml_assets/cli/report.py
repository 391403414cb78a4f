"""`ml-assets report`: the report of a training or of a batch, as a page or as Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_assets.cli.models import known_state
from ml_assets.failures import MendableError, WrongUsageError
from ml_assets.lifecycle.batch_page import keep_batch_report
from ml_assets.lifecycle.training_page import training_report
from ml_assets.registry.champions import versions
from ml_assets.shown import listed, spanned
from ml_assets.store.atomic import atomic_write
from ml_assets.store.output import see_file

if TYPE_CHECKING:
    from ml_assets.lifecycle.state import ModelState


class NoReportError(MendableError, LookupError):
    """A report of what there is not."""


def find_report(
    name: str, version: int | None, batch: str | None, output: Path | None, kind: str
) -> dict[str, Any]:
    """Find the report of a version, or make that of a batch anew; with `output` it is written there, too.

    Returns
    -------
    dict
        `name`, `version` or `batch`, and `file`.

    Raises
    ------
    NoReportError
        If there is no such version or batch, or its report is lost.
    WrongUsageError
        If both are asked for.
    """
    if version is not None and batch is not None:
        raise WrongUsageError("--version and --batch: a report is of one of them")
    state = known_state(name)
    if output is not None:
        see_file("--output", output)
    if batch is not None:
        path = _of_batch(state, batch, kind)
        of: dict[str, Any] = {"batch": batch}
    else:
        version = _version(state, version)
        path = _of_version(state, version, kind)
        of = {"version": version}
    if output is not None:
        atomic_write(output.absolute(), path.read_bytes())
        path = output
    return {"name": name, **of, "file": str(path)}


def _version(state: ModelState, version: int | None) -> int:
    known = [info.version for info in versions(state.ledger, state.name)]
    if version is None:
        champion = state.registry.champion(state.name)
        if champion is None:
            remedy = (
                f": `ml-assets report {state.name} --version {known[-1]}` is of the newest" if known else ""
            )
            raise NoReportError(
                f"{state.name}: no version is champion yet (registered: {_named(known)}){remedy}"
            )
        return champion.version
    if version not in known:
        raise NoReportError(f"{state.name} has no version {version} (registered: {_named(known)})")
    return version


def _named(known: list[int]) -> str:
    return listed(known) if known else "none; train it first, `ml-assets train --recipe-file FILE`"


def _of_version(state: ModelState, version: int, kind: str) -> Path:
    path = training_report(state, version, kind)
    if path is None:
        raise NoReportError(
            f"{state.name}: the report of version {version} is neither in the store nor in MLflow: it was trained "
            "before reports were kept, or it is lost; train it again"
        )
    return path


def _of_batch(state: ModelState, batch: str, kind: str) -> Path:
    known = sorted({*state.store.batches("raw_data"), *state.store.batches("drift_report")})
    if batch not in known:
        raise NoReportError(
            f"{state.name}: batch {batch!r} was not taken in (taken in: {spanned(known) if known else 'none yet'})"
        )
    return keep_batch_report(state, batch)[kind]
