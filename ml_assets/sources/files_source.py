"""Files as a source: a path, a glob, a folder or `file://PATH`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from ml_assets.names import STATIC
from ml_assets.recipe.periods import PERIODS
from ml_assets.sources import sight
from ml_assets.sources.account import Account, Rows
from ml_assets.sources.calendar import batch_of, limits, moments, named, next_batch, recipe_start
from ml_assets.sources.paths import SourceError, find_files
from ml_assets.sources.sight import Part, Sight
from ml_assets.sources.wanted import Labels, Wanted

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Batches
    from ml_assets.sources.sampled import Sampled


class Files:
    """Files with the same columns; their rows are one table."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted

    @property
    def place(self) -> str:
        """Path or pattern, as the recipe has it, and which of its rows."""
        return self.wanted.place

    def read(self, window: Labels = (None, None)) -> Rows:
        """Rows of the batches from the first label until (without) the second.

        Raises
        ------
        SourceError
            A file is missing, broken or unlike the others, a time cannot be read, or the window has no row.
        """
        from ml_assets.sources import tables
        from ml_assets.sources.arrow import to_pandas
        from ml_assets.sources.remembered import Remembered

        batches = self.wanted.batches
        files = find_files(self.wanted)
        if batches is None:
            if window != (None, None):
                raise ValueError("a window needs `batches`: the column that holds the time")
            pieces = [tables.read_piece(file, self.wanted) for file in files]
            table = tables.join(pieces)
            if self.wanted.where and not table.num_rows:
                raise SourceError(
                    f"there is no row of {self.place}: name a value that its rows have", "model.loader.where"
                )
            return Rows(to_pandas(table), tables.account_of(files, pieces, table, table, None))
        span = moments(window, batches)
        pieces = Remembered(self.wanted, span).pieces(files)
        one_batch = None not in window and window[1] == next_batch(str(window[0]), batches.period)
        table = tables.join(pieces, alike=one_batch)
        if not table.num_rows:
            covered = self._covered(batches, span[0])
            raise SourceError(
                f"source_uri '{self.wanted.name}': no rows for {named(window, batches)}; {covered}"
            )
        given = table
        if None in window:
            given, _ = tables.without_far_times(table, batches.column, span, self.wanted.today)
        return Rows(to_pandas(given), tables.account_of(files, pieces, table, given, batches.column))

    def columns(self) -> None:
        """Files are read, in part where they are many, to know their columns."""

    def extent(self) -> tuple[str, str] | None:
        """First and last batch there is data for; None while there is no row, or no file."""
        from ml_assets.sources.tables import extent

        batches = self.wanted.batches
        if batches is None:
            return STATIC, STATIC
        files = find_files(self.wanted, missing_ok=True)
        span = extent(files, self.wanted, limits(batches))
        if span is None:
            return None
        first = recipe_start(batches) or batch_of(span[0], batches.period)
        return first, batch_of(span[1], batches.period)

    def filled(self) -> list[str]:
        """Batches that there are rows for: a shop that is shut on Sundays has none of Sundays."""
        from ml_assets.sources.tables import days

        batches = self.wanted.batches
        if batches is None:
            return [STATIC]
        files = find_files(self.wanted, missing_ok=True)
        found = days(files, self.wanted, limits(batches), PERIODS[batches.period].unit)
        return sorted({batch_of(moment, batches.period) for moment in found})

    def look(self, before: Sight) -> Sight:
        """Look at the files whose size or time has changed since `before`."""
        return sight.look(self.wanted, before)

    def is_as(self, seen: Sight) -> bool:
        """Take a glance at the files: not each of many is looked at every time."""
        from ml_assets.sources.glance import unchanged

        return unchanged(self.wanted, seen)

    def parts_within(self, window: Labels) -> None:
        """What has not changed is not looked at again."""

    def batches_in(self, seen: Sight) -> dict[str, Part]:
        """Rows and digest of each batch that was seen."""
        return sight.batches_in(seen, self.wanted)

    def describe(self) -> Account:
        """Account of all rows, by their times alone where there are batches: no other column is read."""
        from ml_assets.sources.tables import account_of_times

        if self.wanted.batches is None:
            return self.read().account
        files = find_files(self.wanted, missing_ok=True)
        return account_of_times(files, self.wanted, limits(self.wanted.batches))

    def sample(self) -> Sampled:
        """Rows of all batches, or of some of many; of parts of the files, where they are large."""
        from ml_assets.sources.sampled import sampled

        return sampled(find_files(self.wanted, missing_ok=self.wanted.batches is not None), self.wanted)

    def _covered(self, batches: Batches, start: datetime | None) -> str:
        from ml_assets.sources.tables import extent

        found = extent(find_files(self.wanted), self.wanted)
        if found is None:
            return "there are no rows at all yet"
        first, last = (batch_of(moment, batches.period) for moment in found)
        gap = start is not None and found[0] < start < found[1]
        advice = ". Send the missing rows, begin after them (batches.start), or take a longer batches.period"
        return f"data covers {first} to {last}{advice if gap else ''}"
