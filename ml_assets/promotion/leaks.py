"""A suspected leak at the gate: what the recipe allows, what keeps a model out, and the words for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from ml_assets.records import GateCheck, Leak

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Quality

NAMED = 5
"""Columns that are named with what they do."""


def leak_checks(leaks: Iterable[Leak], quality: Quality, learned: Collection[str] = ()) -> list[GateCheck]:
    """Say what is suspected; it keeps a model out with `quality.leak: block`.

    Parameters
    ----------
    leaks : iterable of Leak
        Of the challenger's features.
    quality : Quality
        What the recipe says about leaks.
    learned : collection of str
        Features of the champion, which keep nobody out: it has been promoted with them.

    Returns
    -------
    list of GateCheck
        One, or none where nothing is suspected.
    """
    found = suspected(leaks, quality)
    new = [leak for leak in found if leak.column not in learned]
    passed = quality.leak == "warn" or not new
    return [GateCheck(name="leak", passed=passed, text=told(found))] if found else []


def suspected(leaks: Iterable[Leak], quality: Quality) -> list[Leak]:
    """Those that the recipe does not allow."""
    return [leak for leak in leaks if leak.column not in quality.not_a_leak]


def told(leaks: Sequence[Leak]) -> str:
    """Leaks as a sentence, with the remedy.

    >>> told([Leak(column="code", score=1.0, text="each class has a value of its own")])[:77]
    "suspected leak: 'code' alone tells the target (each class has a value of its "
    """
    alone = [f"'{leak.column}' alone tells the target ({leak.text})" for leak in leaks[:NAMED]]
    more = f" and {len(leaks) - NAMED} others" if len(leaks) > NAMED else ""
    names = ", ".join(leak.column for leak in leaks)
    them, they = ("it", "it is") if len(leaks) == 1 else ("them", "they are")
    return (
        f"suspected leak: {', '.join(alone)}{more}. Leave {them} out (exclude_cols), or allow {them} if {they} known "
        f"when a prediction is made (quality.not_a_leak: [{names}])"
    )
