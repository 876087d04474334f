"""Rules of the layout that import-linter cannot see: the functions, and what happens at import."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
APPS = sorted((ROOT / "functions").glob("*/*.py"))
PACKAGE = sorted((ROOT / "layers" / "chatbot" / "chatbot").rglob("*.py"))
OURS = {"chatbot", "functions", "local", "ops", "tests", "benchmarks"}
DEFINITIONS = (
    ast.AnnAssign,
    ast.Assign,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.FunctionDef,
    ast.Import,
    ast.ImportFrom,
)


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "." * node.level


def _is_definition(node: ast.stmt) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)  # a docstring
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, DEFINITIONS)


def _opened(paths: list[Path]) -> Iterator[tuple[str, ast.Module]]:
    for path in paths:
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def test_functions_import_their_composition_root_only() -> None:
    """The import linter does not cover them, as they are no package."""
    for name, tree in _opened(APPS):
        ours = [each for each in _imports(tree) if each.partition(".")[0] in OURS]
        assert (name, ours) == (name, [f"chatbot.bootstrap.{Path(name).parent.name}"])


def test_modules_only_define() -> None:
    """Clients are created and the environment is read by the composition roots, not at import."""
    for name, tree in _opened(PACKAGE):
        others = [ast.unparse(node) for node in tree.body if not _is_definition(node)]
        values = [node.value for node in tree.body if isinstance(node, (ast.Assign, ast.AnnAssign))]
        made = " ".join(ast.unparse(value) for value in values if value)
        used = re.findall(r"\benviron\b|\bgetenv\b|\bboto3\.|\bSession\(", made)
        assert (name, others, used) == (name, [], [])
