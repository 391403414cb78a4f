"""What became of every row and column of the source in a training: learned, held out, or left out with a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ml_assets.lifecycle.quarantine import left_out as quarantined
from ml_assets.lifecycle.state import ModelState
from ml_assets.names import KEPT_OUT, STATIC
from ml_assets.records import Record, TrainedModel
from ml_assets.shown import counted
from ml_assets.store.snapshots import StoreError

if TYPE_CHECKING:
    from ml_assets.sources.account import Account

NAMED = 10
"""Columns that are named of many."""
TWICE = "equal to another row of their entity"
UNLABELLED = "without a label"
REFUSED = "of batches that were refused"
NOT_TAKEN_IN = "of batches that were not taken in"
TOO_NEW = "of batches whose labels are not due"
OUTSIDE = "outside the training window, or faulty"
GONE = "taken in before and no longer in the files"


class TrainingRows(Record):
    """Rows in the files = rows learned + rows held out + rows left out, each with its reason; columns alike."""

    in_files: int
    learned: int
    held_out: int
    left_out: dict[str, int] = Field(default_factory=dict)
    columns_learned: tuple[str, ...] = ()
    columns_left_out: dict[str, str] = Field(default_factory=dict)

    @property
    def balance(self) -> int:
        """Rows that are neither learned nor held out nor left out: always 0."""
        return self.in_files - self.learned - self.held_out - sum(self.left_out.values())

    @property
    def parts(self) -> dict[str, int]:
        """What became of the rows, with their number: all of them first."""
        held_out = {"held out": self.held_out} if self.held_out else {}
        return {"in the files": self.in_files, "learned": self.learned, **held_out, **self.left_out}

    @property
    def words(self) -> str:
        """The account in a line.

        >>> TrainingRows(in_files=300, learned=230, held_out=60, left_out={UNLABELLED: 10}).words
        '300 rows in the files: 230 learned, 60 held out, 10 without a label'
        """
        parts = [f"{self.learned:,} learned", *([f"{self.held_out:,} held out"] if self.held_out else [])]
        parts += [f"{'less ' * (rows < 0)}{abs(rows):,} {reason}" for reason, rows in self.left_out.items()]
        return f"{counted(self.in_files, 'row')} in the files: {', '.join(parts)}"

    @property
    def columns_words(self) -> str:
        """What became of the columns that the recipe does not itself keep out; empty where all were learned.

        >>> left = {"id": "identifier", "y": "target"}
        >>> TrainingRows(in_files=9, learned=9, held_out=0, columns_learned=("x",), columns_left_out=left).columns_words
        "1 column learned; not learned: 'id' (identifier)"
        """
        left = [
            f"'{name}' ({reason})"
            for name, reason in self.columns_left_out.items()
            if not reason.startswith(KEPT_OUT)
        ]
        if not left:
            return ""
        learned, more = len(self.columns_learned), len(left) - NAMED
        named = ", ".join(left[:NAMED]) + f" and {more:,} more" * (more > 0)
        return f"{learned:,} column{'s' * (learned != 1)} learned; not learned: {named}"


def training_rows(state: ModelState, trained: TrainedModel) -> TrainingRows:
    """Account for all rows of the source.

    Parameters
    ----------
    state : ModelState
        The model, after the split of the training.
    trained : TrainedModel
        The model that was registered: a champion has learned its hold-out, too, where there are batches.

    Raises
    ------
    SourceError
        If the source cannot be read any more.
    """
    from ml_assets.sources.account import OTHER_BATCHES

    account = _account(state)
    parted = sum(state.store.rows(part, trained.as_of) for part in ("training_set", "test_set"))
    left_out = {
        "of no batch of the recipe" if part.reason == OTHER_BATCHES else part.reason: part.rows
        for part in account.set_aside
    }
    left_out |= _in_quarantine(state)
    left_out |= _taken_in(state, trained.as_of, account.rows_given, parted)
    if left_out[NOT_TAKEN_IN] < 0:
        left_out[GONE] = left_out.pop(NOT_TAKEN_IN)
    left_out |= trained.training.left_out
    return TrainingRows(
        in_files=account.rows_in_files,
        learned=trained.training.learned,
        held_out=parted - trained.training.rows,
        left_out={reason: rows for reason, rows in left_out.items() if rows},
        columns_learned=trained.training.features,
        columns_left_out={**account.columns_set_aside, **trained.training.excluded},
    )


def _account(state: ModelState) -> Account:
    """Account of the source: a static table's was kept when it was read."""
    from ml_assets.sources.account import Account

    if state.recipe.batches is None:
        try:
            return state.store.read_record("raw_data", STATIC, Account)
        except StoreError:  # it was taken in before accounts were kept
            pass
    return state.source.describe()


def _taken_in(state: ModelState, as_of: str, given: int, parted: int) -> dict[str, int]:
    """Rows that were given on and are in neither part of the training."""
    store = state.store
    raw = {batch: store.rows("raw_data", batch) for batch in store.batches("raw_data")}
    clean = {batch: store.rows("cleaned_features", batch) for batch in store.batches("cleaned_features")}
    until = state.labelled_until(as_of)
    in_window = sum(clean.get(batch, 0) for batch in _used(state, as_of))
    due = sum(rows for batch, rows in clean.items() if batch <= until)
    return {
        NOT_TAKEN_IN: given - sum(raw.values()) - sum(_in_quarantine(state).values()),
        REFUSED: sum(rows for batch, rows in raw.items() if batch not in clean),
        TWICE: sum(raw[batch] - rows for batch, rows in clean.items() if batch in raw),
        TOO_NEW: sum(clean.values()) - due,
        OUTSIDE: due - in_window,
        UNLABELLED: in_window - parted,
    }


def _in_quarantine(state: ModelState) -> dict[str, int]:
    """Rows of batches that were set aside, by the reason; a static table's are in its account."""
    return {} if state.recipe.batches is None else quarantined(state, set(state.store.batches("raw_data")))


def _used(state: ModelState, as_of: str) -> list[str]:
    """Batches of the two parts of a training, sorted."""
    from ml_assets.names import BATCH

    if state.recipe.batches is None:
        return [STATIC]
    frames = [state.store.read_frame(part, as_of, [BATCH]) for part in ("training_set", "test_set")]
    return sorted({str(batch) for frame in frames for batch in frame[BATCH].unique()})
