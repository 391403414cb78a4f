"""Groups of people: the rows of each value of a protected column, or of each range of its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_assets.shown import figure, listed, shown, told_apart

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ml_assets.recipe.schema import Recipe

FEW_VALUES = 10
"""Values of a number above which none is a group of its own."""
MISSING = "missing"
"""Group of the rows without a value."""
QUARTERS = 4
"""Groups of a number with many values, where a recipe does not say which."""
MOST_GROUPS = 20
"""Groups of a column that are judged, those with the most rows."""


FOUND = 6
"""Values of a column that a message names."""


def not_cut(frame: pd.DataFrame, recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Protected columns whose groups are asked for by numbers, and that hold none: name, and what is wrong."""
    import pandas as pd

    for name, asked in recipe.evaluation.fairness.groups.items():
        if (
            name not in recipe.protected
            or name not in frame
            or pd.api.types.is_numeric_dtype(frame[name].dtype)
        ):
            continue
        known = frame[name].dropna()
        times = pd.api.types.is_datetime64_any_dtype(known.dtype)
        if known.empty or (not times and pd.to_numeric(known, errors="coerce").notna().any()):
            continue
        wanted = listed(map(figure, asked)) if isinstance(asked, tuple) else asked
        instead = (
            "make groups of it in the source" if times else "leave it out here, then each value is a group"
        )
        yield (
            name,
            f"column '{name}' holds {'times' if times else 'text'} (found {listed(_values(known), FOUND)}), and groups "
            f"of numbers ({wanted}) have no row of it: {instead}",
        )


def _values(known: pd.Series[Any]) -> list[str]:
    """Values as a message names them, the most frequent first."""
    return [repr(_name(value)) for value in known.value_counts().index]


def has_many_values(values: pd.Series[Any]) -> bool:
    """Whether values are numbers of which each is too rare to be a group."""
    import pandas as pd

    number = pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)
    return number and values.nunique() > FEW_VALUES


def edges_of(values: pd.Series[Any], asked: int | tuple[float, ...] | None) -> tuple[float, ...]:
    """Numbers at which the next group begins; empty where each value is a group.

    Parameters
    ----------
    values : Series of shape (n_rows,)
        Of the rows that are learned: groups must be the same in each batch.
    asked : int or tuple of float, optional
        How many groups of equal size, or the edges themselves. Default: four of a number with many values.

    >>> import pandas as pd
    >>> edges_of(pd.Series(range(101)), None), edges_of(pd.Series(["a", "b"]), None)
    ((25.0, 50.0, 75.0), ())
    """
    if isinstance(asked, tuple):
        return asked
    if not has_many_values(values):
        return ()
    known = values.to_numpy(np.float64, na_value=np.nan)
    inner = np.linspace(0, 1, (asked or QUARTERS) + 1)[1:-1]
    cuts = np.unique(np.nanquantile(known, inner))
    cuts = cuts[cuts > np.nanmin(known)]
    rounded = tuple(float(f"{cut:.6g}") for cut in cuts)
    return rounded if len(set(rounded)) == len(rounded) else tuple(map(float, cuts))


def groups_of(values: pd.Series[Any], edges: tuple[float, ...]) -> dict[str, NDArray[np.bool_]]:
    """Rows of each group, in the order of the groups; those without a value are a group of their own.

    Parameters
    ----------
    values : Series of shape (n_rows,)
    edges : tuple of float
        From `edges_of`.

    >>> import pandas as pd
    >>> found = groups_of(pd.Series([20.0, 30.0, None, 70.0]), (25, 60))
    >>> {name: rows.tolist() for name, rows in found.items()}["25 to under 60"]
    [False, True, False, False]
    """
    import pandas as pd

    if edges:
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        place = np.searchsorted(np.asarray(edges), numbers, side="right")
        names = names_between(edges)
        there = ~np.isnan(numbers)
        found = {name: there & (place == k) for k, name in enumerate(names)}
    else:
        there = values.notna().to_numpy()
        texts = values.map(_name, na_action="ignore")
        found = {name: (texts == name).to_numpy(bool) & there for name in sorted(texts.dropna().unique())}
    found |= {MISSING: ~there}
    return {name: rows for name, rows in found.items() if rows.any()}


def names_between(edges: tuple[float, ...]) -> list[str]:
    """Names of the groups of numbers that are cut at some.

    >>> names_between((25, 60))
    ['under 25', '25 to under 60', '60 and more']
    """
    told = told_apart(edges)
    return [
        f"under {told[0]}",
        *(f"{low} to under {high}" for low, high in pairwise(told)),
        f"{told[-1]} and more",
    ]


def _name(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else shown(str(value), 60)
