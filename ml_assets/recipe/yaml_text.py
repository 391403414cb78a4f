"""YAML as recipes use it: plain data with the line of every key, and none of YAML's surprises.

Different from YAML 1.1: `yes`, `no`, `on`, `off` and dates are text; only `true` and `false` are booleans;
`1e-3` is a number; keys are always text. Refused: a key twice, aliases, tags, several documents.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import inf
from typing import Any, Final

import yaml

from ml_assets.failures import WrongUsageError
from ml_assets.names import composed
from ml_assets.recipe.faults import Key, dotted

MAX_CHARACTERS: Final = 1_000_000
INDENT: Final = "Indent the lines of one section equally"
MAX_TEXT: Final = 10_000
"""Characters of one value."""
MAX_NAME: Final = 200
"""Characters of one key."""
MAX_DEPTH: Final = 40
"""Deeper than any recipe; keeps a hostile file from exhausting the stack."""

ODD_SPACE: Final = re.compile(r"^\s*[\xa0\u2007\u202f\u3000]|:[\xa0\u2007\u202f\u3000]")
"""What web pages and chats make of a space: to YAML it is a letter."""

LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
INT = re.compile(r"[-+]?[0-9]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
CONSTANTS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


class YamlFault(WrongUsageError, ValueError):
    """A file that is no recipe in its form: `line` (from 1), `key` and the message."""

    def __init__(self, line: int, message: str, key: str = "") -> None:
        self.line, self.key, self.message = line, key, message
        super().__init__(f"line {line}: {message}")


def read_scalar(text: str) -> str | int | float | bool | None:
    """
    Read an unquoted value.

    >>> [read_scalar(text) for text in ("1e-3", "010", "yes", "true", "2024-01-01", "~")]
    [0.001, 10, 'yes', True, '2024-01-01', None]
    """
    if text in CONSTANTS:
        return CONSTANTS[text]
    if INT.fullmatch(text) and len(text) < 400:
        return int(text)
    if FLOAT.fullmatch(text):
        return float(text)
    if INFINITE.fullmatch(text):
        return float(text.replace(".", "", 1))
    return text


def read_yaml(text: str) -> tuple[Any, dict[Key, int]]:
    r"""
    Read one YAML document.

    Returns
    -------
    data : dict, list, str, int, float, bool or None
    lines : dict
        Line, counted from 1, of every key and every item of a list. The document's own key is `()`.

    Raises
    ------
    YamlFault
        The text is no YAML, or YAML that a recipe must not use.

    Examples
    --------
    >>> read_yaml("a: 1\nb: [x, yes]")
    ({'a': 1, 'b': ['x', 'yes']}, {(): 1, ('a',): 1, ('b',): 2, ('b', 0): 2, ('b', 1): 2})
    """
    if len(text) > MAX_CHARACTERS:
        raise YamlFault(1, f"has {len(text)} characters; allowed: {MAX_CHARACTERS}")
    try:
        return _document(yaml.parse(text, Loader=LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise YamlFault(line, _plain_words(error, text, line)) from None
    except UnicodeEncodeError as error:  # half of a pair of surrogates, which no UTF-8 text has
        line = text.count("\n", 0, error.start) + 1
        raise YamlFault(line, "not valid YAML: a character that may not be there (a surrogate)") from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position] if isinstance(error.position, int) else ""
        raise YamlFault(
            before.count("\n") + 1, f"not valid YAML: a character that may not be there ({error.reason})"
        ) from None


def dump_yaml(data: Any) -> str:
    """Write plain data so that `read_yaml` reads the same data."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=110)


def flow_yaml(value: Any) -> str:
    """
    Write a value on one line.

    >>> flow_yaml({"columns": ["a"], "steps": 2})
    '{columns: [a], steps: 2}'
    """
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, default_flow_style=True, width=10_000)
    return text.removesuffix("...\n").strip()


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if isinstance(read_scalar(text), str) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def _document(events: Iterator[yaml.Event]) -> tuple[Any, dict[Key, int]]:
    lines: dict[Key, int] = {}
    data: Any = None
    documents = 0
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                line = _line(event)
                raise YamlFault(
                    line, "a second document begins here (`---`); allowed: one recipe in one file"
                )
            first = next(events)
            lines[()] = _line(first)
            data = _value(first, events, (), lines)
    return data, lines


