"""From a record to a page: templates of this folder, in which every text is escaped."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ml_assets.shown import figure

NBSP = "\N{NO-BREAK SPACE}"

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **values: Any) -> str:
    """Fill a template of `templates/`.

    Parameters
    ----------
    template : str
        Name of its file.
    **values
        What it reads; one that is missing is an error.
    """
    return _environment().get_template(template).render(**values)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from ml_assets.shown import figure, shown

    made = Environment(
        loader=PackageLoader("ml_assets.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["figure"] = lambda value, digits=4: "" if value is None else figure(value, digits)
    made.filters["share"] = share
    made.filters["shown"] = shown
    return made


def share(value: float | None) -> str:
    r"""Write a share in percent; what is not nothing never looks like nothing.

    >>> share(0.25), share(0.0004), share(0.0), share(0.9996), share(None)
    ('25\xa0%', '<\xa00.1\xa0%', '0\xa0%', '>\xa099.9\xa0%', '')
    """
    if value is None:
        return ""
    percent = 100 * value
    if 0 < percent < 0.1:
        return f"<{NBSP}0.1{NBSP}%"
    if 99.9 < percent < 100:
        return f">{NBSP}99.9{NBSP}%"
    exact = percent < 10 or percent > 99
    return (f"{percent:.1f}".removesuffix(".0") if exact else f"{percent:.0f}") + f"{NBSP}%"


def written(value: float, kind: str, digits: int = 4) -> str:
    """Write a number of a column with some digits; a time, in seconds since 1970, as its day.

    >>> written(1234.5678, "number", 3), written(86_400.0, "time")
    ('1,235', '1970-01-02')
    """
    if kind != "time":
        return figure(value, digits)
    try:
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d")
    except (OverflowError, ValueError, OSError):  # a year that Python's calendar does not have
        return ""
