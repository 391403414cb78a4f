"""Arguments that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[
    bool, typer.Option("--json", help="Print exactly one JSON object as the last line of stdout.")
]
RecipeFile = Annotated[Path, typer.Option("--recipe-file", help="The recipe, a YAML file.")]
ContextParams = Annotated[
    str | None, typer.Option("--context-params", help="Values for the template of a query, as a JSON object.")
]
ModelName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the model: the recipe's `name`.")]
KnownName = Annotated[str | None, typer.Argument(metavar="[NAME]", help="Name of a known model.")]
OrRecipeFile = Annotated[Path | None, typer.Option("--recipe-file", help="Or the recipe, a YAML file.")]
