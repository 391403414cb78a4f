"""A document as one HTML file: no script, nothing from elsewhere, dark and light, fit to be printed."""

from __future__ import annotations

from itertools import groupby
from typing import Final

from ml_assets.reports.document import SIGNS, Document
from ml_assets.reports.drawn import drawn
from ml_assets.reports.page import render

FOLDED: Final = 30
"""Rows of a table above which it is folded."""


def as_html(document: Document) -> str:
    """Write a document as a page; every text is escaped, charts stand side by side where there is room."""
    sections = [
        (section, [(kind, list(parts)) for kind, parts in groupby(section.parts, lambda p: type(p).__name__)])
        for section in document.sections
    ]
    return render(
        "document.html", document=document, sections=sections, drawn=drawn, signs=SIGNS, folded=FOLDED
    )
