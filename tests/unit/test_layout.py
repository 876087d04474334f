"""Rules of the layout that import-linter cannot see: the functions, and what happens at import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
APPS = sorted((ROOT / "functions").glob("*/*.py"))
PACKAGE = sorted((ROOT / "layers" / "chatbot" / "chatbot").rglob("*.py"))
NOT_DEPLOYED = {"functions", "local", "ops", "tests", "benchmarks"}
DEFINITIONS = (
    ast.AnnAssign,
    ast.Assign,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.FunctionDef,
    ast.Import,
    ast.ImportFrom,
)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


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


@pytest.mark.parametrize("path", APPS, ids=_name)
def test_functions_import_their_wiring_only(path: Path) -> None:
    ours = [name for name in _imports(ast.parse(path.read_text())) if name.startswith("chatbot")]
    assert ours == [f"chatbot.bootstrap.{path.parent.name}"]


@pytest.mark.parametrize("path", APPS + PACKAGE, ids=_name)
def test_what_is_deployed_stands_alone(path: Path) -> None:
    tops = {name.partition(".")[0] for name in _imports(ast.parse(path.read_text()))}
    assert not tops & NOT_DEPLOYED


@pytest.mark.parametrize("path", PACKAGE, ids=_name)
def test_modules_only_define(path: Path) -> None:
    """Clients are made and the environment is read where a wiring is called."""
    body = ast.parse(path.read_text()).body
    assert [ast.unparse(node) for node in body if not _is_definition(node)] == []
    values = [node.value for node in body if isinstance(node, (ast.Assign, ast.AnnAssign))]
    made = " ".join(ast.unparse(value) for value in values if value)
    assert not any(word in made for word in ("environ", "getenv", "boto3.", "Session("))
