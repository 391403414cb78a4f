"""`ml-assets init`: a first recipe for a table, written after a look at it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ml_assets.cli.validate import validate_files
from ml_assets.failures import WrongUsageError
from ml_assets.lifecycle.draft import Wish, draft
from ml_assets.settings import read_settings
from ml_assets.store.output import see_file


class TakenError(WrongUsageError):
    """There is a file where the recipe would be."""


def write_recipe(wish: Wish, path: Path | None) -> dict[str, Any]:
    """Write a recipe and hold it against its data; default: `NAME.yaml` in the current folder.

    Returns
    -------
    dict
        `file, ok, errors: [{line, key, message}], notes, hints, looked_at, columns, text`.

    Raises
    ------
    TakenError
        The file is there already: nothing is overwritten.
    """
    settings = read_settings()
    path = path or Path(f"{wish.name}.yaml")
    taken = TakenError(f"{path} is there already: remove it, or name another file by --recipe-file")
    if os.path.lexists(path):
        raise taken
    see_file("--recipe-file", path)
    text = draft(wish, path, settings)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise taken from None
    return validate_files([path], settings)[0] | {"text": text}
