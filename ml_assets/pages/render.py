"""From values to a page: templates of this folder, in which every text is escaped."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from ml_assets.pages import words
from ml_assets.pages.light import SIGNS
from ml_assets.pages.made import seconds
from ml_assets.registry.spending import lost_words
from ml_assets.reports.page import share
from ml_assets.shown import clipped, counted, ended, figure, shown, size

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

TYPED: Final = re.compile(r"`([^`]+)`")
"""What stands in a text to be typed."""


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Make what fills templates."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("ml_assets.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "figure": lambda value, digits=3: "" if value is None else figure(value, digits),
        "share": share,
        "shown": lambda value, most=None: shown(str(value), most),
        "clip": lambda value, most: clipped(shown(str(value)), most),
        "sentence": lambda value: ended(value[:1].upper() + value[1:]) if value else "",
        "count": lambda value: f"{value:,}",
        "counted": counted,
        "scored": words.scored,
        "said": lambda *asked: marked(words.said(*asked)),
        "marked": marked,
        "at": words.at,
        "drifted": words.drifted,
        "seconds": seconds,
        "size": size,
        "lost": lost_words,
        "step": _step,
    }
    made.globals |= {"ago": words.ago, "due": words.due, "signs": SIGNS}
    return made


def marked(text: str) -> Markup:
    """
    Escape a text, and show what stands between backticks as what is typed.

    >>> str(marked("try `ml-assets train <NAME>`"))
    'try <code>ml-assets train &lt;NAME&gt;</code>'
    """
    from markupsafe import Markup, escape

    return Markup(TYPED.sub(r"<code>\1</code>", str(escape(text))))


def _step(share_of_most: float) -> int:
    """One of six shades, 0 for nothing."""
    return max(0, min(5, round(5 * share_of_most)))


def fill(template: str, **values: Any) -> str:
    """Fill a template of `templates/`."""
    return environment().get_template(template).render(**values)
