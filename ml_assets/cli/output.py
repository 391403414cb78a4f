"""What the command prints: words to people, one JSON object to programs, progress and faults to stderr."""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from ml_assets.failures import traced, words
from ml_assets.shown import figure, shown, without_user


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
    """Turn what a person can mend into one message and an exit code; any other error is a bug."""
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        told = words(error, _home())
        if told is None:
            raise
        traced(error)
        raise stop(*told, as_json) from None


def _home() -> Path:
    """Where state lies; the settings themselves may be what is wrong."""
    from ml_assets.settings import SettingsError, read_settings

    try:
        return read_settings().home
    except SettingsError:
        return Path()


class _Shown(logging.Formatter):
    """A line of the log, fit for a terminal: what is nothing but told needs no word for its level."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return shown(text.removeprefix("INFO: ") if record.levelno == logging.INFO else text)


def log_to_stderr(level: str) -> None:
    """Send our own log, alerts among it, to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Shown("%(levelname)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("ml_assets").setLevel(level)


def program() -> str:
    """How `ml-assets` is called from the current folder, whether or not it is on the PATH."""
    here = Path(sys.executable).parent / "ml-assets"
    if shutil.which("ml-assets") == str(here):
        return "ml-assets"
    return str(here.relative_to(Path.cwd()) if here.is_relative_to(Path.cwd()) else here)


def number(value: float | None, digits: int = 4) -> str:
    """Write a number for people; a dash where there is none."""
    return "–" if value is None else figure(value, digits)


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


def checked_lines(result: Mapping[str, Any]) -> list[str]:
    """Say what holding a recipe against its data has shown."""
    lines = [f"{result['file']}: {'ok' if result['ok'] else 'not valid'}"]
    lines += [f"  {error['message']}" for error in result["errors"]]
    lines += [f"  {text}" for text in (*result["notes"], *result["hints"])]
    return lines + [f"  looked at {result['looked_at']}"] * bool(result["looked_at"])
