"""What is wrong with a recipe, where, and the nearest name that would have been right."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

from ml_assets.failures import WrongUsageError

Key = tuple[str | int, ...]
"""Path to a value in a recipe: names of keys and positions in lists."""

QUOTES = "\"'`\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb"
"""What word processors make of quotes: to YAML they are letters."""
LONGEST = 200
"""A longer word is no misspelt name, and comparing it takes long."""


class Faults(WrongUsageError, ValueError):
    """One or more faults, each at its key (relative to the section that raises).

    Parameters
    ----------
    faults : list of (key, message)
    """

    def __init__(self, faults: list[tuple[Key, str]]) -> None:
        self.faults = tuple(faults)
        super().__init__(
            "\n".join(f"{dotted(key)}: {message}" if key else message for key, message in faults)
        )


def dotted(key: Key) -> str:
    """
    Write a key as people do.

    >>> dotted(("model", "estimators", 0, "name"))
    'model.estimators[0].name'
    """
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key)
    return text.removeprefix(".")


SHORT = 5
"""Letters."""


def nearest(word: str, names: Iterable[str]) -> tuple[str, ...]:
    """
    Names that `word` was probably meant to be: the closest, and a second one that is about as close.

    >>> nearest("target_co", ["target_col", "task_type"])
    ('target_col',)
    >>> nearest("raining", ["training", "retraining", "name"])
    ('training',)
    >>> nearest("colour", ["training", "name"]), nearest("probs", ["rows"])
    ((), ())
    """
    if len(word) > LONGEST:
        return ()
    ratios = sorted(
        ((SequenceMatcher(None, word.lower(), name.lower()).ratio(), name) for name in names), reverse=True
    )
    best, first = ratios[0] if ratios else (0.0, "")
    # Two letters of three are alike by chance, in short words that do not even begin alike.
    by_chance = max(len(word), len(first)) <= SHORT and word[:1].lower() != first[:1].lower()
    if best < (0.7 if by_chance else 0.6):
        return ()
    return tuple(name for ratio, name in ratios[:2] if best - ratio < 0.06)


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """
    A question with the nearest names, or nothing.

    >>> did_you_mean("target_co", ["target_col", "task_type"]), did_you_mean("\u201cy\u201d", ["x", "y"])
    (" Did you mean 'target_col'?", " Did you mean 'y'?")
    """
    names = tuple(names)
    bare = word.strip(QUOTES)
    names = (bare,) if bare != word and bare in names else nearest(word, names)
    return f" Did you mean {' or '.join(map(repr, names))}?" if names else ""


def unknown(what: str, word: str, names: Iterable[str]) -> str:
    """
    Say that a name is unknown, what is nearest, else what is allowed.

    >>> unknown("metric", "rsme", ["rmse", "mae"])
    "unknown metric 'rsme'. Did you mean 'rmse'? Allowed: rmse, mae"
    """
    names = tuple(names)
    allowed = f" Allowed: {', '.join(names)}" if names else ""
    return f"unknown {what} {word!r}.{did_you_mean(word, names)}{allowed}"
