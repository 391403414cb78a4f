"""Which environment variables a recipe may use in its `source_uri`: never a secret of the operator."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import SecretStr

from ml_assets.recipe.own import MODULES
from ml_assets.settings.errors import SettingsError
from ml_assets.settings.keys import SECRETS
from ml_assets.settings.layered import named

PREFIX: Final = "ML_ASSETS_RECIPE_"
"""Variables that begin with this are for recipes."""

LIST: Final = "ML_ASSETS_RECIPE_VARIABLES"
"""Names of others that recipes may use, separated by commas."""

CONNECTION: Final = "ML_ASSETS_CONNECTION_URI"
"""Address of the database that queries are sent to whose recipes name none."""

PARAMS: Final = "ML_ASSETS_CONTEXT_PARAMS"
"""Values for the templates of queries, as a JSON object: what `--context-params` sets."""

OF_THE_EXAMPLES: Final = frozenset({"ML_ASSETS_DEMO_DATA", "ML_ASSETS_BENCHMARK_DATA"})
"""Folders of the demo's and the benchmarks' data."""


@dataclass(frozen=True)
class Variables:
    """The variables for recipes: the names that are allowed besides the prefix, and the values that are set."""

    names: frozenset[str] = OF_THE_EXAMPLES
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    connection: SecretStr | None = None
    """Database of queries whose recipes name none."""
    params: Mapping[str, object] = field(default_factory=dict)
    """Values for the templates of queries: they take the place of the recipe's."""

    modules: frozenset[str] = frozenset()
    """Modules whose functions, metrics and estimators recipes may name; importing them is trusting them."""

    def refusal(self, name: str) -> str | None:
        """Say why a recipe may not use a variable and what to do; None where it may."""
        if (name.startswith(PREFIX) and name != LIST) or name in self.names:
            return None
        refused = f"a recipe may not read the environment variable {name}"
        if name in SECRETS:  # what a recipe reads is shown in messages and in the web UI
            return f"{refused}, a secret of the operator. Take it out"
        return f"{refused}. Rename it to {PREFIX}{name}, or allow it by {LIST}={name}"


def read_variables(environ: Mapping[str, str]) -> Variables:
    """Read the variables for recipes.

    >>> read_variables({"ML_ASSETS_RECIPE_DATA": "/data", "PASSWORD": "x"}).values
    {'ML_ASSETS_RECIPE_DATA': '/data'}

    Raises
    ------
    SettingsError
        The operator's list has what is no name, or a secret of the operator; the context parameters are no JSON.
    """
    listed = {name.strip() for name in environ.get(LIST, "").split(",") if name.strip()}
    for name in sorted(listed):
        if not re.fullmatch(r"\w+", name):
            raise SettingsError(
                f"{named(environ, LIST)}: {name!r} is no name of a variable; separate names by commas"
            )
        if name in SECRETS:
            raise SettingsError(
                f"{named(environ, LIST)}: {name} is a secret, which no recipe may read: take it out"
            )
    allowed = Variables(OF_THE_EXAMPLES | listed)
    return Variables(
        allowed.names,
        {name: text for name, text in environ.items() if allowed.refusal(name) is None},
        SecretStr(environ[CONNECTION]) if environ.get(CONNECTION) else None,
        read_params(environ.get(PARAMS) or "{}"),
        read_modules(environ),
    )


def read_modules(environ: Mapping[str, str]) -> frozenset[str]:
    """Names of the modules whose functions recipes may name.

    >>> sorted(read_modules({"ML_ASSETS_MODULES": "shop.features, tools"}))
    ['shop.features', 'tools']

    Raises
    ------
    SettingsError
        One is no name of a module.
    """
    names = frozenset(name.strip() for name in environ.get(MODULES, "").split(",") if name.strip())
    for name in sorted(names):
        if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", name):
            raise SettingsError(
                f"{named(environ, MODULES)}: {name!r} is no name of a module; separate names by commas"
            )
    return names


def read_params(text: str) -> dict[str, object]:
    """Values of a template's variables from a JSON object.

    >>> read_params('{"day": "2024-01-01", "ids": [1, 2]}')
    {'day': '2024-01-01', 'ids': [1, 2]}

    Raises
    ------
    SettingsError
        It is no JSON object of texts, numbers, true, false, null and lists of these.
    """
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"context parameters ({PARAMS}): no JSON: {error}") from None
    if not isinstance(given, dict):
        raise SettingsError(
            f'context parameters ({PARAMS}): expected a JSON object, as {{"day": "2024-01-01"}}'
        )
    for name, value in given.items():
        plain = value if isinstance(value, list) else [value]
        if not all(part is None or isinstance(part, str | int | float) for part in plain):
            raise SettingsError(
                f"context parameters ({PARAMS}): {name!r} is no text, no number, not true, false or null, and no "
                "list of these"
            )
    return given
