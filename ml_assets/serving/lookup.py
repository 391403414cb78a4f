"""Features of a request's rows, looked up by their keys where the newest values are kept online."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ml_assets.serving.body import RequestError
from ml_assets.shown import listed
from ml_assets.sources.feature_store.namespaces import FEATURES, wanted
from ml_assets.sources.paths import SourceError

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe
    from ml_assets.settings import Settings


class Lookup:
    """The online store of the environment's feature repository, open as long as a server runs.

    Parameters
    ----------
    settings : Settings
    recipe : Recipe
        Of the version that answers first: what it joins must be there.

    Raises
    ------
    SourceError
        The repository cannot be opened, or does not have what the recipe joins.
    """

    def __init__(self, settings: Settings, recipe: Recipe) -> None:
        from ml_assets.sources.feature_store.repository import opened

        self._stack, self._lock = ExitStack(), threading.Lock()
        self._repository = self._stack.enter_context(opened(settings, online=True))
        self.keys(recipe)

    def keys(self, recipe: Recipe) -> list[str]:
        """Columns that the recipe's features are looked up by."""
        asked = wanted(recipe, self._repository.namespaces, self._repository.functions)
        return list(dict.fromkeys(key for each in asked for key in each.namespace.keys))

    def fill(self, rows: list[Any], recipe: Recipe) -> None:
        """Add to rows, in place, the features that they do not have; None where nothing is known of a key.

        Parameters
        ----------
        rows : list of dict
            As they came.

        Raises
        ------
        RequestError
            422 where a row lacks a key, or has what is none; 503 where the store does not answer.
        """
        import pandas as pd

        from ml_assets.sources.feature_store.joined import newest

        joined = [each.column for each in recipe.model.augmenter.joined]
        lacking = [
            place
            for place, row in enumerate(rows)
            if isinstance(row, dict) and any(name not in row for name in joined)
        ]
        if not lacking:
            return
        try:
            keys = self.keys(recipe)
            for place in lacking:
                _see_keys(rows[place], place, keys, joined)
            frame = pd.DataFrame(
                {key: pd.Series([rows[k][key] for k in lacking], dtype=object) for key in keys}
            )
            with self._lock:
                now = datetime.now(UTC).replace(tzinfo=None)
                found = newest(frame, recipe, self._repository, now).columns
        except SourceError as error:
            if error.key == FEATURES:
                raise RequestError(422, "invalid", error.message, "rows") from None
            raise RequestError(503, "no_features", error.message, after=5) from None
        for name in joined:
            for place, value in zip(lacking, found[name], strict=True):
                rows[place].setdefault(name, _plain(value))

    def close(self) -> None:
        """Let the repository go."""
        self._stack.close()


def _see_keys(row: dict[str, Any], place: int, keys: list[str], joined: list[str]) -> None:
    for key in keys:
        if key not in row:
            words = f"the key is missing: {listed(joined)} are looked up by it; or send them in the row"
            raise RequestError(422, "invalid", words, f"rows[{place}].{key}")
        if isinstance(row[key], list | dict | bool):
            raise RequestError(422, "invalid", "a text or a number is wanted", f"rows[{place}].{key}")


def _plain(value: Any) -> Any:
    """A value as a request would have it."""
    import numpy as np
    import pandas as pd

    if pd.isna(value):
        return None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return float(value) if isinstance(value, float) else str(value)
