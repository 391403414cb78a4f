"""A value is bound, whatever it holds; what may be sent is one SELECT."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.sources.paths import SourceError
from ml_assets.sources.sql.statement import Statement, admit
from ml_assets.sources.sql.template import MARKED, render

DIALECTS = ("postgres", "mysql", "sqlite")


def statement(template: str, dialect: str = "postgres", **params: object) -> Statement:
    return admit(render(template, params, ("town", "shop.orders")), dialect)


def shape(found: Statement) -> str:
    """The SQL, whatever its marks are called."""
    return MARKED.sub("?", found.sql)


@pytest.mark.parametrize("dialect", DIALECTS)
@given(value=st.text(), other=st.text())
def test_no_value_changes_the_statement(dialect: str, value: str, other: str) -> None:
    template = (
        "SELECT {{ a }}, '{{ a }}', 'x{{ a }}y' FROM t WHERE b IN ({{ l }}) {% if a %}{% endif %}-- {{ a }}\n"
    )
    found, plain = (
        statement(template, dialect, a=text, l=[text, other]) for text in (value, "plain")
    )  # fmt: skip
    assert shape(found) == shape(plain)
    assert list(found.values.values()) == [value, value, f"x{value}y", value, other]


@pytest.mark.parametrize(
    ("template", "sql", "values"),
    [
        ("SELECT * FROM t", "SELECT * FROM t", []),
        ("SELECT 1;;\n", "SELECT 1", []),
        ("WITH w AS (SELECT 1) SELECT * FROM w", "WITH w AS (SELECT 1) SELECT * FROM w", []),
        ("(SELECT 1) UNION (SELECT 2)", "(SELECT 1) UNION (SELECT 2)", []),
        ("SELECT a FROM t LIMIT {{ n }}", "SELECT a FROM t LIMIT :?", [5]),
        ("SELECT {{ missing | default(7) }}", "SELECT :?", [7]),
        ("SELECT '{{ missing | default('a') }}'", "SELECT 'a'", []),
        ("SELECT {% for c in cs | default(['a', 'b']) %}{{ c }}{{ ',' if not loop.last }}{% endfor %}",
         "SELECT a,b", []),
        ("SELECT {% for c in words %}'{{ c }}'{{ ',' if not loop.last }}{% endfor %}", "SELECT :?,:?", ["a", "it's"]),
        ("SELECT 1{% if off is defined %} WHERE x{% endif %}", "SELECT 1", []),
        ("SELECT a FROM t WHERE b IN ({{ nothing }})", "SELECT a FROM t WHERE b IN (NULL)", []),
        ("SELECT {{ column | identifier }} FROM {{ table | identifier }}", "SELECT town FROM shop.orders", []),
        ("SELECT '10:30', a::text, '%s'", r"SELECT '10\:30', a::text, '%s'", []),
        ("SELECT {{ none }}, {{ yes }}", "SELECT :?, :?", [None, True]),
    ],
)  # fmt: skip
def test_templates(template: str, sql: str, values: list[object]) -> None:
    found = statement(
        template, n=5, words=["a", "it's"], column="town", table="shop.orders", nothing=[], none=None, yes=True
    )  # fmt: skip
    assert shape(found).strip() == sql
    assert list(found.values.values()) == values


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("SELECT 1; DROP TABLE t", "2 statements"),
        ("", "0 statements"),
        ("DELETE FROM t", "DELETE"),
        ("VALUES (1)", "VALUES"),
        ("EXPLAIN SELECT 1", "COMMAND"),
        ("COPY t TO '/tmp/x'", "COPY"),
        ("WITH w AS (DELETE FROM t RETURNING *) SELECT * FROM w", "DELETE"),
        ("WITH w AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM w", "INSERT"),
        ("SELECT * INTO u FROM t", "INTO"),
        ("SELECT * FROM t FOR UPDATE", "LOCK"),
        ("SELECT 'a", "not SQL"),
        ("SELECT (", "not SQL"),
        ("SELECT a FROM {{ x }}", "in the place of a name"),
        ("SELECT 1 AS {{ x }}", "in the place of a name"),
        ("SELECT a_{{ x }} FROM t", "within the name"),
        ('SELECT "{{ x }}" FROM t', "within the name"),
        ("SELECT {{ x | identifier }} FROM t", "is no name that may stand in the SQL; allowed: town"),
        ("SELECT {{ y }}", "'y' is not given"),
        ("SELECT {{ xs | default(1) }}", "no parameter 'x' is used. Did you mean 'xs'"),
        ("SELECT {{ x.upper.__globals__ }}", "cannot be filled in"),
        ("SELECT {{ ''.__class__.__mro__[1].__subclasses__() }}", "cannot be filled in"),
        ("{% include '/etc/passwd' %}", "cannot be filled in"),
        ("{% if x %}SELECT 1", "line 1"),
        ("{% macro m() %}1 OR {{ x }}{% endmacro %}SELECT {{ m() }}", "a macro"),
        ("SELECT {{ {'a': 1} }}", "kind dict"),
        ("SELECT {{ 1 / 0 }}", "cannot be filled in"),
    ],
)
def test_what_is_refused(template: str, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        statement(template, x="1; DROP TABLE t")
