"""The group of the commands: wrong usage that typer finds by itself is a JSON object, too, where it is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from ml_assets.shown import shown


class Commands(TyperGroup):
    """Commands of which each prints one JSON object with `--json`, whatever is wrong with its arguments."""

    as_json = False

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> Any:
        """Parse what stands before the command."""
        self.as_json = "--json" in args
        with self._told():
            return super().make_context(info_name, args, *rest, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Find the command, parse its arguments, and run it."""
        with self._told():
            return super().invoke(ctx)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Print wrong usage as JSON; typer then tells it to people, on stderr, and exits with 2."""
        try:
            yield
        except typer.TyperException as error:
            error.message = shown(error.message)
            if self.as_json:
                typer.echo(json.dumps({"error": error.format_message()}))
            raise
