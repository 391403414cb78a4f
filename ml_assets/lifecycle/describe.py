"""A table before a model is trained on it: its profile, and the page of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ml_assets.lifecycle.errors import StepError
from ml_assets.lifecycle.state import ModelState
from ml_assets.records import DataProfile

if TYPE_CHECKING:
    import pandas as pd

PAGE = "data_profile.html"


def profile_source(state: ModelState) -> DataProfile:
    """Profile the rows of the source, or parts of them where they are many, with what is hardly meant.

    Raises
    ------
    SourceError
        The source cannot be read.
    StepError
        It has no rows that can be used.
    """
    from ml_assets.lifecycle.looked import hints_of, seen_of
    from ml_assets.quality.profile import data_profile

    seen = seen_of(state)
    if seen is None:
        raise StepError(f"{state.name}: there are no rows that pass: see `ml-assets validate`")
    return data_profile(seen.rows, seen.roles, state.recipe, hints_of(seen))


class Described(NamedTuple):
    """The page of a profile, and its picture."""

    page: Path
    picture: bytes


def profile_window(state: ModelState, rows: pd.DataFrame, as_of: str) -> Described:
    """Profile the labelled rows of a training window; the page is kept beside the training set.

    Parameters
    ----------
    state : ModelState
        The model.
    rows : DataFrame of shape (n_rows, n_columns)
        Labelled rows of the window.
    as_of : str
        Batch of the training.
    """
    from ml_assets.features.columns import roles
    from ml_assets.quality.profile import data_profile
    from ml_assets.reports.data import data_page, data_picture

    profile = data_profile(rows, roles(rows, state.recipe), state.recipe)
    state.store.write_record("data_profile", as_of, profile)
    page = state.store.write_bytes("training_set", as_of, PAGE, data_page(profile).encode())
    return Described(page, data_picture(profile))
