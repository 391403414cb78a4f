"""What the command prints: words to people, one JSON object to programs, progress and faults to stderr."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import typer

from ml_assets.shown import shown, without_user

DONE, FAILED, WRONG_USAGE = 0, 1, 2


def say(text: str) -> None:
    """Print progress to stderr."""
    typer.echo(shown(text), err=True)


def finish(result: Mapping[str, Any], text: str, as_json: bool) -> None:
    """Print the result: with `--json` one JSON object as the last line of stdout, else words."""
    typer.echo(_json(result) if as_json else shown(text))


def _json(result: Mapping[str, Any]) -> str:
    # JSON writes out what is not ASCII; passwords in addresses it would not.
    return without_user(json.dumps(result, allow_nan=False, default=str))


def stop(message: str, code: int, as_json: bool) -> typer.Exit:
    """Print a fault once and make the exit; with `--json` also as the JSON object."""
    say(message)
    if as_json:
        typer.echo(_json({"error": message}))
    return typer.Exit(code)


@contextmanager
def faults(as_json: bool) -> Iterator[None]:
    """Turn the faults that a person can mend into one message and an exit code; any other is a bug."""
    from ml_assets.backtest.errors import TooShortError
    from ml_assets.lifecycle.gate import PromotionError
    from ml_assets.lifecycle.state import Busy
    from ml_assets.orchestration.runs import RunFailedError
    from ml_assets.orchestration.walk import WalkError
    from ml_assets.recipe import RecipeError
    from ml_assets.registry.champions import UnknownVersionError
    from ml_assets.registry.charge import NothingToRollBackError, StaleChampionError
    from ml_assets.registry.integrity import IntegrityError
    from ml_assets.registry.ledger import LedgerBusyError
    from ml_assets.registry.versions import LostRegistryError
    from ml_assets.settings import SettingsError
    from ml_assets.sources.paths import SourceError

    try:
        yield
    except (RecipeError, SettingsError, WalkError, TooShortError) as error:
        raise stop(str(error), WRONG_USAGE, as_json) from None
    except (
        RunFailedError,
        Busy,
        SourceError,
        UnknownVersionError,
        IntegrityError,
        LedgerBusyError,
        LostRegistryError,
        NothingToRollBackError,
        StaleChampionError,
        PromotionError,
    ) as error:
        raise stop(str(error), FAILED, as_json) from None


class _Shown(logging.Formatter):
    """A line of the log, fit for a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return shown(super().format(record))


def log_to_stderr(level: str) -> None:
    """Send our own log, alerts among it, to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Shown("%(levelname)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("ml_assets").setLevel(level)


def number(value: float | None, digits: int = 4) -> str:
    """Write a number for people; a dash where there is none."""
    return "–" if value is None else f"{value:,.{digits}g}"


def columns(rows: list[list[str]], header: list[str]) -> str:
    """Lay rows out in columns.

    >>> print(columns([["a", "1"]], ["name", "n"]))
    name  n
    a     1
    """
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in [header, *rows]
    ]
    return "\n".join(line.rstrip() for line in lines)
