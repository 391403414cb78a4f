"""`--context-params`: values for the template of a query, for this command and the runs it starts."""

from __future__ import annotations

import os
from pathlib import Path

from ml_assets.failures import WrongUsageError
from ml_assets.settings.variables import PARAMS, read_params


def use(text: str | None, recipe_file: Path | None = None) -> None:
    """Set the values for this process and those it starts.

    Raises
    ------
    SettingsError
        The text is no JSON object of plain values.
    WrongUsageError
        The recipe's rows come from no query: the values would be for nothing. Or `foreach` sets one of them: all of its
        models would learn the same rows.
    RecipeError
        The recipe is wrong.
    """
    from ml_assets.recipe.loading import as_written
    from ml_assets.recipe.readable import is_sql
    from ml_assets.settings import SettingsError

    if text is None:
        return
    try:
        given = read_params(text)
    except SettingsError as error:
        raise SettingsError(str(error).replace(f"({PARAMS})", "(--context-params)")) from None
    if recipe_file is not None and given:
        recipe = as_written(recipe_file)
        if not is_sql(recipe.model.loader.source_uri):
            raise WrongUsageError(
                f"--context-params: {', '.join(given)}: the rows of {recipe_file} come from no query, so there is "
                "nothing to fill in: leave it out"
            )
        if recipe.foreach is not None and recipe.foreach.column in given:
            raise WrongUsageError(
                f"--context-params: {recipe.foreach.column} is set by foreach in {recipe_file}, value by value: leave "
                "it out, or train one of its models with --only NAME"
            )
    os.environ[PARAMS] = text
