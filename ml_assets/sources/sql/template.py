"""SQL templates: Jinja in its sandbox, where a value becomes a mark that is bound later, never a part of the SQL."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any, NamedTuple

from ml_assets.recipe.faults import did_you_mean
from ml_assets.sources.paths import SourceError

Value = str | int | float | date | None
MARKED = re.compile(r"mlv[0-9a-f]{16}_\d+_")
"""A mark: no parameter can hold one, since its number is drawn anew for each statement."""


class Marked(NamedTuple):
    """A statement with a mark in the place of each value."""

    text: str
    values: dict[str, Value]
    """Value of each mark."""


class Given(str):
    """Text of a parameter, however often it stands in the template as well."""


class Name(str):
    """A name that the recipe allows to be a part of the SQL."""


def render(
    text: str, params: Mapping[str, object], identifiers: Collection[str] = (), place: str = "the query"
) -> Marked:
    """Fill in a template; every value becomes a mark.

    Text that the template itself holds, as a default or in a list to walk through, is its author's SQL and is
    written where it stands. A list becomes its elements, separated by commas.

    Parameters
    ----------
    text : str
        Template: variables, `default`, conditions, loops; `{{ column | identifier }}` for a name.
    params : mapping
        Parameters by name: texts, numbers, booleans, dates, None, lists of these.
    identifiers : collection of str
        Names that a parameter may put into the SQL, by the filter `identifier`.
    place : str
        What messages call the template.

    Raises
    ------
    SourceError
        The template is broken, a parameter is missing, or a value cannot be bound.
    """
    from jinja2 import TemplateError, Undefined
    from jinja2.meta import find_undeclared_variables
    from jinja2.nodes import Const
    from jinja2.runtime import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    marks = f"mlv{secrets.token_hex(8)}"
    values: dict[str, Value] = {}
    constants: set[str] = set()

    def mark(value: Value) -> str:
        name = f"{marks}_{len(values)}_"
        values[name] = value
        return name

    def finalize(value: Any) -> str:
        if isinstance(value, Undefined):
            return _absent(value, params, place)
        if isinstance(value, Name) or (type(value) is str and value in constants):
            return str(value)
        if isinstance(value, list | tuple | set):
            return ", ".join(finalize(item) for item in value) or "NULL"
        if isinstance(value, str) and marks in value:
            raise SourceError(
                f"{place}: a macro or a `set` block gives a part of the SQL to an expression, which would be bound as "
                "text: write it where it belongs"
            )
        if isinstance(value, str):
            return mark(str(value))
        if value is None or isinstance(value, bool | int | float | date):
            return mark(value)
        raise SourceError(
            f"{place}: a value of the kind {type(value).__name__} cannot be bound: give a text, a number, "
            "true or false, or a list of these"
        )

    def identifier(value: object) -> Name:
        if value in identifiers:
            return Name(value)
        allowed = f"allowed: {', '.join(identifiers)}" if identifiers else "none is allowed"
        raise SourceError(
            f"{place}: {value!r} is no name that may stand in the SQL; {allowed}. Add it to loader.identifiers"
        )

    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, finalize=finalize, keep_trailing_newline=True
    )
    environment.globals = {"range": environment.globals["range"]}
    environment.filters["identifier"] = identifier
    try:
        constants |= {
            node.value for node in environment.parse(text).find_all(Const) if isinstance(node.value, str)
        }
        filled = environment.from_string(text).render({name: _given(value) for name, value in params.items()})
        _see_slips(find_undeclared_variables(environment.parse(text)), params, place)
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        raise SourceError(
            f"{place}{f', line {line}' if line else ''}: the template cannot be filled in: {error}"
        ) from None
    except (TypeError, ValueError, ArithmeticError, OverflowError, RecursionError) as error:
        raise SourceError(f"{place}: the template cannot be filled in: {error}") from None
    return Marked(filled, values)


def _see_slips(used: Collection[str], params: Mapping[str, object], place: str) -> None:
    """Refuse a parameter that nothing uses where one of nearly its name is not given: its default would stand."""
    absent = [name for name in used if name not in params]
    for name in params:
        if name not in used and (hint := did_you_mean(name, absent)):
            raise SourceError(f"{place}: no parameter '{name}' is used.{hint} Mend its name in loader.params")


def _given(value: object) -> object:
    if isinstance(value, str):
        return Given(value)
    if isinstance(value, list | tuple):
        return [_given(item) for item in value]
    return value


def _absent(value: Any, params: Mapping[str, object], place: str) -> str:
    """Nothing for `{{ "," if not loop.last }}`; a parameter that was not given is refused."""
    from jinja2.utils import missing

    name = value._undefined_name
    if name is None:
        return ""
    if value._undefined_obj is not missing:
        raise SourceError(f"{place}: the template cannot be filled in: no value has '{name}' in it")
    hint = did_you_mean(str(name), list(params))
    raise SourceError(
        f"{place}: the parameter '{name}' is not given.{hint} Add it to loader.params, or write "
        f"{{{{ {name} | default(…) }}}}"
    )
