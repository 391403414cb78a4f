"""The house in order: what no module of ml_assets may do, read from its source."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import ml_assets
from ml_assets import names
from ml_assets.failures import MendableError

PACKAGE = Path(ml_assets.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
NAMED = {
    value
    for name, value in vars(names).items()
    if name.isupper() and isinstance(value, str) and value != names.STATIC
} | {names.Z_95}
"""Of `names`, what is said nowhere else; "all" is also a word of recipes."""
SELDOM = {
    "catboost",
    "dagster_mlflow",
    "evidently",
    "lightgbm",
    "matplotlib",
    "mlflow",
    "optuna",
    "shap",
    "torch",
    "xgboost",
}


ITS_OWN = {
    "search/engines.py": {"optuna"},
    "networks/exported.py": {"torch"},
    "networks/modules.py": {"torch"},
    "networks/training.py": {"torch"},
    "networks/keras_modules.py": {"torch", "keras"},
    "networks/archived.py": {"torch", "keras"},
}
"""What a module is about, and is itself imported where it is used."""


def name_of(module: Path) -> str:
    """Path of a module below the package."""
    return module.relative_to(PACKAGE).as_posix()


def said(tree: ast.AST) -> set[object]:
    """Literals of a module, and names of its keyword arguments."""
    constants = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return constants | {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}


@cache
def tree(module: Path) -> ast.Module:
    """What a module says, parsed once for all laws."""
    return ast.parse(module.read_text())


def odd(finds: Callable[[Path], object]) -> dict[str, object]:
    """Modules of which a law finds something, with what it finds."""
    found = {name_of(module): finds(module) for module in MODULES}
    return {name: each for name, each in found.items() if each}


def test_names_stand_once() -> None:
    again = odd(lambda module: said(tree(module)) & NAMED)
    again.pop("names.py")
    assert not again, "these stand in ml_assets/names.py: import them"


def test_errors_have_one_base() -> None:
    """Of modules whose library is optional, and not installed, none is asked."""

    def without_base(module: Path) -> list[str]:
        if any(find_spec(library) is None for library in ITS_OWN.get(name_of(module), ())):
            return []
        loaded = import_module(dotted(module))
        errors = [
            each
            for each in vars(loaded).values()
            if isinstance(each, type) and issubclass(each, Exception) and each.__module__ == loaded.__name__
        ]
        return [error.__name__ for error in errors if not issubclass(error, MendableError)]

    assert not odd(without_base), "derive from MendableError of ml_assets/failures.py"


def test_libraries_that_few_commands_need_are_imported_where_they_are_used() -> None:
    """Ruff bans them where definitions load; the rooms that work on frames import numpy and pandas, but not these."""

    def at_the_top(module: Path) -> set[str]:
        tops = [node for node in tree(module).body if isinstance(node, ast.Import | ast.ImportFrom)]
        named = {alias.name for node in tops if isinstance(node, ast.Import) for alias in node.names}
        named |= {node.module or "" for node in tops if isinstance(node, ast.ImportFrom)}
        return {name.partition(".")[0] for name in named} & (SELDOM - ITS_OWN.get(name_of(module), set()))

    assert not odd(at_the_top)


def test_modules_are_short_and_their_names_say_what_they_hold() -> None:
    long = odd(lambda module: max(0, len(module.read_text().splitlines()) - 350))
    assert not long, "lines above 350, split them: a module has one job"
    assert not odd(lambda module: module.stem in {"common", "helper", "helpers", "misc", "util", "utils"})


def test_a_text_of_its_own_belongs_to_the_constant_above_it() -> None:
    def alone(module: Path) -> list[str]:
        return [
            f"line {statement.lineno}: {statement.value.value!r}"
            for above, statement in pairwise(tree(module).body)
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            if not isinstance(above, ast.Assign | ast.AnnAssign)
        ]

    assert not odd(alone)


def imported(module: Path) -> set[str]:
    """Modules of ours that a module imports when it is loaded."""
    found: set[str] = set()
    for node in tree(module).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & DOTTED.keys()
            found |= inner | ({node.module} if len(inner) < len(node.names) else set())
    return found & DOTTED.keys()


def dotted(module: Path) -> str:
    """Name of a module as it is imported."""
    return ".".join(("ml_assets", *module.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
        ".__init__"
    )


DOTTED = {dotted(module): module for module in MODULES}


def test_no_module_imports_itself_by_way_of_others() -> None:
    left = {name: imported(module) - {name} for name, module in DOTTED.items()}
    while free := {name for name, needed in left.items() if not needed}:
        left = {name: needed - free for name, needed in left.items() if name not in free}
    assert not left, "a circle of imports: " + "; ".join(f"{a} needs {sorted(b)}" for a, b in left.items())
