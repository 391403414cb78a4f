"""Yes and no as files, databases and programs write them: a column that holds nothing else takes each way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

WRITTEN: Final[Mapping[str, str]] = {"true": "True", "1": "True", "false": "False", "0": "False"}
LABELS: Final = frozenset(WRITTEN.values())
"""How clean rows have them."""


def truth(text: str) -> str | None:
    """Label of a yes or no; None of any other text.

    >>> truth("TRUE"), truth("0"), truth("maybe")
    ('True', 'False', None)
    """
    return WRITTEN.get(text.strip().casefold())
