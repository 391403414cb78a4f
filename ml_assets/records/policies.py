"""Names of the policies that a backtest compares, and what each does, in words."""

from __future__ import annotations

NEVER, RECIPE, ORACLE = "never", "recipe", "oracle"

ABOUT = {
    NEVER: "the first model serves for ever",
    "every": "trains by the calendar, whatever the reports say",
    "calendar": "trains by the calendar, as often as that policy does",
    "literal thresholds": "trains whenever one report is beyond a fixed limit: score 0.8, share of drifted columns 0.1",
    "drift only": "looks at drift alone, and promotes whatever comes out",
    "performance only": "looks at the live score alone, and promotes whatever comes out",
    "k of n": "waits for k breaches in n reports, and promotes whatever comes out",
    RECIPE: "what the recipe says now",
    "one breach": "the recipe, but one report beyond its limits is enough",
    "calm": "the recipe, but waits twice as long after a training",
    ORACLE: "knows the labels before they come: what could be had at best, and nobody can have",
}
"""What a policy does, by the beginning of its name."""


def about(name: str) -> str:
    """
    Say what a policy does, for a person who reads its name.

    >>> about("every 4 batches")
    'trains by the calendar, whatever the reports say'
    >>> about("calm, 3 batches old at most")
    'the recipe, but waits twice as long after a training'
    """
    known = max((key for key in ABOUT if name.startswith(key)), key=len, default=None)
    return "" if known is None else ABOUT[known]
