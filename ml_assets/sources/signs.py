"""What stands beside the digits of a number: a currency, percent, parentheses, a minus behind, an apostrophe before."""

from __future__ import annotations

import re
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

CURRENCIES = (
    "AUD|BRL|CAD|CHF|CNY|CZK|DKK|EUR|GBP|HUF|ILS|INR|JPY|KRW|MXN|NOK|NZD|PLN|RON|SEK|SGD|THB|TRY|USD|ZAR"
)
"""Codes of ISO 4217 that are usual in tables."""
SIGNS = rf"(?:[$€£¥₹%]|(?i:{CURRENCIES}))"
APOSTROPHE = r"^'([+\x{2212}-]?[\d.,][^']*)$"
"""Excel writes one before a number that is kept as text."""
MINUS_BEHIND = r"^(\d[\d.,'’ \x{a0}\x{202f}]*)-$"
"""As SAP writes negative numbers."""


SCRIPTS = "\u0660\u06f0\u0966\uff10"
"""Zeros, each with the other nine behind it: Arabic, Persian, Devanagari, and those of full width in East Asia."""
OTHER_DIGITS = f"[{''.join(f'{zero}-{chr(ord(zero) + 9)}' for zero in SCRIPTS)}]"
MARKS = {"\u066b": ".", "\u066c": ",", "\uff0e": ".", "\uff0c": ",", "\uff0d": "-"}
LATIN = str.maketrans(MARKS | {chr(ord(zero) + digit): str(digit) for zero in SCRIPTS for digit in range(10)})


class Bare(NamedTuple):
    """Texts without what stands beside their digits."""

    values: pa.Array
    beside: tuple[str, ...]
    """Words for what was left out, or read otherwise than it is written."""
    sign: str = ""
    """The currency, or %."""


def with_latin_digits(values: pa.Array) -> pa.Array:
    """Texts with the digits 0 to 9 in the place of those of other scripts.

    >>> with_latin_digits(pa.array(["\uff11\uff0e\uff15", "\u0661\u066b\u0665"])).to_pylist()
    ['1.5', '1.5']
    """
    if not pc.any(pc.match_substring_regex(values, OTHER_DIGITS)).as_py():
        return values
    return pa.array(
        [text if text is None else text.translate(LATIN) for text in values.to_pylist()], pa.string()
    )


def bare(values: pa.Array) -> Bare:
    """Leave out what stands beside the digits; two currencies are no one column of numbers, and stay.

    >>> [number.as_py() for number in bare(pa.array(["(1.5)", "€ 2", "3-"])).values]
    ['-1.5', '2', '-3']
    """
    told = []
    latin = with_latin_digits(values)
    if latin is not values:
        values = latin
        told.append("digits of another script read as 0 to 9")
    values = pc.replace_substring_regex(values, r"^[\x{2212}\x{2013}]\s?(\d)", r"-\1")
    for pattern, written, words in (
        (APOSTROPHE, r"\1", "apostrophes before its numbers left out"),
        (MINUS_BEHIND, r"-\1", "numbers with a minus behind them read as negative"),
        (r"^\((.*\d.*)\)$", r"-\1", "numbers in parentheses read as negative"),
    ):
        if pc.any(pc.match_substring_regex(values, pattern)).as_py():
            values = pc.replace_substring_regex(values, pattern, written)
            told.append(words)
    pattern = rf"^([+-]?)\s?{SIGNS}\s?([+-]?[\d.,].*)$|^([+-]?[\d.,].*?)\s?{SIGNS}$"
    signed = pc.match_substring_regex(values, pattern)
    if not pc.any(signed).as_py():
        return Bare(values, tuple(told))
    some = values.filter(signed).slice(0, 1000).to_pylist()
    signs = {sign.upper() for text in some for sign in re.findall(SIGNS, text)}
    if len(signs) > 1:
        return Bare(values, tuple(told))
    without = pc.utf8_trim_whitespace(pc.replace_substring_regex(values, rf"\s?{SIGNS}\s?", ""))
    sign = signs.pop()
    return Bare(pc.if_else(signed, without, values), (*told, f"'{sign}' left out of its numbers"), sign)
