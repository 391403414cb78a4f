"""YAML as recipes use it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ml_assets.recipe.yaml_text import YamlFault, dump_yaml, read_scalar, read_yaml

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
)
DATA = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1e-3", 0.001),
        ("1E5", 100000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("-2", -2),
        ("010", 10),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("0x1F", "0x1F"),
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("2024-01-01", "2024-01-01"),
        ("-.inf", -math.inf),
        (".", "."),
        ("e5", "e5"),
    ],
)
def test_unquoted_values_are_what_they_look_like(written: str, expected: object) -> None:
    found = read_scalar(written)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("text", ["1e-3", "true", "null", "12", "~", ""])
def test_quoted_values_are_text(text: str) -> None:
    assert read_yaml(f"a: '{text}'\nb: \"{text}\"")[0] == {"a": text, "b": text}


def test_block_text_is_text() -> None:
    assert read_yaml("a: |\n  12\nb: >-\n  true")[0] == {"a": "12\n", "b": "true"}


def test_keys_are_text() -> None:
    assert read_yaml("{0: a, true: b, 1e3: c}")[0] == {"0": "a", "true": "b", "1e3": "c"}


def test_every_key_and_item_has_its_line() -> None:
    _, lines = read_yaml("a:\n  b: 1\n  c:\n    - x\n    - {d: 1}\n")
    assert lines == {
        (): 1,
        ("a",): 1,
        ("a", "b"): 2,
        ("a", "c"): 3,
        ("a", "c", 0): 4,
        ("a", "c", 1): 5,
        ("a", "c", 1, "d"): 5,
    }


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    text = "a: &a [x, x]\n" + "".join(
        f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(YamlFault, match=r"line 2: the alias \*a is not allowed"):
        read_yaml(text)


@example(["1e3", "010", "yes", "~", "1_0", "2024-01-01", ".inf", "=", "<<"])
@given(DATA)
def test_what_is_written_is_read_again(data: Any) -> None:
    assert read_yaml(dump_yaml(data))[0] == data


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        read_yaml(text)
    except YamlFault as fault:
        assert fault.message
        assert 1 <= fault.line <= len(text.splitlines()) + 1