def _value(event: yaml.Event, events: Iterator[yaml.Event], key: Key, lines: dict[Key, int]) -> Any:
    line = _line(event)
    if isinstance(event, yaml.AliasEvent):
        raise YamlFault(line, f"the alias *{event.anchor} is not allowed: write the value out", dotted(key))
    _refuse_tag(event, line, key)
    if len(key) > MAX_DEPTH:
        raise YamlFault(line, f"nested more than {MAX_DEPTH} deep")
    if isinstance(event, yaml.ScalarEvent):
        if len(event.value) > MAX_TEXT:
            raise YamlFault(line, f"has {len(event.value)} characters; allowed: {MAX_TEXT}", dotted(key))
        # implicit[0]: neither quoted nor tagged, so the text decides the type.
        return _number_that_fits(event.value, line, key) if event.implicit[0] else event.value
    if isinstance(event, yaml.SequenceStartEvent):
        items: list[Any] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            here = (*key, len(items))
            lines[here] = _line(event)
            items.append(_value(event, events, here, lines))
        return items
    mapping: dict[str, Any] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        name, line = _name(event, key)
        here = (*key, name)
        if name in mapping:
            raise YamlFault(
                line, f"{name!r} is there twice (first in line {lines[here]}): keep one", dotted(here)
            )
        lines[here] = line
        mapping[name] = _value(next(events), events, here, lines)
    return mapping


def _number_that_fits(text: str, line: int, key: Key) -> str | int | float | bool | None:
    """Refuse numbers that no library down the line can hold: whole ones in 64 bits, others as a double."""
    value = read_scalar(text)
    whole = isinstance(value, int) and not -(2**63) <= value < 2**63
    if whole or (value in (inf, -inf) and not INFINITE.fullmatch(text)):
        digits = sum(character.isdigit() for character in text)
        raise YamlFault(line, f"a number of {digits} digits is too large: write a smaller one", dotted(key))
    return value


def _name(event: yaml.Event, key: Key) -> tuple[str, int]:
    line = _line(event)
    if isinstance(event, yaml.AliasEvent):
        raise YamlFault(line, f"the alias *{event.anchor} is not allowed: write the value out", dotted(key))
    _refuse_tag(event, line, key)
    if not isinstance(event, yaml.ScalarEvent):
        raise YamlFault(line, "a list or mapping as a key; allowed: text", dotted(key))
    if event.value == "<<" and event.implicit[0]:
        raise YamlFault(line, "merging with `<<` is not allowed: write the keys out", dotted(key))
    if len(event.value) > MAX_NAME:
        raise YamlFault(line, f"a key of {len(event.value)} characters; allowed: {MAX_NAME}", dotted(key))
    return event.value, line


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark is not None else 1


def _refuse_tag(event: yaml.Event, line: int, key: Key) -> None:
    tag = getattr(event, "tag", None)
    if tag not in (None, "!", "tag:yaml.org,2002:str"):
        raise YamlFault(line, f"the tag {tag} is not allowed: a recipe is plain data", dotted(key))


def composed_data(value: Any) -> Any:
    """What a recipe says, é being one character, as in the columns of files; addresses and paths stay as they are."""
    if isinstance(value, dict):
        return {
            composed_data(key): inner if key == "source_uri" else composed_data(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [composed_data(item) for item in value]
    return composed(value) if isinstance(value, str) else value


def _plain_words(error: yaml.MarkedYAMLError, text: str, line: int) -> str:
    written = text.splitlines()[line - 1] if line <= len(text.splitlines()) else ""
    problem = error.problem or error.context or "cannot be read"
    if re.match(r"\s*\t", written):
        return "not valid YAML: the line is indented with a tab. Indent with spaces"
    if odd := [number for number, above in enumerate(text.splitlines()[:line], 1) if ODD_SPACE.search(above)]:
        return f"not valid YAML: line {odd[0]} has a no-break space, which only looks like a space. Write a space"
    if "mapping values are not allowed" in problem:
        return f"not valid YAML: a `:` where none may be. {INDENT}; quote text that has `: ` in it"
    if "indentation" in problem or "did not find expected key" in problem or "block end" in problem:
        return f"not valid YAML: the line does not fit the ones above. {INDENT}; close every quote"
    start = f" (begun in line {error.context_mark.line + 1})" if error.context_mark else ""
    return f"not valid YAML: {problem}{start}. Look for an unclosed quote or bracket"
