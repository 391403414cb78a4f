"""A suspected leak at the gate: what the recipe allows, what keeps a model out, and the words for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from ml_assets.records import GateCheck, Leak

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Quality

NAMED = 5
"""Leaks, and columns of one, that are named with what they do."""


def leak_checks(leaks: Iterable[Leak], quality: Quality, learned: Collection[str] = ()) -> list[GateCheck]:
    """Say what is suspected; what is sure keeps a model out with `quality.leak: block`.

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
    new = [leak for leak in found if leak.sure and not set(leak.columns) <= set(learned)]
    passed = quality.leak == "warn" or not new
    return [GateCheck(name="leak", passed=passed, text=told(found))] if found else []


def suspected(leaks: Iterable[Leak], quality: Quality) -> list[Leak]:
    """Those that the recipe does not allow."""
    return [leak for leak in leaks if not _allowed(leak, quality)]


def _allowed(leak: Leak, quality: Quality) -> bool:
    if quality.deterministic and leak.by != "column":
        return True
    return set(leak.columns) <= set(quality.not_a_leak)


def told(leaks: Sequence[Leak]) -> str:
    """Leaks as a sentence, with the remedy; those that are sure come first.

    >>> told([Leak(column="code", score=1.0, text="each class has a value of its own")])[:77]
    "suspected leak: 'code' alone tells the target (each class has a value of its "
    """
    of_target = [leak for leak in leaks if leak.of == "target"]
    parts = [_told("suspected leak", [leak for leak in of_target if leak.sure])]
    parts.append(
        _told("perhaps a leak, which keeps no model out", [leak for leak in of_target if not leak.sure])
    )
    parts.append(_told_of_treatment([leak for leak in leaks if leak.of == "treatment"]))
    return "; ".join(part for part in parts if part)


def _told_of_treatment(leaks: Sequence[Leak]) -> str:
    """Where a column says who was treated, leaving it out would only hide that the arms are not alike."""
    if not leaks:
        return ""
    words = ", ".join(_words(leak) for leak in leaks[:NAMED])
    columns = dict.fromkeys(name for leak in leaks for name in leak.columns)
    return (
        f"the treatment was not dealt out by chance: {words}, and what else differs between the arms passes for its "
        "effect. Learn from rows where chance decided, or allow it where it is known to do no harm "
        f"(quality.not_a_leak: [{', '.join(columns)}])"
    )


def _told(beginning: str, leaks: Sequence[Leak]) -> str:
    if not leaks:
        return ""
    words = [_words(leak) for leak in leaks[:NAMED]]
    more = f" and {len(leaks) - NAMED} others" if len(leaks) > NAMED else ""
    columns = list(dict.fromkeys(name for leak in leaks for name in leak.columns))
    they = "it is" if len(columns) == 1 else "they are"
    them = "it" if len(columns) == 1 else "them"
    allow = [f"quality.not_a_leak: [{', '.join(columns)}]"]
    if any(leak.by != "column" for leak in leaks):
        allow.append("quality.deterministic: true, where the target follows from its features by a rule")
    return (
        f"{beginning}: {', '.join(words)}{more}. Leave {them} out (exclude_cols), or allow "
        f"{them} if {they} known when a prediction is made ({', or '.join(allow)})"
    )


def _words(leak: Leak) -> str:
    names = [f"'{name}'" for name in leak.columns]
    more = f" and {len(names) - NAMED} others" if len(names) > NAMED else ""
    columns = (
        f"{', '.join(names[:NAMED])}{more}"
        if more or len(names) == 1
        else " and ".join([part for part in (", ".join(names[:-1]), names[-1]) if part])
    )
    if leak.by == "score":
        return f"the score is too good to be true ({leak.text}), and the model leans on {columns}"
    told = "the target" if leak.of == "target" else "who was treated"
    return f"{columns} {'alone tells' if len(names) == 1 else 'together tell'} {told} ({leak.text})"
