"""The benchmarks, read from their source: what they import of this project is there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("benchmarks", "ml_assets")
BENCHMARKS = sorted((ROOT / "benchmarks").rglob("*.py"))


def source_of(module: str) -> Path | None:
    """File of a module of this project, None where there is none."""
    path = ROOT.joinpath(*module.split("."))
    return next((each for each in (path.with_suffix(".py"), path / "__init__.py") if each.exists()), None)


def defined(path: Path) -> Iterator[str]:
    """Names that a module binds anywhere outside its functions and classes."""
    nodes: list[ast.AST] = [ast.parse(path.read_text())]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((each.asname or each.name).partition(".")[0] for each in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        nodes.extend(ast.iter_child_nodes(node))


@pytest.mark.skipif(not BENCHMARKS, reason="the package is installed without its benchmarks")
@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_benchmark_imports_is_there(path: Path) -> None:
    wanted = [
        (node.module, alias.name)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in OURS
        for alias in node.names
    ]
    for module, name in wanted:
        source = source_of(module)
        assert source or find_spec(module), f"{module} is not there"
        if source and not source_of(f"{module}.{name}"):
            assert name in set(defined(source)), f"{name} is not in {module}"
