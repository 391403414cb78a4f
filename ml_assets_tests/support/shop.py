"""A shop whose users have a taste: for the tests of what recommends."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml_assets.tasks.interactions import written

KINDS = 4


def interactions(
    rows: int = 1_200, users: int = 80, items: int = 60, *, seed: int = 0, kinds_moved: int = 0
) -> pd.DataFrame:
    """Who had what: a user has items of one kind eight times as often, and some items are had by many.

    Parameters
    ----------
    kinds_moved : int
        By how many kinds each taste is another than at first.
    """
    world, random = np.random.default_rng(7), np.random.default_rng(seed)
    taste, kind = world.integers(0, KINDS, users), world.integers(0, KINDS, items)
    popular = world.pareto(2.0, items) + 0.3
    user = random.integers(0, users, rows)
    chances = popular * np.where(kind == (taste[user, None] + kinds_moved) % KINDS, 8.0, 1.0)
    chances /= chances.sum(axis=1, keepdims=True)
    item = (chances.cumsum(axis=1) < random.random((rows, 1))).sum(axis=1)
    return pd.DataFrame(
        {
            "user": [f"u{number}" for number in user],
            "item": 1000 + np.minimum(item, items - 1),
            "stars": random.integers(1, 6, rows),
        }
    )


def points(frame: pd.DataFrame, **more: object) -> pd.Series:
    """What rows of a shop are measured by."""
    return pd.Series(
        [
            written(user, str(item), 1.0, **more)
            for user, item in zip(frame["user"], frame["item"], strict=True)
        ],  # type: ignore[arg-type]  # as `written` has them
        index=frame.index,
        dtype=object,
    )
