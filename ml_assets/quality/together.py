"""Numbers that together make up a target: a sum, difference, product or ratio of few columns, the larger of two.

Columns are chosen one by one, each the one that explains most of what is left (orthogonal least squares; Chen, Billings
and Luo 1989), or as the best pair. Then few exceptions are left out of the fit (least trimmed squares; Rousseeuw 1984),
columns that are not needed are dropped, and the rows that were not fitted are asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.quality.alone import Codes, Floats, Mask
from ml_assets.records import Leak

if TYPE_CHECKING:
    import pandas as pd

HOLDS = 0.9
"""Share of the rows in which a relation must hold; the others are exceptions."""
EXACT = 0.02
"""Largest residual of a row in which it holds, as a share of the target's spread: rounding is allowed for."""
ALMOST = 0.05
"""The same of a relation that is told, and keeps no model out: measured again, or an honest law."""
MOST_COLUMNS = 30
MOST_OF_PAIRS = 3
"""Columns of a relation; and terms, where products and ratios of any two columns are asked."""
MOST_PAIRED = 25
"""Columns of which products, ratios, distances and the larger and the smaller of two are asked."""
MOST_IN_A_PAIR = 2_500
"""Terms of which each is asked with each other."""
ROWS_OF_A_COLUMN = 10
"""Rows for each column of a relation, at least."""
ROWS_SEARCHED = 4_000
"""Rows among which columns are chosen."""
ROWS_OF_PAIRS = 3_000
"""Rows of which products and ratios are made, half of them to be chosen by."""
LITTLE = 0.003
"""A column that explains less of what is left than this share ends the choice."""
KEPT = 0.75
"""Share of rows that is fitted, those with the smallest residuals."""
USUAL = 0.2
"""Share of rows from which one value of the target, as 0, is left out: it would be told by chance."""
NEAR = 0.005
"""Distance from a whole number at which a coefficient is told as one."""
RELATIONS = 3
"""Relations that are looked for, each without the columns of those before."""


@dataclass(frozen=True)
class Terms:
    """What a relation may be made of.

    Parameters
    ----------
    values : array of shape (n_rows, n_terms)
        Missing ones are nan.
    rows : array of shape (n_rows,)
        Their places in the target.
    names : tuple of str
        Each in words.
    columns : tuple of tuples of str
        Columns that each is made from.
    logarithms : bool
        Whether these are logarithms, so that a sum of terms is a product.
    most : int
        Terms of a relation.
    """

    values: Floats
    rows: Codes
    names: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    logarithms: bool = False
    most: int = MOST_COLUMNS


def relations(known: pd.DataFrame, numbers: Sequence[str], target: str, follows: Mask | None) -> list[Leak]:
    """Groups of columns that make up a target of numbers.

    Parameters
    ----------
    known : DataFrame of shape (n_rows, n_columns)
        Labelled rows, in their order where they have one.
    numbers : sequence of str
        Features that are numbers.
    target : str
    follows : array of shape (n_rows - 1,) or None
        Whether a row is the next of the one before it; then a relation must hold as closely as the target changes.
    """
    y = known[target].to_numpy(dtype="float64")
    left, found = list(numbers), list[Leak]()
    while len(found) < RELATIONS and len(left) > 1:
        leak = next(
            (leak for terms in _kinds(known, left) if (leak := _relation(terms, y, target, follows))), None
        )
        if leak is None:
            break
        found.append(leak)
        left = [name for name in left if name not in leak.columns]
    return found


def _kinds(known: pd.DataFrame, names: Sequence[str]) -> Iterator[Terms]:
    """The columns as they are; their logarithms; products, ratios and the like of any two."""
    values = known[list(names)].to_numpy(dtype="float64", na_value=np.nan)
    values = np.where(np.isfinite(values), values, np.nan)
    rows = np.arange(len(known))
    yield Terms(values, rows, tuple(names), tuple((name,) for name in names))
    positive = [
        name
        for name, column in zip(names, values.T, strict=True)
        if not (column < 0).any() and np.mean(column > 0) > 1 / 2
    ]
    if len(positive) > 1:
        numbers = values[:, [names.index(name) for name in positive]]
        logs = np.log(np.where(numbers > 0, numbers, np.nan))
        yield Terms(logs, rows, tuple(positive), tuple((name,) for name in positive), logarithms=True)
    if len(names) <= MOST_PAIRED:
        few = np.random.default_rng(0).permutation(rows)[:ROWS_OF_PAIRS]
        yield _pairs(values[few], few, names)


