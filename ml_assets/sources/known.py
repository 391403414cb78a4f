"""`sklearn://NAME`: the data sets that come with scikit-learn; their target column is `target`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.names import STATIC
from ml_assets.recipe.faults import did_you_mean
from ml_assets.recipe.readable import DATASETS
from ml_assets.sources.account import Account, Rows
from ml_assets.sources.paths import SourceError
from ml_assets.sources.sight import Part, Sight
from ml_assets.sources.wanted import Labels, Wanted

if TYPE_CHECKING:
    from ml_assets.sources.sampled import Sampled


class Known:
    """A data set that scikit-learn carries along: one static table."""

    def __init__(self, wanted: Wanted) -> None:
        self.place = self.uri = wanted.uri
        self.name = wanted.uri.partition("://")[2]
        if wanted.batches is not None:
            raise SourceError(f"source_uri '{self.uri}' has no time column: remove the section `batches`")
        if self.name not in DATASETS:
            more = " (california_housing needs a download, which is not yet done)" * (
                "california" in self.name
            )
            hint = did_you_mean(self.name, list(DATASETS))
            raise SourceError(
                f"source_uri '{self.uri}' is not known{more}; known are {', '.join(DATASETS)}.{hint}"
            )

    def read(self, window: Labels = (None, None)) -> Rows:
        """All rows."""
        import pyarrow as pa
        from sklearn import datasets

        from ml_assets.sources.arrow import to_pandas

        frame = getattr(datasets, f"load_{self.name}")(as_frame=True).frame
        rows = to_pandas(pa.Table.from_pandas(frame, preserve_index=False))
        return Rows(rows, Account(rows_in_files=len(rows), rows_given=len(rows)))

    def columns(self) -> None:
        """The rows are at hand."""

    def extent(self) -> tuple[str, str]:
        """One batch."""
        return STATIC, STATIC

    def filled(self) -> list[str]:
        """One batch."""
        return [STATIC]

    def look(self, before: Sight) -> Sight:
        """Nothing ever changes."""
        return before

    def is_as(self, seen: Sight) -> bool:
        """Nothing ever changes."""
        return True

    def parts_within(self, window: Labels) -> None:
        """Nothing arrives in batches."""

    def batches_in(self, seen: Sight) -> dict[str, Part]:
        """Nothing arrives in batches."""
        return {}

    def sample(self) -> Sampled:
        """All rows."""
        from ml_assets.sources.sampled import Sampled

        rows = self.read()
        return Sampled({STATIC: rows.frame}, {}, rows.account, True, f"all {len(rows.frame):,} rows")

    def describe(self) -> Account:
        """Account of the rows, all of which are given on."""
        return self.read().account
