"""How `make docs` makes a site of these pages: Sphinx reads this file."""

from __future__ import annotations

import re
import subprocess
import sys
from types import GenericAlias
from typing import Any

from docutils import nodes
from sphinx import addnodes

project = html_title = "ml_assets"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx.ext.githubpages",
    "numpydoc",
]
exclude_patterns = ["_static"]
nitpicky = True
nitpick_ignore_regex = [("py:(class|obj|data)", ".*")]  # what signatures name need not have a place here
show_warning_types = True

myst_heading_anchors = 4  # anchors as code hosts make them
highlight_language = "text"

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = html_show_sourcelink = html_show_copyright = False

add_module_names = False
default_role = "code"
toc_object_entries_show_parents = "hide"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
autodoc_default_options = {
    "members": True,
    "undoc-members": True,
    # What pydantic and scikit-learn put into each class.
    "exclude-members": "model_config, set_fit_request, set_predict_request, set_score_request",
}
numpydoc_show_class_members = False

PAGE = re.compile(r"docs/(\w+)\.md")
FILE = re.compile(r"(docs/)?\w+\.md")
SAYS = [sys.executable, "-m", "typer", "ml_assets.cli.app", "utils", "docs", "--name", "ml-assets"]


def add_commands(app: Any, page: str, source: list[str]) -> None:
    """Add what each command says of itself to their page."""
    if page == "commands":
        said = subprocess.run(SAYS, check=True, capture_output=True, text=True).stdout
        # Its lists of commands are cut short, and beside the page there is one.
        listed = re.compile(r"\*\*Commands\*\*:\n\n(\* .*\n)+\n")
        source[0] += "\n## " + listed.sub("", said).partition("\n## ")[2]


def link_pages(app: Any, tree: Any) -> None:
    """Where a text names the file of a page, as `docs/recipe.md`, say its title, and link it if no link does."""
    linked = nodes.reference | addnodes.pending_xref
    for link in tree.findall(addnodes.pending_xref):
        if FILE.fullmatch(link.astext()):
            link["refexplicit"] = False
    for text in list(tree.findall(nodes.Text)):
        if isinstance(text.parent, nodes.literal | nodes.literal_block | linked):
            continue
        if isinstance(text.parent.parent, linked):
            continue
        parts: list[Any] = []
        end = 0
        for found in PAGE.finditer(text):
            parts += [nodes.Text(text[end : found.start()]), to_page(f"/{found[1]}", app.env)]
            end = found.end()
        if parts:
            text.parent.replace(text, [*parts, nodes.Text(text[end:])])


def to_page(page: str, env: Any) -> Any:
    """Make a link that says the title of a page."""
    here = env.current_document.docname
    link = addnodes.pending_xref(
        refdomain="std", reftype="doc", reftarget=page, refdoc=here, refexplicit=False
    )
    link += nodes.inline("", page)
    return link


def be_exact(app: Any, tree: Any) -> None:
    """Let Sphinx take no other class of that name for one that a signature names: it looks whether the key is there."""
    for link in tree.findall(addnodes.pending_xref):
        if link.get("refspecific") is False:
            del link["refspecific"]


def link_ours(app: Any, env: Any, node: Any, content: Any) -> Any:
    """Link a class of ours that a signature names as its module imports it: that of its room, or the only one."""
    if node.get("refdomain") != "py":
        return None
    python, kind, name = env.domains.python_domain, node["reftype"], node["reftarget"]
    found = [each for each, entry in python.find_obj(env, None, None, name, kind, 1) if not entry.aliased]
    room = (node.get("py:module") or "").rpartition(".")[0] + "."
    near = [each for each in found if each.startswith(room)] or found
    if len(near) != 1:
        return None
    return python.resolve_xref(env, node["refdoc"], app.builder, kind, near[0], node, content)


def leave_out_aliases(app: Any, what: str, name: str, found: Any, skip: bool, options: Any) -> bool | None:
    """Leave out names such as `Pair = tuple[str, str]`: Sphinx takes them for the class `tuple`, and its signature."""
    return True if isinstance(found, GenericAlias) else None


def leave_out_fields(app: Any, what: str, name: str, found: Any, *rest: Any) -> tuple[str, None] | None:
    """Leave out the signature of a record: its fields stand below."""
    return ("", None) if what == "class" and hasattr(found, "model_fields") else None


def leave_out_numbers(app: Any, what: str, name: str, found: Any, options: Any, lines: list[str]) -> None:
    """Leave out what Python says of each field of a named tuple: its number."""
    if any(line.startswith("Alias for field number") for line in lines):
        lines.clear()


def setup(app: Any) -> dict[str, bool]:
    """Hand these over to Sphinx."""
    app.connect("source-read", add_commands)
    app.connect("doctree-read", link_pages)
    app.connect("doctree-read", be_exact)
    app.connect("autodoc-skip-member", leave_out_aliases)
    app.connect("autodoc-process-signature", leave_out_fields)
    app.connect("autodoc-process-docstring", leave_out_numbers)
    app.connect("missing-reference", link_ours)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
