"""Entities that were erased: known by a keyed hash alone, and kept out when they come again."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from typing import TYPE_CHECKING, Any, Final

from ml_assets.registry import erasures
from ml_assets.sources.account import Account, Rows, SetAside, set_aside
from ml_assets.store.seal import opened, sealed

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from ml_assets.lifecycle.state import ModelState
    from ml_assets.sources.sampled import Sampled

FOLDER: Final = "erased"
KEY: Final = f"{FOLDER}/key.json"
"""Object beside the batches: without it the hashes of the ledger tell nothing."""
KEPT_OUT: Final = "of an erased entity"


def text_of(value: Any) -> str:
    """
    Write a value as a person names it, of whatever type it was read.

    >>> text_of(4711), text_of(4711.0), text_of(" x"), text_of(None)
    ('4711', '4711', ' x', '')
    """
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def entity_hash(state: ModelState, column: str, value: str) -> str:
    """Hash the value of an entity with the key of this model, which is made when it is first needed."""
    return _hash(_key(state, make=True), column, value)


def _hash(key: bytes, column: str, value: str) -> str:
    return hmac.new(key, f"{column}={value}".encode(), hashlib.sha256).hexdigest()


def _key(state: ModelState, *, make: bool = False) -> bytes:
    place = state.store.place
    content = place.read(KEY)
    if content is None and make:
        place.write(KEY, sealed(json.dumps({"key": secrets.token_hex(32)})))
        content = place.read(KEY)
    return b"" if content is None else bytes.fromhex(json.loads(opened(content))["key"])


def is_of(values: pd.Series, value: str) -> NDArray[np.bool_]:
    """Which values of a column name an entity."""
    import numpy as np

    known = {each: text_of(each) == value for each in values.dropna().unique()}
    return np.asarray(values.map(known).fillna(False), dtype=bool)


def keep_out(state: ModelState, rows: Rows) -> Rows:
    """Leave rows of erased entities out, and count them: the source has them still, or again."""
    if not state.settings.has_ledger:
        return rows
    found = erasures.erasures(state.ledger, state.name)
    columns = {each.column for each in found} & set(rows.frame.columns)
    if not columns:
        return rows
    import numpy as np

    key, gone = _key(state), np.zeros(len(rows.frame), dtype=bool)
    for column in columns:
        erased = {each.entity for each in found if each.column == column}
        values = rows.frame[column]
        known = {each: _hash(key, column, text_of(each)) in erased for each in values.dropna().unique()}
        gone |= np.asarray(values.map(known).fillna(False), dtype=bool)
    if not gone.any():
        return rows
    return Rows(rows.frame[~gone].reset_index(drop=True), _counted(rows.account, int(gone.sum())))


def of_sample(state: ModelState, found: Sampled) -> Sampled:
    """Leave rows of erased entities out of what is looked at."""
    account, batches = found.account, {}
    for batch, frame in found.batches.items():
        batches[batch], account = keep_out(state, Rows(frame, account))
    return found._replace(batches=batches, account=account)


def _counted(account: Account, rows: int) -> Account:
    part = SetAside(reason=KEPT_OUT, rows=rows)
    return account.model_copy(
        update={"rows_given": account.rows_given - rows, "set_aside": set_aside((*account.set_aside, part))}
    )
