"""What was answered for a batch, joined with the rows and labels that it has now."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ml_assets.names import ROW_ID

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from ml_assets.lifecycle.state import ModelState

VERSION = "champion_version"
"""Column of the predictions that tells which version made them."""


@dataclass(frozen=True)
class Served:
    """Predictions of one batch beside its rows.

    Parameters
    ----------
    batch : str
        Its label.
    version : int
        Version that answered.
    answers : DataFrame of shape (n_answers, n_outputs)
        All that it answered, by `row_id__`.
    cleaned : DataFrame of shape (n_rows, n_columns)
        The batch as it is now, by `row_id__`; a re-send may have more rows than were answered for, or fewer.
    learned : array of bool of shape (n_answers,)
        Answers for rows on which the version, or another that it is compared with, was trained.
    """

    batch: str
    version: int
    answers: pd.DataFrame
    cleaned: pd.DataFrame
    learned: NDArray[np.bool_]

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """Answers for rows that are still there and that nobody has learned."""
        return self.answers[self.answers.index.isin(self.cleaned.index) & ~self.learned]

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Rows of `predictions`, in their order."""
        return self.cleaned.loc[self.predictions.index]

    def labels(self, target: Any) -> Any:
        """Labels of all `answers`, missing where not yet known; `target` is a recipe's, as what it gives."""
        return self.cleaned[target].reindex(self.answers.index)

    def labelled(self, target: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Rows whose labels are known, and the predictions for them; learned rows are left out."""
        from ml_assets.tasks.several import has_labels

        there = has_labels(self.rows[target])
        return self.rows[there], self.predictions[there]


def served(state: ModelState, batch: str, *others: int) -> Served | None:
    """Join the predictions that were made for a batch with its rows; None where none were made.

    None, too, where the version that made them was lost: nobody knows what it had learned.

    Parameters
    ----------
    state : ModelState
        The model.
    batch : str
        Label of the batch.
    *others : int
        Versions that are compared on these rows with the one that answered: what they have learned is left
        out, too.
    """
    if not state.store.has("predictions", batch):
        return None
    predicted = state.store.read_frame("predictions", batch).set_index(ROW_ID)
    if not len(predicted):
        return None
    version = int(predicted[VERSION].iloc[0])
    if not state.registry.files.are_kept(state.name, version):
        return None
    cleaned = state.store.read_frame("cleaned_features", batch).set_index(ROW_ID)
    learned = predicted.index.isin(row_ids_learned(state, version, *others))
    return Served(batch, version, predicted.drop(columns=VERSION), cleaned, learned)


def row_ids_learned(state: ModelState, *versions: int) -> NDArray[np.uint64]:
    """Names of the rows that any of some versions was trained on, or one that it began from."""
    import numpy as np

    asked, seen = [*versions], set[int]()
    while asked:
        version = asked.pop()
        if version in seen:
            continue
        seen.add(version)
        began = state.registry.version(state.name, version).trained.training.began_from
        asked += [began] if began is not None else []
    return np.concatenate([state.registry.files.trained_row_ids(state.name, each) for each in sorted(seen)])


def unlearned(state: ModelState, frame: pd.DataFrame, *versions: int) -> pd.DataFrame:
    """Leave out the rows that any of some versions was trained on: they flatter it.

    With `group_split` the other rows of their entities, too.
    """
    from ml_assets.training.groups import of_known_entities

    learned = frame[ROW_ID].isin(row_ids_learned(state, *versions)).to_numpy()
    return frame[~of_known_entities(frame, learned, state.recipe)]
