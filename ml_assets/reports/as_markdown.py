"""A document as Markdown, which also reads as plain text."""

from __future__ import annotations

import re
from typing import Final

from ml_assets.reports.document import SIGNS, Chart, Checklist, Document, Notes, Part, Table
from ml_assets.shown import shown

SPECIAL: Final = re.compile(r"[\\`*\[\]|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
"""Characters that mean something to Markdown where they stand; an underscore inside a word does not."""
FIRST: Final = re.compile(r"^(\s*)(?:([#+-]+)|(\d+)([.)]))(?=\s|$)")
"""What makes a line a heading or an item."""


def as_markdown(document: Document) -> str:
    """Write a document in Markdown; of a chart its words and its numbers."""
    lines = [f"# {escaped(document.title)}", escaped(document.headline), escaped(document.byline)]
    for section in document.sections:
        lines.append(f"## {escaped(section.title)}")
        for part in section.parts:
            lines += _part(part)
    return "\n\n".join(line for line in lines if line) + "\n"


def _part(part: Part) -> list[str]:
    if isinstance(part, str):
        return [escaped(part)]
    if isinstance(part, Notes):
        return ["\n".join(f"* {escaped(text)}" for text in part.texts)]
    if isinstance(part, Checklist):
        rows = tuple((f"{SIGNS[each.mark]} {each.mark}", each.name, each.text) for each in part.checks)
        return [_table(Table(("", "what", "found"), rows))]
    if isinstance(part, Chart):
        return [f"### {escaped(part.title)}", escaped(part.says), _table(part.table)]
    return [escaped(part.caption), _table(part)]


def escaped(text: str) -> str:
    r"""Write a text so that Markdown shows it as it is, on one line, and no tag is one.

    >>> print(escaped("a|b `c` <b> roc_auc *d*"))
    a\|b \`c\` &lt;b&gt; roc_auc \*d\*
    """
    text = shown(text).replace("\r", " ").replace("\n", " ").replace("\t", " ")
    text = SPECIAL.sub(lambda found: f"\\{found[0]}", text)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return FIRST.sub(
        lambda found: found[1] + (f"\\{found[2]}" if found[2] else f"{found[3]}\\{found[4]}"), text
    )


def _table(part: Table) -> str:
    r"""Lay a table out with its columns below one another."""
    lines = [[escaped(head) for head in part.heads], *([escaped(cell) for cell in row] for row in part.rows)]
    widths = [max(3, *map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * (width - 1) + (":" if k in part.numbers else "-") for k, width in enumerate(widths)]
    laid = [
        [
            cell.rjust(width) if k in part.numbers else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in lines
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in [laid[0], rule, *laid[1:]])