def _pairs(values: Floats, rows: Codes, names: Sequence[str]) -> Terms:
    made, words = list(values.T), list(names)
    of: list[tuple[str, ...]] = [(name,) for name in names]
    with np.errstate(all="ignore"):
        for (i, one), (k, other) in combinations_with_replacement(enumerate(values.T), 2):
            first, second = names[i], names[k]
            ways = [(one * other, f"{first} × {second}")]
            if i != k:
                ways += [(one / other, f"{first} / {second}"), (other / one, f"{second} / {first}")]
                ways += [(np.abs(one - other), f"|{first} - {second}|")]
                ways += [(np.maximum(one, other), f"max({first}, {second})")]
                ways += [(np.minimum(one, other), f"min({first}, {second})")]
            made += [figures for figures, _ in ways]
            words += [text for _, text in ways]
            of += [(first, second)] * len(ways)
    terms = np.column_stack(made)
    return Terms(
        np.where(np.isfinite(terms), terms, np.nan), rows, tuple(words), tuple(of), most=MOST_OF_PAIRS
    )


def _relation(terms: Terms, y: Floats, target: str, follows: Mask | None) -> Leak | None:
    asked, tolerance = _asked(y, follows)
    y, asked = y[terms.rows], asked[terms.rows]
    if terms.logarithms:
        if not np.mean(y[asked] > 0) > HOLDS:
            return None
        asked &= y > 0
        tolerance = _spread(np.log(y[asked])) if follows is None else tolerance / np.median(y[asked])
        y = np.log(np.where(y > 0, y, 1.0))
    at = np.random.default_rng(0).permutation(np.flatnonzero(asked))
    if len(at) < 3 * ROWS_OF_A_COLUMN or not tolerance > 0:
        return None
    fitted, judged = at[::2], at[1::2]
    whole = fitted[np.isfinite(terms.values[fitted]).all(axis=1)]
    few = (whole if len(whole) > len(fitted) / 4 else fitted)[:ROWS_SEARCHED]
    for chosen in _choices(terms.values[few], y[few], min(terms.most, len(few) // ROWS_OF_A_COLUMN)):
        for limit in (EXACT, ALMOST) if follows is None else (EXACT,):
            needed = _needed(terms.values[few], y[few], chosen, limit * tolerance)
            if len({name for k in needed for name in terms.columns[k]}) < 2:
                continue
            fit = _fit(terms.values[fitted][:, needed], y[fitted])
            share = _holds(terms.values[judged][:, needed], y[judged], fit, limit * tolerance)
            if share >= HOLDS:
                return _leak(terms, needed, fit, share, target, limit * tolerance, sure=limit == EXACT)
    return None


def _asked(y: Floats, follows: Mask | None) -> tuple[Mask, float]:
    """Rows with another value than the usual one, and the spread: of the values, or of their changes if smaller."""
    values, counts = np.unique(y, return_counts=True)
    rows = y != values[counts.argmax()] if counts.max() > USUAL * len(y) else np.ones(len(y), dtype=bool)
    spread = _spread(y[rows]) if rows.any() else 0.0
    if follows is None:
        return rows, spread
    changes = np.diff(y)[follows]
    return rows, min(spread, _spread(changes[changes != 0]))


def _spread(values: Floats) -> float:
    """Mean distance from the median: one extreme value does not make it."""
    return float(np.abs(values - np.median(values)).mean()) if len(values) else 0.0


def _choices(X: Floats, y: Floats, most: int) -> Iterator[list[int]]:
    """Terms chosen one by one, from none and from the best pair."""
    known = np.isfinite(X)
    means = np.where(known, X, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, X - means, 0.0)
    norms = np.sqrt((centred**2).sum(axis=0))
    usable = (norms > 0) & (known.mean(axis=0) > 0.5)
    centred = np.where(usable, centred / np.where(norms > 0, norms, 1), 0.0)
    left = y - y.mean()
    if most < 1 or not usable.any():
        return
    yield _one_by_one(centred, left, [], most)
    if most > 1 and X.shape[1] <= MOST_IN_A_PAIR:
        yield _one_by_one(centred, left, _best_pair(centred, left), most)


def _best_pair(X: Floats, y: Floats) -> list[int]:
    """The two that explain most together, by the formula of the multiple correlation of two."""
    own, each = X.T @ X, X.T @ (y / max(float(np.linalg.norm(y)), 1e-300))
    apart = 1 - own**2
    with np.errstate(all="ignore"):
        explained = (each[:, None] ** 2 + each**2 - 2 * np.outer(each, each) * own) / apart
    explained[~(apart > 1e-9)] = -1.0
    return [int(k) for k in np.unravel_index(np.argmax(explained), explained.shape)]


def _one_by_one(X: Floats, y: Floats, chosen: Sequence[int], most: int) -> list[int]:
    """Go on choosing until little is explained any more."""
    X, left, taken = X.copy(), y.copy(), list[int]()
    first = np.ones(X.shape[1])
    while len(taken) < most:
        norms = np.linalg.norm(X, axis=0)
        usable = norms > 1e-5 * first
        gains = np.where(usable, (X.T @ left) / np.where(usable, norms, 1), 0.0) ** 2
        gains[taken] = 0.0
        best = chosen[len(taken)] if len(taken) < len(chosen) else int(gains.argmax())
        before = float(left @ left)
        if not usable[best] or (len(taken) >= len(chosen) and gains[best] <= LITTLE * before):
            break
        direction = X[:, best] / norms[best]
        left = left - direction * (direction @ left)
        X -= np.outer(direction, direction @ X)
        taken.append(best)
        if float(left @ left) <= 1e-18 * float(y @ y):
            break
    return taken


def _fit(X: Floats, y: Floats) -> Floats:
    """Coefficients, the constant last, of the rows that fit best."""
    whole = np.isfinite(X).all(axis=1)
    X, y = np.column_stack([X[whole], np.ones(whole.sum())]), y[whole]
    scale = np.abs(X).max(axis=0, initial=1e-300)
    rows = np.ones(len(y), dtype=bool)
    answer = np.zeros(X.shape[1])
    for _ in range(8):
        answer = np.linalg.lstsq(X[rows] / scale, y[rows], rcond=None)[0] / scale
        residuals = np.abs(y - X @ answer)
        nearest = residuals <= np.quantile(residuals, KEPT)
        if (nearest == rows).all():
            break
        rows = nearest
    return np.asarray(answer)


def _holds(X: Floats, y: Floats, fit: Floats, tolerance: float) -> float:
    """Share of the rows without a missing value in which a relation holds; 0 where these are fewer than half."""
    whole = np.isfinite(X).all(axis=1)
    if whole.sum() < max(ROWS_OF_A_COLUMN, len(y) / 2):
        return 0.0
    return float(np.mean(np.abs(y[whole] - X[whole] @ fit[:-1] - fit[-1]) <= tolerance))


def _needed(X: Floats, y: Floats, chosen: Sequence[int], tolerance: float) -> list[int]:
    """The chosen without those that can be left out; empty where no relation holds."""
    left = list(chosen)
    if not left or _holds(X[:, left], y, _fit(X[:, left], y), tolerance) < HOLDS:
        return []
    for term in reversed(chosen):
        fewer = [k for k in left if k != term]
        if fewer and _holds(X[:, fewer], y, _fit(X[:, fewer], y), tolerance) >= HOLDS:
            left = fewer
    return left


def _leak(
    terms: Terms, needed: list[int], fit: Floats, share: float, target: str, tolerance: float, *, sure: bool
) -> Leak:
    order = sorted(range(len(needed)), key=lambda k: (fit[k] < 0, needed[k]))
    names, fit = [terms.names[needed[k]] for k in order], fit[[*order, -1]]
    columns = sorted({name for k in needed for name in terms.columns[k]})
    words = product(names, fit) if terms.logarithms else total(names, fit, constant=abs(fit[-1]) > tolerance)
    rows = "all rows" if share == 1 else f"{share:.1%} of the rows"
    text = f"{target} {'=' if sure else 'is almost'} {words} in {rows}"
    return Leak(
        column=columns[0], beside=tuple(columns[1:]), score=share, text=text, by="relation", sure=sure
    )


def total(names: Sequence[str], fit: Floats, *, constant: bool = False) -> str:
    """A sum of terms in words; its constant, where it is more than rounding.

    >>> total(["net", "tax", "discount"], np.array([1.0, 0.5, -1.0, 0.0]))
    'net + 0.5 tax - discount'
    """
    words = ""
    for name, value in zip(names, fit[:-1], strict=True):
        sign = "- " if value < 0 else "+ " if words else ""
        words += f" {sign}{_factor(abs(value))}{name}"
    if constant:
        words += f" {'-' if fit[-1] < 0 else '+'} {abs(fit[-1]):.3g}"
    return words.strip()


def product(names: Sequence[str], fit: Floats) -> str:
    """A product of powers in words, from the coefficients of logarithms; the negative ones last.

    >>> product(["weight", "height"], np.array([1.0, -2.0, 0.0]))
    'weight / height^2'
    """
    words = f"{np.exp(fit[-1]):.3g}" if abs(fit[-1]) > NEAR or fit[0] < 0 else ""
    for name, value in zip(names, fit[:-1], strict=True):
        power = "" if abs(abs(value) - 1) < NEAR else f"^{_figure(abs(value))}"
        words += f"{' / ' if value < 0 else ' × ' if words else ''}{name}{power}"
    return words


def _factor(value: float) -> str:
    return "" if abs(value - 1) < NEAR else f"{_figure(value)} "


def _figure(value: float) -> str:
    return f"{round(value) if abs(value - round(value)) < NEAR else value:.3g}"
