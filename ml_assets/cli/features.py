"""`ml-assets features`: what a recipe joins; of one entity, what is kept online beside what is joined now."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ml_assets.cli.output import columns
from ml_assets.failures import WrongUsageError
from ml_assets.lifecycle.state import ModelState

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.sources.feature_store.repository import Repository

BEHIND = "what is kept online is not what is joined now: bring it online (--materialize)"


def features_of(state: ModelState, keys: str | None, *, materialize: bool) -> dict[str, Any]:
    """Tell what a recipe joins; look up an entity; bring the newest values online.

    Parameters
    ----------
    keys : str, optional
        Keys of an entity, as a JSON object.
    materialize : bool
        Whether to bring the newest values of all namespaces online first.

    Returns
    -------
    dict
        `name`, `repository`, `joined_by`, `kept_by`, `materialized`, `same` (whether both values of all columns are;
        None without keys), and `columns`: each with `column`, `namespace`, `feature`, `kind`, `keys`, `online`,
        `joined`.

    Raises
    ------
    WrongUsageError
        The recipe joins no features, or the keys are no JSON object of plain values.
    SourceError
        The feature store cannot be asked.
    """
    from ml_assets.sources.feature_store.namespaces import wanted
    from ml_assets.sources.feature_store.repository import opened

    recipe = state.recipe
    if not recipe.model.augmenter.joined:
        raise WrongUsageError(f"{state.name}: its recipe joins no features (model.augmenter)")
    entity = None if keys is None else _entity(keys)
    now = datetime.now(UTC).replace(tzinfo=None)
    with opened(state.settings, online=True) as repository:
        if materialize:
            repository.bring_online(now)
        rows = [
            {
                "column": column,
                "namespace": each.namespace.name,
                "feature": feature,
                "kind": each.namespace.features[feature],
                "keys": list(each.namespace.keys),
            }
            for each in wanted(recipe, repository.namespaces, repository.functions)
            for feature, column in each.columns.items()
        ]
        if entity is not None:
            values = _values(state, repository, entity, now)
            rows = [row | values[str(row["column"])] for row in rows]
        joins, keeps = repository.stores
        place = repository.place
    return {
        "name": state.name,
        "repository": place,
        "joined_by": joins,
        "kept_by": keeps,
        "materialized": materialize,
        "same": None if entity is None else all(row["online"] == row["joined"] for row in rows),
        "columns": rows,
    }


def _entity(keys: str) -> pd.DataFrame:
    import pandas as pd

    try:
        given = json.loads(keys)
    except (ValueError, RecursionError) as error:
        raise WrongUsageError(f"--keys: no JSON: {error}") from None
    if not isinstance(given, dict) or not all(isinstance(each, str | int) for each in given.values()):
        raise WrongUsageError(
            "--keys: expected a JSON object of texts and whole numbers, as '{\"user_id\": 7}'"
        )
    return pd.DataFrame({name: [value] for name, value in given.items()})


def _values(
    state: ModelState, repository: Repository, entity: pd.DataFrame, now: datetime
) -> dict[str, dict[str, Any]]:
    """Both values of each column for one entity."""
    from ml_assets.sources.feature_store.joined import join, newest
    from ml_assets.sources.feature_store.namespaces import time_of

    online = newest(entity, state.recipe, repository, now).columns.iloc[0]
    joined = join(entity.assign(**{time_of(state.recipe): now}), state.recipe, repository).columns.iloc[0]
    return {
        str(name): {"online": _plain(online[name]), "joined": _plain(joined[name])} for name in joined.index
    }


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    import numpy as np
    import pandas as pd

    if pd.isna(value):
        return None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    return float(value) if isinstance(value, float) else str(value)


def features_text(result: dict[str, Any]) -> str:
    """Lay the columns out, with the values where an entity was asked for."""
    asked = result["same"] is not None
    header = ["column", "namespace", "kind", "keys", *(["online", "joined now"] if asked else [])]
    cells = [
        [row["column"], row["namespace"], row["kind"], ", ".join(row["keys"])]
        + ([_word(row["online"]), _word(row["joined"])] if asked else [])
        for row in result["columns"]
    ]
    stores = f"joined by {result['joined_by']}, the newest kept by {result['kept_by']}"
    lines = [f"{result['name']}: {result['repository']}, {stores}", columns(cells, header)]
    return "\n".join([*lines, *([BEHIND] if result["same"] is False else [])])


def _word(value: Any) -> str:
    return "–" if value is None else str(value)
