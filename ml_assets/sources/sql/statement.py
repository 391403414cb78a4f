"""What may be sent to a database: exactly one SELECT, its values bound."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ml_assets.sources.paths import SourceError
from ml_assets.sources.sql.template import MARKED, Marked, Value

if TYPE_CHECKING:
    from sqlglot import exp

SERIES = ("generate_series", "range", "unnest")
"""Functions of DuckDB that give rows out of nothing but their arguments."""
LONE_COLON = re.compile(r"(?<!:):(?!:)")


class Statement(NamedTuple):
    """One SELECT."""

    sql: str
    """For `sqlalchemy.text`: `:name` in the place of each value, without a semicolon at its end."""
    values: dict[str, Value]
    """Values by name."""
    tables: frozenset[str] = frozenset()
    """Names of the tables that it reads, in small letters."""


def admit(marked: Marked, dialect: str, place: str = "the query") -> Statement:
    """Take one SELECT, and nothing else, for a statement.

    The SQL is checked, not rewritten: what the author wrote is what the database gets.

    Parameters
    ----------
    marked : Marked
        SQL with marks in the place of values; a mark within quotes is a part of that text.
    dialect : str
        As sqlglot calls it.
    place : str
        What messages call the query.

    Raises
    ------
    SourceError
        It is no SQL, no SELECT, more than one, one that writes or locks, or a value stands where only a name may.
    """
    text, values = _bound(marked, dialect, place)
    tables = _check(text, dialect, place)
    # A mark without a value stands in a comment.
    sql = MARKED.sub(
        lambda match: f":{match.group()}" * (match.group() in values), LONE_COLON.sub(r"\:", text)
    )
    return Statement(sql, values, tables)


def _bound(marked: Marked, dialect: str, place: str) -> tuple[str, dict[str, Value]]:
    """SQL in which each mark is a word of its own, and the values of those."""
    from sqlglot import Dialect
    from sqlglot.errors import TokenError

    text = marked.text
    try:
        tokens = Dialect.get_or_raise(dialect).tokenize(text)
    except TokenError as error:
        raise SourceError(f"{place} is not SQL that can be read: {_first_line(error)}") from None
    while tokens and tokens[-1].token_type.name == "SEMICOLON":
        text = text[: tokens.pop().start]
    values: dict[str, Value] = {}
    parts, done = [], 0
    for token in tokens:
        found = MARKED.findall(text[token.start : token.end + 1])
        if not found:
            continue
        if token.token_type.name == "STRING":
            composed = MARKED.sub(lambda match: _written(marked.values[match.group()]), token.text)
            value: Value = composed
        elif text[token.start : token.end + 1] == found[0]:
            value = marked.values[found[0]]
        else:
            raise SourceError(
                f"{place}: a value stands within the name {MARKED.sub('…', token.text)!r}: only whole names that "
                "loader.identifiers allow may be filled in, as {{ name | identifier }}"
            )
        parts += [text[done : token.start], found[0]]
        values[found[0]] = value
        done = token.end + 1
    return "".join([*parts, text[done:]]), values


def _check(text: str, dialect: str, place: str) -> frozenset[str]:
    """Refuse what is not one SELECT; the tables that it reads."""
    import logging

    from sqlglot import exp, parse
    from sqlglot.errors import SqlglotError

    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    try:
        found = [statement for statement in parse(text, dialect=dialect) if statement is not None]
    except (SqlglotError, RecursionError) as error:
        raise SourceError(f"{place} is not SQL that can be read: {_first_line(error)}") from None
    if len(found) != 1:
        raise SourceError(f"{place} holds {len(found)} statements: one SELECT is read")
    if not isinstance(found[0], exp.Query):
        raise SourceError(f"{place} is a statement of the kind {found[0].key.upper()}: one SELECT is read")
    for word in found[0].find_all(exp.Identifier):
        if MARKED.fullmatch(word.name) and not isinstance(word.parent, exp.Column):
            raise SourceError(
                f"{place}: a value stands in the place of a name ({(word.parent or word).key.upper()}): names that "
                "loader.identifiers allow are filled in as {{ name | identifier }}"
            )
    writing = (exp.DML, exp.DDL, exp.Merge, exp.Into, exp.Lock, exp.Command)
    for node in found[0].walk():
        if isinstance(node, writing) and not isinstance(node, exp.Query):
            raise SourceError(
                f"{place} writes or locks ({node.key.upper()}): a source is only read; take that part out"
            )
    tables = list(found[0].find_all(exp.Table))
    if dialect == "duckdb":
        _check_functions(tables, place)
    return frozenset(table.name.lower() for table in tables if table.name)


def _check_functions(tables: list[exp.Table], place: str) -> None:
    """Refuse functions of DuckDB that read files by themselves, or carry out a text as SQL."""
    from sqlglot import exp

    for table in tables:
        function = table.this
        if not isinstance(function, exp.Func):
            continue
        name = (function.name if isinstance(function, exp.Anonymous) else function.sql_name()).lower()
        if name not in SERIES:
            raise SourceError(
                f"{place} reads from the function {name}(): name a table of the database, or, where connection_uri is "
                "a folder, a file without its ending (FROM orders)"
            )


def _written(value: Value) -> str:
    """A value within quotes."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _first_line(error: Exception) -> str:
    from ml_assets.shown import shown

    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error)) or type(error).__name__
    return shown(MARKED.sub("…", text.strip().splitlines()[0]))
