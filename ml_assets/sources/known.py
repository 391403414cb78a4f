"""Data sets by name, each one static table: those that come with scikit-learn, and those of OpenML."""

from __future__ import annotations

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ml_assets.names import STATIC
from ml_assets.recipe.faults import did_you_mean
from ml_assets.recipe.readable import DATASETS, OPENML, OPENML_FORM
from ml_assets.sources.account import Account, Rows
from ml_assets.sources.paths import SourceError
from ml_assets.sources.sight import Part, Sight
from ml_assets.sources.wanted import Labels, Wanted

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.sources.sampled import Sampled


class Known:
    """A data set that scikit-learn carries along: its target column is `target`."""

    def __init__(self, wanted: Wanted) -> None:
        self.place = self.uri = wanted.uri
        self.name = wanted.uri.partition("://")[2]
        self.where = wanted.where
        if wanted.batches is not None:
            raise SourceError(
                f"source_uri '{self.uri}' is one table without times: remove the section `batches`"
            )
        self._see(wanted)

    def _see(self, wanted: Wanted) -> None:
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

        from ml_assets.sources.arrow import to_pandas
        from ml_assets.sources.chosen import chosen

        table = pa.Table.from_pandas(self._frame(), preserve_index=False)
        rows = to_pandas(chosen(table, self.where, self.uri))
        return Rows(rows, Account(rows_in_files=len(rows), rows_given=len(rows)))

    def _frame(self) -> pd.DataFrame:
        """The table, of shape (n_rows, n_columns)."""
        from sklearn import datasets

        frame: pd.DataFrame = getattr(datasets, f"load_{self.name}")(as_frame=True).frame
        return frame

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


class OpenML(Known):
    """A data set of openml.org, `openml://NAME` or `openml://NAME/VERSION`; columns are called as they are there.

    It is fetched once, over https, and read from its copy ever after, without a network.
    """

    def _see(self, wanted: Wanted) -> None:
        named = OPENML.fullmatch(self.name)
        if named is None:
            raise SourceError(f"source_uri '{self.uri}': {OPENML_FORM}")
        self.asked: dict[str, Any] = {"name": named.group(1), "version": int(named.group(2) or 0) or "active"}
        self.folder = wanted.mirror

    def _frame(self) -> pd.DataFrame:
        if self.folder is not None:
            return self._fetched(self.folder)
        with TemporaryDirectory() as folder:
            return self._fetched(Path(folder))

    def _fetched(self, folder: Path) -> pd.DataFrame:
        from urllib.error import HTTPError

        from sklearn.datasets import fetch_openml

        place = folder / "openml" / "openml.org"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of another try, of several versions
                frame: pd.DataFrame = fetch_openml(
                    **self.asked, data_home=folder, as_frame=True, n_retries=1, delay=0.5
                ).frame
        except OSError as error:  # HTTP, DNS and disk
            if isinstance(error, HTTPError) and error.code == 404:
                raise SourceError(f"source_uri '{self.uri}': openml.org knows no such data set") from None
            why = getattr(error, "reason", None) or error
            raise SourceError(
                f"source_uri '{self.uri}': openml.org cannot be reached ({why}). Download the table and name the "
                f"file, or bring the folder {place} from a machine that has fetched it"
            ) from None
        except ValueError as error:  # an unknown name; a table that scikit-learn cannot read
            raise SourceError(f"source_uri '{self.uri}': {error}") from None
        texts = frame.select_dtypes("category").columns
        return frame.astype(dict.fromkeys(texts, object))
