"""The features of a feature store beside the rows of a model, looked up once and kept with the rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ml_assets.lifecycle.errors import StepError
from ml_assets.lifecycle.state import ModelState

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from ml_assets.recipe import Recipe
    from ml_assets.settings import Settings
    from ml_assets.sources.feature_store.joined import Joined
    from ml_assets.sources.sampled import Sampled

ASSET = "feature_values"
"""Name of the snapshots, one beside each of `raw_data`."""
LOOKED_AT = 10_000
"""Rows that a look joins features to; of more rows some of each batch are looked at."""


def look_up(state: ModelState, frame: pd.DataFrame) -> Joined | None:
    """Ask the feature store for the columns of some rows; None where the recipe joins none.

    Raises
    ------
    SourceError
        The store cannot be asked, or does not have what the recipe wants.
    """
    if not state.recipe.model.augmenter.joined or frame.columns.has_duplicates:
        return None  # a column twice is told by the contract
    from ml_assets.sources.feature_store.joined import join
    from ml_assets.sources.feature_store.repository import opened

    with opened(state.settings) as repository:
        return join(frame, state.recipe, repository)


def beside(frame: pd.DataFrame, joined: Joined | None) -> pd.DataFrame:
    """Rows with their features."""
    if joined is None:
        return frame
    return frame.assign(**{str(name): values for name, values in joined.columns.items()})


def parted(state: ModelState, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Take rows and their features apart again."""
    names = [each.column for each in state.recipe.model.augmenter.joined if each.column in frame]
    return frame.drop(columns=names), frame[names]


def keep_features(state: ModelState, batch: str, features: pd.DataFrame) -> None:
    """Keep what was found for the raw rows of a batch as they are now; where the recipe joins none, nothing."""
    if state.recipe.model.augmenter.joined:
        state.store.write_frame(ASSET, batch, features, _origin(state, batch))


def raw_with_features(state: ModelState, batch: str) -> pd.DataFrame:
    """Raw rows of a batch with the features that were found when they were read.

    Where the recipe asks for others since, or the process was killed in between, the store is asked now.

    Raises
    ------
    StepError
        The store cannot be asked.
    """
    import pandas as pd

    from ml_assets.sources.paths import SourceError

    frame = state.store.read_frame("raw_data", batch)
    if not state.recipe.model.augmenter.joined:
        return frame
    if not state.store.has(ASSET, batch) or state.store.origin(ASSET, batch) != _origin(state, batch):
        try:
            joined = look_up(state, frame)
        except SourceError as error:
            raise StepError(f"{state.name}: {state.place(batch)}: {error}") from None
        keep_features(state, batch, parted(state, beside(frame, joined))[1])
    return pd.concat([frame, state.store.read_frame(ASSET, batch)], axis=1)


def first_rows(state: ModelState, frame: pd.DataFrame) -> pd.DataFrame:
    """A few raw rows of the newest batch of clean ones, with the features that were found for them.

    Columns that are no features and that nothing is made of are left out: a row to predict need not have them.
    """
    import pandas as pd

    from ml_assets.features.engineered import unread
    from ml_assets.names import BATCH

    batch = max(frame[BATCH])
    rows = state.store.head("raw_data", batch)
    rows = rows.drop(columns=unread(frame, state.recipe, state.functions), errors="ignore")
    if not state.recipe.model.augmenter.joined:
        return rows
    return pd.concat([rows, state.store.head(ASSET, batch)], axis=1)


def _origin(state: ModelState, batch: str) -> str:
    return origin_of(state, state.store.sha256("raw_data", batch))


def origin_of(state: ModelState, raw_sha256: str) -> str:
    """What the features of a batch are made from: its raw rows, by their hash, and what the recipe asks for."""
    from ml_assets.sources.feature_store.namespaces import time_of

    asked = json.dumps([time_of(state.recipe), state.recipe.model.augmenter.joined])
    return hashlib.sha256(f"{raw_sha256} {asked}".encode()).hexdigest()


def sample_with_features(state: ModelState, found: Sampled) -> Sampled:
    """Rows to look at with their features; of many rows some of each batch.

    Raises
    ------
    SourceError
        The store cannot be asked.
    """
    import pandas as pd

    if not state.recipe.model.augmenter.joined or not found.batches:
        return found
    rows = sum(map(len, found.batches.values()))
    batches = {
        batch: frame if rows <= LOOKED_AT else frame.iloc[:: -(-rows // LOOKED_AT)].reset_index(drop=True)
        for batch, frame in found.batches.items()
    }
    joined = look_up(state, pd.concat(batches.values(), ignore_index=True))
    assert joined is not None
    parts, start = {}, 0
    for batch, frame in batches.items():
        own = joined.columns.iloc[start : start + len(frame)].set_axis(frame.index)
        parts[batch] = pd.concat([frame, own], axis=1)
        start += len(frame)
    some = "" if rows <= LOOKED_AT else f", features of {start:,} of them"
    account = found.account.model_copy(update={"notes": (*found.account.notes, *joined.told, *joined.hints)})
    return found._replace(
        batches=parts, account=account, whole=found.whole and not some, words=f"{found.words}{some}"
    )


def tables_with_features(
    tables: Iterable[pa.Table], recipe: Recipe, columns: Collection[str], settings: Settings
) -> Iterator[pa.Table]:
    """Give tables of rows the features that they lack, as they were known at each row's time; without times, as of now.

    Parameters
    ----------
    tables : iterable of pyarrow.Table of shape (n_rows, n_columns)
    recipe : Recipe
    columns : collection of str
        Those that are wanted.
    settings : Settings

    Raises
    ------
    SourceError
        The store cannot be asked.
    """
    from contextlib import ExitStack

    import pyarrow as pa

    from ml_assets.sources.arrow import to_pandas
    from ml_assets.sources.feature_store.joined import ARROW, join
    from ml_assets.sources.feature_store.namespaces import time_of
    from ml_assets.sources.feature_store.repository import opened

    features = [each.column for each in recipe.model.augmenter.joined if each.column in columns]
    now, repository = datetime.now(UTC).replace(tzinfo=None), None
    with ExitStack() as stack:
        for table in tables:
            lacking = [name for name in features if name not in table.column_names]
            if lacking:
                repository = repository or stack.enter_context(opened(settings))
                others = [name for name in table.column_names if name not in features]
                frame = to_pandas(table.select(others))
                if time_of(recipe) not in frame:
                    frame = frame.assign(**{time_of(recipe): now})
                found = join(frame, recipe, repository)
                for name in lacking:
                    values = pa.Array.from_pandas(found.columns[name], type=ARROW[found.kinds[name]])
                    table = table.append_column(name, values)
            yield table
