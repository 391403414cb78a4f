"""The code location: recipes become Dagster definitions. `workspace.yaml` points here."""

import dagster as dg


@dg.definitions
def definitions() -> dg.Definitions:
    """Everything Dagster shows and runs, from the recipes named by the environment."""
    from ml_assets.orchestration.location import build_definitions
    from ml_assets.settings import read_settings
    from ml_assets.settings.home import keep_private

    keep_private()
    return build_definitions(read_settings())
