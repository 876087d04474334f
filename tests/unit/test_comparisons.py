"""Secrets and signatures are compared in constant time, so that timing reveals nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatbot.bootstrap.channels import CHANNELS

FOLDER = Path(__file__).parents[2] / "layers" / "chatbot" / "chatbot" / "channels"
COMPARING = sorted(
    path for path in FOLDER.rglob("*.py") if "compare_digest" in path.read_text(encoding="utf-8")
)
SECRET = re.compile(r"secret|signature|token|digest|given|expected|proof|hmac|key$", re.IGNORECASE)


def plain_comparisons(source: str) -> Iterator[str]:
    """Find comparisons by `==`, `in` and the like of something that is named like a secret."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            names = [each.id for each in ast.walk(node) if isinstance(each, ast.Name)]
            names += [each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)]
            if any(map(SECRET.search, names)):
                yield ast.unparse(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            started = node.func.attr in ("startswith", "endswith", "fullmatch")
            if started and SECRET.search(ast.unparse(node)):
                yield ast.unparse(node)


def test_every_channel_compares() -> None:
    compared = {path.relative_to(FOLDER).parts[0] for path in COMPARING}
    assert compared == {channel.name for channel in CHANNELS}


@pytest.mark.parametrize("path", COMPARING, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_secret_is_compared_plainly(path: Path) -> None:
    assert list(plain_comparisons(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "given == wanted",
        "wanted != self._settings.messenger_verify_token",
        "signature in known",
        "expected.startswith(part)",
    ],
)
def test_a_plain_comparison_is_noticed(source: str) -> None:
    assert list(plain_comparisons(source)) == [source]
