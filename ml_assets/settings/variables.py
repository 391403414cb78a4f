"""Which environment variables a recipe may use in its `source_uri`: never a secret of the operator."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ml_assets.settings.alerts import ALERT_SECRETS
from ml_assets.settings.errors import SettingsError

PREFIX: Final = "ML_ASSETS_RECIPE_"
"""Variables that begin with this are for recipes."""

LIST: Final = "ML_ASSETS_RECIPE_VARIABLES"
"""Names of others that recipes may use, separated by commas."""

OF_THE_EXAMPLES: Final = frozenset({"ML_ASSETS_DEMO_DATA", "ML_ASSETS_BENCHMARK_DATA"})
"""Folders of the demo's and the benchmarks' data."""

SECRET: Final = ALERT_SECRETS | {
    "MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN",
}  # fmt: skip
"""Never for recipes: what a recipe reads is shown in messages and in the web UI."""


@dataclass(frozen=True)
class Variables:
    """The variables for recipes: the names that are allowed besides the prefix, and the values that are set."""

    names: frozenset[str] = OF_THE_EXAMPLES
    values: Mapping[str, str] = field(default_factory=dict, repr=False)

    def refusal(self, name: str) -> str | None:
        """Say why a recipe may not use a variable and what to do; None where it may."""
        if (name.startswith(PREFIX) and name != LIST) or name in self.names:
            return None
        refused = f"a recipe may not read the environment variable {name}"
        if name in SECRET:
            return f"{refused}, a secret of the operator. Take it out"
        return f"{refused}. Rename it to {PREFIX}{name}, or allow it by {LIST}={name}"


def read_variables(environ: Mapping[str, str]) -> Variables:
    """Read the variables for recipes.

    >>> read_variables({"ML_ASSETS_RECIPE_DATA": "/data", "PASSWORD": "x"}).values
    {'ML_ASSETS_RECIPE_DATA': '/data'}

    Raises
    ------
    SettingsError
        The operator's list has what is no name, or a secret of the operator.
    """
    listed = {name.strip() for name in environ.get(LIST, "").split(",") if name.strip()}
    for name in sorted(listed):
        if not re.fullmatch(r"\w+", name):
            raise SettingsError(f"{LIST}: {name!r} is no name of a variable; separate names by commas")
        if name in SECRET:
            raise SettingsError(f"{LIST}: {name} is a secret, which no recipe may read: take it out")
    allowed = Variables(OF_THE_EXAMPLES | listed)
    return Variables(
        allowed.names, {name: text for name, text in environ.items() if allowed.refusal(name) is None}
    )
