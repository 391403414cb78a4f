"""Reading a source without a recipe."""

from pathlib import Path

import pandas as pd

from ml_assets.recipe.schema import Batches
from ml_assets.sources.source import open_source
from ml_assets.sources.wanted import Labels, Wanted


def read_source(
    uri: str, base: Path, *, batches: Batches | None = None, window: Labels = (None, None)
) -> pd.DataFrame:
    """Rows of a source; relative paths start at `base`."""
    return open_source(Wanted(uri, base, batches)).read(window).frame
