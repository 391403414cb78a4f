"""The house in order: what no module of ml_assets may do, read from its source."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import ml_assets
from ml_assets import names

PACKAGE = Path(ml_assets.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
NAMED = {
    value
    for name, value in vars(names).items()
    if name.isupper() and isinstance(value, str) and value != names.STATIC
} | {names.Z_95}
"""Of `names`, what is said nowhere else; "all" is also a word of recipes."""


def name_of(module: Path) -> str:
    """Path of a module below the package."""
    return module.relative_to(PACKAGE).as_posix()


def said(tree: ast.AST) -> set[object]:
    """Literals of a module, and names of its keyword arguments."""
    constants = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return constants | {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_names_stand_once(module: Path) -> None:
    again = said(ast.parse(module.read_text())) & NAMED
    assert not again or name_of(module) == "names.py", f"{again} stands in ml_assets/names.py: import it"


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_errors_have_one_base(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ClassDef) and name_of(module) != "failures.py":
            bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
            plain = bases & {"Exception", "ValueError", "RuntimeError", "LookupError", "OSError"}
            ours = bases & {"MendableError", "WrongUsageError"}
            assert not plain or ours, f"{node.name}: derive from MendableError of ml_assets/failures.py"
