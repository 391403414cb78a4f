"""`sklearn://NAME`: the data sets that come with scikit-learn; their target column is `target`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.recipe.faults import did_you_mean
from ml_assets.recipe.rules.source import KNOWN_DATASETS
from ml_assets.sources.calendar import ALL
from ml_assets.sources.paths import SourceError
from ml_assets.sources.wanted import Labels, Wanted

if TYPE_CHECKING:
    import pandas as pd


class Known:
    """A data set that scikit-learn carries along: one static table."""

    def __init__(self, wanted: Wanted) -> None:
        self.uri = wanted.uri
        self.name = wanted.uri.partition("://")[2]
        if wanted.batches is not None:
            raise SourceError(f"source_uri '{self.uri}' has no time column: remove the section `batches`")
        if self.name not in KNOWN_DATASETS:
            more = " (california_housing needs a download, which is not yet done)" * (
                "california" in self.name
            )
            hint = did_you_mean(self.name, list(KNOWN_DATASETS))
            raise SourceError(
                f"source_uri '{self.uri}' is not known{more}; known are {', '.join(KNOWN_DATASETS)}.{hint}"
            )

    def read(self, window: Labels = (None, None)) -> pd.DataFrame:
        """All rows."""
        import pyarrow as pa
        from sklearn import datasets

        from ml_assets.sources.arrow import to_pandas

        frame = getattr(datasets, f"load_{self.name}")(as_frame=True).frame
        return to_pandas(pa.Table.from_pandas(frame, preserve_index=False))

    def extent(self) -> tuple[str, str]:
        """One batch."""
        return ALL, ALL

    def filled(self) -> list[str]:
        """One batch."""
        return [ALL]

    def describe(self) -> str:
        """Give the name of the data set."""
        return self.uri
